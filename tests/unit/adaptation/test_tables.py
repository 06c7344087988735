import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tltk.adaptation import TrAdaBoost, stack_tables

ROWS = np.array([[30, "Rome"], [40, "Oslo"]], dtype=object)


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def test_arrays_keep_their_values_and_kinds():
    X, y, domain = stack_tables((ROWS, ["a", "b"]), ROWS[:1])
    assert X.tolist() == [*ROWS.tolist(), ROWS[0].tolist()]
    assert y.tolist() == ["a", "b", ""]
    assert domain.tolist() == [0, 0, 1]


def test_frames_are_put_into_the_order_of_the_source():
    old, new = frame(age=[30, 40], city=["Rome", "Oslo"]), frame(city=["Bari"], age=[50])
    X, y, domain = stack_tables(old, (new, [1]))
    assert X["city"].tolist() == ["Rome", "Oslo", "Bari"]
    assert list(X.columns) == ["age", "city"]
    assert X.index.tolist() == [0, 1, 2]
    assert (y.tolist(), domain.tolist()) == ([-1, -1, 1], [0, 0, 1])


def test_frames_go_through_a_pipeline_by_name():
    random = np.random.default_rng(0)
    tables = []
    for count in (100, 20):
        city = random.choice(["Rome", "Oslo"], count)
        tables.append((frame(age=random.normal(size=count), city=city), (city == "Oslo") * 1))
    X, y, domain = stack_tables(*tables)
    encoder = make_column_transformer((StandardScaler(), ["age"]), (OneHotEncoder(), ["city"]))
    model = TrAdaBoost(make_pipeline(encoder, LogisticRegression()), n_estimators=2)
    assert model.fit(X, y, domain=domain).score(X, y) == 1


def test_missing_values_are_of_either_kind():
    holes = np.array([[None, "Rome"], [np.nan, None]], dtype=object)
    assert stack_tables(ROWS, holes)[0].shape == (4, 2)


def test_columns_that_do_not_match_are_named():
    with pytest.raises(ValueError, match=r"only in the source \['city'\], only in the target \['t"):
        stack_tables(frame(age=[1], city=["a"]), frame(age=[1], town=["a"]))
    with pytest.raises(ValueError, match=r"only in the target \[2\]"):
        stack_tables(ROWS, np.column_stack([ROWS, [1, 2]]))


def test_a_column_of_another_kind_is_named():
    with pytest.raises(ValueError, match=r"in neither. Received: 0 \(numbers, then other values\)"):
        stack_tables(ROWS, ROWS[:, ::-1])


def test_a_frame_and_an_array_are_refused():
    with pytest.raises(ValueError, match="Both tables are data frames, or both are arrays"):
        stack_tables(frame(age=[1]), ROWS)


def test_a_column_twice_is_refused():
    twice = frame(age=[1], town=["a"])
    twice.columns = ["age", "age"]
    with pytest.raises(ValueError, match="columns must have different names. Received: age"):
        stack_tables(twice, twice)


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match=r"The target must be a table.*Received: \[1, 2\]. Pass"):
        stack_tables(ROWS, [1, 2])


def test_an_empty_domain_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        stack_tables(ROWS, ROWS[:0])
