"""Same things, same digest, in another process too; other answers, another digest."""

import sys
from functools import partial

import keras
import numpy as np
import pytest

from tltk._cache import code_digest

FACTOR = 2
SETTINGS = {"rate": 0.1}


def scaled(factor, array=None):
    def run(x):
        return x * factor if array is None else x * array

    return run


def reads_a_global(x):
    return x * FACTOR


def calls_another(x):
    return reads_a_global(x) + 1


def reads_a_dict(x):
    return x * SETTINGS["rate"]


def with_default(x, factor=3):
    return x * factor


class Scaler:
    def __init__(self, factor):
        self.factor = factor

    def apply(self, x):
        return x * self.factor

    def __call__(self, x):
        return x + self.factor


def text_to_function(text):
    names = {}
    exec(text, names)
    return names["run"]


def pairs_that_differ():
    large, other = np.ones(3000), np.ones(3000)
    other[1500] = 2
    return {
        "closure": (scaled(2), scaled(3)),
        "array in a closure": (scaled(1, large), scaled(1, other)),
        "lambdas on one line": (lambda x: x + 1, lambda x: x + 2),
        "default": (with_default, lambda x, factor=4: x * factor),
        "partial": (partial(with_default, factor=1), partial(with_default, factor=2)),
        "partial's positional": (partial(with_default, 1), partial(with_default, 2)),
        "bound method": (Scaler(1).apply, Scaler(2).apply),
        "callable object": (Scaler(1), Scaler(2)),
        "without source": tuple(
            text_to_function(f"def run(x): return x {sign} 1") for sign in "+-"
        ),
        "nested code": tuple(
            text_to_function(f"def run(x):\n return [each {sign} 1 for each in x]") for sign in "+-"
        ),
        "built in": (np.tanh, np.sin),
        "keras": (keras.ops.relu, keras.ops.gelu),
        "set": ({"a", "b"}, {"a", "c"}),
        "dtype": (np.zeros(2, "float32"), np.zeros(2, "int32")),
        "shape": (np.zeros((2, 3)), np.zeros((3, 2))),
        "list of words": (["a", "b"], ["ab"]),
        "number and word": ([1], ["1"]),
        "loss": (keras.losses.Huber(1.0), keras.losses.Huber(2.0)),
        "optimizer": (keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2)),
    }


@pytest.mark.parametrize("name", pairs_that_differ())
def test_things_that_differ_have_two_digests_and_equal_things_one(name):
    one, two = pairs_that_differ()[name]
    again = pairs_that_differ()[name][0]
    assert code_digest(one) == code_digest(again)
    assert code_digest(one) != code_digest(two)


def test_a_global_that_is_read_counts_at_any_depth(monkeypatch):
    functions = (reads_a_global, calls_another)
    before = [code_digest(each) for each in functions]
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 5)
    after = [code_digest(each) for each in functions]
    assert all(old != new for old, new in zip(before, after, strict=True))
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 2)
    assert [code_digest(each) for each in functions] == before
    old = code_digest(reads_a_dict)
    monkeypatch.setitem(SETTINGS, "rate", 0.2)
    assert code_digest(reads_a_dict) != old


def test_what_a_function_writes_down_is_not_what_it_computes_from():
    calls, count = [], 0

    def method(x):
        nonlocal count
        count += 1
        calls.append(x)
        return x

    before = code_digest(method)
    method(1)
    assert (calls, count) == ([1], 1)
    assert code_digest(method) == before


def test_comments_blanks_and_the_place_in_a_file_do_not_count():
    one = text_to_function("def run(x):\n    return x + 1")
    two = text_to_function("\n\n# a remark\ndef run(x):\n\n    return x + 1  # more\n")
    assert code_digest(one) == code_digest(two)


def test_circles_end():
    circle = []
    circle.append(circle)
    assert code_digest(circle) == code_digest(circle)

    def itself(n):
        return itself(n - 1) if n else 0

    assert code_digest(itself) != code_digest(reads_a_global)


def test_another_process_with_another_hash_seed_finds_the_same_digests(digests_elsewhere):
    here = [code_digest(one) for one, _ in pairs_that_differ().values()]
    assert digests_elsewhere["code"] == here


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "int32", "bool"])
def test_numbers_of_every_type_count(dtype):
    first, other = ([keras.ops.cast([0, value], dtype), value] for value in (0, 1))
    arrays = [keras.ops.convert_to_numpy(tensor) for tensor, _ in (first, other)]
    assert code_digest(arrays[0]) == code_digest(arrays[0].copy())
    assert code_digest(arrays[0]) != code_digest(arrays[1])
    assert code_digest(first[0]) != code_digest(other[0])
