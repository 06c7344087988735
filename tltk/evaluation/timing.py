"""How long a comparison will take, told before it begins and while it runs, and where it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np

from tltk.backbones import layers_by_block
from tltk.backbones.operations import multiply_adds
from tltk.evaluation.arms import BATCH, FROZEN, TUNED, blocks_to_tune
from tltk.inputs.examples import Examples, as_network_input

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
            if start and not all(map(is_kept, seed)) and self._over_budget():
                self._say(
                    f"The budget of {in_words(self._budget)} ends after {start // self._sizes} of "
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

    def _over_budget(self) -> bool:
        if self._budget is None:
            return False
        spent = time.perf_counter() - self._began
        share = self._sizes / len(self._training)
        another = share * (sum(self._training) + sum(self._testing))
        return spent + sum(self._testing) + another > self._budget


def foretold(
    networks: Mapping[str, Callable[[], keras.Model]],
    runs: list[tuple[str, int, int]],
    train: Examples,
    tested: int,
    unfreeze_blocks: int | str | list[str] | None,
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
    """The share of a network's multiply-adds that its last blocks have."""
    blocks = layers_by_block(network)
    tuned = [layer for name in blocks_to_tune(network, unfreeze_blocks) for layer in blocks[name]]
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
