"""The bundle's recordings: one long file and one index for each language."""

import csv
from pathlib import Path

import numpy as np

from tltk._cache import content_digest
from tltk.inputs.clips import Windows, cut_clip, prepared_sounds, resampled
from tltk.inputs.examples import Examples

STORED_RATE = 8000


def bundled_sounds(
    paths: list[Path], windows: Windows, called: str
) -> tuple[Examples, tuple[str, ...], list[dict[str, str]]]:
    """Cut the clips of some files into windows.

    Args:
        paths: sound files of 8 kHz; beside each lies its index, a `.tsv` with the columns start,
            length (both in samples) and label, and others.
        windows: how to cut.
        called: how a clip is called, such as "{label}/{speaker}/{take}".

    Returns:
        The examples, named "clip@second"; the class names; and each example's row of the index.
    """
    cut, rows, names = [], [], []
    for path in paths:
        for row, samples in _clips(path, windows.rate):
            found = cut_clip(samples, windows)
            cut.append(found)
            rows += [row] * len(found)
            seconds = np.arange(len(found)) * windows.hop / windows.rate
            latest = max(0, len(samples) - windows.length) / windows.rate
            clip = called.format(**row)
            names += [f"{clip}@{second:.3f}" for second in np.minimum(seconds, latest)]
    class_names, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    waveforms = np.concatenate(cut)
    examples = Examples(
        fetch=lambda some: waveforms[some],
        labels=labels.astype("int32"),
        digest=content_digest(waveforms),
        names=tuple(names),
        count=len(waveforms),
        preparation=prepared_sounds(windows),
    )
    return examples, tuple(class_names.tolist()), rows


def _clips(path, rate):
    import soundfile

    samples, _ = soundfile.read(path, dtype="float32")
    divisor = np.gcd(rate, STORED_RATE)
    up, down = rate // divisor, STORED_RATE // divisor
    with open(path.with_suffix(".tsv"), encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            start = int(row["start"])
            clip = samples[start : start + int(row["length"])]
            yield row, clip if up == down else np.clip(resampled(clip, up, down), -1, 1)
