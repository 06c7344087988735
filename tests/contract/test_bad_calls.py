"""Every public call that is wrong says so: the argument, what was received, what helps."""

import importlib
import re
import traceback
import warnings
from pathlib import Path

import pytest

AREAS = sorted(path.stem for path in Path(__file__).parent.glob("calls_*.py"))
CALLS = [call for area in AREAS for call in importlib.import_module(area).CALLS]
BAD = [
    pytest.param(call, argument, which, value, id=f"{call}-{argument}-{which}")
    for call in CALLS
    for argument, kind in call.kinds.items()
    for which, value in kind(call.good[argument]).items()
    if which not in call.fine.get(argument, ())
]


def said_by_scikit_learn(error, argument) -> bool:
    """Estimators leave X, y and weights to scikit-learn's own checks, in its own words."""
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return argument in ("X", "y", "val", "sample_weight") and "sklearn" in last


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_the_good_call_works(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call.function(**call.good)


@pytest.mark.parametrize(("call", "argument", "which", "value"), BAD)
def test_a_bad_call_is_refused_clearly(call, argument, which, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((ValueError, TypeError)) as caught:
            call.function(**call.good | {argument: value})
    message = str(caught.value)
    if said_by_scikit_learn(caught.value, argument):
        return
    assert "Received: " in message, message
    received = message.split("Received: ", 1)[1]
    named = call.good if which == "too few" else [argument]  # one of two that do not fit
    assert any(re.search(rf"\b{name}\b", received) for name in named), message
    assert received.count(".") > 0, message  # what helps comes after it
    if isinstance(value, str | int | float | complex | None):
        assert repr(value) in received, message
