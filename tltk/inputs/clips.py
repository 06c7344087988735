"""Recordings of any rate and depth, decoded by libsndfile to one channel of float32."""

import functools
import hashlib
import math
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tltk.inputs.checks import check_positive_integer

SUFFIXES = (".wav", ".flac", ".ogg")
_READABLE = re.compile(rb"(RIFF|RIFX|RF64).{4}WAVE|fLaC|OggS", re.DOTALL)
_OTHERS = {
    "an MP3": rb"ID3|\xff[\xe2-\xff]",
    "a JPEG picture": rb"\xff\xd8\xff",
    "a PNG picture": rb"\x89PNG",
    "a GIF picture": rb"GIF8",
    "an MP4 or M4A": rb".{4}ftyp",
    "an AIFF": rb"FORM.{4}AIF",
}
_STREAMED = 2**31 - 2**16
_FRAMES_AT_ONCE = 2**18
_LOUDEST = 2.0
_SOFTEST = 1 / 32768
_HALF_FILTER = 10


class Windows(NamedTuple):
    """How clips are cut: samples in a window, samples from one to the next, samples a second."""

    length: int
    hop: int
    rate: int


class Sound(NamedTuple):
    """What a whole recording holds: its digest, frames and frames a second."""

    digest: str
    frames: int
    rate: int


def read_clip(path: str | Path, rate: int = 16000) -> np.ndarray:
    """Decode a recording to one channel at a rate.

    WAV (8 to 32 bit, float), FLAC and OGG, whatever the file is called: the first bytes decide.
    Channels are averaged. Another rate is resampled by a polyphase filter that takes out what lies
    above half the lower rate.

    Args:
        path: the file.
        rate: samples a second.

    Returns:
        A float32 array `(samples,)` from -1 to 1.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of these formats, not whole, without samples, silent (it never
            moves by more than one step of 16 bits), or holds NaN or floats beyond -2 to 2.

    Example:
        >>> import soundfile
        >>> soundfile.write("tone.wav", np.sin(np.arange(8000.0))[:, None] * [0.5, 0.3], 8000)
        >>> read_clip("tone.wav", rate=16000).shape
        (16000,)
    """
    check_positive_integer("rate", rate)
    sound = whole_sound(path)
    return read_samples(path, sound, 0, resampled_length(sound, rate), rate)


def whole_sound(path: str | Path) -> Sound:
    """Read a recording from end to end, a part at a time, and refuse it where it is not sound."""
    reason = _format_problem(path)
    if reason:
        raise _no_clip(path, reason)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    frames, low, high = 0, math.inf, -math.inf
    with _opened(path) as file:
        for block in _mono_blocks(file, path):
            if not np.isfinite(block).all():
                raise _no_clip(path, f"NaN or infinity after {frames / file.samplerate:.2f} s")
            frames += len(block)
            low, high = min(low, float(block.min())), max(high, float(block.max()))
        announced, rate = file.frames, file.samplerate
    if frames == 0:
        raise _no_clip(path, "it holds no samples")
    if frames < announced < 2**62:
        raise _no_clip(path, f"it ends after {frames} of {announced} frames")
    if high - low <= _SOFTEST:
        raise _no_clip(path, "it is silent")
    if max(high, -low) > _LOUDEST:
        raise _no_clip(path, f"its floats reach {max(high, -low):.3g}, where 1 is full scale")
    return Sound(digest, frames, rate)


def window_starts(samples: int, windows: Windows) -> np.ndarray:
    """The first sample of each window of a clip; below 0 where a short clip is padded.

    Example:
        >>> [window_starts(n, Windows(10, 10, 1)).tolist() for n in (4, 10, 24, 25)]
        [[-3], [0], [0, 10], [0, 10, 15]]
    """
    rest = samples - windows.length
    if rest < 0:
        return np.array([rest // 2])
    starts = np.arange(0, rest + 1, windows.hop)
    left = rest - starts[-1]
    return np.append(starts, rest) if left > 0 and left >= windows.hop / 2 else starts


def cut_clip(samples: np.ndarray, windows: Windows) -> np.ndarray:
    """Cut a decoded clip into windows `(n, length)` as `audio_folder` does.

    Example:
        >>> cut_clip(np.array([1.0, 2.0]), Windows(4, 4, 1)).tolist()
        [[0.0, 1.0, 2.0, 0.0]]
    """
    starts = window_starts(len(samples), windows)
    before = max(0, -int(starts[0]))
    padded = np.pad(samples, (before, max(0, windows.length - len(samples) - before)))
    return np.stack([padded[start : start + windows.length] for start in starts + before])


def as_waveforms(values: Any) -> np.ndarray:
    """Turn samples into float32; whole numbers are divided by the full scale of their type.

    Example:
        >>> as_waveforms(np.array([-32768, 16384], "int16")).tolist()
        [-1.0, 0.5]
    """
    values = np.asarray(values)
    if values.dtype.kind == "i":
        return (values / -float(np.iinfo(values.dtype).min)).astype("float32")
    return values.astype("float32")


def warn_if_loud(waveforms: Any) -> None:
    """Warn where a batch of waveforms is not scaled to lie between -1 and 1.

    Example:
        >>> warn_if_loud(np.array([[0.5, -0.9]]))
    """
    loudest = float(np.abs(np.asarray(waveforms, "float64")).max(initial=0))
    if loudest > _LOUDEST:
        warnings.warn(
            "Waveforms must lie between -1 and 1. "
            f"Received: values up to {loudest:.5g}. Divide 16-bit samples by 32768.",
            stacklevel=2,
        )


def resampled_length(sound: Sound, rate: int) -> int:
    """The number of samples that a recording has at a rate."""
    return math.ceil(sound.frames * rate / sound.rate)


def read_samples(path: str | Path, sound: Sound, start: int, count: int, rate: int) -> np.ndarray:
    """Decode some samples of a recording, with the neighbours that resampling looks at.

    `start` and `count` are in samples at `rate`; what lies before or behind the recording is 0.
    The samples are those that a resampling of the whole recording gives.
    """
    return resampled_part(lambda a, b: _mono(path, a, b), sound, start, count, rate)


def resampled_part(
    decode: Callable[[int, int], np.ndarray], sound: Sound, start: int, count: int, rate: int
) -> np.ndarray:
    """As `read_samples`, where `decode(first, last)` gives the frames between two numbers."""
    divisor = math.gcd(rate, sound.rate)
    up, down = rate // divisor, sound.rate // divisor
    reach = math.ceil(_HALF_FILTER * max(up, down) / down) + 1
    end = min(start + count, resampled_length(sound, rate))
    first = max(0, (max(start, 0) - reach) // up)
    last = min(sound.frames, math.ceil((end + reach) * down / up))
    decoded = decode(first * down, last)
    samples = decoded if up == down else resampled(decoded, up, down)
    samples = samples[max(start, 0) - first * up : end - first * up]
    before = max(0, -start)
    padded = np.pad(samples, (before, count - before - len(samples)))
    return np.clip(padded, -1, 1, dtype="float32")


def resampled(samples: np.ndarray, up: int, down: int) -> np.ndarray:
    """Resample by up / down with a Kaiser-windowed low-pass filter; float32, as long as ceil."""
    from scipy.signal import resample_poly

    return resample_poly(samples, up, down, window=_low_pass(max(up, down))).astype("float32")


@functools.lru_cache(maxsize=16)
def _low_pass(factor: int) -> np.ndarray:
    from scipy.signal import firwin

    return firwin(2 * _HALF_FILTER * factor + 1, 1 / factor, window=("kaiser", 5.0))


def _mono(path, first, last) -> np.ndarray:
    with _opened(path) as file:
        file.seek(first)
        blocks = list(_mono_blocks(file, path, last - first))
    found = np.concatenate(blocks) if blocks else np.zeros(0, "float32")
    if len(found) < last - first:
        raise _no_clip(path, f"it ends before frame {last}, which it had when it was loaded")
    return found


def _mono_blocks(file, path, most: float = math.inf) -> Iterator[np.ndarray]:
    import soundfile

    while most > 0:
        try:
            block = file.read(int(min(most, _FRAMES_AT_ONCE)), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _no_clip(path, error.error_string) from error
        if not len(block):
            return
        most -= len(block)
        yield block.mean(axis=1)


def _opened(path):
    import soundfile

    try:
        return soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise _no_clip(path, error.error_string) from error


def _format_problem(path) -> str | None:
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            size = file.seek(0, 2)
    except OSError as error:
        raise FileNotFoundError(
            f"A recording must be a file that can be read. Received: {path} ({error.strerror}). "
            "Put it back, or load the data again."
        ) from error
    if not head:
        return "the file is empty"
    if not _READABLE.match(head):
        kinds = [name for name, start in _OTHERS.items() if re.match(start, head, re.DOTALL)]
        return f"it is {kinds[0]} file" if kinds else "its first bytes are none of these formats'"
    if head[:4] in (b"RIFF", b"RIFX"):
        order = "little" if head[:4] == b"RIFF" else "big"
        announced = 8 + int.from_bytes(head[4:8], order)
        if size < announced < _STREAMED:
            return f"it ends after {size} of {announced} bytes"
    return None


def _no_clip(path, reason) -> ValueError:
    return ValueError(
        "A recording must be a whole WAV, FLAC or OGG file with sound in it, known by its first "
        f"bytes and not by its name. Received: {path} ({reason}). "
        "Replace it, or save it again as WAV or FLAC."
    )
