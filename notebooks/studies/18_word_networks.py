"""Chapter 18, kept study: do relations between words help to carry their polarity to a new domain?

In each of the four bundled domains of sentiment the 1500 most frequent words form a network: a word
is tied to the ten with which it shares texts most often beyond chance (pointwise mutual
information, two texts at least). A word's label is whether positive texts are more or less frequent
among the texts that contain it than in the domain, where that differs by more than two standard
errors; the others have none.

Logistic regression learns from the labelled words of one domain and is judged, by balanced
accuracy, on the labelled words of another that had no label in the first. Its features: the word's
GloVe vector alone; with the mean vector of its neighbours *in its own domain*; with two rounds of
neighbours; and, as the control, with the mean over neighbours in a network whose words were dealt
out anew, which has the same shape and no meaning. "at home" is the ceiling: the vector alone,
learned from the other words of the target in five folds. Each seed draws four fifths of the texts
of every domain.

    python notebooks/studies/18_word_networks.py        # about two minutes on two cores
"""

import itertools
import time

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tltk
from tltk.adaptation import mean_over_neighbours
from tltk.evaluation import keep_study

DOMAINS = ("films", "products", "editorials", "tweets")
SEEDS, SHARE = (0, 1, 2, 3, 4), 0.8
WORDS, TIES, ERRORS, STRENGTH = 1500, 10, 2.0, 0.05
ABOUT = (
    "The polarity of words carried between four domains, from GloVe vectors alone and with the "
    f"neighbours of each word: {len(SEEDS)} draws of the texts, twelve pairs, words unlabelled in "
    "the source."
)


def texts_of(domain):
    """All texts of a domain, and whether each is positive."""
    parts = tltk.load_dataset(f"sentiment_{domain}")[:3]
    texts = [text for part in parts for text in part.arrays()[0]]
    labels = np.concatenate([part.labels for part in parts])
    return np.array(texts, object), labels == 1


def word_network(texts, positive, vectors):
    """The words of some texts: their names, ties, standard errors from the mean, and vectors."""
    counter = CountVectorizer(
        max_features=WORDS, binary=True, stop_words="english", token_pattern=r"[a-z']{3,}"
    )
    occurs = counter.fit_transform(texts).astype(float)
    words = counter.get_feature_names_out()
    known = np.flatnonzero([word in vectors for word in words])
    occurs, words = occurs[:, known], words[known]
    counts = np.ravel(occurs.sum(axis=0))
    share = np.ravel(occurs[positive].sum(axis=0)) / counts
    mean = positive.mean()
    errors = (share - mean) / np.sqrt(mean * (1 - mean) / counts)
    return {
        "words": words,
        "ties": tied(occurs, counts),
        "errors": errors,
        "vectors": np.stack([vectors[word] for word in words]),
    }


def tied(occurs, counts):
    """Each word tied to those that share texts with it most often beyond chance."""
    together = (occurs.T @ occurs).toarray()
    np.fill_diagonal(together, 0)
    beyond = np.where(
        together >= 2, np.log(np.maximum(together, 1) * len(counts) / np.outer(counts, counts)), -9
    )
    beyond += np.log(occurs.shape[0] / len(counts))
    ties = np.zeros_like(together)
    best = np.argsort(-beyond, axis=1)[:, :TIES]
    for word, others in enumerate(best):
        ties[word, others[beyond[word, others] > 0]] = 1
    return np.maximum(ties, ties.T)


def features_of(network, kind, rng):
    vectors = network["vectors"]
    if kind == "GloVe alone":
        return vectors
    ties = network["ties"]
    if kind == "with neighbours dealt anew":
        order = rng.permutation(len(ties))
        ties = ties[np.ix_(order, order)]
    means = mean_over_neighbours(ties)
    rounds = [vectors, means @ vectors]
    if kind == "with two rounds":
        rounds.append(means @ rounds[-1])
    return np.hstack(rounds)


KINDS = ("GloVe alone", "with neighbours", "with two rounds", "with neighbours dealt anew")


def classifier():
    return make_pipeline(
        StandardScaler(),
        LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000),
    )


def scores_of(source, target, rng):
    """The score of every kind of features on one pair."""
    told = np.abs(source["errors"]) > ERRORS
    asked = np.abs(target["errors"]) > ERRORS
    asked &= ~np.isin(target["words"], source["words"][told])
    truth = target["errors"][asked] > 0
    found = {}
    for kind in KINDS:
        x, new = (features_of(each, kind, rng) for each in (source, target))
        fitted = classifier().fit(x[told], source["errors"][told] > 0)
        found[kind] = balanced_accuracy_score(truth, fitted.predict(new[asked]))
    at_home = cross_val_predict(classifier(), target["vectors"][asked], truth, cv=5)
    return found | {"at home": balanced_accuracy_score(truth, at_home)}


def main():
    began, rows = time.perf_counter(), []
    names, matrix = tltk.backbones.load_word_vectors("glove")
    vectors = dict(zip(names, np.asarray(matrix, "float32"), strict=True))
    texts = {domain: texts_of(domain) for domain in DOMAINS}
    for seed in SEEDS:
        rng, networks = np.random.default_rng(seed), {}
        for domain, (some, positive) in texts.items():
            drawn = rng.permutation(len(some))[: int(SHARE * len(some))]
            networks[domain] = word_network(some[drawn], positive[drawn], vectors)
        for source, target in itertools.permutations(DOMAINS, 2):
            for kind, score in scores_of(networks[source], networks[target], rng).items():
                facts = {"source": source, "target": target, "features": kind, "seed": seed}
                rows.append(facts | {"score": round(float(score), 4)})
        print(f"seed {seed}, {time.perf_counter() - began:.0f} s", flush=True)
    print(keep_study(__file__, ABOUT, rows, time.perf_counter() - began))


if __name__ == "__main__":
    main()
