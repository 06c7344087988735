"""How often compare_transfer's verdict is wrong, and how large an effect it finds (chapter 12).

A placebo compares two arms that differ in nothing but the seed that draws their training subsets,
so every "helped" or "hurt" is false. The problem is small and real: frozen mobilenet_v2 features of
the bundled CIFAR-10 images at 96 pixels, 64 principal components of them, ten labels per class, a
logistic regression, the 1000 bundled test images.

No run is used in two trials. For the detection rate the second arm is made worse by a known number
of points: each of its right answers is turned wrong with the same probability. Four rules judge the
same pairs: a paired t interval and a percentile bootstrap of the mean gap, each at 98 % with a
margin of one point (compare_transfer's rule is the first) and at 95 % without a margin. How often a
rule says "no difference that matters" is counted too: rightly for the placebo, wrongly where the
arms differ by two points or more. Each rate has the exact binomial interval of 95 %.

A few minutes on two CPU cores:

    python notebooks/studies/12_false_verdicts.py
"""

import time

import numpy as np
from scipy.stats import binomtest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import tltk
from tltk.evaluation import keep_study, transfer_verdict

HELPED, HURT = "helped", "hurt"
NO_DIFFERENCE, CANNOT_TELL = "no difference that matters", "cannot tell"
RUNS = 4000
SEEDS, EFFECTS, LABELS, PARTS = (3, 5, 10, 20), (0.0, 0.02, 0.05, 0.10), 10, 64
RULES = {
    "paired t, 98 %, one point": ("t", 0.98, 0.01),
    "paired t, 95 %": ("t", 0.95, 0.0),
    "bootstrap, 98 %, one point": ("bootstrap", 0.98, 0.01),
    "bootstrap, 95 %": ("bootstrap", 0.95, 0.0),
}


def features():
    """Principal components of the frozen features: training pool and test set with labels."""
    photos = tltk.load_dataset("cifar10_small", image_size=96)
    backbone = tltk.load_backbone("mobilenet_v2", input_shape=96)
    (x, y), test = (tltk.extract_features(backbone, part) for part in (photos.train, photos.test))
    components = PCA(PARTS, whiten=True, random_state=0).fit(x)
    return (components.transform(x), y), (components.transform(test[0]), test[1])


def subset(labels, seed):
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == c][:LABELS] for c in range(10)])


def right_answers(train, test):
    """One row for each run: which test images it gets right."""
    rows = []
    for run in range(RUNS):
        drawn, head = subset(train[1], run), LogisticRegression(C=0.1, tol=1e-3)
        rows.append(head.fit(train[0][drawn], train[1][drawn]).predict(test[0]) == test[1])
    return np.array(rows)


def worse_by(right, effect, random):
    """Turn right answers wrong, so that so many points are lost in expectation."""
    share = effect / right.mean()
    return right & (random.random(right.shape) >= share)


def verdict(gaps, rule, random):
    kind, level, margin = rule
    if kind == "t":
        return transfer_verdict(gaps, margin, level)
    draws = random.choice(gaps, (1000, len(gaps))).mean(axis=1)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    if max(-low, high) <= margin:
        return NO_DIFFERENCE
    if low <= 0 <= high or abs(gaps.mean()) <= margin:
        return CANNOT_TELL
    return HELPED if gaps.mean() > 0 else HURT


def judged(right, seeds, effect):
    random = np.random.default_rng(0)
    first, second = right[::2], worse_by(right[1::2], effect, random)
    gaps = first.mean(axis=1) - second.mean(axis=1)
    trials = gaps[: len(gaps) // seeds * seeds].reshape(-1, seeds)
    for name, rule in RULES.items():
        said = [verdict(each, rule, random) for each in trials]
        yield {
            "seeds": seeds,
            "effect": effect,
            "rule": name,
            "trials": len(trials),
            "helped": float(np.mean([each == HELPED for each in said])),
            "hurt": float(np.mean([each == HURT for each in said])),
            "no_difference": float(np.mean([each == NO_DIFFERENCE for each in said])),
            "gap_deviation": float(gaps.std()),
            **answered(said, effect),
        }


def answered(said, effect):
    """The share of trials with a false call, or with the right one where there is an effect."""
    found = sum(each == HELPED or (each == HURT and not effect) for each in said)
    low, high = binomtest(found, len(said)).proportion_ci(0.95)
    question = f"finds {100 * effect:.0f} points" if effect else "false calls"
    return {"question": question, "rate": found / len(said), "low": float(low), "high": float(high)}


def main():
    began = time.process_time()
    train, test = features()
    rows = []
    right = right_answers(train, test)
    print(f"accuracy {right.mean():.3f}", flush=True)
    for seeds in SEEDS:
        for effect in EFFECTS:
            rows += judged(right, seeds, effect)
    for row in rows:
        print(row)
    about = (
        "Verdicts on pairs of arms that differ only in the seed, and on pairs of which one is "
        f"worse by a known number of points; frozen CIFAR-10 features, {LABELS} labels per class."
    )
    print(keep_study(__file__, about, rows, time.process_time() - began))


if __name__ == "__main__":
    main()
