"""Instances carried from one domain to another, and choosing without labels (chapter 15).

Four questions, five seeds each. Every method has the same learner, logistic regression (C = 0.1)
on standardised columns, so that methods differ in nothing but how rows count.

- `texts`: the twelve pairs of sentiment domains, texts as the mean of their GloVe vectors; 1000
  source labels, and 10, 50 or 200 in the target: 1, 5 and 20 % of the source's. Source-only,
  target-only, pooled, one weight for the source by cross-validation (sweep), TrAdaBoost of 50 and
  of 10 rounds. Balanced accuracy.
- `table`: a made table of mixed columns. Of 1000 source rows 60 % follow the target's rule; in the
  others two columns mean the opposite. Which is which is known to us, not to the methods, so we
  also know how much weight ends on the right part. Accuracy on 2000 target rows.
- `selection`: for the pairs of texts and each method without target labels, nine strengths C of the
  learner as candidates; what each criterion picks against the oracle on the target's test texts.
  The criteria see 1000 unlabelled target texts, and 300 source texts held out.
- `shrinking`: the pairs again, without target labels: density ratio and KMM, which see 1000 target
  texts; the effective sample size, and what weighting gained over source-only.

About five minutes on one CPU core. Finished parts are kept in the cache folder, so that the same
call goes on after an interruption:

    python notebooks/studies/15_tradaboost.py
"""

import itertools
import warnings
from functools import cache

import keras
import numpy as np
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import tltk
from tltk.adaptation import (
    KMM,
    DensityRatio,
    Reweighted,
    SourceOnly,
    TrAdaBoost,
    WeightSweep,
    compare_criteria,
    stack_domains,
    stack_tables,
)
from tltk.evaluation import finished_parts, keep_study

DOMAINS, SEEDS = ("films", "products", "editorials", "tweets"), range(5)
SOURCE, TARGET, HELD, GOOD = 1000, (10, 50, 200), 300, 0.6
STRENGTHS = 10.0 ** np.arange(-5, 4)


def learner(strength=0.1):
    return LogisticRegression(C=strength, max_iter=1000)


@cache
def texts(domain):
    """Mean word vectors and labels of a domain: (train, test)."""
    data = tltk.load_dataset(f"sentiment_{domain}", val=0)
    model = tltk.build_classifier(tltk.load_text_backbone("glove", length=48), data.class_names)
    mean = keras.Model(model.input, model.get_layer("head_pool").output)
    return [tltk.extract_features(mean, part) for part in (data.train, data.test)]


def drawn(labels, count, random):
    """Places of `count` rows, half of each class."""
    sides = [random.permutation(np.flatnonzero(labels == side)) for side in (0, 1)]
    return np.concatenate([side[: count // 2] for side in sides])


def by_method(model, source, target):
    """Fit each method on source rows and labelled target rows."""
    X, y, domain = (
        stack_tables(source, target) if source[0].dtype == object else stack_domains(source, target)
    )
    yield "source-only", SourceOnly(model).fit(X, y, domain=domain)
    yield "target-only", clone(model).fit(*target)
    yield "pooled", clone(model).fit(X, y)
    yield "sweep", WeightSweep(model).fit(X, y, domain=domain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a first round at chance counts as it is
        yield "TrAdaBoost", TrAdaBoost(model, 50).fit(X, y, domain=domain)
        yield "TrAdaBoost, 10 rounds", TrAdaBoost(model, 10).fit(X, y, domain=domain)


def pair_of_texts(source, target, seed):
    """Source texts, unlabelled and test target texts, and target rows to label, on one scale."""
    (x, y), _ = texts(source)
    (more, more_y), test = texts(target)
    random = np.random.default_rng([seed, DOMAINS.index(source), DOMAINS.index(target)])
    rows, seen = drawn(y, SOURCE + HELD, random), random.permutation(len(more))[:SOURCE]
    scale = StandardScaler().fit(x[rows])
    rows = random.permutation(rows)
    known = {count: drawn(more_y, count, np.random.default_rng(seed)) for count in TARGET}
    taught = {count: (scale.transform(more[k]), more_y[k]) for count, k in known.items()}
    own = [(scale.transform(x[part]), y[part]) for part in (rows[HELD:], rows[:HELD])]
    return own, scale.transform(more[seen]), taught, (scale.transform(test[0]), test[1])


def balanced(model, test):
    return float(balanced_accuracy_score(test[1], model.predict(test[0])))


def study_texts(source, target, seed):
    (own, held), seen, taught, test = pair_of_texts(source, target, seed)
    facts = {"source": source, "target": target, "seed": seed}
    for labels, known in taught.items():
        for method, model in by_method(learner(), own, known):
            found = {"method": method, "labels": labels, "score": balanced(model, test)}
            if method == "sweep":
                found["weight"] = model.weight_
            if method.startswith("TrAdaBoost"):
                found |= {"rounds": len(model.votes_), "share": float(model.target_shares_[-1])}
            yield {"question": "texts", **facts, **found}
    X, y, domain = stack_domains(own, seen)
    plain = balanced(SourceOnly(learner()).fit(X, y, domain=domain), test)
    for name, weigher in weighers().items():
        model = Reweighted(learner(), weigher).fit(X, y, domain=domain)
        gain = balanced(model, test) - plain
        found = {"method": name, "size": model.effective_size_, "gain": gain}
        yield {"question": "shrinking", **facts, **found}
    yield from study_selection(facts, own, held, seen, test)


def weighers():
    return {"density ratio": DensityRatio(), "KMM": KMM()}


def study_selection(facts, own, held, seen, test):
    X, _, domain = stack_domains(own, seen)
    ratio = DensityRatio().fit(X, domain=domain)
    for method in ("source-only", *weighers()):
        weights = None if method == "source-only" else weighers()[method].fit(X, domain=domain)
        answers, losses, oracle = {}, {}, {}
        for strength in STRENGTHS:
            shares = None if weights is None else weights.weights_ / weights.weights_.mean()
            model, name = learner(strength).fit(*own, sample_weight=shares), f"C={strength:g}"
            answers[name], oracle[name] = model.predict_proba(seen), balanced(model, test)
            right = model.predict_proba(held[0])[np.arange(len(held[1])), held[1]]
            losses[name] = -np.log(np.maximum(right, 1e-7))
        for row in compare_criteria(answers, oracle, losses, ratio.weigh(held[0])):
            yield {"question": "selection", **facts, "method": method, **row}


def made_table(count, good, random):
    """Rows of a made table: (columns, labels, whether a row follows the target's rule)."""
    age, hours, heat = random.normal(size=(3, count))
    plan = random.choice(["basic", "plus", "pro"], count)
    city = random.choice(["Rome", "Oslo", "Lima", "Cairo"], count)
    right = random.random(count) < good
    sign = np.where(right, 1, -1)
    worth = {"basic": -1.0, "plus": 0.0, "pro": 1.0}
    odds = age + 1.5 * sign * hours + 1.5 * sign * np.array([worth[each] for each in plan])
    labels = (odds + random.logistic(scale=0.5, size=count) > 0).astype(int)
    columns = [age, hours, heat, plan, city]
    return np.column_stack([column.astype(object) for column in columns]), labels, right


def study_table(seed):
    random = np.random.default_rng(seed)
    encoder = make_column_transformer(
        (StandardScaler(), [0, 1, 2]), (OneHotEncoder(handle_unknown="ignore"), [3, 4])
    )
    model = make_pipeline(encoder, learner())
    x, y, right = made_table(SOURCE, GOOD, random)
    more, more_y, _ = made_table(max(TARGET), 1, random)
    test = made_table(2000, 1, random)
    for labels in TARGET:
        for method, fitted in by_method(model, (x, y), (more[:labels], more_y[:labels])):
            score = float(np.mean(fitted.predict(test[0]) == test[1]))
            found = {"method": method, "labels": labels, "score": score, "seed": seed}
            if method.startswith("TrAdaBoost"):
                weights = fitted.weights_[:SOURCE]
                found["right_share"] = float(weights[right].sum() / weights.sum())
            yield {"question": "table", **found}


def main():
    parts = [(f"table_{seed}", lambda s=seed: study_table(s)) for seed in SEEDS]
    for seed, (source, target) in itertools.product(SEEDS, itertools.permutations(DOMAINS, 2)):
        name = f"{source}_{target}_{seed}"
        parts.append((name, lambda given=(source, target, seed): study_texts(*given)))
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "Source-only, target-only, pooled, one weight for the source, and TrAdaBoost, all with "
        f"logistic regression, at 1, 5 and 20 % target labels ({SOURCE} source labels): twelve "
        f"pairs of sentiment domains and a made table; {len(SEEDS)} seeds. And what choosing "
        "without target labels costs. In the tables of texts ± is over pairs and seeds."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
