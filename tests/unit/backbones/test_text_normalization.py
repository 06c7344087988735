# ruff: noqa: RUF001
"""The oracle is each text as a person would write it in plain words."""

import unicodedata

import keras
import numpy as np
import pytest

from tltk.backbones import TextNormalization, load_text_backbone, unknown_share
from tltk.backbones.text import WordVectors, looked_up, normalized

PLAIN = {
    "capitals": ("Great FILM", "great film"),
    "German": (
        "Überraschend ÄRGERLICH GROẞ STRASSE Straße",
        "überraschend ärgerlich gross strasse strasse",
    ),
    "Greek": ("Καλή ΤΑΙΝΊΑ ΜΕΓΆΛΟΣ", "καλή ταινία μεγάλος"),
    "Russian": ("Хороший ФИЛЬМ", "хороший фильм"),
    "Turkish": ("İstanbul ILIK \u0131l\u0131k", "istanbul ilik ilik"),
    "French": ("ÉTÉ l\u2019école", "été lécole"),
    "Ukrainian": ("М\u02bcята м'ята", "мята мята"),
    "straight apostrophe": ("don't", "dont"),
    "typographic apostrophe": ("don\u2019t \u2018it\u2019", "dont it"),
    "other apostrophes": ("don`t don\u00b4t don\uff07t", "dont dont dont"),
    "quotes": ("\u201cgreat\u201d \u00abfilm\u00bb \u201efilm\u201c", "great film film"),
    "dashes": ("great\u2014film well-made 1990\u20132000", "great film well made 1990 2000"),
    "slash": ("great/film", "great film"),
    "underscore": ("great_film", "great film"),
    "dots": ("boring\u2026 u.s. so...so", "boring u s so so"),
    "full width": ("great\uff01film\u3002", "great film"),
    "no-break space": ("great\u00a0film\u202fnow\u3000here", "great film now here"),
    "zero width": ("\ufeffgreat \u200bfilm fil\u00adm a\u200bb", "great film film a b"),
    "control characters": ("great\r\nfilm\tnow\0here\x0bthere", "great film now here there"),
    "emoji": ("great\U0001f44d\U0001f3fd film\u2764\ufe0f", "great film"),
    "symbols": ("5\u20ac + $3 = 8\u00b0 ^~|", "5 3 8"),
    "tag": ("great<br />film<BR>now</p>", "great film now"),
    "tag with attributes": ("<a href=\"http://x.y/z\" class='b c' id=q>film</a>", "film"),
    "no tag": ("I <3 it; a < b and c > d <b and c>", "i 3 it a b and c d b and c"),
    "Chinese": ("这部电影,很好!", "这 部 电 影 很 好"),
    "Japanese": ("スターの映画 GOOD", "ス タ ー の 映 画 good"),
    "Thai": ("หนังดี", " ".join("หนังดี")),
    "Khmer, Lao, Burmese": ("ខ្មែ ລາວ မြန်", " ".join("ខ្មែລາວမြန်")),
    "Korean": ("좋은 영화", "좋은 영화"),
    "Hindi": ("हिन्दी फ़िल्म।", unicodedata.normalize("NFC", "हिन्दी फ़िल्म")),
    "Arabic": ("فيلم رائع؟", "فيلم رائع"),
    "decomposed": ("cafe\u0301", "café"),
    "nothing": (" \u2026 ", ""),
}


@pytest.mark.parametrize(("typed", "plain"), PLAIN.values(), ids=PLAIN)
def test_texts_become_plain_words(typed, plain):
    assert normalized([typed]) == [plain]


def test_bytes_that_are_no_utf_8_do_no_harm():
    [text] = TextNormalization()(np.array([b"great\xff\xfe film"], object)).numpy()
    assert text.split() == [b"great", b"film"]


def test_what_is_normal_stays_normal():
    plain = [plain for _, plain in PLAIN.values()]
    assert normalized(plain) == plain


def test_words_are_looked_up_in_one_form():
    words = ["The", "n't", "u.s.", "电影", "影", "Straße", "\u0130stanbul", "two words", "..."]
    assert looked_up(words) == ["the", "", "", "", "影", "strasse", "istanbul", "two words", ""]


@pytest.mark.parametrize(
    ("words", "texts"),
    [
        (["überraschend", "guter", "film"], ["Überraschend guter Film", "“GUTER”/film"]),
        (["хороший", "фильм"], ["Хороший фильм", "«ХОРОШИЙ» — фильм…"]),
        (["καλή", "ταινία"], ["Καλή\u00a0ταινία", "ΚΑΛΉ ΤΑΙΝΊΑ"]),
        (list("这部电影很好"), ["这部电影，很好！"]),
        (sorted(set("หนังดีมาก")), ["หนังดีมาก"]),
    ],
)
def test_a_network_knows_its_words_however_they_are_typed(words, texts):
    vectors = WordVectors(tuple(words), np.ones((len(words), 2), "float32"))
    assert unknown_share(load_text_backbone(vectors, length=12), texts) == 0


def test_the_layer_is_saved_and_loaded(tmp_path):
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, TextNormalization()(inputs))
    model.save(tmp_path / "a.keras")
    texts = np.array([typed for typed, _ in PLAIN.values()], object)
    again = keras.models.load_model(tmp_path / "a.keras")
    assert again(texts).numpy().tolist() == model(texts).numpy().tolist()
    assert again.output.shape == (None,)
    assert again.output.dtype == "string"
