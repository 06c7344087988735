"""Your own recordings: a folder with one subfolder per class, or a table of their files."""

import functools
import hashlib
import io
import math
import os
import re
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tltk._cache import file_stamp, sha256_of
from tltk._checks import check_count, check_flag, check_number
from tltk._paths import existing_file, unreadable
from tltk.inputs._arrays import check_on_error
from tltk.inputs._file_tables import Columns, labelled_rows
from tltk.inputs._folders import (
    Kind,
    check_complete,
    grouped,
    labelled_files,
    labels_of,
    listed,
    parts_of,
    warn_of_copies,
    whole_files,
)
from tltk.inputs.decoding import content_of, in_parallel
from tltk.inputs.examples import Examples, Splits, splits_of

if TYPE_CHECKING:
    import pandas as pd

FORMATS = "WAV, FLAC, OGG, Opus, MP3, AIFF, AU, CAF or W64"
SUFFIXES = tuple(
    ".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64".split()
)
_BEGINNING = re.compile(
    rb"(RIFF|RIFX|RF64).{4}WAVE|fLaC|OggS|FORM.{4}AIF[FC]|\.snd|caff\0|NIST_1A\n"
    rb"|riff\x2e\x91\xcf\x11|Creative Voice File|ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xfd]",
    re.DOTALL,
)
_OTHERS = {
    "a JPEG picture": rb"\xff\xd8\xff",
    "a PNG picture": rb"\x89PNG",
    "a GIF picture": rb"GIF8",
    "an MP4 or M4A": rb".{4}ftyp",
    "an AAC": rb"\xff[\xf0\xf1\xf8\xf9]",
    "an AMR": rb"#!AMR",
    "a WMA": rb"\x30\x26\xb2\x75",
    "a WebM": rb"\x1a\x45\xdf\xa3",
}
_STREAMED = 2**31 - 2**16
_SLOWEST, _FASTEST = 1000, 768_000
_MOST_SAMPLES = 2**27
_AT_ONCE = 2**18
_RESAMPLED_AT_ONCE = 2**21
_LOUDEST = 2.0
_SOFTEST = 1 / 32768
_HALF_FILTER = 10


class Windows(NamedTuple):
    """How clips are cut: samples in a window, samples from one to the next, samples a second."""

    length: int
    hop: int
    rate: int


class Sound(NamedTuple):
    """What a whole recording holds: its digest, frames, frames a second, and whether it is mute."""

    digest: str
    frames: int
    rate: int
    silent: bool = False


def read_clip(path: Any, rate: int = 16000) -> np.ndarray:
    """Decode a recording to one channel at a rate.

    WAV, AIFF, AU, CAF, W64 (8 to 32 bit, float, and what codecs libsndfile knows), FLAC, OGG, Opus
    and MP3, whatever the file is called: the first bytes decide. Channels are averaged. Another
    rate is resampled by a polyphase filter that takes out what lies above half the lower rate.

    Args:
        path: the file, `~` allowed; or the content of one (bytes, an open file, an upload).
        rate: samples a second.

    Returns:
        A float32 array `(samples,)` from -1 to 1.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of these formats, not whole, without samples, silent (it never
            moves by more than one step of 16 bits), or holds NaN or floats beyond -2 to 2; if its
            rate is not from 1 to 768 kHz; or for more than 134,217,728 samples (2.3 hours at 16
            kHz), which `audio_folder` reads in windows.

    Example:
        >>> import soundfile
        >>> soundfile.write("tone.wav", np.sin(np.arange(8000.0))[:, None] * [0.5, 0.3], 8000)
        >>> read_clip("tone.wav", rate=16000).shape
        (16000,)
    """
    check_rate(rate)
    source = path if isinstance(path, str | os.PathLike) else content_of(path)[0]
    sound = whole_sound(source, rate)
    if sound.silent:
        raise no_clip(source, "it is silent")
    return all_samples(source, sound, rate)


def all_samples(source: str | os.PathLike | bytes, sound: Sound, rate: int) -> np.ndarray:
    """Decode a whole recording at a rate, in parts: no more than the result is in memory."""
    _check_whole(source, sound, rate)
    count = resampled_length(sound, rate)
    samples = np.empty(count, "float32")
    for start in range(0, count, _RESAMPLED_AT_ONCE):
        part = samples[start : start + _RESAMPLED_AT_ONCE]
        part[:] = read_samples(source, sound, start, len(part), rate)
    return samples


def _check_whole(source, sound, rate):
    seconds = sound.frames / sound.rate
    check_length(resampled_length(sound, rate), f"{_called(source)} ({seconds:.0f} s, rate={rate})")


def check_rate(rate: int) -> None:
    """Refuse a rate that no recording has."""
    check_count("rate", rate)
    if rate > _FASTEST:
        raise ValueError(
            f"rate is at most {_FASTEST} samples a second. Received: rate={rate}. Pass rate=16000."
        )


def check_length(samples: float, what: str) -> None:
    """Refuse more samples than memory should hold at once."""
    if samples > _MOST_SAMPLES:
        raise ValueError(
            f"At most {_MOST_SAMPLES:,} samples are decoded at once. Received: {samples:,.0f} of "
            f"{what}. Cut it into shorter parts, or load it with audio_folder, which reads windows."
        )


def is_sound(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a recording that libsndfile reads.

    Example:
        >>> is_sound(b"fLaC"), is_sound(b"RIFF....WEBP")
        (True, False)
    """
    return _BEGINNING.match(head) is not None


def whole_sound(path: str | os.PathLike | bytes, rate: int | None = None) -> Sound:
    """Read a recording from end to end, a part at a time, and refuse it where it is not sound.

    One that would be too long at a `rate` is refused by its header.
    """
    path = path if isinstance(path, bytes) else existing_file(path, "recording")
    reason = _format_problem(path)
    if reason:
        raise no_clip(path, reason)
    with _content(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    frames, low, high = 0, math.inf, -math.inf
    with _opened(path) as file:
        announced, own_rate = file.frames, file.samplerate
        missing = _missing(file.extra_info)
        if not _SLOWEST <= own_rate <= _FASTEST:
            raise no_clip(path, f"its rate is {own_rate} Hz, not from {_SLOWEST} to {_FASTEST}")
        if rate is not None and announced < 2**62:
            _check_whole(path, Sound("", announced, own_rate), rate)
        for block in _mono_blocks(file, path):
            if not np.isfinite(block).all():
                raise no_clip(path, f"NaN or infinity after {frames / own_rate:.2f} s")
            frames += len(block)
            low, high = min(low, float(block.min())), max(high, float(block.max()))
    if frames == 0:
        raise no_clip(path, "it holds no samples")
    if announced < 2**62 and _is_cut(announced, frames):
        raise no_clip(path, f"it ends after {frames} of {announced} frames")
    if missing:
        raise no_clip(path, f"it ends after {missing[1]} of {missing[0]} bytes")
    if max(high, -low) > _LOUDEST:
        raise no_clip(path, f"its floats reach {max(high, -low):.3g}, where 1 is full scale")
    return Sound(digest, frames, own_rate, high - low <= _SOFTEST)


def _is_cut(announced, found):
    """Whether so much is missing that it is not a header's padding, nor the last hundredth."""
    return announced - found > max(64, announced // 100)


def _missing(told):
    """What libsndfile's notes tell of sizes: the first that is far larger than what is there."""
    for announced, found in re.findall(r"(\d+) \(should be (\d+)\)", told):
        announced, found = int(announced), int(found)
        if not _STREAMED <= announced < 2**32 and _is_cut(announced, found):
            return announced, found
    return None


def prepared_sounds(windows: Windows) -> dict:
    """What prediction must do with a clip as a reader did.

    Example:
        >>> prepared_sounds(Windows(8000, 4000, 16000))
        {'kind': 'sounds', 'seconds': 0.5, 'hop': 0.25, 'rate': 16000}
    """
    seconds, hop = windows.length / windows.rate, windows.hop / windows.rate
    return {"kind": "sounds", "seconds": seconds, "hop": hop, "rate": windows.rate}


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


def read_samples(
    path: str | os.PathLike | bytes, sound: Sound, start: int, count: int, rate: int
) -> np.ndarray:
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
        if file.seekable():
            file.seek(first)
            before = 0
        else:
            before = first
        blocks = list(_from_frame(before, _mono_blocks(file, path, before + last - first)))
    found = np.concatenate(blocks) if blocks else np.zeros(0, "float32")
    if len(found) < last - first:
        raise no_clip(path, f"it ends before frame {last}, which it had when it was loaded")
    return found


def _from_frame(first, blocks):
    """What blocks hold from a frame on, for codecs that cannot seek."""
    for block in blocks:
        yield block[first:]
        first = max(0, first - len(block))


def _mono_blocks(file, path, most: float = math.inf) -> Iterator[np.ndarray]:
    import soundfile

    at_once = max(1, _AT_ONCE // file.channels)
    while most > 0:
        try:
            block = file.read(int(min(most, at_once)), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise no_clip(path, error.error_string) from error
        if not len(block):
            return
        most -= len(block)
        yield block.mean(axis=1)


def _opened(path):
    import soundfile

    try:
        return soundfile.SoundFile(io.BytesIO(path) if isinstance(path, bytes) else path)
    except soundfile.LibsndfileError as error:
        raise no_clip(path, error.error_string) from error


def _content(path):
    return io.BytesIO(path) if isinstance(path, bytes) else open(path, "rb")


def _format_problem(path) -> str | None:
    try:
        with _content(path) as file:
            head = file.read(64)
    except OSError as error:
        raise unreadable(path, "recording", error) from error
    if not head:
        return "the file is empty"
    if not is_sound(head):
        kinds = [name for name, start in _OTHERS.items() if re.match(start, head, re.DOTALL)]
        return f"it is {kinds[0]} file" if kinds else "its first bytes are none of these formats'"
    return None


def _called(path):
    return "bytes" if isinstance(path, bytes) else path


def no_clip(path: str | os.PathLike | bytes, reason: str) -> ValueError:
    """The error for a recording that cannot be used."""
    return ValueError(
        f"A recording must be a whole {FORMATS} file with sound in it, known by its first "
        f"bytes and not by its name. Received: {_called(path)} ({reason}). "
        "Replace it, or save it again as WAV or FLAC."
    )


def audio_folder(
    path: str | Path,
    seconds: float = 1.0,
    hop: float | None = None,
    rate: int = 16000,
    *,
    batch_size: int = 32,
    val: float = 0.2,
    test: float = 0.2,
    groups: Callable[[Path], Hashable] | Mapping[str, Hashable] | Sequence[Hashable] | None = None,
    seed: int = 0,
    on_error: str = "skip",
    verify: bool = False,
) -> Splits:
    """Load a folder of recordings, one subfolder per class, cut them into windows, and split them.

    `path/<class>/…` is split by clip, stratified by class, and then cut into windows: those of one
    clip are on one side by construction. All that `read_clip` decodes is read, by content; what the
    folder may look like, and what is passed over, is as in `image_folder`. Clips are averaged over
    their channels and resampled when they are used, a window at a time. Each is read once while
    loading, to find the bad ones; the next call knows the whole ones by path, size and time of
    change. Silent clips are left out, but where a class holds nothing else.

    Windows begin at 0, hop, 2 hop … seconds. What is left at the end of a clip gets one more
    window, which ends with the clip, where it is at least half a hop long; a shorter rest is left
    out. A clip shorter than a window stands in its middle, between zeros.

    Args:
        path: the folder, `~` allowed. Clips may lie deeper in a class's subfolder.
        seconds: length of a window.
        hop: seconds from a window to the next; by default `seconds`.
        rate: samples a second.
        batch_size: windows in a batch.
        val: share of the clips for validation; 0 for none.
        test: share of the clips for testing; 0 for none.
        groups: what must stay on one side (a speaker, a session): a function of a clip's path; a
            dict from "class/clip.wav" (below `train/…` where there is one); or one group per clip
            in alphabetical order. None keeps identical clips together.
        seed: decides the split, and the order in it.
        on_error: "skip" leaves out clips that are silent or cannot be read (see `read_clip`) and
            names them in one warning; "raise" refuses the folder.
        verify: read every clip while loading, as in the first call.

    Returns:
        `Splits` of float32 waveforms `(b, samples)` from -1 to 1 and int32 labels `(b,)`. Names in
        `files` are the clip's and the second at which the window starts: "yes/anna.wav@1.000".

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if the folder does not hold two or more classes of clips, enough of each to be
            in every part; if folders train, val and test disagree; if groups do not fit; or for a
            length, hop or rate that is not positive.

    Example:
        >>> import soundfile, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(10):
        ...         file = Path(folder, "low" if i < 5 else "high", f"{i}.wav")
        ...         file.parent.mkdir(exist_ok=True)
        ...         tone = np.sin((0.1 if i < 5 else 0.5) * np.arange(12000 + i))
        ...         soundfile.write(file, tone, 8000)
        ...     tones = audio_folder(folder, seconds=0.5, rate=8000)
        ...     waveforms, labels = tones.train[0]
        >>> tones.class_names, len(tones.files["train"]), waveforms.shape[1]
        (('high', 'low'), 18, 4000)
    """
    check_on_error(on_error)
    check_count("batch_size", batch_size)
    windows = windows_of(seconds, hop, rate)
    check_flag("verify", verify)
    folder = labelled_files(path, CLIPS)
    clips = grouped(folder.files, groups, CLIPS.name)
    clips = whole_files(clips, folder.path, CLIPS, on_error, verify)
    return _splits(clips, folder, windows, on_error, (val, test), seed, batch_size)


def audio_table(
    table: "str | Path | pd.DataFrame",
    folder: str | Path | None = None,
    path: str = "path",
    label: str | Sequence[str] = "label",
    *,
    kind: str = "one_label",
    group: str | None = None,
    split: str | None = None,
    pattern: str | None = None,
    separator: str | None = None,
    seconds: float = 1.0,
    hop: float | None = None,
    rate: int = 16000,
    batch_size: int = 32,
    val: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
    on_error: str = "skip",
    verify: bool = False,
    encoding: str = "utf-8-sig",
    delimiter: str | None = None,
    quoting: str | int = "minimal",
) -> Splits:
    """Load recordings that a table names with their labels, cut them into windows, and split them.

    How a row finds its clip, what labels may be, and how clips are split, is as in `image_table`;
    how they are read and cut, as in `audio_folder`. All windows of a clip have its label and are on
    one side. Silent clips are left out, but where a class of `kind="one_label"` holds nothing else.

    Args:
        table: a file (`.csv`, `.tsv`, `.jsonl`, also packed as `.gz` or `.xz`; `.parquet`), or a
            DataFrame.
        folder: where the clips are, at any depth; None for the folder of the table.
        path: the column of paths or ids.
        label: the column of labels, or several.
        kind: "one_label", "many_labels" or "regression".
        group: a column that says what must stay on one side (a speaker, a session), or None.
        split: a column of "train", "val" and "test", or None to split at random.
        pattern: what makes a file's name of an id, such as "{id}.wav".
        separator: what parts the labels of one cell with "many_labels", such as `"|"`.
        seconds: length of a window.
        hop: seconds from a window to the next; by default `seconds`.
        rate: samples a second.
        batch_size: windows in a batch.
        val: share of the clips for validation; 0 for none.
        test: share of the clips for testing; 0 for none.
        seed: decides the split, and the order in it.
        on_error: "skip" leaves out clips that are silent or cannot be read, and rows that do not
            fit; "raise" refuses them.
        verify: read every clip while loading, as in the first call.
        encoding: of the table.
        delimiter: what stands between cells; by default a comma in `.csv`, a tab in `.tsv`.
        quoting: "minimal", or "none" where quotation marks are characters like others.

    Returns:
        `Splits` of float32 waveforms `(b, samples)` from -1 to 1 and labels as in `image_table`.
        Names in `files` are the clip's and the second at which the window starts.

    Raises:
        FileNotFoundError: if there is no such table or folder, or no clip for any row.
        ValueError: for what `image_table` refuses of a table, and `audio_folder` of settings.
        ImportError: for `.parquet` without pyarrow.

    Example:
        >>> import pandas as pd, soundfile, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for i in range(10):
        ...         tone = np.sin((0.1 if i < 5 else 0.5) * np.arange(12000 + i))
        ...         soundfile.write(Path(folder, f"{i}.wav"), tone, 8000)
        ...     rows = pd.DataFrame({"path": range(10), "label": ["low"] * 5 + ["high"] * 5})
        ...     tones = audio_table(rows, folder, seconds=0.5, rate=8000)
        >>> tones.class_names, len(tones.files["train"])
        (('high', 'low'), 18)
    """
    check_on_error(on_error)
    check_count("batch_size", batch_size)
    windows = windows_of(seconds, hop, rate)
    check_flag("verify", verify)
    columns = Columns(path, label, kind, group, split, pattern, separator)
    reading = (encoding, delimiter, quoting)
    listing = labelled_rows(table, folder, CLIPS, columns, reading, on_error)
    clips = whole_files(listing.files, listing.path, CLIPS, on_error, verify)
    return _splits(clips, listing, windows, on_error, (val, test), seed, batch_size)


def _splits(clips, folder, windows, on_error, shares, seed, batch_size):
    """Split whole clips and serve their windows, with what must be said of all of them."""
    clips = _without_silence(clips, folder, on_error)
    check_complete(clips, folder, CLIPS)
    loud = [clip for clip in clips if not _sound(clip.digest).silent]
    warn_of_copies(loud, CLIPS.name, stacklevel=4)
    whole = {clip.name: clip for clip in clips}
    clips = [clip._replace(digest=_apart(clip)) for clip in clips]
    parts = parts_of(clips, folder, shares, seed)
    served = {
        part: _examples(
            [whole[clip.name] for clip in some], labels_of(some, folder), folder.path, windows
        )
        for part, some in parts.items()
    }
    return splits_of(served, folder.class_names, batch_size)


def _without_silence(clips, folder, on_error):
    """Leave out silent clips, but where a class holds nothing else: then silence is the class."""
    silent = {clip.name for clip in clips if _sound(clip.digest).silent}
    sounding = {clip.class_name for clip in clips if clip.name not in silent}
    meant = [name for name in folder.class_names if name not in sounding]
    meant = meant if folder.kind == "one_label" else []
    if meant:
        warnings.warn(
            "A class should hold sound. "
            f"Received: only silent clips in {listed(meant)}, which are kept as they are. "
            "Record them again where silence is not what the class is.",
            stacklevel=4,
        )
    bad = [clip for clip in clips if clip.name in silent and clip.class_name not in meant]
    if bad and on_error == "raise":
        raise no_clip(bad[0].path, "it is silent")
    if bad:
        names = ", ".join(clip.name for clip in bad)
        warnings.warn(
            f"{len(bad)} of {len(clips)} clips are silent and are left out: {names}. "
            "Record them again, or remove them.",
            stacklevel=4,
        )
    left_out = {clip.name for clip in bad}
    return [clip for clip in clips if clip.name not in left_out]


def windows_of(seconds: float, hop: float | None, rate: int) -> Windows:
    """Turn seconds into samples, and refuse what makes no window."""
    check_rate(rate)
    hop = seconds if hop is None else hop
    check_number("seconds", seconds, above=0, advice="Pass seconds=1.0")
    check_number("hop", hop, above=0)
    if min(round(seconds * rate), round(hop * rate)) < 1:
        raise ValueError(
            "A window and its hop last at least one sample. "
            f"Received: seconds={seconds!r}, hop={hop!r}, rate={rate}. Pass seconds=1.0."
        )
    check_length(seconds * rate, f"seconds={seconds} at rate={rate}")
    return Windows(round(seconds * rate), round(hop * rate), rate)


def _examples(clips, labels, root, windows):
    sounds = [_sound(clip.digest) for clip in clips]
    stamps = [file_stamp(clip.path) for clip in clips]
    starts = [window_starts(resampled_length(sound, windows.rate), windows) for sound in sounds]
    clip_of_row = np.repeat(np.arange(len(clips)), [len(some) for some in starts])
    start_of_row = np.concatenate(starts)

    def fetch_one(row):
        number = clip_of_row[row]
        clip, sound, stamp = clips[number], sounds[number], file_stamp(clips[number].path)
        if stamp != stamps[number] and whole_sound(clip.path).digest != sound.digest:
            raise ValueError(
                "A clip must stay as it was while it is in use. "
                f"Received: {clip.path}, changed since it was loaded. "
                "Load the folder again, with verify=True."
            )
        stamps[number] = stamp
        start = int(start_of_row[row])
        return read_samples(clip.path, sound, start, windows.length, windows.rate)

    def reread():
        same = whole_files(clips, root, CLIPS, "raise", verify=True)
        return _examples(same, labels, root, windows)

    seconds = np.maximum(start_of_row, 0) / windows.rate
    names = [clips[clip].name for clip in clip_of_row]
    return Examples(
        fetch=lambda rows: np.stack(in_parallel(fetch_one, rows)),
        labels=labels[clip_of_row],
        digest=sha256_of(repr(([clip.digest for clip in clips], windows)).encode()),
        names=tuple(f"{name}@{second:.3f}" for name, second in zip(names, seconds, strict=True)),
        count=len(clip_of_row),
        reread=reread,
        preparation=prepared_sounds(windows),
    )


def _digest_of_clip(path):
    digest, frames, rate, silent = whole_sound(path)
    return f"{digest} {frames} {rate}" + (" silent" if silent else "")


def _apart(clip):
    """The digest; that of silence with the clip's name, as all silence alike is no recording."""
    return f"{clip.digest} {clip.name}" if _sound(clip.digest).silent else clip.digest


def _sound(digest) -> Sound:
    content, frames, rate, *silent = digest.split()
    return Sound(content, int(frames), int(rate), bool(silent))


CLIPS = Kind("clip", FORMATS, SUFFIXES, is_sound, _digest_of_clip)
