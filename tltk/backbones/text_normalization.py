"""Text of any alphabet, made ready to be cut into words at its blanks: a layer in the model."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from tltk._keras import check_on_tensorflow
from tltk.inputs.checks import composed

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
