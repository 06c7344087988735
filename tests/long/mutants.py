"""Whether the tests notice: small faults put into the numeric core, one at a time.

    python tests/long/mutants.py 11 12

runs the rounds of two seeds and names what no test noticed. A round takes from each module of
`CORE` three places at random where it calculates or compares, turns an operator, a comparison or
a sign round, and runs the module's tests. Nothing is written: a process of its own imports the
changed code from memory, and no file of the tree is touched.
"""

import ast
import importlib.machinery
import multiprocessing
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
EACH = 3  # faults for each module
WORKERS = min(2, os.cpu_count() or 1)
FLOOR = 60  # seconds that a run of tests may take in any case

CORE = {  # each module, and the files of tests/unit that are about it, the quickest first
    "evaluation/statistics": ["evaluation/test_statistics"],
    "evaluation/verdicts": ["evaluation/test_verdicts"],
    "evaluation/classification": ["evaluation/test_classification", "evaluation/test_thresholds"],
    "evaluation/calibration": ["evaluation/test_calibration"],
    "evaluation/transferability": ["evaluation/test_transferability", "evaluation/test_probes"],
    "evaluation/distances": ["evaluation/test_distances"],
    "evaluation/forecasting": ["evaluation/test_forecasting"],
    "adaptation/alignment": [
        "adaptation/test_alignment",
        "adaptation/test_tca",
        "adaptation/test_paired",
        "adaptation/test_optimal_transport",
    ],
    "adaptation/reweighting": [
        "adaptation/test_reweighting",
        "adaptation/test_source_only",
        "adaptation/test_kmm",
        "adaptation/test_weight_sweep",
    ],
    "adaptation/boosting": [
        "adaptation/test_boosting",
        "adaptation/test_tradaboost_r2",
        "adaptation/test_tradaboost",
    ],
    "adaptation/label_shift": ["adaptation/test_label_shift"],
    "adaptation/density": [
        "adaptation/test_logistic",
        "adaptation/test_density",
        "adaptation/test_kmm",
    ],
    "adaptation/_quadratic": ["adaptation/test_quadratic"],
    "adaptation/domains": ["adaptation/test_domains", "adaptation/test_tables"],
    "few_labels/prototypes": [
        "few_labels/test_prototypes",
        "few_labels/test_bayesian",
        "few_labels/test_transductive",
    ],
    "few_labels/zero_shot": [
        "few_labels/test_zero_shot",
        "few_labels/test_eszsl",
        "few_labels/test_conse",
        "few_labels/test_unseen_choice",
        "few_labels/test_generalised",
    ],
    "few_labels/episodes": ["few_labels/test_episodes", "few_labels/test_drawn_tasks"],
    "inputs/splits": ["inputs/test_splits"],
    "inputs/windows": ["inputs/test_windows"],
    "inputs/series": ["inputs/test_series"],
    "tuning/_imbalance": ["tuning/test_imbalance"],
}

# (module, before, after, why no test could tell): a fault that changes nothing
KNOWN_EQUIVALENT = [
    (
        "evaluation/verdicts",
        "mean > 0",
        "mean >= 0",
        "A mean of 0 exceeds no margin, so the line before has answered.",
    ),
    (
        "evaluation/transferability",
        "np.size(features) * len(np.unique(labels))",
        "np.size(features) / len(np.unique(labels))",
        "It decides how many threads work, which changes no number.",
    ),
    (
        "evaluation/transferability",
        "share * np.mean(centred ** 2) + 1e-12 * np.mean(centred ** 2)",
        "share * np.mean(centred ** 2) - 1e-12 * np.mean(centred ** 2)",
        "It keeps a constant feature, which no class mean has a part in, from a division by 0.",
    ),
    (
        "adaptation/label_shift",
        "abs(source_priors.sum() - 1) > 1e-06",
        "abs(source_priors.sum() - 1) >= 1e-06",
        "A sum near 1 is a multiple of 2 ** -53, which 1e-6 is not.",
    ),
    (
        "adaptation/label_shift",
        "np.abs(priors - last).max() < TOLERANCE",
        "np.abs(priors - last).max() <= TOLERANCE",
        "Shares that move by the tolerance itself have settled as well.",
    ),
    (
        "inputs/splits",
        "lowest >= _MISSING",
        "lowest > _MISSING",
        "A class that lacks in a part costs _MISSING and the square of its share, above 0.",
    ),
    (
        "adaptation/density",
        "domain == side",
        "domain != side",
        "The loop deals the rows of both sides to the folds, in the other order.",
    ),
    (
        "adaptation/density",
        "-shares[part] * signs[part, None]",
        "-shares[part] / signs[part, None]",
        "A sign is 1 or -1, and its own inverse.",
    ),
    (
        "adaptation/alignment",
        "weights * np.sign(weights[np.abs(weights).argmax(axis=0), np.arange(k)])",
        "weights / np.sign(weights[np.abs(weights).argmax(axis=0), np.arange(k)])",
        "A sign is 1 or -1, and its own inverse.",
    ),
    (
        "adaptation/alignment",
        "vectors * np.sign(vectors[largest, np.arange(len(values))])",
        "vectors / np.sign(vectors[largest, np.arange(len(values))])",
        "A sign is 1 or -1, and its own inverse.",
    ),
    (
        "adaptation/alignment",
        "costs.max() < LARGEST_EXPONENT * strength",
        "costs.max() <= LARGEST_EXPONENT * strength",
        "Both roads give the same plan; the limit is far from where the first one fails.",
    ),
    (
        "adaptation/alignment",
        "k < size // 10",
        "k <= size // 10",
        "Both solvers give the same directions, as a test of theirs compares.",
    ),
    (
        "adaptation/alignment",
        "1 - np.sqrt(mu / (mu + length ** 2))",
        "1 + np.sqrt(mu / (mu + length ** 2))",
        "The other symmetric root of the same matrix: the directions it leads to are the same.",
    ),
    *(
        ("tuning/_imbalance", before, after, "Outputs are (n, k): their last axis is the second.")
        for before, after in (
            ("model.outputs[0].shape[-1]", "model.outputs[0].shape[+1]"),
            ("y_pred.shape[-1]", "y_pred.shape[+1]"),
            ("keras.ops.argmax(y_pred, -1)", "keras.ops.argmax(y_pred, +1)"),
        )
    ),
    (
        "few_labels/prototypes",
        "np.abs(rows * sums - 1).max() < TOLERANCE",
        "np.abs(rows * sums - 1).max() <= TOLERANCE",
        "Rows off by the tolerance itself keep the promise as well.",
    ),
]

TURNED: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
    ast.UAdd: ast.USub,
}
PRELOADED = (
    "tensorflow keras pytest pandas scipy.stats scipy.optimize scipy.spatial.distance "
    "sklearn.linear_model sklearn.pipeline sklearn.covariance sklearn.mixture sklearn.metrics "
    "sklearn.utils.estimator_checks"
).split()  # once, in the process that all runs of tests fork from
SPEAKING = {"refuse", "shown", "warn"}  # calls that only say something


class Mutant(NamedTuple):
    """A fault: its module, where it stands among the places of that module, line and both texts."""

    module: str
    place: int
    line: int
    before: str
    after: str

    def __str__(self):
        return f"{self.module}.py:{self.line}  {self.before}  ->  {self.after}"


def places(tree: ast.AST) -> list[tuple[ast.AST, int, ast.AST]]:
    """Nodes with an operator to turn round, its number, and what shows it; none in what is said.

    A sign is shown by the expression that it is in: of `-1` alone nobody could tell which.
    """
    found, waiting = [], [(tree, tree)]
    while waiting:
        node, around = waiting.pop(0)
        called = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(
            node, ast.Call
        ) else ""  # fmt: skip
        if isinstance(node, (ast.Raise, ast.JoinedStr)) or called in SPEAKING:
            continue
        operands = (node.left, node.right) if isinstance(node, ast.BinOp) else ()
        is_text = any(
            isinstance(each, ast.JoinedStr)
            or (isinstance(each, ast.Constant) and isinstance(each.value, str))
            for each in operands
        )
        if not is_text:
            operators = node.ops if isinstance(node, ast.Compare) else [getattr(node, "op", None)]
            shown = around if isinstance(node, ast.UnaryOp) else node
            found += [(node, i, shown) for i, each in enumerate(operators) if type(each) in TURNED]
        waiting += [(each, node) for each in ast.iter_child_nodes(node)]
    return found


def turned(module: str, place: int, node, number: int, shown) -> Mutant:
    """Turn one operator of a node round, in place."""
    before = ast.unparse(shown)
    if isinstance(node, ast.Compare):
        node.ops[number] = TURNED[type(node.ops[number])]()
    else:
        node.op = TURNED[type(node.op)]()
    return Mutant(module, place, node.lineno, before, ast.unparse(shown))


def mutated(module: str, place: int) -> tuple[Mutant, ast.Module]:
    """The fault at one place of a module, and the module's tree with it."""
    tree = ast.parse(file_of(module).read_text("utf-8"))
    return turned(module, place, *places(tree)[place]), tree


def every_fault(module: str) -> list[Mutant]:
    """The faults at all places of a module."""
    found = []
    for place, where in enumerate(places(ast.parse(file_of(module).read_text("utf-8")))):
        found.append(turned(module, place, *where))
        turned(module, place, *where)  # and back
    return found


def file_of(module: str) -> Path:
    return ROOT / f"tltk/{module}.py"


def drawn(seed: int) -> list[Mutant]:
    """The faults of a round: three of each module."""
    rng, found = random.Random(seed), []
    for module in CORE:
        faults = every_fault(module)
        found += rng.sample(faults, min(EACH, len(faults)))
    return found


def run_tests(module: str, place: int | None, folder: str) -> None:
    """In a process of its own: a module's tests, with a fault or without."""
    said = os.open(f"{folder}/said.txt", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    if place is not None:
        path, plain = str(file_of(module)), importlib.machinery.SourceFileLoader.get_code
        code = compile(mutated(module, place)[1], path, "exec")
        importlib.machinery.SourceFileLoader.get_code = lambda loader, name: (
            code if loader.path == path else plain(loader, name)
        )
    import pytest

    files = [f"tests/unit/{name}.py" for name in CORE[module]]
    quietly = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/temporary"]
    sys.exit(int(pytest.main([*quietly, *files])))


def passes(module: str, place: int | None, limit: float | None = None) -> tuple[bool, float, str]:
    """Whether a module's tests pass, the seconds they took, and what was said."""
    methods, began = multiprocessing.get_all_start_methods(), time.perf_counter()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = context.Process(target=run_tests, args=(module, place, folder))
        process.start()
        process.join(limit)
        if process.exitcode is None:
            process.kill()
            process.join()
        said = Path(folder, "said.txt")
        text = said.read_text("utf-8", "replace") if said.exists() else ""
    return process.exitcode == 0, time.perf_counter() - began, text


def survivors(mutants: list[Mutant]) -> list[Mutant]:
    """Those of the faults that their module's tests do not notice.

    Tests that fail without a fault say nothing: they are an error. A run that takes five times as
    long as without a fault, and a minute more, counts as noticed.
    """
    with ThreadPoolExecutor(WORKERS) as workers:
        modules = list(dict.fromkeys(each.module for each in mutants))
        runs = workers.map(lambda each: passes(each, None), modules)
        sound = dict(zip(modules, runs, strict=True))
        for module, (passed, _, said) in sound.items():
            assert passed, f"the tests of {module} fail without a fault:\n{said}"

        def lives(mutant):
            limit = FLOOR + 5 * sound[mutant.module][1]
            return passes(mutant.module, mutant.place, limit)[0]

        lived = list(workers.map(lives, mutants))
        return [each for each, still in zip(mutants, lived, strict=True) if still]


def is_equivalent(mutant: Mutant) -> bool:
    return any(mutant[:1] + mutant[3:] == each[:3] for each in KNOWN_EQUIVALENT)


def main() -> None:
    for seed in map(int, sys.argv[1:]):
        began, mutants = time.perf_counter(), drawn(seed)
        lived = survivors(mutants)
        for each in lived:
            print("equivalent" if is_equivalent(each) else "SURVIVED  ", each, flush=True)
        unexcused = [each for each in lived if not is_equivalent(each)]
        print(
            f"seed {seed}: {len(mutants) - len(lived)} of {len(mutants)} noticed, "
            f"{len(lived) - len(unexcused)} equivalent, {time.perf_counter() - began:.0f} s",
            flush=True,
        )


for name, value in {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
}.items():
    os.environ.setdefault(name, value)

if __name__ == "__main__":
    main()
