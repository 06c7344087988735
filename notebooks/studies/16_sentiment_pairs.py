"""All twelve pairs of four sentiment domains, adapted without a target label (chapter 16).

Texts are the mean of their GloVe vectors, 50 numbers. A logistic regression learns 1,000 labelled
texts of the source (500 of either class, the draws of chapter 06) and answers for the target's test
texts. The methods see 1,000 texts of the target's training part too, drawn as they come, without
labels:

- `source only`: no target text is looked at;
- `standardised`, `CORAL`, `subspace`, `TCA`, `optimal transport` (needs POT): the features are
  moved;
- `density ratio`, `KMM`: the source texts are weighted;
- `target-trained`: the ceiling, 1,000 labelled texts of the target.

Settings are the package's own; the regression's strength is chosen by cross-validation within the
source. Scores are balanced accuracy. The verdict on a pair and a method is `transfer_verdict` of
the gaps to `source only` over ten seeds.

About ten minutes on one CPU core. Finished runs are kept in the cache folder, so that the same call
goes on after an interruption:

    python notebooks/studies/16_sentiment_pairs.py
"""

import itertools
import time
import warnings
from functools import cache

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tltk._cache import read_facts, write_facts
import tltk
from tltk.adaptation import (
    CORAL,
    KMM,
    TCA,
    DensityRatio,
    DomainScaler,
    OptimalTransport,
    Reweighted,
    SourceOnly,
    SubspaceAlignment,
    stack_domains,
)
from tltk.evaluation import keep_study, study_folder, transfer_verdict

DOMAINS, LABELS, SEEDS = ("films", "products", "editorials", "tweets"), 1000, range(10)
STRENGTHS = (0.01, 0.1, 1, 10, 100)
MOVES = {
    "standardised": DomainScaler,
    "CORAL": CORAL,
    "subspace": SubspaceAlignment,
    "TCA": TCA,
    "optimal transport": OptimalTransport,
}
WEIGHERS = {"density ratio": DensityRatio, "KMM": KMM}
FINISHED = study_folder(__file__)


@cache
def features(domain):
    """Every text's mean vector, its label, and its row by name."""
    data = tltk.load_dataset(f"sentiment_{domain}", val=0)
    backbone = tltk.load_text_backbone("glove", length=48)
    parts = [tltk.extract_features(backbone, each) for each in (data.train, data.test)]
    names = data.files["train"] + data.files["test"]
    rows = {name: row for row, name in enumerate(names)}
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts]), rows


def drawn(domain, part, seed, labelled=True):
    """A part's rows and labels: 500 of either class for training, or 1,000 as they come."""
    x, y, rows = features(domain)
    per_class = LABELS // 2 if labelled else None
    names = tltk.load_dataset(f"sentiment_{domain}", per_class=per_class, seed=seed).files[part]
    chosen = np.array([rows[name] for name in names])
    if not labelled:
        chosen = np.random.default_rng(seed).permutation(chosen)[:LABELS]
    return x[chosen], y[chosen]


def searched():
    return GridSearchCV(regression(), {"C": STRENGTHS}, scoring="neg_log_loss", cv=3)


def regression(strength=1.0):
    return LogisticRegression(C=strength, max_iter=2000)


def score(model, test):
    return balanced_accuracy_score(test[1], model.predict(test[0]))


def at_home(source):
    return make_pipeline(StandardScaler(), searched()).fit(*source)


def adapted(name, source, target, test, strength):
    X, y, domain = stack_domains(source, target)
    last = SourceOnly(searched()) if name in MOVES else None
    last = last or Reweighted(regression(strength), WEIGHERS[name]())
    steps = [MOVES[name]()] if name in MOVES else []
    pipeline = make_pipeline(StandardScaler(), *steps, last)
    given = {f"{step}__domain": domain for step in list(pipeline.named_steps)[1:]}
    return score(pipeline.fit(X, y, **given), test)


def run(source_name, target_name, seed):
    """The scores of all methods on one pair and draw."""
    source, test = drawn(source_name, "train", seed), drawn(target_name, "test", seed)
    target, _ = drawn(target_name, "train", seed, labelled=False)
    plain = at_home(source)
    strength = plain[-1].best_params_["C"]
    scores = {"source only": score(plain, test)}
    for name in (*MOVES, *WEIGHERS):
        scores[name] = adapted(name, source, target, test, strength)
    return scores | {"target-trained": score(at_home(drawn(target_name, "train", seed)), test)}


def kept_run(source, target, seed):
    file = FINISHED / f"{source}_{target}_{seed}.json"
    kept = read_facts(file)
    if kept is None:
        write_facts(file, run(source, target, seed))
        kept = read_facts(file)
    return kept


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    began, rows = time.perf_counter(), []
    for seed, pair in itertools.product(SEEDS, itertools.permutations(DOMAINS, 2)):
        print(seed, *pair, kept_run(*pair, seed), flush=True)
    for source, target in itertools.permutations(DOMAINS, 2):
        found = [kept_run(source, target, seed) for seed in SEEDS]
        for method in found[0]:
            gaps = [scores[method] - scores["source only"] for scores in found]
            verdict = "" if method == "source only" else transfer_verdict(gaps)
            facts = {"source": source, "target": target, "method": method, "verdict": verdict}
            for seed, scores in zip(SEEDS, found, strict=True):
                rows.append(facts | {"seed": seed, "score": round(scores[method], 4)})
            mean = np.mean([scores[method] for scores in found])
            print(f"{source} to {target}, {method}: {mean:.3f} {verdict}", flush=True)
    about = (
        "Sentiment in four domains, twelve pairs, mean GloVe vectors, no target labels: balanced "
        f"accuracy, {len(SEEDS)} seeds; verdicts against source only, 98 % intervals."
    )
    print(keep_study(__file__, about, rows, time.perf_counter() - began))


if __name__ == "__main__":
    main()
