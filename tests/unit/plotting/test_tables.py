import math

import numpy as np
import pytest

from tltk.plotting import format_table

ROWS = [
    {"method": "scratch", "accuracy": (0.412, 0.02), "weights": 2_300_000},
    {"method": "<frozen>", "accuracy": (0.8, float("nan")), "weights": 10},
]


def test_text_is_aligned():
    assert str(format_table(ROWS, digits=2, caption="Results")).split("\n") == [
        "Results",
        "method       accuracy    weights",
        "--------  -----------  ---------",
        "scratch   0.41 ± 0.02  2,300,000",
        "<frozen>     0.80 ± ?         10",
    ]
    assert repr(format_table(ROWS)) == str(format_table(ROWS))


def test_columns_are_chosen_ordered_and_renamed():
    chosen = format_table(ROWS, columns=["weights", "method"])
    assert chosen.headings == ("weights", "method")
    renamed = format_table(ROWS, columns={"weights": "number of weights"})
    assert renamed.headings == ("number of weights",)
    assert format_table([{"labels_per_class": 5}]).headings == ("labels per class",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (-2.0, "-2.000"),
        (0.0, "0.000"),
        (1e-5, "1e-05"),
        (0.0005, "0.001"),
        (np.float32(0.5), "0.500"),
        (np.int64(9999), "9999"),
        (12345, "12,345"),
        (True, "yes"),
        (np.False_, "no"),
        (None, ""),
        (float("nan"), "?"),
        ("text", "text"),
        ((1, 2), "1 ± 2"),
        ((0.5, -0.25, 1.0), "0.500 (-0.250 to 1.000)"),
    ],
)
def test_a_value_becomes(value, text):
    assert format_table([{"x": value}]).cells == ((text,),)


def test_missing_values_stay_empty_and_numbers_are_set_right():
    table = format_table([{"a": 1, "b": "x"}, {"b": "y"}])
    assert table.cells == (("1", "x"), ("", "y"))
    assert table.numeric == (True, False)


def test_chinese_takes_two_columns():
    lines = str(format_table([{"term": "迁移", "x": 1}, {"term": "word", "x": 2}])).split("\n")
    assert lines[2:] == ["迁移  1", "word  2"]


def test_html_is_escaped():
    html = format_table(ROWS, caption="a < b")._repr_html_()
    assert "&lt;frozen&gt;" in html
    assert "a &lt; b" in html
    assert "<frozen>" not in html
    assert html.count("<tr>") == 3


def test_no_rows():
    assert str(format_table([], columns=["a", "b"])) == "a  b\n-  -"
    assert "<table>" in format_table([])._repr_html_()


def test_unknown_columns_are_refused():
    with pytest.raises(
        ValueError, match=r"method, accuracy, weights.*Received: columns with speed"
    ):
        format_table(ROWS, columns=["speed"])


def test_a_pair_keeps_one_precision():
    table = format_table([{"gain": (0.000333, 0.037), "half": (0.5, math.nan)}])
    assert table.cells == (("0.000 ± 0.037", "0.500 ± ?"),)
