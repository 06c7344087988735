"""A stand-in for machine data: the vibration of a bearing, made by formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tltk._checks import check_count, check_number, check_seed

CONDITIONS = ("healthy", "imbalance", "inner race", "outer race")
RATE = 4096.0
SHAFT, SLOWING = 30.0, 1.2
INNER_ORDER, OUTER_ORDER = 5.4152, 3.5848
RESONANCE, SOFTENING, DAMPING = 1100.0, 90.0, 350.0


class Vibration(NamedTuple):
    """Windows of made vibration, with the recording that each was cut from.

    Attributes:
        windows: (n, length, 1) float32.
        labels: (n,) int32 class numbers.
        groups: (n,) int32 numbers of recordings, for `split_rows(..., groups=)`.
        class_names: the conditions.
    """

    windows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    class_names: tuple[str, ...]


def make_vibration_windows(
    load: float = 0.0,
    recordings: int = 5,
    windows: int = 8,
    length: int = 512,
    *,
    noise: float = 1.0,
    seed: int = 0,
) -> Vibration:
    """Make windows of the vibration of a machine in four conditions: synthetic, not measured.

    A shaft turns at f = 30 - 1.2 load Hz, sampled 4096 times a second:

        x(t) = a(t) s + b sin(2 pi f t) + c sin(4 pi f t) + noise

    where s is a train of impulses at the fault's frequency (5.415 f inner race, 3.585 f outer
    race, with 1 % slip), each ringing at a resonance of 1100 - 90 load Hz that dies away within
    milliseconds. The inner race passes through the load zone once a turn, so a(t) rises and falls
    with f; the outer race stands still, so a is constant. Imbalance is a large b. Load makes
    impulses and noise stronger. Speed, resonance, amplitudes and noise vary from recording to
    recording.

    Args:
        load: 0 for none, up to about 3 for full.
        recordings: recordings of each condition.
        windows: windows cut from each recording, one after the other.
        length: samples in a window.
        noise: its standard deviation without load; an impulse begins at about 2.5.
        seed: decides everything random.

    Returns:
        `Vibration` of 4 * recordings * windows windows.

    Raises:
        ValueError: for counts that are not whole numbers of at least 1, or a load or noise that
            is negative.

    Example:
        >>> made = make_vibration_windows(recordings=2, windows=3, length=64)
        >>> made.windows.shape, np.bincount(made.labels).tolist(), len(set(made.groups.tolist()))
        ((24, 64, 1), [6, 6, 6, 6], 8)

    Reference:
        McFadden and Smith, Model for the vibration produced by a single point defect in a rolling
        element bearing, 1984. The fault orders are those of an SKF 6205 bearing.
    """
    counts = {"recordings": recordings, "windows": windows, "length": length}
    for name, value in counts.items():
        check_count(name, value)
    check_number("load", load, least=0, most=10, advice="Full load is about 3")
    check_number("noise", noise, least=0)
    check_seed("seed", seed)
    random = np.random.default_rng([seed, round(1000 * load)])
    labels = np.repeat(np.arange(len(CONDITIONS), dtype="int32"), recordings)
    made = [_recording(CONDITIONS[k], load, windows * length, noise, random) for k in labels]
    return Vibration(
        windows=np.reshape(made, (-1, length, 1)).astype("float32"),
        labels=np.repeat(labels, windows),
        groups=np.repeat(np.arange(len(labels), dtype="int32"), windows),
        class_names=CONDITIONS,
    )


def _recording(condition, load, samples, noise, random):
    t = np.arange(samples) / RATE
    shaft = (SHAFT - SLOWING * load) * random.uniform(0.99, 1.01)
    strength = (1 + 0.3 * load) * random.uniform(0.8, 1.2)
    phases = 2 * np.pi * random.random(3)
    turning = 1.5 if condition == "imbalance" else 0.3
    signal = turning * random.uniform(0.7, 1.3) * np.sin(2 * np.pi * shaft * t + phases[0])
    signal += 0.2 * random.uniform(0.5, 1.5) * np.sin(4 * np.pi * shaft * t + phases[1])
    if condition == "inner race":
        zone = 0.5 * (1 + np.cos(2 * np.pi * shaft * t + phases[2]))
        signal += strength * zone * _impulses(INNER_ORDER * shaft, load, t, random)
    if condition == "outer race":
        signal += 0.7 * strength * _impulses(OUTER_ORDER * shaft, load, t, random)
    spread = noise * (1 + 0.2 * load) * random.uniform(0.8, 1.2)
    return signal + spread * random.standard_normal(samples)


def _impulses(frequency, load, t, random):
    """Ringing at the resonance, once a period of the fault with a little slip."""
    periods = random.normal(1, 0.01, int(t[-1] * frequency) + 20) / frequency
    starts = np.cumsum(periods) - 10 / frequency
    train = np.zeros(len(t))
    hits = np.round(starts * RATE).astype(int)
    hits = hits[(hits >= 0) & (hits < len(t))]
    np.add.at(train, hits, 2.5)
    resonance = (RESONANCE - SOFTENING * load) * random.uniform(0.97, 1.03)
    ring = np.arange(int(6 / DAMPING * RATE)) / RATE
    kernel = np.exp(-DAMPING * ring) * np.cos(2 * np.pi * resonance * ring)
    return np.convolve(train, kernel)[: len(t)]


AMPLITUDE, PHASE, REACH = (0.1, 5.0), (0.0, np.pi), 5.0


def make_sinusoid_tasks(shots: int = 10, queries: int = 10) -> Callable[[int], tuple]:
    """Tasks of regression that differ in the amplitude and the phase of a sine wave.

        y = a sin(x - p)

    with a uniform in 0.1 to 5, p in 0 to pi, and x in -5 to 5; no noise.

    Args:
        shots: points to learn from in each task.
        queries: further points to be tested on.

    Returns:
        A function of a whole number, which decides amplitude, phase and points; it returns
        (x, y, query x, query y), float32 arrays (shots, 1) and (queries, 1).

    Example:
        >>> task = make_sinusoid_tasks(shots=5, queries=3)
        >>> x, y, query_x, query_y = task(0)
        >>> x.shape, query_y.shape, bool(np.abs(x).max() <= 5)
        ((5, 1), (3, 1), True)

    Reference:
        Finn, Abbeel and Levine, Model-agnostic meta-learning, 2017 (section 5.1).
    """
    check_count("shots", shots)
    check_count("queries", queries)

    def task(seed: int) -> tuple:
        random = np.random.default_rng(seed)
        amplitude, phase = random.uniform(*AMPLITUDE), random.uniform(*PHASE)
        x = random.uniform(-REACH, REACH, (shots + queries, 1)).astype("float32")
        y = (amplitude * np.sin(x - phase)).astype("float32")
        return x[:shots], y[:shots], x[shots:], y[shots:]

    return task
