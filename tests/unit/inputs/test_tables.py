import csv
import gzip
import json
import lzma

import numpy as np
import pandas as pd
import pytest

from tltk.inputs._tables import LONGEST_TEXT, read_texts
from tltk.inputs.texts import text_file

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
    with pytest.raises(ValueError, match="one of 'skip', 'raise'. Received: on_error='no'"):
        read(write_table(tmp_path / "a.csv", ROWS, ","), on_error="no")


GOOD = [f"fine film {i}\tpos" if i % 2 else f"dull film {i}\tneg" for i in range(40)]


def write(path, lines, header="text\tlabel"):
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("columns", [2, 3])
def test_rows_inside_a_quoted_cell_are_told(tmp_path, columns):
    """A quotation mark opens in line 7 and the next one stands at the end of a text in line 33."""
    lines = [*GOOD[:5], '"The beginning\tpos', *GOOD[5:30], 'the end"\tneg', *GOOD[30:]]
    path, header = tmp_path / "a.tsv", "text\tlabel"
    if columns == 3:
        lines, header = [f"1\t{line}" for line in lines], f"id\t{header}"
        lines[5], lines[31] = '1\t"The beginning\tpos', 'the end"\tneg'
    write(path, lines, header)
    with pytest.warns(UserWarning, match=r"rows inside one quoted cell in .*a.tsv, lines 7 to 33"):
        read(path)
    if columns == 2:
        table = read(path, quoting="none")
        assert table.texts[5] == '"The beginning'
        assert len(table.texts) == 42
        assert read(path, quoting=csv.QUOTE_NONE) == table


def test_a_text_of_several_lines_is_no_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        'text,label\n"one, two\r\nthree, four\nfive",good\nsix,bad\n', "utf-8", newline=""
    )
    assert read(path).texts == ["one, two\r\nthree, four\nfive", "six"]


@pytest.mark.parametrize("last", ["", "\nfine\tpos"])
@pytest.mark.parametrize("line", ['"The Office is great\tpos', '"Lorem Ipsum" dolor\tpos'])
def test_quotation_marks_that_are_characters(tmp_path, line, last):
    path = write(tmp_path / "a.tsv", [*GOOD, line + last])
    with pytest.raises(
        ValueError, match='lines? 42.*no more than a character .pass quoting="none"'
    ):
        read(path)
    assert read(path, quoting="none").texts[40] == line.split("\t")[0]


def test_more_cells_than_columns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n"two\nlines",pos\nfine, really,pos\ndull,neg\n')
    with pytest.raises(
        ValueError, match=r"column names, 2. Received: 3 in .*a.csv, line 4: .'fine'"
    ):
        read(path)
    path.write_text("text,label,\nfine,pos,\ndull,neg,\n")
    assert read(path).labels == ["pos", "neg"]


def test_any_delimiter_and_any_name_of_a_table(tmp_path):
    path = write_table(tmp_path / "a.txt", ROWS, ";")
    assert read(path, delimiter=";").texts == [text for text, _ in ROWS]
    path = write_table(tmp_path / "a.csv", ROWS, ";", encoding="cp1252")
    assert read(path, delimiter=";", encoding="cp1252").labels == [label for _, label in ROWS]


def test_labels_are_cleaned_and_those_nearly_equal_named(tmp_path):
    labels = ["pos", " pos", "pos ", "neg", "very  good", "very good", "cafe\u0301", "café"]
    path = write(tmp_path / "a.tsv", [f"text {i}\t{label}" for i, label in enumerate(labels)])
    cleaned = ["pos"] * 3 + ["neg"] + ["very good"] * 2 + ["café"] * 2
    assert read(path).labels == cleaned
    write(path, ["a\tPos", "b\tpos", "c\t1", "d\t1.0", "e\tnot good", "f\tnotgood", "g\tneg"])
    with pytest.warns(
        UserWarning, match="'1' and '1.0', 'Pos' and 'pos', 'not good' and 'notgood'"
    ):
        assert read(path).labels == ["Pos", "pos", "1", "1.0", "not good", "notgood", "neg"]


@pytest.mark.parametrize(
    "word", ["nan", "NaN", "None", "NULL", "null", "NA", "N/A", "n/a", "<NA>", "#N/A", " NA "]
)
def test_words_for_missing_are_no_label(tmp_path, word):
    path = write(tmp_path / "a.tsv", ["fine\tgood", f"lost\t{word}", "None\tbad"])
    with pytest.warns(UserWarning, match="1 without in .*row 2. They are left out"):
        assert read(path).texts == ["fine", "None"]
    with pytest.raises(ValueError, match="words such as NA and NaN are no label.*row 2"):
        read(path, on_error="raise")


def test_a_row_without_its_group(tmp_path):
    path = write(tmp_path / "a.tsv", ["fine\tgood\tx", "dull\tbad\t"], "text\tlabel\tby")
    with pytest.warns(UserWarning, match="a text, a label and a group.*row 2"):
        assert read_texts(path, "text", "label", "by").groups == ["x"]


def test_texts_are_composed_and_columns_trimmed(tmp_path):
    path = write(tmp_path / "a.tsv", ["cafe\u0301 \tgood"], "text \t label")
    assert read(path).texts == ["café "]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_every_system(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(end.join(["text,label", "fine,good", "", "dull,bad", "", ""]).encode())
    assert read(path).texts == ["fine", "dull"]


def test_a_dataframe_is_a_table():
    frame = pd.DataFrame(
        {"label": [1, 0, None, 1], "text": ["a", "cafe\u0301", "c", None], "by": list("xyzx")},
        index=[10, 20, 30, 40],
    )
    with pytest.warns(UserWarning, match="2 without in the DataFrame: row 30, row 40"):
        table = read_texts(frame, "text", "label", "by")
    assert table == (["a", "café"], ["1", "0"], ["x", "y"], ["row 10", "row 20"])
    of_categories = frame.iloc[:2].assign(label=pd.Categorical(["good", "bad"]))
    assert read(of_categories).labels == ["good", "bad"]
    numbers = pd.DataFrame({"text": [1, 2], "label": [True, np.bool_(False)]})
    assert read(numbers)[:2] == (["1", "2"], ["True", "False"])


def test_values_of_json_that_are_equal_are_one_label(tmp_path):
    rows = [("a", 1), ("b", 1.0), ("c", "1"), ("d", True), ("e", None)]
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (tmp_path / "a.ndjson").write_text("\n".join([*lines, '{"text": "f", "label": NaN}']))
    with pytest.warns(UserWarning, match="2 without in .*row 5, row 6"):
        assert read(tmp_path / "a.ndjson").labels == ["1", "1", "1", "True"]


def packed(content, level=6):
    return gzip.compress(content, level)


DAMAGED = {
    "an archive that is none": ("a.csv.gz", b"text,label", {}, "must be readable to its end"),
    "xz that is none": ("a.csv.xz", b"text,label", {}, "must be readable to its end"),
    "a flipped byte": (
        "a.csv.gz", packed(b"text,label\n" + b"fine,good\n" * 99)[:-20] + bytes(20), {},
        "must be readable to its end",
    ),
    "a line without end": (
        "a.csv.gz", packed(b"text,label\n" + b"a" * 9_000_000, 1), {}, "50 times its own size",
    ),
    "rows without end": (
        "a.csv.gz", packed(b"text,label\n" + b"a,b\n" * 9_000_000, 1), {}, "50 times its own size",
    ),
    "json in json": (
        "a.jsonl", b'{"text": ' + b"[" * 99_999 + b"]" * 99_999 + b', "label": 1}', {},
        "one JSON object.*line 1",
    ),
    "a number of 10,000 digits": (
        "a.jsonl", b'{"text": "a", "label": 1}\n{"text": ' + b"9" * 9999 + b"}", {},
        "one JSON object.*line 2",
    ),
    "a list": (
        "a.jsonl", b'{"text": "a", "label": ["x", "y"]}', {},
        "one in each row. Received: .'x', 'y'. in row 1 of .*a.jsonl",
    ),
    "utf-16 read as utf-8": ("a.csv", "text,label".encode("utf-16"), {}, "encoding named.*utf-16"),
    "utf-16 without its mark": ("a.csv", "text,label".encode("utf-16-le"), {}, "NUL.*line 1"),
    "an encoding nobody knows": ("a.csv", b"text,label", {"encoding": "utf-5"}, "knows.*utf-5"),
    "an encoding of bytes": ("a.csv", b"text,label", {"encoding": "zlib"}, "knows.*zlib"),
    "no encoding": ("a.csv", b"text,label", {"encoding": 5}, "Python knows.*encoding=5"),
    "two columns of one name": ("a.csv", b"text,text,label\na,b,c", {}, "two columns 'text'"),
    "no delimiter": ("a.csv", b"text,label", {"delimiter": ""}, "one character.*delimiter=''"),
    "a long delimiter": ("a.csv", b"text,label", {"delimiter": ", "}, "one character.*', '"),
    "a quote as delimiter": ("a.csv", b"text,label", {"delimiter": '"'}, "no quotation mark"),
    "unknown quoting": ("a.csv", b"text,label", {"quoting": "some"}, '"minimal" or "none".*some'),
    "many columns": ("a.csv", b"text,label," + b"," * 20_000, {}, "16,384 columns.*20,003"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "settings", "match"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_damaged_or_no_table_is_refused(tmp_path, name, content, settings, match):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=match) as caught:
        read(tmp_path / name, **settings)
    assert "Received: " in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("columns", "match"),
    [(("text", "text", None), "'text' twice"), (("text", "label", "label"), "'label' twice")],
)
def test_one_column_for_two(tmp_path, columns, match):
    with pytest.raises(ValueError, match=match):
        read_texts(write_table(tmp_path / "a.csv", ROWS, ","), *columns)


def test_what_is_neither_file_nor_frame():
    with pytest.raises(ValueError, match=r"a file or a pandas.DataFrame. Received: list"):
        read([("a", "b")])


def test_a_column_of_another_spelling_is_named(tmp_path):
    path = write_table(tmp_path / "a.csv", ROWS, ",")
    with pytest.raises(ValueError, match="no column 'Label' in .*The nearest is 'label'"):
        read_texts(path, "text", "Label")


def test_parquet_is_read(tmp_path):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"n": [1, 2, 3], "text": ["a", "bé", "c"], "label": [1.0, None, 0.0]})
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.warns(UserWarning, match="1 without in .*a.parquet: row 2"):
        found = read(tmp_path / "a.parquet")
    assert found.texts == ["a", "c"]
    assert found.labels == ["1", "0"]


def test_classes_that_are_whole_numbers_are_in_their_order(tmp_path):
    rows = [(f"film {n}", n % 12) for n in range(60)]
    films = text_file(write_table(tmp_path / "a.csv", rows, ","), val=0, test=0.2)
    assert films.class_names == tuple(map(str, range(12)))
