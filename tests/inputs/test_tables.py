import csv
import gzip
import json
import lzma

import pytest

from tltk.inputs.tables import LONGEST_TEXT, read_texts

ROWS = [("a fine film", "good"), ('a "poor", dull one', "bad"), ("línea\nnueva", "bad")]


def read(path, **settings):
    return read_texts(path, "text", "label", None, **settings)


def write_table(path, rows, delimiter, opener=open, encoding="utf-8"):
    with opener(path, "wt", encoding=encoding, newline="") as lines:
        writer = csv.writer(lines, delimiter=delimiter)
        writer.writerows([("text", "label"), *rows])
    return path


@pytest.mark.parametrize(
    ("name", "opener"),
    [("a.csv", open), ("a.tsv", open), ("a.csv.gz", gzip.open), ("a.tsv.xz", lzma.open)],
)
def test_tables_are_read_as_they_were_written(tmp_path, name, opener):
    path = write_table(tmp_path / name, ROWS, "\t" if "tsv" in name else ",", opener)
    table = read(path)
    assert list(zip(table.texts, table.labels, strict=True)) == ROWS
    assert table.groups is None
    assert table.names == ["row 1", "row 2", "row 3"]


def test_lines_of_json(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"text": text, "label": i, "by": "x"}) for i, (text, _) in enumerate(ROWS)]
    path.write_text("\n".join([*lines, ""]))
    table = read_texts(path, "text", "label", "by")
    assert table.texts == [text for text, _ in ROWS]
    assert (table.labels, table.groups) == (["0", "1", "2"], ["x", "x", "x"])


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = write_table(tmp_path / "a.csv", ROWS, ",", encoding="utf-8-sig")
    assert len(read(path).texts) == 3


def test_rows_without_text_or_label_are_named_and_left_out(tmp_path):
    path = write_table(tmp_path / "a.csv", [*ROWS, ("  ", "bad"), ("fine", "")], ",")
    with pytest.warns(UserWarning, match="2 without in .*row 4, row 5. They are left out"):
        assert len(read(path).texts) == 3
    with pytest.raises(ValueError, match="Every row needs a text and a label.*Fill or remove"):
        read(path, on_error="raise")


def test_a_row_that_ends_early_has_no_label(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nfine,good\nlonely\n")
    with pytest.warns(UserWarning, match="1 without in .*row 2"):
        assert read(path).texts == ["fine"]


@pytest.mark.parametrize("content", ["", "text,label\n"])
def test_an_empty_file(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    match = "no column 'text'.*but nothing" if not content else "with none. Check the file"
    with pytest.raises(ValueError, match=match):
        read(tmp_path / "a.csv")


def test_another_delimiter_is_recognised(tmp_path):
    path = write_table(tmp_path / "a.csv", ROWS, ";")
    with pytest.raises(ValueError, match="no column 'text'.*seem to be divided by ';'"):
        read(path)


def test_a_missing_column_lists_those_there_are(tmp_path):
    path = write_table(tmp_path / "a.csv", ROWS, ",")
    with pytest.raises(ValueError, match="no column 'review'.*but text, label"):
        read_texts(path, "review", "label", None)


def test_another_encoding(tmp_path):
    path = write_table(tmp_path / "a.csv", ROWS, ",", encoding="latin-1")
    with pytest.raises(ValueError, match="must be in the encoding named.*latin-1"):
        read(path)
    assert read(path, encoding="latin-1").texts[2] == "línea\nnueva"


def test_a_text_of_twenty_megabytes(tmp_path):
    path = write_table(tmp_path / "a.csv", [*ROWS, ("x" * 20_000_000, "bad")], ",")
    before = csv.field_size_limit()
    with pytest.raises(
        ValueError, match="line must be below 2,097,152.*a.csv, line 6, which begins with 'xxx"
    ):
        read(path)
    assert csv.field_size_limit() == before
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "x" * 20_000_000, "label": 1}))
    with pytest.raises(ValueError, match="line must be below 2,097,152.*a.jsonl, line 1"):
        read(tmp_path / "a.jsonl")


def test_the_longest_text_is_read(tmp_path):
    path = write_table(tmp_path / "a.csv", [("x" * (LONGEST_TEXT - 1), "bad")], ",")
    assert len(read(path).texts[0]) == LONGEST_TEXT - 1


def test_a_quotation_mark_that_is_not_closed(tmp_path):
    (tmp_path / "a.csv").write_text('text,label\n"fine,good\npoor,bad\n')
    with pytest.raises(ValueError, match="must be well formed.*quotation mark is not closed"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize("line", ["not json", "[1, 2]"])
def test_a_line_that_is_no_object(tmp_path, line):
    (tmp_path / "a.jsonl").write_text('{"text": "fine", "label": 1}\n' + line)
    with pytest.raises(ValueError, match="one JSON object.*line 2"):
        read(tmp_path / "a.jsonl")


def test_a_json_line_without_a_column(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"review": "fine", "label": 1}')
    with pytest.raises(ValueError, match="no 'text' in .*line 1, but review, label"):
        read(tmp_path / "a.jsonl")


def test_a_packed_file_that_is_cut_off(tmp_path):
    path = write_table(tmp_path / "a.csv.gz", ROWS * 50, ",", gzip.open)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="must be readable to its end"):
        read(path)


def test_unknown_suffix_folder_and_missing_file(tmp_path):
    (tmp_path / "a.xlsx").write_text("")
    with pytest.raises(ValueError, match="A table ends in .csv, .tsv, .jsonl, .ndjson.*a.xlsx"):
        read(tmp_path / "a.xlsx")
    with pytest.raises(FileNotFoundError, match="which is a folder"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="which is not there"):
        read(tmp_path / "b.csv")


def test_unknown_on_error(tmp_path):
    with pytest.raises(ValueError, match='"skip" or "raise". Received: on_error=\'no\''):
        read(write_table(tmp_path / "a.csv", ROWS, ","), on_error="no")
