"""Sets of TensorFlow Datasets: pictures, which stay encoded until they are used, texts, sound."""

import difflib
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np

from tltk._cache import content_digest, home_folder, temporary_columns
from tltk._extras import require
from tltk._paths import user_path
from tltk.inputs._arrays import composed
from tltk.inputs._pictures import Way, decoding_once, kept_pictures, make_room
from tltk.inputs.audio import (
    Sound,
    Windows,
    prepared_sounds,
    resampled_length,
    resampled_part,
    window_starts,
)
from tltk.inputs.decoding import height_and_width, prepared_images
from tltk.inputs.examples import Examples

_PARTS = {"train": "train", "validation": "val", "test": "test"}
_PROBE = "https://storage.googleapis.com/tfds-data/"
_PROBE_SECONDS = 3
_NAMESPACE = re.compile(r"[^/:]+:[^\d*]")  # "kaggle:wine", unlike "mnist:3.0.1"


def tfds_examples(
    name: str,
    image_size: int | tuple[int, int],
    resize: str,
    windows: Windows,
    data_dir: str | Path | None = None,
    other_names: tuple[str, ...] = (),
) -> tuple[dict[str, Examples], tuple[str, ...]]:
    """Read a TFDS set of pictures, texts or sound, from disk where it is prepared, or download it.

    Args:
        name: the TFDS name.
        image_size: the height and width in pixels, or one number for both.
        resize: the resize method of `read_image`.
        windows: how to cut sound; rows are called "name/split/clip@second". A set that does not
            tell its rate is taken to have theirs.
        data_dir: where the set is, or is downloaded to.
        other_names: known names that are not TFDS's, for the error.

    Returns:
        The examples of "train", and of "val" and "test" where the set has them; the class names.

    Raises:
        ValueError: for an unknown name, or a set that is not of pictures, texts or sound with one
            label each.
        ConnectionError: if the set must be downloaded and there is no network.
        ImportError: without the extra "tfds", or where TFDS cannot be imported.
    """
    places = _places(data_dir)
    builder = _builder(name, places, other_names)
    input_key, label_key = _keys(name, builder)
    feature = builder.info.features[input_key]
    if not builder.data_path.exists():
        _check_online(name, places, other_names)
        builder.download_and_prepare()
    parts = {}
    for split, part in _PARTS.items():
        if split in builder.info.splits:
            columns = temporary_columns(_encoded_rows(builder, split, input_key, label_key))
            if columns and columns[2].min() >= 0:
                if _is(feature, "Audio"):
                    parts[part] = _sounds(columns, f"{name}/{split}", feature, windows)
                    continue
                settings = () if _is(feature, "Text") else (image_size, resize)
                parts[part] = _examples(columns, f"{name}/{split}", *settings)
    if "train" not in parts:
        raise ValueError(
            "A data set must have a labelled part called train. "
            f"Received: {name} with {', '.join(builder.info.splits)}. Use another set."
        )
    return parts, tuple(builder.info.features[label_key].names)


def tfds_package():
    """Import TFDS.

    Raises:
        ImportError: with what to install, where TFDS or a package that it needs is missing, or
            where `tensorflow-metadata` is newer than the protobuf beside it.
    """
    try:
        require("tfds", "tensorflow_datasets")
    except ImportError:
        raise
    except Exception as error:  # protobuf's own kind, which older protobufs do not have
        raise ImportError(
            "TFDS needs a tensorflow-metadata that is no newer than the protobuf beside it. "
            f'Received: {error} Run: pip install "tensorflow-metadata<1.18"'
        ) from error
    import tensorflow_datasets as tfds

    return tfds


def is_online() -> bool:
    """Find out within seconds whether downloads can work (through a proxy where one is set)."""
    answers = []

    def probe():
        try:
            with urllib.request.urlopen(_PROBE, timeout=_PROBE_SECONDS):
                answers.append(True)
        except urllib.error.HTTPError:
            answers.append(True)
        except OSError:
            pass

    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return bool(answers)


def _builder(name, places, other_names):
    builders = [builder for place in places if (builder := _builder_at(name, place))]
    if not builders:
        raise _unknown(name, other_names, _local_names(), places)
    prepared = [builder for builder in builders if builder.data_path.exists()]
    return prepared[0] if prepared else builders[-1]


def _check_online(name, places, other_names):
    if not is_online():
        raise ConnectionError(
            "A data set that is neither bundled nor prepared on disk must be downloaded, which "
            f"needs a network. Received: {name!r}, no connection within {_PROBE_SECONDS} s, and "
            f"nothing in {', '.join(map(str, places))}. Where there is a network, run "
            f"load_dataset({name!r}, data_dir=FOLDER), bring FOLDER here and pass it as data_dir "
            f"(or name it $TLTK_HOME/datasets); or use {' or '.join(other_names)}."
        )


def _local_names():
    """What TFDS knows by itself: for community sets it would ask a network."""
    return tfds_package().list_builders(with_community_datasets=False)


def _builder_at(name, place):
    tfds = tfds_package()

    if _NAMESPACE.match(name):
        return None
    try:
        return tfds.builder(name, data_dir=place)
    except (tfds.core.registered.DatasetNotFoundError, ValueError, AssertionError):
        return None


def _places(data_dir):
    tfds = tfds_package()

    if data_dir is not None:
        return [user_path(data_dir)]
    home = home_folder()
    own = Path(tfds.core.constants.DATA_DIR).expanduser()
    return [own] if home is None else [home / "datasets", own]


def _unknown(name, other_names, tfds_names, places):
    if Path(name).is_dir():
        return ValueError(
            "A data set is loaded by its name, a folder of pictures with image_folder. "
            f"Received: {name!r}, which is a folder. Call image_folder({name!r})."
        )
    close = difflib.get_close_matches(name, [*other_names, *tfds_names], n=5)
    return ValueError(
        f"A data set must be bundled ({', '.join(other_names)}), known to TFDS, or prepared on "
        f"disk. Received: name={name!r}, which is none of these (looked in "
        f"{', '.join(map(str, places))}). "
        f"{'Did you mean ' + ' or '.join(close) + '?' if close else 'Check the spelling.'}"
    )


def _keys(name, builder):
    """The names of the input and of the label: as the set declares them, or its only ones."""
    tfds = tfds_package()

    features = builder.info.features
    kinds = {key: type(features[key]) for key in features}
    readable = (tfds.features.Image, tfds.features.Text, tfds.features.Audio)
    inputs = [key for key, kind in kinds.items() if kind in readable]
    labels = [key for key, kind in kinds.items() if kind is tfds.features.ClassLabel]
    keys = builder.info.supervised_keys or (*inputs, *labels)
    if len(keys) != 2 or keys[0] not in inputs or keys[1] not in labels:
        raise ValueError(
            "load_dataset reads sets of pictures, texts or sound with one class each. "
            f"Received: {name!r} with {', '.join(sorted(features))}. "
            "Use tfds.load, and pass its batched dataset where a split is taken."
        )
    return keys


def _is(feature, kind: str) -> bool:
    tfds = tfds_package()

    return isinstance(feature, getattr(tfds.features, kind))


def _encoded_rows(builder, split, input_key, label_key):
    tfds = tfds_package()

    feature = builder.info.features[input_key]
    wanted = tfds.decode.PartialDecoding(
        {input_key: True, label_key: True},
        decoders={input_key: tfds.decode.SkipDecoding()} if _is(feature, "Image") else None,
    )
    rows = builder.as_dataset(split=split, decoders=wanted, shuffle_files=False)
    for row in rows.as_numpy_iterator():
        if _is(feature, "Audio"):
            content = _as_16_bit(row[input_key], builder.name)
        else:
            content = np.frombuffer(row[input_key] or b" ", "uint8")
        yield [content, np.array([len(content)]), np.array([row[label_key]], "int32")]


def _examples(columns, prefix, image_size=None, resize=None):
    """Pictures of a size, decoded when they are used; texts where no size is given."""
    contents, lengths, labels = columns
    ends = np.cumsum(lengths)
    names = tuple(f"{prefix}/{row:06d}" for row in range(len(labels)))

    def content(row):
        return contents[ends[row] - lengths[row] : ends[row]].tobytes()

    def texts(rows):
        return np.array([composed(content(row).decode()) for row in rows], dtype=object)

    if image_size is None:
        fetch, digest = texts, content_digest((contents, lengths))
    else:
        way = Way(Path(prefix), height_and_width(image_size), resize)
        digest = content_digest((contents, lengths), *way.settings)
        kept = kept_pictures((digest,), way.size)
        if kept is not None:
            make_room(kept, len(labels), 4)
        fetch = decoding_once(
            kept,
            [row.to_bytes(32, "little") for row in range(len(labels))],
            way.size,
            content,
            lambda row, picture: way.decoded(picture, names[row]),
        )
    return Examples(
        fetch=fetch,
        labels=np.array(labels),
        digest=digest,
        names=names,
        count=len(labels),
        preparation=None if image_size is None else prepared_images(image_size, resize),
    )


def _as_16_bit(samples, name):
    samples = samples * 32767.0 if samples.dtype.kind == "f" else samples.astype("float64")
    samples = samples if samples.ndim == 1 else samples.mean(axis=1)
    if np.abs(samples).max(initial=0) > 32768:
        raise ValueError(
            "The sound of a TFDS set must be 16-bit samples, or floats from -1 to 1. "
            f"Received: {name} with values up to {np.abs(samples).max():.5g}. "
            "Use tfds.load, and pass its batched dataset where a split is taken."
        )
    return np.rint(samples).clip(-32768, 32767).astype("int16")


def _sounds(columns, prefix, feature, windows):
    contents, lengths, labels = columns
    rate = feature.sample_rate or windows.rate
    sounds = [Sound("", int(length), rate) for length in lengths]
    starts = [window_starts(resampled_length(sound, windows.rate), windows) for sound in sounds]
    clip_of_row = np.repeat(np.arange(len(sounds)), [len(some) for some in starts])
    start_of_row = np.concatenate(starts)
    begins = np.cumsum(lengths) - lengths

    def window(row):
        clip = clip_of_row[row]

        def decoded(first, last):
            return contents[begins[clip] + first : begins[clip] + last] / np.float32(32768)

        start = int(start_of_row[row])
        return resampled_part(decoded, sounds[clip], start, windows.length, windows.rate)

    seconds = np.maximum(start_of_row, 0) / windows.rate
    return Examples(
        fetch=lambda rows: np.stack([window(row) for row in rows]),
        labels=np.array(labels)[clip_of_row],
        digest=content_digest((contents, lengths), rate, windows),
        names=tuple(
            f"{prefix}/{clip:06d}@{second:.3f}"
            for clip, second in zip(clip_of_row, seconds, strict=True)
        ),
        count=len(clip_of_row),
        preparation=prepared_sounds(windows),
    )
