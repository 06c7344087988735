"""Did transfer help? Every way to learn on the same labels, several times, and a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from tltk._cache import code_digest, network_digest
from tltk._checks import (
    as_names,
    check_choice,
    check_count,
    check_mapping,
    check_number,
    check_seed,
    refuse,
    shown,
)
from tltk._paths import check_folder
from tltk.backbones import layers_by_block
from tltk.backbones._cost import multiply_adds
from tltk.evaluation._arms import (
    ARMS,
    BATCH,
    FROZEN,
    SMALL,
    TUNED,
    WITHOUT_TRANSFER,
    arms_of,
    networks_of,
)
from tltk.evaluation._kept_runs import KeptRuns, Run
from tltk.evaluation.leakage import check_splits
from tltk.evaluation.predictions import predict_split
from tltk.evaluation.verdicts import Comparison, summarise_runs, transfer_verdict
from tltk.inputs.examples import Examples, Splits, as_network_input, examples_of
from tltk.tuning._checks import check_each
from tltk.tuning.freezing import select_blocks


def label_sizes(labels: np.ndarray, asked: int | Sequence[int] | None) -> list[int]:
    """The numbers of labels per class to compare at, ascending.

    Example:
        >>> label_sizes(np.arange(200) % 10, None)
        [4, 16]
    """
    counts = np.unique(labels, return_counts=True)[1]
    if asked is None:
        most = max(1, int(0.8 * counts.min()))
        return sorted({most} | {most // part for part in (4, 16) if most // part >= 2})
    listed: list = list(asked) if isinstance(asked, list | tuple | np.ndarray | range) else [asked]
    for size in listed:
        check_count("labels_per_class", size)
    sizes = sorted(set(listed))
    if len(sizes) < len(listed):
        advice = "Name each number once"
        refuse("labels_per_class must differ", f"labels_per_class={shown(asked)}", advice)
    if not sizes or sizes[-1] > counts.max():
        raise ValueError(
            "labels_per_class must not exceed the training examples of every class. "
            f"Received: labels_per_class={sizes}, "
            f"and classes of at most {counts.max()}. Ask for fewer."
        )
    return sizes


def draw_subset(examples: Examples, labels_per_class: int, seed: int) -> Examples:
    """Draw at most so many examples of each class; a larger draw of one seed holds the smaller.

    Example:
        >>> from tltk.inputs.examples import examples_of
        >>> drawn = draw_subset(examples_of((np.arange(9), np.arange(9) % 3)), 2, seed=0)
        >>> np.bincount(drawn.labels).tolist()
        [2, 2, 2]
    """
    order = np.random.default_rng(seed).permutation(examples.count)
    rows = [order[examples.labels[order] == c][:labels_per_class] for c in set(examples.labels)]
    return examples.take(np.sort(np.concatenate(rows)))


def passes_of(epochs: int, largest: int) -> Callable[[int], int]:
    """Give the epochs for a number of examples, so that the steps are those of the largest subset.

    Example:
        >>> passes = passes_of(epochs=10, largest=320)
        >>> passes(320), passes(64)
        (10, 50)
    """
    steps = epochs * -(-largest // BATCH)
    return lambda count: -(-steps // -(-count // BATCH))


STEP, START = 3.0, 4.0  # a training step in passes, the start of a run in first passes
LEAST = 0.7  # seconds that a first pass counts, however small the network: Keras starts, too


class Clock:
    """Foretell from what has run how long the rest will take, and stop at whole seeds.

    Args:
        pieces: (seed, labels) in the order in which they run.
        sizes: pieces of one seed.
        tested: examples of the test set, on which every model is judged in the end.
        budget: seconds for everything, or None.
        say: receives sentences.
    """

    def __init__(
        self,
        pieces: list[tuple[int, int]],
        sizes: int,
        tested: int,
        budget: float | None,
        say: Callable[[str], None],
    ):
        self._pieces, self._sizes, self._tested = pieces, sizes, tested
        self._budget, self._say = budget, say
        self._began = time.perf_counter()
        self._training: list[float] = []
        self._testing: list[float] = []
        self.done: list[tuple[int, int]] = []

    def affordable(self, is_kept: Callable[[tuple[int, int]], bool]) -> Iterator[tuple[int, int]]:
        """The pieces, until the budget would not hold another seed; kept ones cost nothing."""
        for start in range(0, len(self._pieces), self._sizes):
            seed = self._pieces[start : start + self._sizes]
            budget = self._budget
            if start and budget and not all(map(is_kept, seed)) and self._is_over(budget):
                self._say(
                    f"The budget of {in_words(budget)} ends after {start // self._sizes} of "
                    f"{len(self._pieces) // self._sizes} seeds."
                )
                return
            for piece in seed:
                yield piece
                self.done.append(piece)

    def finished(self, facts: list[dict]) -> None:
        """Take note of what one piece cost, and foretell after the first."""
        self._training.append(sum(each["seconds"] for each in facts))
        self._testing.append(
            sum(each["starting"] + self._tested * each["predicting"] for each in facts)
        )
        rest = len(self._pieces) - 1
        if len(self._training) == 1 and rest:
            seconds = rest * self._training[0] + (rest + 1) * self._testing[0]
            self._say(
                f"The first of {rest + 1} pieces took {in_words(self._training[0])}; the rest and "
                f"the test will take about {in_words(seconds)}."
            )

    def _is_over(self, budget: float) -> bool:
        spent = time.perf_counter() - self._began
        share = self._sizes / len(self._training)
        another = share * (sum(self._training) + sum(self._testing))
        return spent + sum(self._testing) + another > budget


def foretold(
    networks: Mapping[str, Callable[[], keras.Model]],
    runs: list[tuple[str, int, int]],
    train: Examples,
    tested: int,
    unfreeze_blocks: int | str | list[str],
) -> float:
    """Tell roughly how many seconds runs will take, from two passes of each network.

    A step of training costs three passes of what is trained; a frozen part runs once over training
    and validation; the first pass, which sets the network up, stands for the start of a run.

    Args:
        networks: what builds the network of an arm; runs of other names count nothing.
        runs: (arm, training examples, steps).
        train: examples to pass through.
        tested: examples of the test set, on which every model is judged in the end.
        unfreeze_blocks: what the fine-tuned arm unfreezes.
    """
    sample = as_network_input(train.fetch(np.arange(min(BATCH, train.count))))
    runs = [run for run in runs if run[0] in networks]
    costs, seconds = {}, 0.0
    for name, examples, steps in runs:
        if name not in costs:
            network = networks[name]()
            share = _tuned_share(network, unfreeze_blocks) if name == TUNED else name != FROZEN
            costs[name] = *_two_passes(network, sample), share
        first, each, share = costs[name]
        passed = (2 * examples if name in (FROZEN, TUNED) else 0) + tested
        passed += STEP * share * steps * BATCH
        seconds += START * max(first, LEAST) + each * passed
    return seconds


def _two_passes(network, sample) -> tuple[float, float]:
    """Seconds of the first pass, and of one example in the second."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        network.predict_on_batch(sample)
        seconds.append(time.perf_counter() - began)
    return seconds[0], seconds[1] / len(keras.tree.flatten(sample)[0])


def _tuned_share(network, unfreeze_blocks) -> float:
    """The share of a network's multiply-adds that its unfrozen blocks have."""
    blocks = layers_by_block(network)
    tuned = [layer for name in select_blocks(network, unfreeze_blocks) for layer in blocks[name]]
    return multiply_adds(tuned) / max(1, multiply_adds(network.layers))


def in_words(seconds: float) -> str:
    """Seconds as people say them.

    Example:
        >>> in_words(8.2), in_words(300), in_words(9000)
        ('8 s', '5 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


SCORES = ("accuracy", "balanced_accuracy")
CHUNK = 256  # examples fetched at once to tell what they hold


def compare_transfer(
    backbone: str | Callable[[], keras.Model],
    data: Splits,
    seeds: int = 5,
    labels_per_class: int | Sequence[int] | None = None,
    *,
    methods: Mapping[str, Callable] | None = None,
    arms: Sequence[str] = ARMS,
    small: Callable | None = None,
    epochs: int = 15,
    unfreeze_blocks: int | str | list[str] = "all",
    score: str = "accuracy",
    margin: float = 0.01,
    level: float = 0.98,
    budget_seconds: float | None = None,
    checkpoint: str | Path | None = None,
    seed: int = 0,
    verbose: int = 1,
) -> Comparison:
    """Say whether transfer helped, hurt or made no difference that matters, and by how much.

    The arms: "from scratch" (the same architecture with fresh weights), "small network" (one of its
    own: `small_cnn` for pictures and for sounds as spectrograms, counted words for texts,
    `series_encoder` for series), "frozen" (a linear probe) and "fine-tuned" (two phases, see
    `fine_tune`), and `methods`. Every seed draws its own training subset and its own validation of
    the same size, and starts its own fresh weights; all arms see the same ones, so their scores are
    paired. All that is trained by steps takes the same number of them at most, at every number of
    labels. `check_splits` looks for leaks first; the models meet the test set once, when all are
    trained. How long it will take is told before it starts, roughly, and better after the first
    piece. Each method with transfer is set against the better of the two without, chosen on
    validation.

    Args:
        backbone: a name of `list_backbones`, or a function without arguments that builds a fresh
            pretrained model, never a model: it would carry what one run learned into the next.
        data: splits with one label per example: `train` to draw from, `val` for choices, `test`.
        seeds: how many; fewer than five leave wide intervals.
        labels_per_class: training examples of each class, at most, one number or several. None: 80
            % of the smallest class, a quarter and a sixteenth of that where it leaves at least 2.
        methods: more arms by name: functions of (train, val, seed), two `Examples` and a number,
            that return a trained Keras model.
        arms: which of the four to run.
        small: a function as in `methods` in place of the small network.
        epochs: passes over the largest training subset; smaller ones are passed more often, so that
            the steps are as many.
        unfreeze_blocks: what the fine-tuned arm unfreezes, see `fine_tune`.
        score: what decides: "accuracy" or "balanced_accuracy".
        margin: the smallest mean gap that matters, see `transfer_verdict`; default one point.
        level: confidence level of the paired t intervals.
        budget_seconds: no seed is begun that would end later than this; the first always runs.
        checkpoint: a folder in which each finished run is kept; the same call goes on there, also
            with more seeds or methods.
        seed: the first seed; the others count on from it.
        verbose: 1 to print what runs, how long it will take, and the summary; 0 for silence.

    Returns:
        A `Comparison`. Its intervals are for the given level.

    Raises:
        ValueError: for a model in place of a name or function, data without labels, validation or
            test, arms or settings that do not exist, and a checkpoint of another comparison.

    Example:
        >>> random = np.random.default_rng(0)
        >>> x, y = random.normal(size=(90, 4)).astype("float32"), np.arange(90) % 2
        >>> x[:, 0] += 2 * y
        >>> parts = [examples_of((x[i::3], y[i::3])) for i in range(3)]
        >>> def body():
        ...     return keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1.0)])
        >>> found = compare_transfer(body, Splits(*parts, ("low", "high"), {}), seeds=2, epochs=1,
        ...                          arms=["small network", "frozen"], verbose=0)
        >>> found.verdicts[-1]["verdict"]
        'cannot tell'

    References:
        - Rosenstein et al., To transfer or not to transfer, 2005.
        - Student, The probable error of a mean, 1908.
    """
    _check(backbone, seeds, arms, methods, score, epochs)
    check_seed("seed", seed)
    check_each(verbose=verbose)
    if budget_seconds is not None:
        check_number("budget_seconds", budget_seconds, above=0)
    if small is not None and (not callable(small) or isinstance(small, type | keras.layers.Layer)):
        advice = "It trains and returns a model"
        refuse("small must be a function of train, val and seed", f"small={shown(small)}", advice)
    if checkpoint is not None:
        check_folder("checkpoint", checkpoint)
    transfer_verdict([0.0], margin, level)
    train, val, test = _labelled_parts(data)
    sizes = label_sizes(train.labels, labels_per_class)
    check_splits(Splits(train, val, test, data.class_names, data.files))
    passes = passes_of(epochs, draw_subset(train, sizes[-1], seed).count)
    networks = networks_of(backbone, train)
    select_blocks(networks[TUNED](), unfreeze_blocks)
    known = arms_of(networks, data.class_names, small, passes, unfreeze_blocks)
    functions = {name: known[name] for name in arms} | dict(methods or {})
    settings = {"sizes": sizes, "epochs": epochs, "unfreeze_blocks": unfreeze_blocks}
    fingerprint = _fingerprint(backbone, networks, arms, settings, train, val)
    digests = {name: code_digest(function) for name, function in functions.items()}

    def say(text):
        if verbose:
            print(text, flush=True)

    kept = KeptRuns(checkpoint, fingerprint, digests)
    pieces = [(seed + number, size) for number in range(seeds) for size in sizes]
    clock = Clock(pieces, len(sizes), test.count, budget_seconds, say)
    try:
        runs = [Run(name, size, seed) for seed, size in pieces for name in functions]
        runs = [run for run in runs if kept.facts(run) is None]
        own = {name: networks[name] for name in networks if small is None or name != SMALL}
        if verbose and runs:
            say(
                _announcement(runs, own, train, test.count, passes, unfreeze_blocks, budget_seconds)
            )
        for piece in clock.affordable(lambda piece: all(kept.all_facts(functions, piece))):
            clock.finished(_run_piece(kept, functions, train, val, piece, say))
        rows = _tested(kept, functions, clock.done, test, say)
    except KeyboardInterrupt:
        say("Interrupted. " + ("The same call goes on." if checkpoint else "Nothing is kept."))
        raise
    finally:
        kept.close()
    found = summarise_runs(rows, score, margin, level)
    say(found.summary)
    return found


def _announcement(runs, networks, train, tested, passes, unfreeze_blocks, budget) -> str:
    """How many models there are to train, and about how long that will take."""
    counts = {size: draw_subset(train, size, 0).count for size in {run.labels for run in runs}}
    work = [(run.method, n := counts[run.labels], passes(n) * -(-n // BATCH)) for run in runs]
    seconds = foretold(networks, work, train, tested, unfreeze_blocks)
    text = f"{len(runs)} models to train"
    if seconds:
        text += f", about {in_words(seconds)}, told from two passes of each network"
    unknown = [name for name in dict.fromkeys(run.method for run in runs) if name not in networks]
    text += f"; not counted: {', '.join(unknown)}" if unknown else ""
    over = budget is not None and seconds > budget
    return text + (f". The budget of {in_words(budget)} may end it earlier." if over else ".")


def _run_piece(kept, functions, train, val, piece, say) -> list[dict]:
    """All methods on one seed and size; return their facts, those of earlier calls included."""
    seed, size = piece
    parts = [draw_subset(each, size, seed).batched(BATCH) for each in (train, val)]
    for name, function in functions.items():
        run = Run(name, size, seed)
        if kept.facts(run) is None:
            keras.utils.set_random_seed(seed)
            began = time.perf_counter()
            model = function(*parts, seed)
            seconds = time.perf_counter() - began
            _check_model(model, name)
            facts = {"examples": parts[0].count, "seconds": round(seconds, 2)}
            facts |= _validated(model, parts[1])
            kept.keep(run, model, facts)
            say(f"seed {seed}, {size} labels per class, {name}: {seconds:.0f} s")
    return kept.all_facts(functions, piece)


def _validated(model, val) -> dict[str, float]:
    """Scores on validation, and what predictions cost: to start, and for each example."""
    began = time.perf_counter()
    _scores(model, val)
    warm = time.perf_counter()
    scores = _scores(model, val)
    running = time.perf_counter() - warm
    costs = {"starting": warm - began, "predicting": running / val.count}
    return {**{f"val_{name}": value for name, value in scores.items()}, **costs}


def _tested(kept, functions, pieces, test, say) -> list[dict]:
    count = len(pieces) * len(functions)
    say(f"All is trained. Now the test set, once for each of {count} models.")
    rows = []
    for name in functions:
        for seed, size in pieces:
            run = Run(name, size, seed)
            known = kept.facts(run).items()
            row = {"method": name, "labels_per_class": size, "seed": seed}
            row |= {key: value for key, value in known if key not in ("starting", "predicting")}
            rows.append({**row, **_scores(kept.model(run), test)})
    return rows


def _scores(model, split) -> dict[str, float]:
    predictions = predict_split(model, split)
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    recalls = [right[predictions.labels == label].mean() for label in set(predictions.labels)]
    return {"accuracy": float(right.mean()), "balanced_accuracy": float(np.mean(recalls))}


def _labelled_parts(data) -> list[Examples]:
    missing = [part for part in Splits._fields[:3] if getattr(data, part, None) is None]
    if missing:
        raise ValueError(
            "A comparison trains on train, chooses on val and judges on test. "
            f"Received: data without {', '.join(missing)}. "
            "Load all the splits of a data set, such as load_dataset gives."
        )
    parts = [examples_of(each) for each in data[:3]]
    for examples in parts:
        labels = examples.labels
        if labels is None or labels.ndim != 1 or labels.dtype.kind != "i":
            kind = "no labels" if labels is None else f"labels {labels.dtype} {labels.shape}"
            raise ValueError(
                "A comparison needs one class number per example. "
                f"Received: {kind}. Compare other models by hand, with paired_interval."
            )
    return parts


def _check(backbone, seeds, arms, methods, score, epochs) -> None:
    for name, value in (("seeds", seeds), ("epochs", epochs)):
        check_count(name, value)
    is_layer = isinstance(backbone, type | keras.layers.Layer)
    if is_layer or not (isinstance(backbone, str) or callable(backbone)):
        raise ValueError(
            "A comparison builds its models anew for every seed, so the backbone is a name or a "
            "function that builds one: a model would carry what one run learned into the next, "
            f"perhaps from the test set. Received: {backbone!r}. "
            'Pass "mobilenet_v2", or a function that loads it.'
        )
    if methods is not None:
        check_mapping("methods", methods, what="functions")
        if not all(map(callable, methods.values())):
            advice = "Pass functions of train, val and seed"
            refuse("methods must be functions", f"methods={shown(methods)}", advice)
    arms = as_names("arms", arms)
    unknown = [name for name in arms if name not in ARMS]
    taken = [name for name in methods or {} if name in ARMS]
    all_names = [*arms, *(methods or {})]
    if unknown or taken or not set(all_names) & set(WITHOUT_TRANSFER) or len(all_names) < 2:
        raise ValueError(
            f"The arms are among {', '.join(ARMS)}; at least one without transfer is set against "
            "another method, and methods have other names. "
            f"Received: arms={list(arms)}, methods={list(methods or {})}. Choose again."
        )
    check_choice("score", score, SCORES)


def _check_model(model, name) -> None:
    if not isinstance(model, keras.Model):
        raise ValueError(
            "A method returns a trained Keras model. "
            f"Received: {type(model).__name__} from {name!r}. End its function with return model."
        )


def _fingerprint(backbone, networks, arms, settings, train, val) -> dict[str, str]:
    """What every run depends on; what a method does is not in it."""
    facts = {name: repr(value) for name, value in settings.items()}
    if not isinstance(backbone, str):
        facts["backbone"] = _digest_of_fresh(backbone)
    else:
        pretrained = {FROZEN, TUNED} & set(arms)
        digest = network_digest(networks[FROZEN]()) if pretrained else ""
        facts["backbone"] = f"{backbone} {digest}"
    for part, examples in (("training data", train), ("validation data", val)):
        content = examples.digest or _content(examples)
        facts[part] = code_digest(content, examples.count, examples.labels)
    return facts


def _content(examples) -> str:
    """The digest of rows that have none of their own."""
    starts = range(0, examples.count, CHUNK)
    ends = [min(start + CHUNK, examples.count) for start in starts]
    rows = (np.arange(start, end) for start, end in zip(starts, ends, strict=True))
    return code_digest([code_digest(examples.fetch(some)) for some in rows])


def _digest_of_fresh(build) -> str:
    first, second = build(), build()
    if first is second or network_digest(first) != network_digest(second):
        received = "the same model twice" if first is second else "two with other weights"
        raise ValueError(
            "The backbone function builds a fresh model at every call, with the same pretrained "
            f"weights. Received: {received}. Load or build it inside the function, and train it "
            "outside."
        )
    return network_digest(first)
