"""Sentiment in one of four domains, learned in the other three without its labels (chapter 16).

Texts are the mean of their GloVe vectors, 50 numbers. Each of the four domains is the target once.
Every classifier is a logistic regression on standardised features that learns from 900 labelled
texts, half of each class, of other domains, and answers for all test texts of the target:

- `films only` and so on: all 900 come from one domain, a row for each of the three;
- `pooled`: 300 come from each of the three, taken for one domain;
- `pooled, each centred`: every domain, the target too, is standardised by itself;
- `standardised`, `CORAL`, `subspace`, `TCA`: as `pooled`, and the pooled texts are moved to the
  target, or both to a common space;
- `CORAL, shares equal`: the control, in which the target's unlabelled texts are drawn so that both
  classes are equally frequent, as in the source. It needs labels, and is no method;
- `pooled, 50 labels`: 50 of the target's texts are labelled and added;
- `50 labels alone`: nothing but these;
- `target labels`: the oracle, 900 labelled texts of the target.

The methods see 900 texts of the target's training part without labels, drawn as they come. Settings
are the package's own, but TCA takes 500 landmarks; the regression's C is chosen by cross-validation
within the rows that it learns from. Scores are balanced accuracy. A seed draws all texts but the
test.

About three minutes on two idle CPU cores. Finished parts are kept in the cache folder, so that the
same call goes on after an interruption:

    python notebooks/studies/16_leave_one_domain_out.py
"""

import itertools
from functools import cache, partial

import numpy as np
import tltk
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tltk.adaptation import (
    CORAL,
    TCA,
    DomainScaler,
    SourceOnly,
    SubspaceAlignment,
    stack_domains,
)
from tltk.evaluation import finished_parts, keep_study

DOMAINS = ("films", "products", "editorials", "tweets")
LABELS, FEW, SEEDS = 900, 50, range(10)
MOVES = {
    "standardised": DomainScaler(),
    "CORAL": CORAL(),
    "subspace": SubspaceAlignment(),
    "TCA": TCA(max_rows=1000, landmarks=500),
}


@cache
def texts(domain):
    """Mean word vectors and labels of a domain: (train, test)."""
    data = tltk.load_dataset(f"sentiment_{domain}", val=0)
    backbone = tltk.load_text_backbone("glove", length=48)
    return [tltk.extract_features(backbone, part) for part in (data.train, data.test)]


def drawn(domain, count, seed):
    """Labelled training texts of a domain, half of each class, in a random order."""
    random = np.random.default_rng([seed, DOMAINS.index(domain)])
    x, y = texts(domain)[0]
    sides = [random.permutation(np.flatnonzero(y == side))[: count // 2] for side in (0, 1)]
    rows = random.permutation(np.concatenate(sides))
    return x[rows], y[rows]


def joined(parts):
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def regression():
    return LogisticRegressionCV(
        Cs=(0.01, 0.1, 1, 10, 100),
        cv=3,
        scoring="neg_log_loss",
        max_iter=2000,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    )


def scaled():
    return make_pipeline(StandardScaler(), regression())


def moved(adapter, source, unlabelled):
    X, y, domain = stack_domains(source, unlabelled)
    model = make_pipeline(StandardScaler(), adapter, SourceOnly(regression()))
    routed = {f"{name}__domain": domain for name, _ in model.steps[1:]}
    return model.fit(X, y, **routed)


def models_of(target, seed):
    """Each method's classifier of one target."""
    others = [domain for domain in DOMAINS if domain != target]
    for domain in others:
        yield f"{domain} only", scaled().fit(*drawn(domain, LABELS, seed))
    thirds = [drawn(domain, LABELS // 3, seed) for domain in others]
    source = joined(thirds)
    yield "pooled", scaled().fit(*source)

    random = np.random.default_rng([seed, 9])
    unlabelled = random.permutation(texts(target)[0][0])[:LABELS]
    centred = joined([(StandardScaler().fit_transform(x), y) for x, y in thirds])
    fitted = StandardScaler().fit(unlabelled), regression().fit(*centred)
    yield "pooled, each centred", make_pipeline(*fitted)
    for name, adapter in MOVES.items():
        yield name, moved(adapter, source, unlabelled)
    yield "CORAL, shares equal", moved(CORAL(), source, drawn(target, LABELS, seed)[0])

    few = drawn(target, FEW, seed)
    yield "pooled, 50 labels", scaled().fit(*joined([*thirds, few]))
    yield "50 labels alone", scaled().fit(*few)
    yield "target labels", scaled().fit(*drawn(target, LABELS, seed))


def run(target, seed):
    x, y = texts(target)[1]
    for method, model in models_of(target, seed):
        score = balanced_accuracy_score(y, model.predict(x))
        yield {"target": target, "method": method, "seed": seed, "score": round(float(score), 4)}


def main():
    parts = [
        (f"{target}, seed {seed}", partial(run, target, seed))
        for seed, target in itertools.product(SEEDS, DOMAINS)
    ]
    rows, seconds = finished_parts(__file__, parts)
    rows.sort(key=lambda row: DOMAINS.index(row["target"]))
    about = (
        "Sentiment of texts of one domain, 900 labels of the other three and none of its own: "
        f"balanced accuracy, {len(SEEDS)} seeds."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
