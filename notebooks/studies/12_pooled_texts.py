"""Sentences of another domain added to one's own: all pairs of four domains (chapter 12).

A text is the mean of its GloVe vectors, the classifier a logistic regression. For each ordered pair
of the four bundled domains of sentiment, and each number of labelled target sentences, the same
classifier learns from these alone, and from these and SOURCE sentences of the source. Both classes
are equally frequent everywhere. Kept for every seed: both accuracies on the target's test
sentences.

About three minutes on two CPU cores. Finished pairs are kept in the cache folder, so that the same
call goes on after an interruption:

    python notebooks/studies/12_pooled_texts.py
"""

import itertools
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tltk
from tltk.evaluation import finished_parts, keep_study

DOMAINS = ("films", "products", "editorials", "tweets")
SEEDS, SOURCE, LABELS = 20, 1000, (10, 50, 200, 600, 1200)


def domain(name):
    """Features and labels: the training sentences, and as many test ones of either class."""
    glove = tltk.load_text_backbone("glove", length=48)
    splits = tltk.load_dataset(f"sentiment_{name}")
    train, test = [tltk.extract_features(glove, part) for part in (splits.train, splits.test)]
    return train, draw(*test, 2 * np.bincount(test[1]).min(), np.random.default_rng(0))


def draw(x, y, count, random):
    rows = [random.choice(np.flatnonzero(y == c), count // 2, replace=False) for c in (0, 1)]
    return x[np.concatenate(rows)], y[np.concatenate(rows)]


def classifier():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))


def pair(names, source, target, test):
    for seed in range(SEEDS):
        for labels in LABELS:
            if labels // 2 > np.bincount(target[1]).min():
                continue
            random = np.random.default_rng(seed)
            x, y = draw(*target, labels, random)
            more_x, more_y = draw(*source, SOURCE, random)
            alone = classifier().fit(x, y)
            pooled = classifier().fit(np.concatenate([more_x, x]), np.concatenate([more_y, y]))
            row = names | {"seed": seed, "labels": labels, "target only": alone.score(*test)}
            yield row | {"pooled": pooled.score(*test)}


def main():
    data, parts = {name: domain(name) for name in DOMAINS}, []
    for source, target in itertools.permutations(DOMAINS, 2):
        names = {"source": source, "target": target}
        parts.append(
            (f"{source} to {target}", partial(pair, names, data[source][0], *data[target]))
        )
    rows, seconds = finished_parts(__file__, parts)
    about = (
        f"Sentiment of sentences: {SOURCE} labelled ones of another domain added to a few of the "
        f"target's, all twelve pairs of four domains, {SEEDS} paired seeds."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
