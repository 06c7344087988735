"""Your own recordings: a folder with one subfolder per class."""

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tltk._cache import file_stamp, sha256_of
from tltk._checks import check_count, check_flag, check_number
from tltk.inputs.checks import check_on_error
from tltk.inputs.clips import (
    FORMATS,
    SUFFIXES,
    Sound,
    Windows,
    check_length,
    check_rate,
    is_sound,
    no_clip,
    prepared_sounds,
    read_samples,
    resampled_length,
    whole_sound,
    window_starts,
)
from tltk.inputs.copies import warn_of_copies
from tltk.inputs.decoding import in_parallel
from tltk.inputs.examples import Examples, Splits, splits_of
from tltk.inputs.folders import Kind, check_complete, labelled_files, listed, whole_files
from tltk.inputs.parts import grouped, parts_of


def audio_folder(
    path: str | Path,
    seconds: float = 1.0,
    hop: float | None = None,
    rate: int = 16000,
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
    clips = _without_silence(clips, folder, on_error)
    check_complete(clips, folder, CLIPS)
    warn_of_copies([clip for clip in clips if not _sound(clip.digest).silent], CLIPS.name)
    whole = {clip.name: clip for clip in clips}
    clips = [clip._replace(digest=_apart(clip)) for clip in clips]
    parts = parts_of(clips, folder.parts, val, test, seed)
    served = {
        part: _examples(
            [whole[clip.name] for clip in some], folder.path, folder.class_names, windows
        )
        for part, some in parts.items()
    }
    return splits_of(served, folder.class_names, batch_size)


def _without_silence(clips, folder, on_error):
    """Leave out silent clips, but where a class holds nothing else: then silence is the class."""
    silent = {clip.name for clip in clips if _sound(clip.digest).silent}
    sounding = {clip.class_name for clip in clips if clip.name not in silent}
    meant = [name for name in folder.class_names if name not in sounding]
    if meant:
        warnings.warn(
            "A class should hold sound. "
            f"Received: only silent clips in {listed(meant)}, which are kept as they are. "
            "Record them again where silence is not what the class is.",
            stacklevel=3,
        )
    bad = [clip for clip in clips if clip.name in silent and clip.class_name not in meant]
    if bad and on_error == "raise":
        raise no_clip(bad[0].path, "it is silent")
    if bad:
        names = ", ".join(clip.name for clip in bad)
        warnings.warn(
            f"{len(bad)} of {len(clips)} clips are silent and are left out: {names}. "
            "Record them again, or remove them.",
            stacklevel=3,
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


def _examples(clips, root, class_names, windows):
    code_of = {name: code for code, name in enumerate(class_names)}
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
        return _examples(same, root, class_names, windows)

    seconds = np.maximum(start_of_row, 0) / windows.rate
    names = [clips[clip].name for clip in clip_of_row]
    return Examples(
        fetch=lambda rows: np.stack(in_parallel(fetch_one, rows)),
        labels=np.array([code_of[clips[clip].class_name] for clip in clip_of_row], "int32"),
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
