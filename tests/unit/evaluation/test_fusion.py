import numpy as np
import pytest

from tltk.evaluation import late_fusion

SIGHT = np.array([[0.8, 0.2], [0.6, 0.4], [0.5, 0.5]])
SOUND = np.array([[0.2, 0.8], [0.0, 1.0], [1.0, 0.0]])


def test_it_is_the_mean_of_those_present():
    present = {"sight": [True, True, False], "sound": [True, False, False]}
    fused = late_fusion({"sight": SIGHT, "sound": SOUND}, present)
    assert np.allclose(fused, [[0.5, 0.5], [0.6, 0.4], [0.5, 0.5]])


def test_what_a_missing_one_would_say_is_not_looked_at():
    nothing = np.full((3, 2), np.nan)
    fused = late_fusion({"sight": SIGHT, "sound": nothing}, {"sound": np.zeros(3, bool)})
    assert np.array_equal(fused, SIGHT)


@pytest.mark.parametrize(
    ("probabilities", "present", "message"),
    [
        ({}, None, "probabilities must be a dict of names to arrays, one at least"),
        ({"a": SIGHT, "b": SOUND[:2]}, None, "same rows and classes"),
        ({"a": SIGHT}, {"a": [True]}, "same rows and classes"),
        ({"a": SIGHT}, {"a": [1, 1, 0]}, r"present must be booleans \(n,\)"),
    ],
)
def test_shapes_that_differ_are_refused(probabilities, present, message):
    with pytest.raises(ValueError, match=message):
        late_fusion(probabilities, present)
