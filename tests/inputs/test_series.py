import numpy as np
import pytest

from tltk.inputs import series_file
from tltk.inputs.series import carry_forward, on_grid

HOURLY = "time,a,b\n2010-01-01 00:00,1,10\n2010-01-01 01:00,2,20\n2010-01-01 02:00,3,30\n"


@pytest.fixture
def write(tmp_path):
    def put(content, name="series.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


def test_values_times_and_names_are_those_of_the_file(write):
    series = series_file(write(HOURLY), time="time")
    assert series.columns == ("a", "b")
    assert series.values.tolist() == [[1, 10], [2, 20], [3, 30]]
    assert series.times.astype(str).tolist()[1] == "2010-01-01T01:00:00"
    assert not series.filled.any()


def test_one_column_by_name_and_order_as_asked(write):
    assert series_file(write(HOURLY), "b", time="time").values.ravel().tolist() == [10, 20, 30]
    assert series_file(write(HOURLY), ["b", "a"], time="time").columns == ("b", "a")


def test_rows_without_time_are_steps(write):
    series = series_file(write("a\n5\n6\n"))
    assert series.times.tolist() == [0, 1]


def test_unsorted_rows_are_sorted(write):
    lines = HOURLY.splitlines()
    shuffled = "\n".join([lines[0], lines[3], lines[1], lines[2]])
    assert np.array_equal(
        series_file(write(shuffled), time="time").values,
        series_file(write(HOURLY), time="time").values,
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(write, delimiter):
    series = series_file(write(HOURLY.replace(",", delimiter)), time="time")
    assert series.values[2].tolist() == [3, 30]


def test_byte_order_mark_and_windows_lines_do_no_harm(write):
    content = b"\xef\xbb\xbf" + HOURLY.replace("\n", "\r\n").encode()
    assert series_file(write(content), time="time").columns == ("a", "b")


@pytest.mark.parametrize("cell", ['""', " ", "NA", "n/a", "NaN", "null", "-"])
def test_missing_cells_stay_missing(write, cell):
    series = series_file(write(f"a\n1\n{cell}\n3\n"))
    assert np.isnan(series.values).ravel().tolist() == [False, True, False]


def test_missing_rows_become_missing_steps(write):
    text = "time,a\n2010-01-01,1\n2010-01-02,2\n2010-01-05,5\n2010-01-06,6\n2010-01-07,7\n"
    series = series_file(write(text), time="time")
    assert len(series.times) == 7
    assert np.isnan(series.values[2:4]).all()
    assert series.values[4] == 5


def test_short_gaps_take_the_last_value_and_long_ones_stay(write):
    series = series_file(write('a\n""\n1\n""\n3\n""\n""\n6\n""\n'), max_gap=1)
    expected = [np.nan, 1, 1, 3, np.nan, np.nan, 6, 6]
    np.testing.assert_array_equal(series.values.ravel(), expected)
    assert np.flatnonzero(series.filled).tolist() == [2, 7]


def test_months_are_regular_although_their_days_are_not(write):
    text = "time,a\n" + "".join(f"2011-{month:02}-15,{month}\n" for month in (1, 2, 3, 5, 6))
    series = series_file(write(text), time="time")
    assert series.times.astype("M8[D]").astype(str).tolist()[1:4] == [
        "2011-02-15",
        "2011-03-15",
        "2011-04-15",
    ]
    assert np.isnan(series.values[3, 0])


@pytest.mark.parametrize(
    ("step", "means"),
    [("1h", [2, np.nan, 7]), ("30min", [1, 3, np.nan, np.nan, 7]), ("1D", [11 / 3])],
)
def test_irregular_rows_are_averaged_in_steps(write, step, means):
    text = "time,a\n2010-01-01 00:07,1\n2010-01-01 00:31,3\n2010-01-01 02:05,7\n"
    series = series_file(write(text), time="time", step=step)
    np.testing.assert_allclose(series.values.ravel(), means)
    assert str(series.times[0]) == "2010-01-01T00:00:00"


def test_duplicate_times_are_averaged_where_a_step_is_given(write):
    text = HOURLY + "2010-01-01 02:00,5,50\n"
    assert series_file(write(text), time="time", step="1h").values[2].tolist() == [4, 40]


@pytest.mark.parametrize(
    ("stamp", "time_format"),
    [
        ("2010/01/02 03:00", None),
        ("2010-01-02T03:00:00", None),
        ("2010-01-02T04:00:00+01:00", None),
        ("02.01.2010 3h", "%d.%m.%Y %Hh"),
    ],
)
def test_time_stamps_of_several_forms(write, stamp, time_format):
    series = series_file(write(f"t,a\n{stamp},1\n"), time="t", time_format=time_format)
    assert str(series.times[0]) == "2010-01-02T03:00:00"


BAD = {
    "empty file": (b"", {}, "needs a line of column names"),
    "no rows": (b"a,b\n", {}, "at least one row"),
    "not UTF-8": (
        "größe\n1\n".encode("latin-1"),
        {},
        "must be in the encoding named.*Try encoding=",
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n\xff", {}, "must be in the encoding named.*Try encoding="),
    "missing column": (HOURLY.encode(), {"columns": "c"}, "Received: 'c'"),
    "missing time": (HOURLY.encode(), {"time": "when"}, "Received: 'when'"),
    "column twice": (b"a,a\n1,2\n", {}, "must be there once. Received: 'a'"),
    "wrong delimiter": (HOURLY.encode(), {"time": "time", "delimiter": ";"}, "the delimiter"),
    "short row": (b"a,b\n1,2\n3\n", {}, "Received: 1 in line 3"),
    "word": (b"a\n1\nhot\n", {}, "Received: 'hot' in line 3, column 'a'"),
    "decimal comma": (b"a;b\n1;2\n1,5;2\n", {}, "Received: '1,5' in line 3"),
    "infinity": (b"a\n1\ninf\n", {}, "finite number"),
    "no numbers": (b"a,b\n1,NA\n2,\n", {}, "Received: 'b' without any"),
    "bad time": (b"t,a\nmonday,1\n", {"time": "t"}, "Received: 'monday' in line 2"),
    "duplicate": (
        (HOURLY + "2010-01-01 02:00,5,50\n").encode(),
        {"time": "time"},
        "Received: 2010-01-01T02:00:00 twice",
    ),
    "off the grid": (
        (HOURLY + "2010-01-01 03:20,5,50\n").encode(),
        {"time": "time"},
        "Received: 2010-01-01T03:20:00",
    ),
    "unknown step": (HOURLY.encode(), {"time": "time", "step": "hourly"}, "step='hourly'"),
    "no step": (HOURLY.encode(), {"time": "time", "step": "0h"}, "step='0h'"),
    "year mistyped": (
        (HOURLY + "3010-01-01 00:00,5,50\n").encode(),
        {"time": "time"},
        "from 2010-01-01T00:00:00 to 3010",
    ),
    "a line of 20 MB": (b"a\n" + b"7" * 20_000_000 + b"\n", {}, "line must be below 2,097,152"),
}


@pytest.mark.parametrize(("content", "settings", "message"), BAD.values(), ids=BAD)
def test_bad_files_are_refused(write, content, settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        series_file(write(content), **settings)
    assert len(str(caught.value)) < 500


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.csv"):
        series_file(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("seed", range(20))
def test_dropped_rows_come_back_as_gaps(seed):
    random = np.random.default_rng(seed)
    times = np.datetime64("2020-02-27T05", "s") + np.arange(60) * np.timedelta64(900, "s")
    kept = np.concatenate([[0, 1, 2], 3 + np.flatnonzero(random.random(57) < 0.7)])
    shuffled = random.permutation(kept)
    grid, values = on_grid(times[shuffled], shuffled[:, None].astype(float))
    assert np.array_equal(grid, times[: kept[-1] + 1])
    expected = np.full(kept[-1] + 1, np.nan)
    expected[kept] = kept
    np.testing.assert_array_equal(values[:, 0], expected)


@pytest.mark.parametrize("seed", range(20))
def test_carrying_forward_equals_a_slow_loop(seed):
    random = np.random.default_rng(seed)
    column = np.where(random.random(40) < 0.4, np.nan, np.arange(40.0))
    filled, marked = carry_forward(column[:, None], max_gap=2)
    expected, row = column.copy(), 0
    while row < 40:
        end = row
        while end < 40 and np.isnan(column[end]):
            end += 1
        if 0 < end - row <= 2 and row > 0:
            expected[row:end] = column[row - 1]
        row = max(end, row + 1)
    np.testing.assert_array_equal(filled[:, 0], expected)
    assert np.array_equal(marked[:, 0], np.isnan(column) & ~np.isnan(expected))
