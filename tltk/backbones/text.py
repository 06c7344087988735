"""Word vectors: read from a file, and put under a text network that takes raw strings."""

import warnings
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tltk._cache import bundle_folder
from tltk._checks import check_choice, check_count, refuse, shown
from tltk._keras import all_layers, check_channels_last, check_model, check_on_tensorflow
from tltk._paths import user_path
from tltk.inputs._arrays import composed
from tltk.inputs._unpacking import bounded_lines, unpacked

WITHOUT_SPACES = (
    "Han Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet"
)
SMALL_LETTERS = {"i\u0307": "i", "\u0131": "i", "ß": "ss"}
TAG = r"""</?[a-z][a-z0-9:-]*(\s+[a-z:_-]+\s*=\s*("[^"]*"|'[^']*'|[^\s<>"']+))*\s*/?>"""
APOSTROPHE = "['`\u00b4\u02bb\u02bc\u2018\u2019\u201b\uff07]"
SEPARATOR = r"[\p{P}\p{S}\p{Z}\p{Cc}\x{200B}]"
INVISIBLE = r"[\p{Cf}\x{FE00}-\x{FE0F}]"
CHARACTER = "([ーｰ" + "".join(rf"\p{{{script}}}" for script in WITHOUT_SPACES.split()) + "])"
REPLACED = (
    (TAG, " "),
    (APOSTROPHE, ""),
    (SEPARATOR, " "),
    (INVISIBLE, ""),
    (CHARACTER, r" \1 "),
)


@keras.saving.register_keras_serializable("tltk")
class TextNormalization(keras.layers.Layer):
    r"""Write texts as words in small letters with blanks between them.

    - Capitals of every alphabet become small letters; `ß` becomes `ss`, and Turkish `i` without a
      dot `i`, since their capitals are those of `ss` and `i`.
    - Apostrophes go, straight or typographic: `don't` is `dont`.
    - Tags such as `<br />`, all other punctuation, symbols (emoji too) and blanks of any kind
      become a blank; invisible characters, such as a soft hyphen, go.
    - Of scripts that have no blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese)
      every character is a word.

    `é` may be written as one character or as two, and TensorFlow cannot tell: the readers of
    texts, word vectors and `tltk.predict` compose them (Unicode's form NFC), plain `model.predict`
    takes texts as they are. A `.keras` file with this layer needs `import tltk` before Keras loads
    it.

    Args:
        **kwargs: `name` and the like, for `keras.layers.Layer`.

    Returns:
        A layer: strings (b,) in, strings (b,) out; a `keras.layers.TextVectorization` with
        `standardize=None` cuts them into words.

    Example:
        >>> texts = np.array(["Überraschend “gut”!", "don\u2019t<br />STOP", "看电影"], object)
        >>> [text.decode().split() for text in TextNormalization()(texts).numpy()]
        [['überraschend', 'gut'], ['dont', 'stop'], ['看', '电', '影']]
    """

    def __init__(self, **kwargs):
        check_on_tensorflow("Texts")
        super().__init__(**kwargs)
        self.supports_jit = False

    def call(self, inputs: Any) -> Any:
        """Normalise a batch of texts."""
        return _replaced(_in_small_letters(inputs), REPLACED)

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        """Strings of the same shape."""
        return keras.KerasTensor(inputs.shape, "string")


def normalized(texts: Iterable[str]) -> list[str]:
    """The words of each text with one blank between them, as the layer has them looked up.

    Example:
        >>> normalized(["Well-made!", "..."])
        ['well made', '']
    """
    return _unspaced(TextNormalization()(_composed(texts)))


def looked_up(words: Iterable[str]) -> list[str]:
    """The form in which each word of a vocabulary is looked up; "" for what no text can hold.

    Example:
        >>> looked_up(["Été", "n't", "new_york", "电影", "影"])
        ['été', '', '', '', '影']
    """
    small = _in_small_letters(_composed(words))
    pairs = zip(_unspaced(small), _unspaced(_replaced(small, REPLACED)), strict=True)
    return [form if form == word else "" for word, form in pairs]


def _composed(texts):
    return np.array([composed(text) for text in texts], dtype=object)


def _in_small_letters(texts):
    import tensorflow as tf

    whole = tf.strings.regex_replace(texts, r"\x00", " ")  # where lower would end
    return _replaced(tf.strings.lower(whole, encoding="utf-8"), SMALL_LETTERS.items())


def _replaced(texts, replacements):
    import tensorflow as tf

    for pattern, written in replacements:
        texts = tf.strings.regex_replace(texts, pattern, written)
    return texts


def _unspaced(texts):
    return [" ".join(text.decode().split()) for text in texts.numpy()]


BUNDLED = "glove"
ENCODERS = ("mean", "cnn", "lstm")
UNKNOWN = 1
WIDEST = 2**16
_LONGEST_WORD = 2**10
_AT_ONCE = 2**13


class WordVectors(NamedTuple):
    """Words, the most frequent first, and one float32 row (n, d) for each."""

    words: tuple[str, ...]
    vectors: np.ndarray


def load_word_vectors(source: str | Path = BUNDLED, most: int | None = None) -> WordVectors:
    """Read word vectors.

    Text is looked up in small letters and without punctuation (see `TextNormalization`), so words
    are written as they are looked up, and those that hold punctuation are left out, as are those of
    several characters in scripts without blanks; of equal words the first is kept.

    Args:
        source: "glove" for the bundled ones (20,000 words, 50 numbers each); or a file: GloVe's or
            word2vec's text format, fastText's `.vec`, word2vec's binary `.bin`, also packed as
            `.gz`.
        most: read this many words at most, the first ones.

    Returns:
        `WordVectors`; replace its vectors by random ones of the same shape for a baseline.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for lines of unequal lengths or without end, values that are not finite, a
            header that does not fit, a file that is damaged or without words.

    Example:
        >>> glove = load_word_vectors()
        >>> glove.vectors.shape
        (20000, 50)
        >>> rows = [glove.words.index(word) for word in ("film", "movie", "tax")]
        >>> film, movie, tax = glove.vectors[rows]
        >>> bool(film @ movie > film @ tax)
        True

    References:
        - Pennington, Socher and Manning, GloVe: global vectors for word representation, 2014.
        - Mikolov et al., Efficient estimation of word representations in vector space, 2013.
    """
    if most is not None:
        check_count("most", most)
    if not isinstance(source, str | Path):
        refuse(
            f'Word vectors are "{BUNDLED}" or the path of a file',
            f"source={shown(source)}",
            "Make WordVectors(words, vectors) of arrays",
        )
    if source == BUNDLED:
        with np.load(bundle_folder() / "glove.npz") as archive:
            words = archive["words"].tobytes().decode().split("\n")
            return WordVectors(tuple(words[:most]), archive["vectors"][:most].astype("float32"))
    path = user_path(source, "source")
    if not path.is_file():
        raise FileNotFoundError(
            f'Word vectors are "{BUNDLED}" or a file. Received: source={str(source)!r}, '
            f"{'a folder' if path.is_dir() else 'which is not there'}. Check the spelling."
        )
    with unpacked(path) as file:
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

    The text is put into small letters, freed of punctuation and cut into words, in any alphabet
    (see `TextNormalization`), and each word becomes its vector; words without a vector become
    zeros, and so does a text without words. All of it is in the model, as stock Keras layers but
    for the first: `import tltk` before `keras.models.load_model` reads such a file. The vectors are
    the block `word_vectors`; an encoder starts fresh, as `block1`.

    Args:
        vectors: what `load_word_vectors` gave, or what it takes.
        encoder: "mean" (nothing: the head's pooling takes the mean), "cnn" (windows of three
            words, which do not know the padding: pool them with "max"), or "lstm" (in both
            directions).
        length: words of a text that are read; longer texts are cut, shorter ones padded.
        units: the encoder's filters, or cells in each direction.

    Returns:
        A `keras.Model`: strings (b,) in, features (b, length, d) out, padding masked. Plain
        `model.predict` takes `tf.constant(texts)` or an array of objects, no list, and the accents
        as they are written (`tltk.predict` composes them).

    Raises:
        ValueError: for an unknown encoder, a length or number of units below 1, or vectors that
            are not one finite row for each word.

    Example:
        >>> tiny = WordVectors(("good", "bad"), np.array([[1.0, 0], [0, 1]], "float32"))
        >>> model = load_text_backbone(tiny, length=3)
        >>> features = model.predict(np.array(["Good, good film!"], object), verbose=0)
        >>> features[0].tolist()
        [[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]

    Reference:
        Kim, Convolutional neural networks for sentence classification, 2014 ("cnn").
    """
    check_channels_last()
    check_choice("encoder", encoder, ENCODERS, 'Use "mean" for the fewest labels')
    check_count("length", length)
    check_count("units", units)
    if not isinstance(vectors, WordVectors):
        if not isinstance(vectors, str | Path):
            advice = "Make WordVectors(words, vectors) of arrays"
            refuse("vectors must be WordVectors or a file", f"vectors={shown(vectors)}", advice)
        vectors = load_word_vectors(vectors)
    words, rows = _vocabulary(vectors)
    padding_and_unknown = np.zeros((2, rows.shape[1]), "float32")
    inputs = keras.Input((), dtype="string", name="text")
    tokens = keras.layers.TextVectorization(
        standardize=None, vocabulary=words, output_sequence_length=length, name="tokens"
    )(TextNormalization(name="normal_text")(inputs))
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
        model: a backbone of `load_text_backbone`, a classifier built on one, or another network in
            which a `keras.layers.TextVectorization` looks words up.
        texts: strings, whose accents are composed as by readers; what lies beyond the model's
            length does not count. A text without words counts as one unknown word, as it does in
            the network.

    Returns:
        A number from 0 to 1.

    Raises:
        ValueError: for a network that looks no words up.

    Example:
        >>> unknown_share(load_text_backbone(length=4), ["a good film", "qwxz"])
        0.25
    """
    check_model(model)
    texts = [texts] if isinstance(texts, str) else texts
    given = list(texts) if isinstance(texts, Iterable) else []
    if not given or not all(isinstance(each, str) for each in given):
        refuse("texts must be strings", f"texts={shown(texts)}", "Pass at least one")
    share = _unknown_share(model, np.array(list(map(composed, given)), dtype=object))
    if share is None:
        raise ValueError(
            "Unknown words are counted where a keras.layers.TextVectorization looks words up. "
            f"Received: {model.name!r}, which has none. Build the model on load_text_backbone."
        )
    return share


def looks_words_up(model: keras.Model) -> bool:
    """Whether a layer of a network turns words into their numbers in a vocabulary."""
    lookup = keras.layers.TextVectorization
    return any(isinstance(layer, lookup) for layer in all_layers(model, itself=False))


def warn_of_unknown_words(model: keras.Model, inputs: Any) -> None:
    """Warn where a network does not know most words of a batch of texts, whatever the cause.

    Args:
        model: any network; one that looks no words up passes in silence.
        inputs: a batch of its inputs.

    Example:
        >>> warn_of_unknown_words(load_text_backbone(length=4), np.array(["a good film"], object))
    """
    leaves = [np.asarray(leaf) for leaf in keras.tree.flatten(inputs)]
    texts = [leaf for leaf in leaves if leaf.dtype == object]
    share = _unknown_share(model, texts[0]) if len(texts) == 1 and texts[0].size else None
    if share is not None and share > 0.5:
        first = texts[0].flat[0]
        first = first.decode("utf-8", "replace") if isinstance(first, bytes) else first
        warnings.warn(
            "A network of words must know most words of its texts. "
            f"Received: {share:.0%} of the words unknown in the first {len(texts[0])} texts, which "
            f"begin with {first[:60]!r}. Take word vectors of the texts' language and spelling "
            "(load_text_backbone(file)), and make sure that the texts are texts.",
            stacklevel=3,
        )


def _unknown_share(model, texts) -> float | None:
    """Of distinct words, and at least, where a lookup does not give the words in their order."""
    for layer in all_layers(model, itself=False):
        if isinstance(layer, TextNormalization):
            texts = layer(texts)
        if isinstance(layer, keras.layers.TextVectorization):
            found, mode = layer(texts), layer.get_config()["output_mode"]
            found = found.to_tensor() if hasattr(found, "to_tensor") else found
            found = keras.ops.convert_to_numpy(found).reshape(len(texts), -1)
            if mode == "int":
                known, unknown = (found > UNKNOWN).sum(axis=1), (found == UNKNOWN).sum(axis=1)
            else:
                known, unknown = (found[:, 1:] > 0).sum(axis=1), found[:, 0] > 0
            unknown = np.maximum(unknown, known == 0).sum()
            return float(unknown / (known.sum() + unknown))
    return None


def _vocabulary(vectors) -> tuple[list[str], np.ndarray]:
    """The distinct words that texts can hold, as they are looked up, and their rows."""
    words, rows = list(vectors.words), np.asarray(vectors.vectors, "float32")
    if rows.ndim != 2 or rows.shape[0] != len(words) or not np.isfinite(rows).all():
        raise ValueError(
            "Word vectors are one row of finite numbers for each word. "
            f"Received: {len(words)} words, and vectors of shape {rows.shape}. Repair them."
        )
    row_of: dict[str, int] = {}
    for row, form in enumerate(looked_up(words)):
        if form:
            row_of.setdefault(form, row)
    if not row_of:
        raise ValueError(
            "Word vectors need a word that a text can hold. "
            f"Received: {', '.join(map(repr, words[:3])) or 'no word'}. See TextNormalization."
        )
    return list(row_of), rows[list(row_of.values())]


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
    while block := list(islice(pairs, min(_AT_ONCE, most or _AT_ONCE))):
        forms = looked_up(word for word, _ in block)
        for form, (_, vector) in zip(forms, block, strict=True):
            if form and form not in found:
                found[form] = vector
            if len(found) == most:
                return found
    return found


def _text_pairs(file, path):
    width = announced = None
    number = 0
    for number, line in enumerate(bounded_lines(file, path), start=1):
        parts = line.decode("utf-8", "replace").rstrip().split(" ")
        if number == 1 and len(parts) == 2 and all(map(_is_count, parts)):
            announced, width = map(int, parts)
            if not 0 < width <= WIDEST:
                raise ValueError(_bad_header(path, line))
            continue
        width = max(1, len(parts) - 1) if width is None else width
        word = " ".join(parts[: len(parts) - width])
        try:
            vector = np.array(parts[len(parts) - width :], "float32")
        except ValueError:
            vector = np.empty(0)
        if not word or len(vector) != width or any(map(_is_number, word.split(" ")[1:])):
            raise ValueError(
                f"Every line holds a word and {width} numbers. "
                f"Received: file {path}, line {number}: "
                f"{' '.join(parts)[:40]!r}. Fetch the file again."
            )
        yield word, vector
    if announced is not None and number - 1 < announced:
        raise ValueError(_cut_off(path, announced, number - 1))


def _is_count(text) -> bool:
    return text.isdecimal() and len(text) < 16


def _is_number(text) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _binary_pairs(file, path):
    header = file.readline(100)
    numbers = header.split()
    if len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        raise ValueError(_bad_header(path, header))
    count, width = map(int, numbers)
    if not 0 < width <= WIDEST:
        raise ValueError(_bad_header(path, header))
    for number in range(count):
        letters = iter(lambda: file.read(1), b" ")
        word = b"".join(islice(_until_end(letters), _LONGEST_WORD))
        vector = file.read(4 * width)
        if len(vector) < 4 * width or len(word) == _LONGEST_WORD:
            raise ValueError(_cut_off(path, count, number))
        word = word.decode("utf-8", "replace").lstrip("\n")
        yield word, np.frombuffer(vector, "<f4").astype("float32")


def _bad_header(path, header) -> str:
    return (
        "The first line holds the number of words and the numbers of each, from 1 to "
        f"{WIDEST:,}. Received: {path} with {bytes(header[:40])!r}. Fetch the file again; text "
        "goes by the suffix .txt or .vec, word2vec's binary format by .bin."
    )


def _cut_off(path, announced, read) -> str:
    return (
        f"The file announces {announced:,} words. Received: {path}, which ends in word "
        f"{read + 1:,}. Fetch it again."
    )


def _until_end(letters):
    for letter in letters:
        if not letter:
            return
        yield letter
