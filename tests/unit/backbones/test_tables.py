import keras
import numpy as np
import pytest

from tltk.backbones.tables import table_encoder

ROWS = np.array([[1.0, 10.0, 5.0], [3.0, np.nan, 5.0], [5.0, 30.0, 5.0]])


def test_columns_are_standardised_by_the_values_there_are():
    found = table_encoder(ROWS).predict(ROWS, verbose=0)
    deviation = np.sqrt(8 / 3)
    assert np.allclose(found[:, 0], (ROWS[:, 0] - 3) / deviation)
    assert found[:, 1].tolist() == [-1, 0, 1]
    assert found[:, 2].tolist() == [0, 0, 0]
    assert found[:, 3:].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_column_that_varies_by_rounding_alone_is_not_blown_up():
    rows = np.full((7, 1), 0.1)
    assert 0 < rows.var() < 1e-30
    found = table_encoder(rows).predict(np.array([[0.1], [0.2]]), verbose=0)[:, 0]
    np.testing.assert_allclose(found, [0, 0.1], atol=1e-6)


def test_it_has_nothing_to_train_and_loads_with_plain_keras(tmp_path):
    model = table_encoder(ROWS)
    assert not model.weights
    model.save(tmp_path / "table.keras")
    loaded = keras.models.load_model(tmp_path / "table.keras")
    assert np.array_equal(loaded.predict(ROWS, verbose=0), model.predict(ROWS, verbose=0))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (np.array([["a"]]), "numbers .n, d., NaN where .* Received: rows=<U1 of shape .1, 1."),
        (np.zeros(3), "numbers .n, d., NaN where .* Received: rows=float64 of shape .3,."),
        (np.array([[1.0, np.nan]]), "Received: rows without a value in column 1"),
        (np.array([[np.inf]]), r"Received: rows\[0, 0\]=inf"),
    ],
)
def test_tables_that_say_nothing_are_refused(rows, says):
    with pytest.raises(ValueError, match=says):
        table_encoder(rows)
