"""Data sets by name: those of the bundle, and sets of TensorFlow Datasets."""

from pathlib import Path
from typing import Any

import numpy as np

from tltk._cache import bundle_folder, content_digest
from tltk._checks import check_count, refuse, shown
from tltk.inputs.audio import windows_of
from tltk.inputs.bundled_sounds import bundled_sounds
from tltk.inputs.decoding import height_and_width, prepared_images, resize_images, resize_method
from tltk.inputs.examples import Examples, Splits, splits_of
from tltk.inputs.splits import split_rows
from tltk.inputs.tables import Texts, read_columns
from tltk.inputs.texts import text_examples
from tltk.inputs.tfds_sets import tfds_examples

_BUNDLED = {
    "cifar10_small": "small colour photographs of 10 things, 32 x 32 pixels (from CIFAR-10)",
    "mnist_small": "handwritten digits, 28 x 28 pixels, greyscale (from MNIST)",
}
_BUNDLED_TEXTS = {
    "sentiment_films": "sentences of film reviews, negative or positive",
    "sentiment_products": "sentences of product reviews, negative or positive",
    "sentiment_editorials": "sentences of newspaper editorials, negative or positive",
    "sentiment_tweets": "tweets, negative or positive",
}
_BUNDLED_WORDS = {
    "spoken_words": "the digits in English by 42 synthetic voices, three times",
    "spoken_words_german": "the digits in German by the same voices, once",
    "spoken_words_spanish": "the digits in Spanish by the same voices, once",
    "spoken_words_french": "the digits in French by the same voices, once",
    "spoken_words_turkish": "the digits in Turkish by the same voices, once",
    "spoken_words_swahili": "the digits in Swahili by the same voices, once",
}
_BUNDLED_PROMPTS = {
    "voice_prompts": "telephone prompts in English and Spanish by one woman, in French by another",
}
_TILES_ACROSS = 20
_BUNDLED_VAL = 1 / 3
_CARVED = 0.2


def load_dataset(
    name: str,
    image_size: int | tuple[int, int] = 224,
    batch_size: int = 32,
    val: float | None = None,
    seed: int = 0,
    per_class: int | None = None,
    resize: str = "bicubic",
    data_dir: str | Path | None = None,
    seconds: float = 1.0,
    hop: float | None = None,
    rate: int = 16000,
) -> Splits:
    """Load a named data set.

    The bundled sets (see `list_datasets`) are pictures, 300 for training and 100 for testing of
    each class; texts, whose documents are on one side each; and recordings, of which the words'
    speakers and the prompts' clips are on one side each. Any other name is looked up in
    TensorFlow Datasets ("cats_vs_dogs", "imdb_reviews", "glue/sst2",
    "speech_commands" …): what has
    been prepared in `data_dir` is read without a network, the rest is downloaded. A set's own
    validation and test parts are kept; a missing one is carved out of the training part,
    stratified by class. Pictures are resized when they are used.

    Args:
        name: a bundled name, or a TFDS name.
        image_size: the height and width in pixels to squash to, or one number for both.
        batch_size: pictures or texts in a batch.
        val: share of the training part to use for validation where the set has no such part of
            its own; 0 for none. By default 100 of each class of bundled pictures, else 0.2.
        seed: decides what is carved out, what `per_class` draws, and the order.
        per_class: use this many training examples of each class. For one seed, those of a smaller
            number are among those of a larger one, and validation and test stay the same.
        resize: "bicubic", "bilinear", "lanczos" or "nearest".
        data_dir: where TFDS sets are, and are downloaded to. By default `$TLTK_HOME/datasets` is
            read, then TFDS's own folder, which also takes downloads.
        seconds, hop, rate: how recordings are cut into windows (see `audio_folder`).

    Returns:
        `Splits` of uint8 pictures `(b, height, width, 3)`, of strings `(b,)`, or of float32
        waveforms `(b, samples)`, and int32 labels `(b,)`. The bundled test parts and their order
        are the same for every seed, but for the prompts, which have no such part of their own.
        Spoken words are named "digit/speaker/take@second".

    Raises:
        ValueError: for an unknown name, a set that is not of pictures, texts or sound with one
            label each, or more examples per class than there are.
        ConnectionError: if the set must be downloaded and there is no network.

    Example:
        >>> digits = load_dataset("mnist_small", image_size=28, per_class=5)
        >>> [len(digits.files[part]) for part in ("train", "val", "test")]
        [50, 1000, 1000]
    """
    if not isinstance(name, str) or not name:
        advice = "list_datasets() tells the bundled ones"
        refuse("name must be the name of a data set", f"name={shown(name)}", advice)
    height_and_width(image_size)
    resize_method(resize)
    check_count("batch_size", batch_size)
    default_val, groups = _CARVED, None
    if name in _BUNDLED:
        given, class_names = _bundled(name, image_size, resize)
        default_val = _BUNDLED_VAL
    elif name in _BUNDLED_TEXTS:
        given, class_names, groups = _bundled_texts(name)
    elif name in _BUNDLED_WORDS:
        given, class_names = _bundled_words(name, windows_of(seconds, hop, rate))
    elif name in _BUNDLED_PROMPTS:
        given, class_names, groups = _bundled_prompts(name, windows_of(seconds, hop, rate))
    else:
        bundled = tuple(_described())
        windows = windows_of(seconds, hop, rate)
        given, class_names = tfds_examples(name, image_size, resize, windows, data_dir, bundled)
        groups = _clips(given["train"].names) if {"val", "test"} - set(given) else None
    train = given["train"]
    rows = split_rows(
        np.array(class_names)[train.labels],
        val=0 if "val" in given else default_val if val is None else val,
        test=0 if "test" in given else _CARVED,
        groups=groups,
        seed=seed,
    )
    if per_class is not None:
        rows["train"] = _first_of_each(rows["train"], train.labels, per_class)
    parts = {part: train.take(some) for part, some in rows.items() if len(some)}
    return splits_of({**given, **parts}, class_names, batch_size)


def list_datasets() -> list[dict[str, Any]]:
    """List the data sets that need no network.

    Returns:
        One row per set: its name and what it holds.

    Example:
        >>> [row["name"] for row in list_datasets()][:3]
        ['cifar10_small', 'mnist_small', 'sentiment_films']
    """
    return [{"name": name, "description": text} for name, text in _described().items()]


def _described():
    return {**_BUNDLED, **_BUNDLED_TEXTS, **_BUNDLED_WORDS, **_BUNDLED_PROMPTS}


def _bundled(name, image_size, resize):
    folder = bundle_folder() / name
    class_names = tuple(sorted(sheet.stem for sheet in (folder / "train").glob("*.webp")))
    given = {}
    for part in ("train", "test"):
        tiles = [_tiles(folder / part / f"{label}.webp") for label in class_names]
        names = [
            f"{part}/{label}/{number:03d}"
            for label, some in zip(class_names, tiles, strict=True)
            for number in range(len(some))
        ]
        labels = np.repeat(np.arange(len(class_names), dtype="int32"), list(map(len, tiles)))
        pictures = np.concatenate(tiles)
        given[part] = _resized(pictures, labels, tuple(names), image_size, resize)
    order = np.random.default_rng(0).permutation(given["test"].count)
    return {**given, "test": given["test"].take(order)}, class_names


def _bundled_texts(name):
    path = bundle_folder() / "sentiment" / f"{name.removeprefix('sentiment_')}.tsv.xz"
    columns = read_columns(path, ("part", "document", "label", "text"))
    part_of_row, documents, labels, texts = columns
    class_names = tuple(sorted(set(labels)))
    names = [f"row {number}" for number in range(1, len(texts) + 1)]
    everything = text_examples(Texts(texts, labels, documents, names), class_names)
    part_of_row, documents = np.array(part_of_row), np.array(documents)
    train, test = (np.flatnonzero(part_of_row == part) for part in ("train", "test"))
    test = np.random.default_rng(0).permutation(test)
    given = {"train": everything.take(train), "test": everything.take(test)}
    return given, class_names, documents[train]


def _bundled_words(name, windows):
    language = name.removeprefix("spoken_words").removeprefix("_") or "english"
    path = bundle_folder() / "spoken_words" / f"{language}.ogg"
    everything, class_names, rows = bundled_sounds([path], windows, "{label}/{speaker}/{take}")
    part_of_row = np.array([row["part"] for row in rows])
    shuffled = np.random.default_rng(0).permutation(everything.count)
    return {
        part: everything.take(shuffled[part_of_row[shuffled] == part])
        for part in ("train", "val", "test")
    }, class_names


def _bundled_prompts(name, windows):
    paths = sorted((bundle_folder() / name).glob("*.flac"))
    everything, class_names, _ = bundled_sounds(paths, windows, "{label}/{prompt}")
    clips = [name.rpartition("@")[0] for name in everything.names]
    return {"train": everything}, class_names, clips


def _clips(names):
    """The clip of each window, where names end in @second and a clip has several."""
    clips = [name.rpartition("@")[0] for name in names]
    return clips if clips[0] and len(set(clips)) < len(clips) else None


def _tiles(sheet):
    from PIL import Image

    with Image.open(sheet) as image:
        pixels = np.asarray(image.convert("RGB"))
    size = pixels.shape[1] // _TILES_ACROSS
    rows = pixels.reshape(-1, size, _TILES_ACROSS, size, 3)
    return rows.swapaxes(1, 2).reshape(-1, size, size, 3)


def _resized(pictures, labels, names, image_size, resize):
    return Examples(
        fetch=lambda rows: resize_images(pictures[rows], image_size, resize),
        labels=labels,
        digest=content_digest(pictures, height_and_width(image_size), resize),
        names=names,
        count=len(pictures),
        preparation=prepared_images(image_size, resize),
    )


def _first_of_each(rows, labels, per_class):
    check_count("per_class", per_class)
    classes = [rows[labels[rows] == code] for code in np.unique(labels)]
    fewest = min(map(len, classes))
    if per_class > fewest:
        raise ValueError(
            "per_class must not exceed the training examples of any class. "
            f"Received: per_class={per_class}, and a class with {fewest}. "
            "Ask for fewer, or lower val."
        )
    kept = np.concatenate([some[:per_class] for some in classes])
    return rows[np.isin(rows, kept)]
