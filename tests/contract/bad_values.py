"""Calls that work, and for each of their arguments the values that must be refused.

A table of an area is a module `calls_<area>.py` with a list `CALLS`; `test_bad_calls.py` finds it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tiny

NAN, INF = float("nan"), float("inf")


class Call(NamedTuple):
    """A function, arguments with which it works, and what each of them must be.

    `fine` names bad values that this function takes on purpose: {"argument": {"which"}}.
    """

    function: Callable
    good: dict[str, Any]
    kinds: dict[str, Callable[[Any], dict[str, Any]]]
    fine: dict[str, set[str]] = {}  # noqa: RUF012
    name: str = ""

    def __str__(self):
        return self.name or self.function.__name__


def fitted(wanted: type, data: dict, kinds: dict, fine: dict | None = None, **settings) -> Call:
    """The call of an estimator's `fit`: settings go to its constructor, data to `fit`."""
    known = set(inspect.signature(wanted.__init__).parameters)

    def fit(**given):
        own = {name: value for name, value in given.items() if name in known}
        return wanted(**own).fit(**{n: v for n, v in given.items() if n not in known})

    return Call(fit, {**settings, **data}, kinds, fine or {}, wanted.__name__)


def number(_) -> dict[str, Any]:
    """What is no finite number."""
    wrong = NAN, INF, -INF, "1", None, True, [1.0, 2.0], 1 + 1j, np.array([1.0, 2.0])
    return {repr(value): value for value in wrong}


def above(low: float) -> Callable:
    return lambda good: number(good) | {"the bound": low, "below it": low - 1}


def at_least(low: float) -> Callable:
    return lambda good: number(good) | {"below the bound": low - 1}


def share(_) -> dict[str, Any]:
    return number(_) | {"0": 0, "-0.1": -0.1, "1.5": 1.5, "95": 95}


def count(_) -> dict[str, Any]:
    """What is no whole number from 1 up."""
    return number(_) | {"0": 0, "-1": -1, "1.5": 1.5, "2.0": 2.0}


def seed(_) -> dict[str, Any]:
    wrong = -1, 1.5, 2**40, "0", None, NAN, True, [1]
    return {repr(value): value for value in wrong}


def flag(_) -> dict[str, Any]:
    return {repr(value): value for value in (None, "yes", 2, 1.0, [True])}


def verbosity(_) -> dict[str, Any]:
    return {repr(value): value for value in ("x", None, 2.5, -1, 3)}


def choice(_) -> dict[str, Any]:
    return {repr(value): value for value in ("nonsense", "", 5, None, NAN, ["nonsense"], True)}


def optional(kind: Callable) -> Callable:
    """None is fine."""
    return lambda good: {which: bad for which, bad in kind(good).items() if bad is not None}


def numbers(good) -> dict[str, Any]:
    """What is no array of finite numbers like the good one."""
    good = np.asarray(good, "float64")
    hole, endless = good.copy(), good.copy()
    hole.flat[-1], endless.flat[0] = NAN, INF
    return {
        "NaN": hole,
        "infinity": endless,
        "huge": good * 1e200 + 1e200,
        "names": np.full(good.shape, "a"),
        "None among": np.where(np.arange(good.size).reshape(good.shape), good.astype(object), None),
        "complex": good * 1j,
        "masked": np.ma.masked_array(good, mask=np.arange(good.size).reshape(good.shape) == 0),
        "empty": good[:0],
        "one number": 3.0,
        "text": "abc",
        "None": None,
        "one axis more": good[..., None],
        "unequal rows": [[1.0, 2.0], [3.0]],
    }


def rows(good) -> dict[str, Any]:
    return numbers(good) | {"one axis": np.asarray(good, "float64").ravel()}


def probabilities(good) -> dict[str, Any]:
    good = np.asarray(good, "float64")
    return rows(good) | {
        "logits": good * 9 - 3,
        "negative": np.c_[good[:, :-1] - 1, good[:, -1:] + 1],
    }


def class_numbers(good) -> dict[str, Any]:
    good = np.asarray(good)
    return {
        "names": good.astype(str),
        "fractions": good + 0.5,
        "NaN": np.where(np.arange(len(good)), good, NAN),
        "negative": good - 5,
        "too few": good[:-1],
        "two axes": np.stack([good, good], axis=1),
        "masked": np.ma.masked_array(good, mask=good == good[0]),
        "None": None,
        "complex": good * 1j,
        "empty": good[:0],
        "one number": 3,
    }


def classes(good) -> dict[str, Any]:
    """What is no class for each row, where names serve too."""
    kept = "NaN", "too few", "two axes", "masked", "None", "complex", "empty", "one number"
    return {which: class_numbers(good)[which] for which in kept}


def domain(good) -> dict[str, Any]:
    good = np.asarray(good)
    return {
        "one domain": good * 0,
        "three": good + (np.arange(len(good)) == 0) * 2,
        "names": np.where(good, "target", "source"),
        "NaN": np.where(np.arange(len(good)), good, NAN),
        "too few": good[:-1],
        "two axes": good[:, None],
        "masked": np.ma.masked_array(good, mask=good == 1),
        "empty": good[:0],
        "text": "source",
    }


def file(_) -> dict[str, Any]:
    """What is no path to a file of any kind; `wrong` adds files of another kind."""
    return {
        "None": None,
        "no text": "",
        "a number": 5,
        "missing": "gone/nowhere.x",
        "home": "~/gone-nowhere",
        "a zero": "a\0b",
        "a folder": str(tiny.FOLDER / "empty"),
    }


def file_but(*wrong: str) -> Callable:
    """What is no file of the wanted kind, with files of others, by their names in `tiny.FOLDER`."""
    return lambda good: file(good) | {name: tiny.FOLDER / name for name in wrong}


def folder_but(*wrong: str) -> Callable:
    """What is no folder of the wanted kind, with folders of others, and a file."""
    named = {name: tiny.FOLDER / name for name in ("films.csv", "empty", *wrong)}
    return lambda good: {k: v for k, v in file(good).items() if k != "a folder"} | named


def unlabelled(good) -> dict[str, Any]:
    """What is no rows of inputs; `good` is an array."""
    hole = np.array(good, "float64")
    hole.flat[0] = NAN
    endless = np.where(np.isnan(hole), INF, hole)
    return {
        "None": None,
        "text": "photos",
        "a number": 5.0,
        "nothing": {},
        "empty": good[:0],
        "NaN": hole,
        "infinity": endless,
        "masked": np.ma.masked_array(good, mask=np.isnan(hole)),
        "complex": good * 1j,
        "dates": np.zeros(good.shape, "datetime64[s]"),
        "None among": np.where(np.isnan(hole), None, hole),
        "unequal rows": [good[0], good[0][:1]],
        "one axis": np.arange(6.0),
        "width": np.concatenate([good, good], axis=-1),
        "generator": (row for row in good),
        "endless": tiny.Endless(),
        "numbered": tiny.Numbered(),
        "splits": tiny.SPLITS,
    }


def labelled(good) -> dict[str, Any]:
    """What is no pair of inputs and class numbers."""
    x, y = good
    return {
        **{which: (bad, y) for which, bad in unlabelled(x).items() if which in PARTS_OF_A_PAIR},
        **{which: bad for which, bad in unlabelled(x).items() if which not in PARTS_OF_A_PAIR},
        "no labels": x,
        "three": (x, y, y),
        "lengths": (x, y[:-1]),
        "names": (x, [f"class {each}" for each in y]),
        "fractions": (x, y + 0.5),
        "floats": (x, y.astype("float32")),
        "NaN label": (x, np.where(np.arange(len(y)), y, NAN)),
        "negative": (x, y - 5),
        "beyond": (x, y + 3),
        "2**32": (x, y.astype("int64") + 2**32),
        "masked labels": (x, np.ma.masked_array(y, mask=y == y[0])),
        "complex labels": (x, y * 1j),
        "None label": (x, [None] * len(y)),
        "without end": endless_dataset(x, y),
        "unbatched": unbatched(x, y),
    }


PARTS_OF_A_PAIR = ("NaN", "infinity", "masked", "complex", "dates", "None among", "width")


def endless_dataset(x, y):
    return unbatched(x, y).batch(4).repeat()


def unbatched(x, y):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y))


def network(_) -> dict[str, Any]:
    """What is no Keras model that can be cut and trained."""
    import keras

    return {
        "None": None,
        "name": "mobilenet_v2",
        "5": 5,
        "a list": [tiny.BODY],
        "a layer": keras.layers.Dense(2),
        "the class": keras.Model,
        "subclassed": tiny.Subclassed(),
    }


def built(good) -> dict[str, Any]:
    """What is no Keras model; one of any kind, whose layers are known, will do."""
    return {which: bad for which, bad in network(good).items() if which != "subclassed"}


def classifier(good) -> dict[str, Any]:
    """What is no compiled classifier."""
    return network(good) | {"no head": tiny.BODY}


def blocks(_) -> dict[str, Any]:
    wrong = -1, 99, 1.5, "nope", None, True, ["nope"], [1], NAN
    return {repr(each): each for each in wrong}


def class_list(_) -> dict[str, Any]:
    """What neither names nor counts the classes."""
    wrong = 0, 1, -2, 2.5, None, True, "cat", ["a", "a"], [None, "a"], [], [""], NAN
    return {repr(each): each for each in wrong}


def names(_) -> dict[str, Any]:
    """What is no list of different names for the classes."""
    wrong = "cat", ["a", "a", "b"], ["a"], [], 5, [None, "a", "b"]
    return {repr(each): each for each in wrong}


def text(_) -> dict[str, Any]:
    return {repr(each): each for each in (5, None, "", ["a"])}


def size(_) -> dict[str, Any]:
    """What is no size of pictures."""
    wrong = 0, -8, 8.5, "8", (8,), (8, 8, 8), (0, 8), [8.5, 8], NAN, True, 10**6
    return {repr(each): each for each in wrong}
