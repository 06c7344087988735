"""Networks and what is read from them."""

import keras
import tiny
from bad_values import (
    Call,
    above,
    built,
    choice,
    count,
    flag,
    number,
    optional,
    rows,
    size,
)
from tiny import BODY, FOLDER, WORDS, X

from tltk import backbones
from tltk.backbones.audio import sample_rate

SHAPES = 0, -8, "8", 8.5, (8, 8), (8, 8, 1), (None, 8, 3), True, (8, 8, "3")
READER = backbones.load_text_backbone(WORDS, length=4)


def input_shape(_):
    return {repr(each): each for each in SHAPES if each not in ((None, 8, 3),)}


def series_shape(_):
    wrong = 5, None, (None, 0), (None, 2, 2), (None, "2"), (2.5, 2), (0, 2), (None, True), "ab"
    return {repr(each): each for each in wrong}


def word_source(_):
    wrong = None, 5, "", "nope", tiny.PHOTO, FOLDER / "empty", FOLDER / "classifier.keras"
    return {str(each): each for each in wrong}


def word_vectors(good):
    return word_source(good) | {"an array": X, "a dict": {"good": X[0]}}


def backbone_name(_):
    wrong = None, "", "mobilenetv2", 5, ["small_cnn"], "../x"
    return {repr(each): each for each in wrong}


def weights(_):
    wrong = "x.h5", 5, "", True, tiny.PHOTO, FOLDER / "films.csv", FOLDER / "body.weights.h5"
    return {str(each): each for each in wrong}


def texts(_):
    return {"None": None, "numbers": [1, 2], "none": [], "array": X, "5": 5}


def gapped(good):
    bad = rows(good)
    return {which: bad[which] for which in bad if which != "NaN"} | {
        "no column": good * float("nan")
    }


def at_most_blocks(_):
    wrong = -1, 99, 1.5, "2", True, float("nan")
    return {repr(each): each for each in wrong}


def mel(**settings):
    return backbones.LogMel(**settings)(keras.ops.zeros((1, 4000)))


CALLS = [
    Call(
        backbones.load_backbone,
        {"name": "small_cnn", "weights": None, "input_shape": 32, "include_top": False},
        {
            "name": backbone_name,
            "weights": weights,
            "input_shape": input_shape,
            "include_top": flag,
        },
        {"input_shape": {"(8, 8, 1)"}},
    ),
    Call(
        backbones.load_backbone,
        {"name": "mobilenet_v2", "weights": None, "input_shape": 32, "copy_blocks": None},
        {"copy_blocks": at_most_blocks},
        name="load_backbone by blocks",
    ),
    Call(backbones.block_names, {"model": BODY}, {"model": built}),
    Call(backbones.layers_by_block, {"model": BODY}, {"model": built}),
    Call(sample_rate, {"model": BODY}, {"model": built}),
    Call(
        backbones.find_weights,
        {"name": "mobilenet_v2", "include_top": False},
        {"name": backbone_name, "include_top": flag},
    ),
    Call(
        backbones.load_word_vectors,
        {"source": FOLDER / "words.txt", "most": 1},
        {"source": word_source, "most": optional(count)},
    ),
    Call(
        backbones.load_text_backbone,
        {"vectors": WORDS, "encoder": "mean", "length": 4, "units": 2},
        {"vectors": word_vectors, "encoder": choice, "length": count},
    ),
    Call(
        backbones.load_text_backbone,
        {"vectors": WORDS, "encoder": "lstm", "length": 4, "units": 2},
        {"units": count},
        name="load_text_backbone with units",
    ),
    Call(
        backbones.unknown_share,
        {"model": READER, "texts": ["good film"]},
        {"model": lambda g: built(g) | {"no words": BODY}, "texts": texts},
    ),
    Call(
        backbones.load_audio_backbone,
        {"name": "speech_embedding", "seconds": 1.0, "rate": 16000, "weights": None},
        {
            "name": lambda g: (
                backbone_name(g) | {"no pictures": BODY, "subclassed": tiny.Subclassed()}
            ),
            "seconds": lambda g: above(0)(g) | {"0.01": 0.01},
            "rate": lambda g: count(g) | {"8000": 8000},
            "weights": weights,
        },
    ),
    Call(
        backbones.load_audio_backbone,
        {"name": tiny.picture_body(), "seconds": 0.5, "image_size": 8},
        {"image_size": size},
        name="load_audio_backbone of pictures",
    ),
    Call(
        backbones.series_encoder,
        {
            "input_shape": (None, 2),
            "filters": 2,
            "blocks": 1,
            "kernel_size": 3,
            "kind": "conv",
            "causal": True,
            "last_step": False,
        },
        {
            "input_shape": series_shape,
            "filters": count,
            "blocks": count,
            "kernel_size": count,
            "kind": choice,
            "causal": flag,
            "last_step": flag,
        },
    ),
    Call(backbones.table_encoder, {"rows": X}, {"rows": gapped}),
    Call(
        mel,
        {
            "rate": 8000,
            "bands": 8,
            "low": 60.0,
            "high": 3800.0,
            "window": 0.025,
            "hop": 0.01,
            "floor": 80.0,
            "relative": False,
        },
        {
            "rate": count,
            "bands": count,
            "low": lambda g: number(g) | {"-1": -1, "beyond high": 3900.0},
            "high": lambda g: above(0)(g) | {"beyond rate": 9000.0},
            "window": above(0),
            "hop": above(0),
            "floor": above(0),
            "relative": flag,
        },
        name="LogMel",
    ),
]
