"""Word vectors: read from a file, and put under a text network that takes raw strings."""

import gzip
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from tltk.inputs.places import bundle_folder

BUNDLED = "glove"
ENCODERS = ("mean", "cnn", "lstm")
STRIPPED = re.compile(r'[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\']')
UNKNOWN = 1


class WordVectors(NamedTuple):
    """Words, the most frequent first, and one float32 row (n, d) for each."""

    words: tuple[str, ...]
    vectors: np.ndarray


def load_word_vectors(source: str | Path = BUNDLED, most: int | None = None) -> WordVectors:
    """Read word vectors.

    Text is looked up in lower case and without punctuation, so words are put into lower case, and
    those that hold punctuation are left out; of equal words the first is kept.

    Args:
        source: "glove" for the bundled ones (20,000 words, 50 numbers each); or a file: GloVe's or
            word2vec's text format, fastText's `.vec`, word2vec's binary `.bin`, also packed as
            `.gz`.
        most: read this many words at most, the first ones.

    Returns:
        `WordVectors`; replace its vectors by random ones of the same shape for a baseline.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for lines of unequal lengths, values that are not finite, or a file without
            words.

    Example:
        >>> glove = load_word_vectors()
        >>> glove.vectors.shape
        (20000, 50)
        >>> rows = [glove.words.index(word) for word in ("film", "movie", "tax")]
        >>> film, movie, tax = glove.vectors[rows]
        >>> bool(film @ movie > film @ tax)
        True

    Reference:
        Pennington, Socher and Manning, GloVe: global vectors for word representation, 2014.
        Mikolov et al., Efficient estimation of word representations in vector space, 2013.
    """
    if source == BUNDLED:
        with np.load(bundle_folder() / "glove.npz") as archive:
            words = archive["words"].tobytes().decode().split("\n")
            return WordVectors(tuple(words[:most]), archive["vectors"][:most].astype("float32"))
    path = Path(source).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'Word vectors are "{BUNDLED}" or a file. Received: {path}, which is not there. '
            "Check the spelling."
        )
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        binary = ".bin" in path.suffixes
        pairs = _binary_pairs(file, path) if binary else _text_pairs(file, path)
        found = _distinct(pairs, most)
    if not found:
        raise ValueError(
            f"A file of word vectors holds a word and its numbers on each line. Received: {path} "
            "with none. Check the file."
        )
    vectors = np.stack(list(found.values()))
    if not np.isfinite(vectors).all():
        row = int(np.argmin(np.isfinite(vectors).all(axis=1)))
        raise ValueError(
            f"Word vectors must be finite. Received: NaN or infinity for {list(found)[row]!r} in "
            f"{path}. Fetch the file again."
        )
    return WordVectors(tuple(found), vectors)


def load_text_backbone(
    vectors: str | Path | WordVectors = BUNDLED,
    encoder: str = "mean",
    length: int = 64,
    units: int = 64,
) -> keras.Model:
    """Build a network on word vectors: raw strings in, a sequence of features out.

    The text is put into lower case, freed of punctuation, cut into words, and each word becomes
    its vector; words without a vector become zeros, and so does a text without words. All of it
    is in the model, as stock Keras layers. The vectors are the block `word_vectors`; an encoder
    starts fresh, as `block1`.

    Args:
        vectors: what `load_word_vectors` gave, or what it takes.
        encoder: "mean" (nothing: the head's pooling takes the mean), "cnn" (windows of three
            words, which do not know the padding: pool them with "max"), or "lstm" (in both
            directions).
        length: words of a text that are read; longer texts are cut, shorter ones padded.
        units: the encoder's filters, or cells in each direction.

    Returns:
        A `keras.Model`: strings (b,) in, features (b, length, d) out, padding masked. Plain
        `model.predict` takes `tf.constant(texts)` or an array of objects, no list.

    Raises:
        ValueError: for an unknown encoder, or a length or number of units below 1.

    Example:
        >>> tiny = WordVectors(("good", "bad"), np.array([[1.0, 0], [0, 1]], "float32"))
        >>> model = load_text_backbone(tiny, length=3)
        >>> features = model.predict(np.array(["Good, good film!"], object), verbose=0)
        >>> features[0].tolist()
        [[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]

    Reference:
        Kim, Convolutional neural networks for sentence classification, 2014 ("cnn").
    """
    if encoder not in ENCODERS:
        raise ValueError(
            f"The encoder is one of {', '.join(ENCODERS)}. Received: encoder={encoder!r}. "
            'Use "mean" for the fewest labels.'
        )
    if length < 1 or units < 1:
        raise ValueError(
            f"Length and units are at least 1. Received: length={length}, units={units}."
        )
    words, rows = vectors if isinstance(vectors, WordVectors) else load_word_vectors(vectors)
    padding_and_unknown = np.zeros((2, rows.shape[1]), "float32")
    inputs = keras.Input((), dtype="string", name="text")
    tokens = keras.layers.TextVectorization(
        vocabulary=list(words), output_sequence_length=length, name="tokens"
    )(inputs)
    embedding = keras.layers.Embedding(
        len(words) + 2,
        rows.shape[1],
        mask_zero=encoder != "cnn",
        embeddings_initializer="uniform",  # what a copy from scratch begins with
        name="word_vectors",
    )
    never_empty = keras.ops.maximum(tokens, UNKNOWN * np.eye(1, length, dtype="int64"))
    outputs = _encoded(embedding(never_empty), encoder, units)
    embedding.set_weights([np.concatenate([padding_and_unknown, rows])])
    return keras.Model(inputs, outputs, name=f"words_{encoder}")


def unknown_share(model: keras.Model, texts: Iterable[str]) -> float:
    """The share of the words of some texts that have no vector.

    Args:
        model: a backbone of `load_text_backbone`, or a classifier built on one.
        texts: strings; what lies beyond the model's length does not count.

    Returns:
        A number from 0 to 1.

    Example:
        >>> unknown_share(load_text_backbone(length=4), ["a good film", "qwxz"])
        0.25
    """
    tokens = model.get_layer("tokens")(np.array(list(texts), dtype=object))
    numbers = keras.ops.convert_to_numpy(tokens)
    return float((numbers == UNKNOWN).sum() / max((numbers > 0).sum(), 1))


def _encoded(vectors, encoder, units):
    if encoder == "cnn":
        return keras.layers.Conv1D(units, 3, padding="same", activation="relu", name="block1_conv")(
            vectors
        )
    if encoder == "lstm":
        cells = keras.layers.LSTM(units, return_sequences=True)
        return keras.layers.Bidirectional(cells, name="block1_lstm")(vectors)
    return vectors


def _distinct(pairs, most) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for word, vector in pairs:
        word = word.lower()
        if word and word == STRIPPED.sub("", word) and word not in found:
            found[word] = vector
        if len(found) == most:
            break
    return found


def _text_pairs(file, path):
    width = None
    for number, line in enumerate(file, start=1):
        parts = line.decode("utf-8", "replace").rstrip().split(" ")
        if number == 1 and len(parts) == 2:
            continue
        width = width or len(parts) - 1
        word = " ".join(parts[: len(parts) - width])
        try:
            vector = np.array(parts[len(parts) - width :], "float32")
        except ValueError:
            vector = np.empty(0)
        if not word or len(vector) != width:
            raise ValueError(
                f"Every line holds a word and {width} numbers. Received: {path}, line {number}: "
                f"{' '.join(parts)[:40]!r}. Fetch the file again."
            )
        yield word, vector


def _binary_pairs(file, path):
    count, width = map(int, file.readline().split())
    for number in range(count):
        letters = iter(lambda: file.read(1), b" ")
        word = b"".join(_until_end(letters)).decode("utf-8", "replace").lstrip("\n")
        vector = file.read(4 * width)
        if len(vector) < 4 * width:
            raise ValueError(
                f"The file announces {count} words. Received: {path}, which ends in word "
                f"{number + 1}. Fetch it again."
            )
        yield word, np.frombuffer(vector, "<f4").astype("float32")


def _until_end(letters):
    for letter in letters:
        if not letter:
            return
        yield letter
