import gzip

import numpy as np
import pandas as pd
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


START = np.datetime64("2024-03-01T12:00:00", "us")


@pytest.mark.parametrize("distance", [10, 500, 1500])
def test_fractions_of_a_second_are_kept(write, distance):
    """At 100 and at 2 rows a second, and every one and a half seconds."""
    times = START + np.arange(50) * np.timedelta64(distance, "ms")
    lines = [f"{time},{row}" for row, time in enumerate(times.astype("M8[ms]"))]
    series = series_file(write("\n".join(["t,a", *lines])), time="t")
    assert np.array_equal(series.times, times)
    assert series.times.dtype == "M8[ms]"
    assert series.values.ravel().tolist() == list(range(50))


def test_rows_within_a_second_are_averaged_where_a_step_is_given(write):
    lines = [f"2024-03-01T12:00:00.{10 * row:03},{row}" for row in range(6)]
    path = write("\n".join(["t,a", *lines]))
    assert series_file(path, time="t", step="20ms").values.ravel().tolist() == [0.5, 2.5, 4.5]
    assert series_file(path, time="t", step="1s").values.ravel().tolist() == [2.5]


@pytest.mark.parametrize(("unit", "each"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_counts_since_1970_are_times(write, unit, each):
    lines = [f"{(1_700_000_000 + 3600 * hour) * each},{hour}" for hour in range(4)]
    series = series_file(write("\n".join(["t,a", *lines])), time="t")
    assert series.times.astype(str).tolist()[::3] == ["2023-11-14T22:13:20", "2023-11-15T01:13:20"]


def test_counts_since_1970_may_have_fractions(write):
    series = series_file(write("t,a\n1700000000.25,1\n1700000000.5,2\n"), time="t")
    assert series.times.astype(str).tolist() == [
        "2023-11-14T22:13:20.250",
        "2023-11-14T22:13:20.500",
    ]


def test_years_and_days_without_signs_are_no_counts(write):
    years = series_file(write("t,a\n1990,1\n1991,2\n1993,4\n"), time="t")
    assert years.times.astype("M8[Y]").astype(str).tolist() == ["1990", "1991", "1992", "1993"]
    days = series_file(write("t,a\n20240131,1\n20240201,2\n"), time="t")
    assert days.times.astype("M8[D]").astype(str).tolist() == ["2024-01-31", "2024-02-01"]


def test_a_form_that_looks_like_a_count_is_no_count(write):
    path = write("t,a\n2024013105,1\n2024013106,2\n")
    series = series_file(path, time="t", time_format="%Y%m%d%H")
    assert series.times.astype("M8[h]").astype(str).tolist() == ["2024-01-31T05", "2024-01-31T06"]


def test_time_zones_become_utc(write):
    lines = ["2024-03-01T12:00+02:00,1", "2024-03-01T11:00Z,2", "2024-03-01T07:00-0500,3"]
    series = series_file(write("\n".join(["t,a", *lines])), time="t")
    assert series.times.astype("M8[h]").astype(str).tolist() == [
        "2024-03-01T10",
        "2024-03-01T11",
        "2024-03-01T12",
    ]


def test_last_days_of_months_are_regular(write):
    text = "t,a\n2024-01-31,1\n2024-02-29,2\n2024-04-30,4\n2024-05-31,5\n"
    series = series_file(write(text), time="t")
    assert series.times.astype("M8[D]").astype(str).tolist()[1:4] == [
        "2024-02-29",
        "2024-03-31",
        "2024-04-30",
    ]
    np.testing.assert_array_equal(series.values.ravel(), [1, 2, np.nan, 4, 5])


@pytest.mark.parametrize(
    ("step", "first", "means"),
    [("1M", "2024-01-01", [1.5, np.nan, 4]), ("1Y", "2024-01-01", [7 / 3]),
     ("1W", "2024-01-01", [1, 2, *[np.nan] * 8, 4])],
)  # fmt: skip
def test_steps_of_the_calendar_begin_where_it_does(write, step, first, means):
    """Weeks on Monday, which the first of 2024 is."""
    series = series_file(
        write("t,a\n2024-01-05,1\n2024-01-08,2\n2024-03-11,4\n"), time="t", step=step
    )
    assert str(series.times[0].astype("M8[D]")) == first
    np.testing.assert_allclose(series.values.ravel(), means)


def frame(**columns):
    index = pd.date_range("2024-01-01", periods=4, freq="D")
    return pd.DataFrame(columns or {"x": np.arange(4.0), "y": [1, 2, 3, 4]}, index=index)


def test_a_dataframe_keeps_names_and_times():
    series = series_file(frame())
    assert series.columns == ("x", "y")
    assert series.times.astype("M8[D]").astype(str).tolist()[::3] == ["2024-01-01", "2024-01-04"]
    assert series.values.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert series_file(frame()["y"]).columns == ("y",)
    assert series_file(frame().reset_index(drop=True)).times.tolist() == [0, 1, 2, 3]


def test_a_dataframe_of_any_kind_of_time():
    expected = series_file(frame()).times
    table = frame().rename_axis("day")
    for each in (
        table.reset_index(),
        table.tz_localize("UTC").reset_index(),
        table.set_axis(table.index.astype(str)).rename_axis("day").reset_index(),
    ):
        series = series_file(each, time="day")
        assert np.array_equal(series.times, expected)
        assert series.columns == ("x", "y")
    for each in (table, table.tz_localize("UTC")):  # what is a time has no form
        series = series_file(each.reset_index(), time="day", time_format="%d.%m.%Y")
        assert np.array_equal(series.times, expected)
    zoned = series_file(table.tz_localize("Etc/GMT-2"))
    assert np.array_equal(zoned.times, expected - np.timedelta64(2, "h"))
    assert np.array_equal(series_file(table.to_period("D")).times, expected)
    assert len(series_file(table.iloc[[3, 0, 1]]).times) == 4


def test_a_dataframe_of_missing_and_nullable_numbers():
    series = series_file(frame(x=pd.array([1, None, 3, 4], "Int64"), y=["1", "NA", " 3", None]))
    np.testing.assert_array_equal(series.values, [[1, 1], [np.nan] * 2, [3, 3], [4, np.nan]])


@pytest.mark.parametrize("code", [-999, -9999, -99999, -999999])
def test_a_code_for_missing_is_told(write, code):
    with pytest.warns(UserWarning, match=f"{code} among larger numbers in column 'a'"):
        series_file(write(f"a\n1\n{code}\n2\n"))
    series_file(write(f"a\n1\n{-code}\n2\n"))
    series_file(write(f"a\n1\n{code - 1}\n2\n"))


def test_a_code_among_numbers_of_its_size_is_a_number(write):
    series_file(write("a\n1\n-9999\n-9000\n"))
    series_file(write("a\n1\n-9999\n-999.9\n"))  # larger than a tenth of it, not as large


def test_packed_files_other_encodings_and_the_home_folder(write, tmp_path, monkeypatch):
    write(gzip.compress(HOURLY.encode()), "series.csv.gz")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert series_file("~/series.csv.gz", time="time").values.shape == (3, 2)
    path = write("Zeit;°C\n2024-01-01;1\n".encode("cp1252"))
    assert series_file(path, time="Zeit", encoding="cp1252").columns == ("°C",)
    assert series_file(write(HOURLY.encode("utf-16")), time="time", encoding="utf-16").columns


BAD_FRAMES = {
    "no frame": ([1, 2], {}, "CSV file or a pandas.DataFrame with rows. Received: list"),
    "no rows": (frame().iloc[:0], {}, "Received: one without rows"),
    "times": (frame().reset_index(), {}, "must hold numbers. Received: 'index' with times"),
    "words": (frame(x=list("abcd")), {}, "'a' in row 2024-01-01 00:00:00, column 'x'"),
    "infinity": (frame(x=[1, 2, np.inf, 4]), {}, "'inf' in row 2024-01-03"),
    "no time": (frame().set_axis([pd.NaT, *frame().index[1:]]), {}, "an index with NaT"),
    "one time twice": (frame().iloc[[0, 0]], {}, "2024-01-01T00:00:00 twice"),
    "columns twice": (
        frame(),
        {"columns": ["x", "x"]},
        "is another column. Received: columns with 'x' twice",
    ),
    "column is time": (
        frame(),
        {"columns": ["x", "y"], "time": "x"},
        "Received: columns with 'x' twice",
    ),
    "a number": (frame(), {"columns": 5}, "must be there once. Received: 5"),
    "no column": (frame(), {"columns": []}, "needs a column of numbers"),
    "negative gap": (frame(), {"max_gap": -1}, "max_gap must be a whole number of at least 0"),
    "part of a gap": (frame(), {"max_gap": 1.5}, "Received: max_gap=1.5"),
    "step": (frame(), {"step": 3}, "Received: step=3"),
}


@pytest.mark.parametrize(("data", "settings", "message"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_bad_frames_are_refused(data, settings, message):
    with pytest.raises(ValueError, match=message):
        series_file(data, **settings)


BAD = {
    "two kinds of time": (
        b"t,a\n2024-01-01 00:00,1\n1700000000,2\n",
        {"time": "t"},
        "'1700000000' in line 3",
    ),
    "two sizes of time": (
        b"t,a\n1700000000,1\n1700000060,2\n1700000120000,3\n",
        {"time": "t"},
        "'1700000120000' in line 4, of another size than the others",
    ),
    "zones here and there": (
        b"t,a\n2024-01-01T00:00Z,1\n2024-01-01T01:00Z,1\n2024-01-01T02:00,2\n",
        {"time": "t"},
        "'2024-01-01T02:00' in line 4, without a time zone, unlike the others",
    ),
    "one zone": (
        b"t,a\n2024-01-01T00:00,1\n2024-01-01T01:00,1\n2024-01-01T02:00Z,2\n",
        {"time": "t"},
        "'2024-01-01T02:00Z' in line 4, with a time zone",
    ),
    "no time": (b"t,a\n2024-01-01,1\n,2\n", {"time": "t"}, "Received: '' in line 3"),
    "days of a spreadsheet": (
        b"t,a\n45292,1\n45293,2\n",
        {"time": "t"},
        "'45292' in line 2.*unit=.D., origin=.1899-12-30",
    ),
    "a sum below": (
        b"t,a\n2024-01-01,1\n2024-01-02,2\nTotal,3\n",
        {"time": "t"},
        "'Total' in line 4.*Correct or remove what is no time, or pass their form",
    ),
    "day first": (b"t,a\n03/04/2024,1\n", {"time": "t"}, "None. Pass their form, such as"),
    "two stations": (
        b"t,s,a\n2024-01-01,1,1\n2024-01-01,2,5\n",
        {"time": "t"},
        "twice or more.*take series that stand below each other apart with pandas",
    ),
    "lines above": (b"# station 5\nt,a\n1,2\n", {}, "The first line is '# station 5': remove"),
    "forgotten time": (b"t,a\n2024-01-01,1\n", {}, "column 't'. Name the column of times as time="),
    "truth": (b"a\nTrue\n", {}, "'True' in line 2, column 'a'. Write 1 and 0"),
    "no form": (b"t,a\n1,1\n", {"time": "t", "time_format": "%Q"}, "%Q"),
    "long row": (b"a,b\n1,2\n3,4,5\n", {}, "as many cells as there are column names, 2.*line 3"),
    "blank line before": (b"a,b\n\n1,2\n3\n", {}, "Received: 1 in line 4"),
    "quote": (b'a,b\n1,"2\n3,4\n', {}, "must be well formed.*lines 2 to 3"),
    "NUL": (b"a\n1\n\0\n", {}, "no NUL character.*line 3"),
    "delimiter": (HOURLY.encode(), {"delimiter": ";;"}, "delimiter is one character.*';;'"),
    "encoding": (HOURLY.encode(), {"encoding": "utf-5"}, "encoding is one that Python knows"),
    "cut archive": (
        gzip.compress(HOURLY.encode())[:-9],
        {"name": "a.csv.gz"},
        "readable to its end",
    ),
    "many columns": (b",".join([b"a"] * 20_000), {}, "may have 16,384 columns.*20,000"),
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
    "decimal comma": (
        b"a;b\n1;2\n1,5;2\n",
        {},
        "Received: '1,5' in line 3.*pandas.read_csv.*decimal=.,..* where",
    ),
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
        (HOURLY + "2210-01-01 00:00,5,50\n").encode(),
        {"time": "time"},
        "from 2010-01-01T00:00:00 to 2210",
    ),
    "a line of 20 MB": (b"a\n" + b"7" * 20_000_000 + b"\n", {}, "line must be below 2,097,152"),
}


@pytest.mark.parametrize(("content", "settings", "message"), BAD.values(), ids=BAD)
def test_bad_files_are_refused(write, content, settings, message):
    name = settings.get("name", "series.csv")
    settings = {setting: value for setting, value in settings.items() if setting != "name"}
    with pytest.raises(ValueError, match=message) as caught:
        series_file(write(content, name), **settings)
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


@pytest.mark.parametrize(
    ("step", "unit", "each"),
    [("1s", "s", 1), ("15min", "m", 15), ("2h", "h", 2), ("1D", "D", 1), ("1W", "D", 7),
     ("1M", "D", 28), ("1Y", "D", 365)],
)  # fmt: skip
def test_a_grid_has_a_row_in_one_of_a_hundred_steps(step, unit, each):
    """Two rows 199 steps apart are fine, 200 are too many. Months count as 28 days here."""
    first, step_length = np.datetime64("2000-01-01", "s"), np.timedelta64(each, unit)
    values = np.array([[1.0], [2.0]])
    times, means = on_grid(np.array([first, first + 199 * step_length]), values, step)
    assert 180 <= len(times) <= 201
    assert np.isfinite(means).sum() == 2
    with pytest.raises(ValueError, match=r"in at least one of 100 steps. Received: 2 rows and 201"):
        on_grid(np.array([first, first + 200 * step_length]), values, step)
