import numpy as np
import pytest
from keras import ops

from tltk.tuning._loop import value_and_gradient


def test_value_and_gradient_of_a_known_function():
    value, [by_x, by_y] = value_and_gradient(lambda v: ops.sum(v[0] ** 2) * v[1], [[1.0, 2.0], 3.0])
    assert (float(value), np.asarray(by_x).tolist(), float(by_y)) == (15.0, [6.0, 12.0], 5.0)


def test_what_the_value_does_not_depend_on_has_gradient_zero():
    _, [_, unused] = value_and_gradient(lambda v: v[0] * 2.0, [1.0, np.ones((2, 3), "float32")])
    assert np.asarray(unused).tolist() == np.zeros((2, 3)).tolist()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_the_sine_by_themselves(order):
    function = lambda v: ops.sin(v[0])  # noqa: E731
    for _ in range(order):
        function = lambda v, f=function: value_and_gradient(f, v)[1][0]  # noqa: E731
    expected = {1: np.cos, 2: lambda x: -np.sin(x), 3: lambda x: -np.cos(x)}[order](0.7)
    assert float(function([np.float64(0.7)])) == pytest.approx(expected, abs=1e-12)
