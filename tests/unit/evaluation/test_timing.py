import keras
import numpy as np
import pytest

from tltk.evaluation.comparison import foretold, in_words
from tltk.inputs.examples import examples_of


@pytest.fixture
def slow(monkeypatch):
    """Networks whose first pass takes 8 s and each later one a tenth of a second an example."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def build():
        passes = iter([8.0, 3.2])
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(4, name="first")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(12, name="last")(hidden))

        def predict_on_batch(sample):
            assert sample.shape == (32, 4)
            now[0] += next(passes)

        model.predict_on_batch = predict_on_batch
        return model

    return build


@pytest.mark.parametrize(
    ("arm", "seconds"),
    [
        ("from scratch", 4 * 8 + 0.1 * (3 * 10 * 32 + 50)),
        ("frozen", 4 * 8 + 0.1 * (2 * 100 + 50)),
        ("fine-tuned", 4 * 8 + 0.1 * (2 * 100 + 0.75 * 3 * 10 * 32 + 50)),
        ("mine", 0),
    ],
)
def test_runs_are_foretold_from_two_passes(slow, arm, seconds):
    networks = dict.fromkeys(("from scratch", "frozen", "fine-tuned"), slow)
    train = examples_of((np.zeros((40, 4), "float32"), np.arange(40) % 2))
    found = foretold(networks, [(arm, 100, 10)], train, 50, unfreeze_blocks=1)
    assert found == pytest.approx(seconds)
    twice = foretold(networks, [(arm, 100, 10)] * 2, train, 50, unfreeze_blocks=1)
    assert twice == pytest.approx(2 * seconds)


def test_time_in_words():
    assert [in_words(each) for each in (0.4, 99, 101, 5399, 5401)] == [
        "0 s", "99 s", "2 min", "90 min", "1.5 h",
    ]  # fmt: skip
