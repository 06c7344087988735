"""Wrong labels looked for, and labels asked for, on one set of frozen features (chapter 14).

Features of MobileNetV2 at 96 pixels, 3,000 training images of `cifar10_small`, 1,000 test images.
The classifier is always logistic regression (C = 0.01) on standardised features. Ten seeds.

Wrong labels: a share of the 3,000 labels is changed, 10 % and 2 % to any other class ("any"), or
10 % to the class that looks most alike (cat for dog, car for truck, ...). `find_label_errors` ranks
the rows; so does a vote of the ten nearest neighbours (cosine), its rival. Kept: the area under the
ROC curve, the share of wrong labels among the first 300 rows, and test accuracy with the labels as
they are; with ten times the regularisation (C = 0.001), which looks at nothing; with the first 300 looked at and put right; with 300 random rows looked at and put right;
with the first 300 deleted; with all labels right.

Labels asked for: from 20 on, doubled up to 320. `random`; `entropy` (largest entropy of the
predictions) and `margin` (smallest margins, spread over clusters) begin with the 20 of `random`; `typical` begins
by itself, and `typical, then margin` with the 20 of `typical`. `random of each cluster` takes the
same clusters as `typical` and any row of each: what clusters alone are worth. `random, same of each class` knows
the labels before it asks, which nobody does: it shows what meeting all classes is worth. `centre of
each cluster` takes the row nearest to the centre that k-means found. `..., self-training` is the
classifier of that arm after five rounds on its own predictions for the other rows; `typical,
nearest mean` names the class whose mean is nearest, in the space where the clusters were found.

Less than a minute a seed on one idle core. Finished parts are kept in the cache folder, so
that the same call goes on after an interruption:

    python notebooks/studies/14_question_labels.py
"""

from functools import cache

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

import tltk
from tltk.evaluation import find_label_errors, finished_parts, keep_study
from tltk.few_labels import SelfTraining, choose_to_label

SEEDS, LOOKED_AT, BUDGETS = range(10), 300, (20, 40, 80, 160, 320)
CLUSTERED = "random of each cluster", "centre of each cluster"
NOISE = (("any", 0.10), ("look-alike", 0.10), ("any", 0.02))
ALIKE = {"airplane": "ship", "automobile": "truck", "bird": "airplane", "cat": "dog"}
ALIKE |= {"deer": "horse", "dog": "cat", "frog": "bird", "horse": "deer", "ship": "airplane"}
ALIKE |= {"truck": "automobile"}


@cache
def data():
    """Features and labels, (train, test), and the class names."""
    images = tltk.load_dataset("cifar10_small", image_size=96, val=0)
    network = tltk.load_backbone("mobilenet_v2", input_shape=96)
    parts = [tltk.extract_features(network, part) for part in (images.train, images.test)]
    return [(np.array(x), np.array(y)) for x, y in parts], images.class_names


def fitted(x, y, strength=0.01):
    steps = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300, tol=1e-3))
    return steps.fit(x, y)


def accuracy(x, y, strength=0.01):
    """On the test images, after fitting on the rows given."""
    return float(fitted(x, y, strength).score(*data()[0][1]))


def disturbed(kind, share, seed):
    """The labels with a share of them changed."""
    (_, y), names = data()[0][0], data()[1]
    random, wrong = np.random.default_rng(seed), y.copy()
    rows = random.choice(len(y), round(share * len(y)), replace=False)
    if kind == "any":
        wrong[rows] = (y[rows] + random.integers(1, len(names), len(rows))) % len(names)
    else:
        alike = np.array([names.index(ALIKE[name]) for name in names])
        wrong[rows] = alike[y[rows]]
    return wrong


def neighbours_against(x, labels):
    """The share of the ten nearest rows that have another label."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    alike = unit @ unit.T
    np.fill_diagonal(alike, -1)
    nearest = np.argpartition(-alike, 10, axis=1)[:, :10]
    return (labels[nearest] != labels[:, None]).mean(axis=1)


def noise(seed):
    x, y = data()[0][0]
    for kind, share in NOISE:
        labels = disturbed(kind, share, seed)
        wrong = labels != y
        found = find_label_errors(x, labels, seed=seed)
        doubt = neighbours_against(x, labels)
        random = np.random.default_rng(seed)
        voted = np.lexsort((random.random(len(y)), -doubt))[:LOOKED_AT]
        first, any_rows = found.rows[:LOOKED_AT], random.choice(len(y), LOOKED_AT, replace=False)
        right = [labels.copy() for _ in range(2)]
        for corrected, rows in zip(right, (first, any_rows), strict=True):
            corrected[rows] = y[rows]
        left = np.setdiff1d(np.arange(len(y)), first)
        yield {
            "part": "noise",
            "kind": kind,
            "share": share,
            "seed": seed,
            "auc": float(roc_auc_score(wrong[found.rows], -found.confidence)),
            "auc of neighbours": float(roc_auc_score(wrong, doubt)),
            "found": float(wrong[first].sum() / wrong.sum()),
            "found by neighbours": float(wrong[voted].sum() / wrong.sum()),
            "as given": accuracy(x, labels),
            "regularised": accuracy(x, labels, 0.001),
            "looked at": accuracy(x, right[0]),
            "random looked at": accuracy(x, right[1]),
            "deleted": accuracy(x[left], labels[left]),
            "all right": accuracy(x, y),
            "all right, regularised": accuracy(x, y, 0.001),
        }


def most_uncertain(x, rows, labels, n):
    """The unlabelled rows whose predictions have the largest entropy."""
    free = np.setdiff1d(np.arange(len(x)), rows)
    p = fitted(x[rows], labels).predict_proba(x[free])
    return free[np.argsort((p * np.log(p + 1e-12)).sum(axis=1))[:n]]


def same_of_each(y, n, seed):
    random = np.random.default_rng(seed)
    classes = np.unique(y)
    each = [random.permutation(np.flatnonzero(y == label))[: n // len(classes)] for label in classes]
    return np.concatenate(each)


@cache
def directions(seed):
    """The space in which `choose_to_label` looks for clusters: training and test images."""
    (x, _), (x_test, _) = data()[0]
    steps = make_pipeline(StandardScaler(), PCA(128, random_state=seed), Normalizer())
    return steps.fit_transform(x), steps.transform(x_test)


def of_clusters(arm, rows, n, seed):
    """A row of each cluster without a label, the largest cluster first."""
    z = directions(seed)[0]
    found = KMeans(len(rows) + n, n_init=1, random_state=seed).fit(z)
    sizes = np.bincount(found.labels_)
    free = np.setdiff1d(np.argsort(-sizes), found.labels_[rows], assume_unique=True)[:n]
    random = np.random.default_rng([seed, len(rows)])
    chosen = []
    for each in free:
        own = np.flatnonzero(found.labels_ == each)
        distances = np.linalg.norm(z[own] - found.cluster_centers_[each], axis=1)
        chosen.append(random.choice(own) if "random" in arm else own[distances.argmin()])
    return np.array(chosen)


def nearest_mean(rows, labels, seed):
    """Accuracy of the class whose mean of the labelled rows is nearest."""
    z, z_test = directions(seed)
    return float(NearestCentroid().fit(z[rows], labels).score(z_test, data()[0][1][1]))


def chosen(x, y, arm, rows, n, seed):
    """What an arm asks for beyond the rows it has."""
    if "of each cluster" in arm:
        return of_clusters(arm, rows, n, seed)
    if arm == "random, same of each class":
        return np.setdiff1d(same_of_each(y, len(rows) + n, seed), rows)
    if arm == "entropy":
        return most_uncertain(x, rows, y[rows], n)
    method = "margin" if "margin" in arm else arm
    return choose_to_label(x, rows, n, method, labels=y[rows], seed=seed)


def asking(seed):
    x, y = data()[0][0]
    begin = {how: choose_to_label(x, [], BUDGETS[0], how, seed=seed) for how in ("random", "typical")}
    starts = {
        "random": begin["random"],
        "entropy": begin["random"],
        "margin": begin["random"],
        "typical": begin["typical"],
        **{arm: of_clusters(arm, np.empty(0, int), BUDGETS[0], seed) for arm in CLUSTERED},
        "typical, then margin": begin["typical"],
        "random, same of each class": same_of_each(y, BUDGETS[0], seed),
    }
    for arm, rows in starts.items():
        for labels in BUDGETS:
            if labels > len(rows):
                rows = np.concatenate([rows, chosen(x, y, arm, rows, labels - len(rows), seed)])
            facts = {"part": "asking", "labels": labels, "seed": seed}
            classes = len(np.unique(y[rows]))
            yield facts | {"arm": arm, "classes": classes, "accuracy": accuracy(x[rows], y[rows])}
            facts |= {"classes": classes}
            if arm in ("random", "typical"):
                known = np.full(len(y), -1)
                known[rows] = y[rows]
                learner = SelfTraining().fit(x, known)
                score = float(np.mean(learner.predict(data()[0][1][0]) == data()[0][1][1]))
                yield facts | {"arm": f"{arm}, self-training", "accuracy": score}
            if arm == "typical":
                score = nearest_mean(rows, y[rows], seed)
                yield facts | {"arm": "typical, nearest mean", "accuracy": score}


def main():
    parts = [(f"{make.__name__} {seed}", lambda m=make, s=seed: m(s)) for seed in SEEDS for make in (noise, asking)]
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "Wrong labels looked for by out-of-fold confidence, and labels asked for in eight ways, on "
        f"3,000 CIFAR-10 images' features; {len(SEEDS)} seeds."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
