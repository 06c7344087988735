import sys
import unicodedata
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

import tltk
from tltk.backbones.text import WordVectors
from tltk.inputs import read_clip, read_image

PARTS = ("train", "val", "test")
COUNT = 24
CLASSES = ("husky", "pug", "collie")
NFC, NFD = "café", unicodedata.normalize("NFD", "café")


def draw(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype="uint8")
    Image.fromarray(pixels).save(path, "PNG")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures 0000.png to 0017.png, hexadecimal as in Kaggle's sets."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        draw(root / f"{number:04x}.png", number)
    return root


@pytest.fixture(scope="module")
def table():
    """What a user has: ids, classes, numbers, several labels in both ways, owners, parts."""
    numbers = np.arange(COUNT)
    return pd.DataFrame(
        {
            "id": [f"{n:04x}" for n in numbers],
            "breed": [CLASSES[n % 3] for n in numbers],
            "age": numbers / 4 + 0.125,
            "cm": 100 - numbers,
            "tags": [["big|loud", "small", "loud|old", "old|small"][n % 4] for n in numbers],
            "big": (numbers % 4 == 0).astype(int),
            "loud": (numbers % 2 == 0).astype(int),
            "owner": [f"o{n // 2}" for n in numbers],
            "part": np.repeat(["train", "validation", "Test"], [12, 6, 6]),
        }
    )


@pytest.fixture
def read(folder, table):
    """`image_table` on that folder, warnings as errors, with other rows where they are given."""

    def read(rows=None, label="breed", **settings):
        rows = table if rows is None else rows
        return tltk.image_table(rows, folder, "id", label, image_size=8, **settings)

    return read


def side_of(files):
    return {name: part for part in PARTS for name in files[part]}


def labels_by_file(splits):
    return {
        name: label
        for part in PARTS
        if getattr(splits, part) is not None
        for name, label in zip(
            splits.files[part], getattr(splits, part).labels.tolist(), strict=True
        )
    }


def test_pictures_and_labels_are_those_of_the_table(read, folder, table):
    dogs = read()
    assert dogs.class_names == ("collie", "husky", "pug")
    breed = dict(zip(table.id + ".png", table.breed, strict=True))
    found = labels_by_file(dogs)
    assert {name: dogs.class_names[label] for name, label in found.items()} == breed
    assert dogs.train.labels.dtype == np.int32
    assert [len(dogs.files[part]) for part in PARTS] == [12, 6, 6]
    for part in PARTS:
        pixels, _ = getattr(dogs, part).arrays()
        expected = [read_image(folder / name, 8) for name in dogs.files[part]]
        np.testing.assert_array_equal(pixels, expected)


def test_the_split_is_that_of_a_folder_of_classes_and_the_order_of_rows_changes_nothing(
    read, folder, table, tmp_path
):
    for number, breed in enumerate(table.breed):
        draw(tmp_path / breed / f"{number:04x}.png", number)
    by_folder = {len(names) for names in tltk.image_folder(tmp_path, 8).files.values()}
    dogs = read()
    assert {len(names) for names in dogs.files.values()} == by_folder
    assert read(table.sample(frac=1, random_state=1)).files == dogs.files
    assert read(seed=1).files != dogs.files


@pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz", "csv.xz", "jsonl", "parquet"])
def test_tables_of_every_kind_of_file(read, table, tmp_path, kind):
    file = tmp_path / f"dogs.{kind}"
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        table.to_parquet(file)
    elif kind == "jsonl":
        table.to_json(file, orient="records", lines=True)
    else:
        table.to_csv(file, index=False, sep="\t" if kind == "tsv" else ",")
    assert read(file).files == read().files


def test_semicolons_another_encoding_and_the_folder_of_the_table(table, tmp_path):
    for number in range(COUNT):
        draw(tmp_path / "dogs" / f"{number:04x}.png", number)
    rows = table.assign(breed=table.breed.str.replace("husky", "Bärenhund"))
    rows.to_csv(tmp_path / "dogs.csv", sep=";", encoding="cp1252", index=False)
    settings = {"delimiter": ";", "encoding": "cp1252", "image_size": 8}
    dogs = tltk.image_table(tmp_path / "dogs.csv", None, "id", "breed", **settings)
    assert dogs.class_names == ("Bärenhund", "collie", "pug")
    assert dogs.files["train"][0].startswith("dogs/")


def test_parquet_without_pyarrow_names_the_extra(read, table, tmp_path, monkeypatch):
    (tmp_path / "dogs.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"extra 'parquet'.*pip install .*\[parquet\]"):
        read(tmp_path / "dogs.parquet")


def test_a_damaged_parquet_and_one_too_large(read, table, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    file = tmp_path / "dogs.parquet"
    file.write_bytes(b"PAR1" + bytes(50))
    with pytest.raises(ValueError, match=r"readable to its end. Received: .*dogs\.parquet: .* Fet"):
        read(file)
    table.to_parquet(file)
    with pytest.raises(ValueError, match="no column 'bread' in .*dogs.parquet.*nearest is 'breed'"):
        read(file, "bread")
    monkeypatch.setattr("tltk.inputs._tables.MOST_ROWS", 23)
    with pytest.raises(ValueError, match=r"may have 23 rows.*with 24 rows"):
        read(file)


@pytest.mark.parametrize(
    ("on_disk", "cell", "name"),
    [
        ("12.jpg", "12.jpg", "12.jpg"),
        ("12.jpg", "12", "12.jpg"),
        ("12.jpg", 12, "12.jpg"),
        ("12.jpg", 12.0, "12.jpg"),
        ("12", "12", "12"),
        ("a.b.png", "a.b", "a.b.png"),
        ("IMG.JPG", "IMG.jpg", "IMG.JPG"),
        ("IMG.JPG", "img", "IMG.JPG"),
        ("deep/er/12.jpg", "12", "deep/er/12.jpg"),
        ("deep/er/12.jpg", "er/../er/12.jpg", None),
        ("deep/12.jpg", "./deep/12.jpg", "deep/12.jpg"),
        ("deep/12.jpg", "deep\\12.jpg", "deep/12.jpg"),
        ("deep/12.jpg", ".\\deep\\12", "deep/12.jpg"),
        ("deep/12.jpg", " deep//12.jpg ", "deep/12.jpg"),
        ("deep/12.jpg", "{root}/deep/12.jpg", "deep/12.jpg"),
        ("deep/12.jpg", "/home/alice/photos/deep/12.jpg", None),
        ("deep/12.jpg", "C:\\Users\\alice\\12.jpg", None),
        ("deep/12.jpg", "photos/deep/12.jpg", None),
        (NFD + ".jpg", NFC + ".jpg", NFC + ".jpg"),
        (NFC + ".jpg", NFD, NFC + ".jpg"),
        (".hidden.jpg", ".hidden.jpg", ".hidden.jpg"),
        ("12.jpg", "13.jpg", None),
        ("12.jpg", "1", None),
        ("12.jpg", "a\0b", None),
        ("12.jpg", "x" * 5000, None),
        ("12.jpg", "~/12.jpg", None),
    ],
)
def test_how_a_cell_names_a_file(folder, table, tmp_path, on_disk, cell, name):
    draw(tmp_path / on_disk, 99)
    for number in range(6):
        draw(tmp_path / f"other{number}.png", number)
    cell = cell.format(root=tmp_path) if isinstance(cell, str) else cell
    cells = pd.Series([cell, *(f"other{n}" for n in range(6))], dtype=object)
    rows = pd.DataFrame({"path": cells, "label": list("aabbaab")})
    with warnings.catch_warnings():
        warnings.simplefilter("error" if name else "ignore")
        found = tltk.image_table(rows, tmp_path, image_size=8, val=0, test=0)
    others = {f"other{n}.png" for n in range(6)}
    assert set(found.files["train"]) - others == ({name} if name else set())


def test_a_path_in_full_may_lie_outside_the_folder(table, folder, tmp_path):
    draw(tmp_path / "far.png", 77)
    rows = table.assign(id=[str(tmp_path / "far.png"), *table.id[1:]])
    with pytest.warns(UserWarning, match=r"left out 1 picture without a labelled row \(0000.png\)"):
        dogs = tltk.image_table(rows, folder, "id", "breed", image_size=8, val=0, test=0)
    assert (tmp_path / "far.png").as_posix() in dogs.files["train"]


def test_twins_that_an_id_may_be_are_named(read, folder, table, tmp_path):
    for number, name in enumerate(("12.jpg", "12.png", "13.jpg")):
        draw(tmp_path / name, number)
    rows = pd.DataFrame({"path": ["12", "13"], "label": ["a", "b"]})
    with pytest.raises(
        ValueError, match=r"'12' in row 0, which may be 12\.\w+ or 12\.\w+ of .*full"
    ):
        tltk.image_table(rows, tmp_path)
    (tmp_path / "12.png").unlink()
    (tmp_path / "12.txt").write_text("a note beside the picture")
    with pytest.raises(ValueError, match="class a with 1 example"):
        tltk.image_table(rows, tmp_path)


def test_a_pattern_makes_names_of_ids(folder, table, tmp_path):
    for number in range(COUNT):
        draw(tmp_path / f"{number % 10}" / f"x{number:05}.png", number)
    rows = table.assign(id=range(COUNT))
    with pytest.raises(FileNotFoundError, match=r"no file for 24 of 24 rows; row 0 was looked for"):
        tltk.image_table(rows, tmp_path, "id", "breed", pattern="y{id}.png")
    shown = {"image_size": 8, "val": 0, "test": 0}
    dogs = tltk.image_table(rows, tmp_path, "id", "breed", pattern="x{id:0>5}.png", **shown)
    assert len(dogs.files["train"]) == COUNT
    dogs = tltk.image_table(
        rows.assign(id=[f"{n:05}" for n in range(COUNT)]),
        tmp_path,
        "id",
        "breed",
        pattern="{id[4]}/x{id}.png",
        **shown,
    )
    assert len(dogs.files["train"]) == COUNT


@pytest.mark.parametrize(
    "pattern", ["x.png", "{name}.png", "{id", "{id:05d}.png", "{id.x}", "{id[9]}"]
)
def test_a_pattern_that_names_nothing(read, pattern):
    with pytest.raises(ValueError, match="a string called id. Received: pattern=.*Pass"):
        read(pattern=pattern)


def test_numbers_are_learned_where_asked(read, table):
    dogs = read(label="age", kind="regression")
    assert dogs.class_names == ("age",)
    assert dogs.train.labels.dtype == np.float32
    assert labels_by_file(dogs) == dict(zip(table.id + ".png", table.age, strict=True))
    for part in PARTS:  # each has the low, the middle and the high of six
        labels = getattr(dogs, part).labels
        assert labels.min() < table.age.quantile(1 / 3) < table.age.quantile(2 / 3) < labels.max()
    both = read(label=["age", "cm"], kind="regression")
    assert both.class_names == ("age", "cm")
    assert both.train.labels.shape == (14, 2)


def test_whole_numbers_are_classes_by_size_and_numbers_where_asked(read, table):
    rows = table.assign(stars=np.arange(COUNT) % 2 + 9)
    dogs = read(rows, label="stars")
    assert dogs.class_names == ("9", "10")
    assert set(labels_by_file(dogs).values()) == {0, 1}
    assert set(labels_by_file(read(rows, label="stars", kind="regression")).values()) == {9.0, 10.0}


def test_several_labels_by_separator_by_list_and_by_columns(read, table):
    parted = read(label="tags", kind="many_labels", separator="|")
    assert parted.class_names == ("big", "loud", "old", "small")
    for name, label in labels_by_file(parted).items():
        tags = table.tags[int(name[:4], 16)].split("|")
        assert label == [float(each in tags) for each in parted.class_names]
    lists = read(table.assign(tags=table.tags.str.split("|")), label="tags", kind="many_labels")
    assert labels_by_file(lists) == labels_by_file(parted)
    columns = read(label=["loud", "big"], kind="many_labels")
    assert columns.class_names == ("loud", "big")
    assert columns.train.labels.dtype == np.float32
    expected = table[["loud", "big"]].astype(float).values.tolist()
    assert labels_by_file(columns) == dict(zip(table.id + ".png", expected, strict=True))
    for part in PARTS:
        assert getattr(parted, part).labels.any(axis=0).all()
        assert getattr(columns, part).labels.any(axis=0).all()


def test_truths_are_zeros_and_ones(read, table):
    rows = table.assign(
        loud=table.loud.astype(bool), big=table.big.map(["False", "TRUE"].__getitem__)
    )
    labels = {"label": ["loud", "big"], "kind": "many_labels"}
    assert labels_by_file(read(rows, **labels)) == labels_by_file(read(**labels))


def test_groups_stay_on_one_side(read, table):
    for settings in ({}, {"label": "age", "kind": "regression"}):
        side = side_of(read(group="owner", **settings).files)
        assert len(side) == COUNT
        for _, some in table.groupby("owner"):
            assert len({side[f"{name}.png"] for name in some.id}) == 1


def test_parts_are_those_of_a_column(read, table):
    dogs = read(split="part")
    for part, name in zip(PARTS, ("train", "validation", "Test"), strict=True):
        assert set(dogs.files[part]) == set(table.id[table.part == name] + ".png")
    carved = read(
        table.assign(part=table.part.replace("validation", "train")), split="part", val=0.5
    )
    assert [len(carved.files[part]) for part in PARTS] == [9, 9, 6]
    assert read(table.assign(part="train"), split="part", val=0, test=0).test is None


def test_a_part_may_lack_a_class_but_train_may_not(read, table):
    rows = table[(table.breed != "pug") | (table.part != "Test")]
    with pytest.warns(UserWarning, match="left out 2 pictures without a labelled row"):
        assert len(read(rows, split="part").files["test"]) == 4
    rows = table[(table.breed != "pug") | (table.part == "Test")]
    with (
        pytest.warns(UserWarning, match="without a labelled row"),
        pytest.raises(ValueError, match="in the training part.*none with pug in the DataFrame"),
    ):
        read(rows, split="part")


def test_what_does_not_fit_is_counted_in_one_warning(read, table, tmp_path):
    rows = pd.concat([table, table.iloc[3:5]], ignore_index=True)
    rows.loc[0, "id"] = "gone"
    rows.loc[1, "breed"] = None
    rows.loc[2, "breed"] = "NaN"
    with pytest.warns(UserWarning, match="Every row of a table has a picture") as caught:
        dogs = read(rows)
    [message] = [str(each.message) for each in caught]
    for found in (
        "26 rows of the DataFrame and the folder ",
        "left out 2 rows without a path or a label (row 1, row 2)",
        "left out 1 row without a file (row 0 (gone))",
        "counted once 2 rows repeating another (row 24, row 25)",
        "left out 3 pictures without a labelled row (0000.png, 0001.png, 0002.png)",
    ):
        assert found in message
    assert caught[0].filename == __file__
    assert len(side_of(dogs.files)) == COUNT - 3
    with pytest.raises(ValueError, match="a path and a label.*2 without of 26 rows.*row 1, row 2"):
        read(rows, on_error="raise")
    with pytest.raises(FileNotFoundError, match="no file for 1 of 24 rows; row 0 was looked for"):
        read(rows.drop([1, 2]), on_error="raise")


def with_row(table, **changes):
    row = table.iloc[[5]].assign(**changes)
    return pd.concat([table, row], ignore_index=True)


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"breed": "pug"}, {}, "one label. Received: 0005.png with 'collie' in row 5 and 'pug' in"),
        ({"id": "./0005.PNG", "breed": "pug"}, {}, "one label. Received: 0005.png"),
        ({"age": 9.5}, {"label": "age", "kind": "regression"}, r"one label.*\(1.375,\) in row 5"),
        (
            {"tags": "old"},
            {"label": "tags", "kind": "many_labels", "separator": "|"},
            r"one label.*\('small',\) in row 5 and \('old',\) in row 24. Put all its labels",
        ),
        (
            {"part": "Test"},
            {"split": "part"},
            "one split.*0005.png with 'train' in row 5 and 'Test'",
        ),
        ({"owner": "x"}, {"group": "owner"}, "one group.*'o2' in row 5 and 'x' in row 24. Keep"),
    ],
)
def test_a_file_with_two_labels_groups_or_splits_is_refused(
    read, table, changes, settings, message
):
    with pytest.raises(ValueError, match=message):
        read(with_row(table, **changes), **settings)


def test_nearly_equal_classes_are_named_where_the_user_called(read, table):
    rows = table.assign(breed=["Pug", *table.breed[1:]])
    with (
        pytest.warns(UserWarning, match="'Pug' and 'pug' in the DataFrame. Write them") as caught,
        pytest.raises(ValueError, match="class Pug with 1 example"),
    ):
        read(rows)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("change", "settings", "error", "message"),
    [
        (lambda t: t[:0], {}, ValueError, "A table needs rows. Received: the DataFrame with none"),
        (lambda t: t.assign(breed=np.nan), {}, ValueError, "24 without of 24 rows.*row 0, row 1"),
        (lambda t: t.assign(id=""), {}, ValueError, "24 without of 24 rows"),
        (
            None,
            {"label": "Breeds"},
            ValueError,
            "no column 'Breeds'.*id, breed.*nearest is 'breed'",
        ),
        (None, {"group": "dog"}, ValueError, "no column 'dog'.*as path=, label= and group="),
        (
            lambda t: t.assign(breed="pug"),
            {},
            ValueError,
            "at least two classes. Received: pug only",
        ),
        (None, {"label": "age"}, ValueError, r"numbers such as 0.125 in column 'age'.*regression"),
        (None, {"kind": "regression"}, ValueError, "finite number. Received: 'husky' in row 0"),
        (
            lambda t: t.assign(age=t.age.replace(1.125, np.inf)),
            {"label": "age", "kind": "regression"},
            ValueError,
            "Received: 'inf' in row 4 of the DataFrame",
        ),
        (
            None,
            {"label": ["big", "loud"]},
            ValueError,
            "in one column. Received: label=.*many_labels",
        ),
        (None, {"label": ["big", "big"], "kind": "many_labels"}, ValueError, "'big' twice"),
        (None, {"label": [], "kind": "many_labels"}, ValueError, "label must name a column"),
        (
            None,
            {"label": ["big", "cm"], "kind": "many_labels"},
            ValueError,
            "'100' in column 'cm', r",
        ),
        (
            None,
            {"label": "tags", "kind": "many_labels"},
            ValueError,
            "'big|loud' in row 0.*separator=",
        ),
        (
            lambda t: t.assign(tags=[[]] * COUNT),
            {"label": "tags", "kind": "many_labels"},
            ValueError,
            "empty lists only in column 'tags'",
        ),
        (None, {"separator": "|"}, ValueError, "parted by a separator.*kind='one_label'"),
        (None, {"separator": "", "kind": "many_labels"}, ValueError, "separator=''"),
        (None, {"kind": "classes"}, ValueError, "kind must be one of 'one_label'.*kind='classes'"),
        (
            None,
            {"split": "owner"},
            ValueError,
            "A part is called train.*o0, o1.* in column 'owner'",
        ),
        (
            lambda t: t.assign(part="test"),
            {"split": "part"},
            ValueError,
            "train among.*: test in col",
        ),
        (
            lambda t: t.assign(part=["train", "val", "dev"] * 8),
            {"split": "part"},
            ValueError,
            "one name for each",
        ),
        (None, {"split": "part", "group": "part"}, ValueError, "'part' twice"),
        (
            lambda t: t.assign(id=t.id + "z"),
            {},
            FileNotFoundError,
            "no file for 24 of 24.*0000.png, 0",
        ),
        (
            lambda t: t.assign(id="/home/alice/" + t.id + ".png"),
            {},
            FileNotFoundError,
            "looked for as /home/alice/0000.png, .*0000.png is there: keep of each path what",
        ),
        (
            lambda t: t.assign(id="photos/" + t.id),
            {},
            FileNotFoundError,
            "0000.png is there.*or pass the folder in which the paths begin",
        ),
        (
            lambda t: t.assign(id="D:\\photos\\" + t.id + ".png"),
            {},
            FileNotFoundError,
            r"looked for as D:\\photos\\0000.png, .*0000.png is there",
        ),
        (
            lambda t: t.assign(id="https://x.org/" + t.id),
            {},
            FileNotFoundError,
            "looked for as .*Download the files",
        ),
        (
            lambda t: t.assign(part=["train", "test"] * 12),
            {"split": "part", "group": "owner"},
            ValueError,
            "A group must be in one of the parts.*group 'o0' in train and test",
        ),
    ],
)
def test_bad_tables(read, table, change, settings, error, message):
    with pytest.raises(error, match=message):
        read(table if change is None else change(table), **settings)


def test_a_folder_is_no_table_and_a_table_needs_a_folder(folder, table, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="A table is one file.*which is a folder.*image_fol"
    ):
        tltk.image_table(folder, folder)
    with pytest.raises(FileNotFoundError, match="The path must be a folder.*not there"):
        tltk.image_table(table, tmp_path / "gone", "id", "breed")
    with pytest.raises(ValueError, match="does not say where.*folder=None"):
        tltk.image_table(table, None, "id", "breed")


def test_a_label_too_rare_to_be_in_every_part_is_named(read, table):
    rows = table.assign(tags=["rare|big", *table.tags[1:]])
    with pytest.raises(ValueError, match="at least 3 examples.*class rare with 1 example"):
        read(rows, label="tags", kind="many_labels", separator="|")


def test_copies_stay_on_one_side_and_are_warned_of_in_two_splits(folder, table, tmp_path):
    for number in range(COUNT):
        draw(tmp_path / f"{number:04x}.png", number // 2)
    pairs = [(f"{n:04x}.png", f"{n + 1:04x}.png") for n in range(0, COUNT, 2)]
    rows = table.assign(kilos=np.arange(COUNT) // 2 / 2, kind=list("aabbccaabbcc") * 2)
    for label, kind in (("kind", "one_label"), ("kilos", "regression")):
        with pytest.warns(UserWarning, match="24 byte-identical files of 12 pictures") as caught:
            files = tltk.image_table(rows, tmp_path, "id", label, kind=kind, image_size=8).files
        side = side_of(files)
        assert all(side[one] == side[other] for one, other in pairs)
        assert "two labels" not in str(caught[0].message)
        assert caught[0].filename == __file__
    rows["part"] = ["train", "test"] * 12
    settings = {"split": "part", "image_size": 8, "val": 0}
    with pytest.warns(
        UserWarning, match="With two labels.*In two of the parts.*0000.png = 0001.png"
    ):
        tltk.image_table(rows, tmp_path, "id", "breed", **settings)


def test_corrupt_files_are_named_and_left_out(folder, table, tmp_path):
    for number in range(COUNT):
        draw(tmp_path / f"{number:04x}.png", number)
    (tmp_path / "0003.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "0004.png").write_text("no picture")
    with pytest.warns(UserWarning, match=r"2 of 24 pictures cannot be read .*0003.png, 0004.png"):
        dogs = tltk.image_table(table, tmp_path, "id", "breed", image_size=8)
    assert len(side_of(dogs.files)) == COUNT - 2
    with pytest.raises(ValueError, match=r"whole file.*0003\.png"):
        tltk.image_table(table, tmp_path, "id", "breed", on_error="raise")


HEADS = {
    "one label": {"label": "breed", "kind": "one_label"},
    "many labels": {"label": "tags", "kind": "many_labels", "separator": "|"},
    "a number": {"label": "age", "kind": "regression"},
    "two numbers": {"label": ["age", "cm"], "kind": "regression"},
}


@pytest.mark.parametrize("asked", HEADS)
def test_each_kind_of_head_learns_from_it_and_answers_by_path(read, folder, asked):
    keras.utils.set_random_seed(0)
    dogs, kind = read(batch_size=8, **HEADS[asked]), HEADS[asked]["kind"]
    body = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(8, 3)]
    )
    model = tltk.build_classifier(body, dogs.class_names, kind=kind, dropout=0)
    model.run_eagerly = True
    before = model.evaluate(dogs.train, verbose=0)[0]
    settings = {"epochs": 0, "head_epochs": 3, "head_lr": 0.05, "verbose": 0}
    tltk.fine_tune(model, dogs.train, dogs.val, unfreeze_blocks=0, **settings)
    tuned = model.evaluate(dogs.train, verbose=0)[0]
    tltk.fit_linear_head(model, dogs.train, dogs.val)
    assert max(tuned, model.evaluate(dogs.train, verbose=0)[0]) < before
    found = tltk.predict_split(model, dogs.test)
    assert found.kind == kind
    paths = [folder / name for name in dogs.files["test"]]
    answers = [dict(each) for each in tltk.predict(model, paths, top=len(dogs.class_names))]
    rows = [[each[name] for name in dogs.class_names] for each in answers]
    np.testing.assert_allclose(rows, found.probabilities, rtol=1e-5)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    root = tmp_path_factory.mktemp("clips")
    for number in range(12):
        wave = np.sin((0.1 + number / 20) * np.arange(3000 + number)) / 2
        soundfile.write(root / f"{number}.wav", wave, 8000)
    return root


SOUNDS = pd.DataFrame(
    {
        "path": range(12),
        "label": ["low"] * 6 + ["high"] * 6,
        "hertz": np.arange(12) / 8,
        "tags": [["a", "b"], ["b"], ["a"]] * 4,
    }
)


def test_sounds_of_a_table_are_those_of_the_files(clips):
    tones = tltk.audio_table(SOUNDS, clips, seconds=0.25, rate=8000)
    assert tones.class_names == ("high", "low")
    names = {name.split("@")[0] for part in PARTS for name in tones.files[part]}
    assert names == {f"{n}.wav" for n in range(12)}
    waves, labels = tones.test.arrays()
    for name, wave, label in zip(tones.files["test"], waves, labels, strict=True):
        clip, second = name.split("@")
        whole = read_clip(clips / clip, 8000)
        start = len(whole) - 2000 if second != "0.000" else 0  # the rest ends with the clip
        np.testing.assert_allclose(wave, whole[start:][:2000], atol=1e-6)
        assert tones.class_names[label] == SOUNDS.label[int(clip[:-4])]


def test_sounds_with_numbers_and_with_several_labels(clips):
    shared = {"seconds": 0.25, "rate": 8000, "pattern": "{id}.wav"}
    tones = tltk.audio_table(SOUNDS, clips, label="hertz", kind="regression", **shared)
    for name, label in labels_by_file(tones).items():
        assert label == SOUNDS.hertz[int(name.split(".")[0])]
    tagged = tltk.audio_table(SOUNDS, clips, label="tags", kind="many_labels", **shared)
    assert tagged.class_names == ("a", "b")
    for name, label in labels_by_file(tagged).items():
        assert label == [float(tag in SOUNDS.tags[int(name.split(".")[0])]) for tag in "ab"]
    sides = [{name.split("@")[0] for name in tagged.files[part]} for part in PARTS]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 12


def test_silent_clips_are_left_out_of_numbers(clips, tmp_path):
    for number in range(12):
        (tmp_path / f"{number}.wav").write_bytes((clips / f"{number}.wav").read_bytes())
    soundfile.write(tmp_path / "3.wav", np.zeros(3000), 8000)
    shared = {"seconds": 0.25, "rate": 8000}
    with pytest.warns(
        UserWarning, match=r"1 of 12 clips are silent and are left out: 3\.wav"
    ) as said:
        tones = tltk.audio_table(SOUNDS, tmp_path, label="hertz", kind="regression", **shared)
    assert said[0].filename == __file__
    assert not any(name.startswith("3.wav") for name in labels_by_file(tones))


def test_texts_in_files_of_a_table(tmp_path):
    rows = pd.DataFrame({"path": range(12), "label": ["good", "dull"] * 6, "stars": range(12)})
    for number, word in enumerate(rows.label):
        (tmp_path / f"{number}.txt").write_text(f"a {word} film, naïve {number}", "latin-1")
    films = tltk.text_table(rows, tmp_path, text_encoding="latin-1")
    texts, labels = films.test.arrays()
    for name, text, label in zip(films.files["test"], texts, labels, strict=True):
        word = rows.label[int(name[:-4])]
        assert text == f"a {word} film, naïve {name[:-4]}"
        assert films.class_names[label] == word
    stars = tltk.text_table(
        rows, tmp_path, label="stars", kind="regression", text_encoding="latin-1"
    )
    assert labels_by_file(stars) == {f"{n}.txt": float(n) for n in range(12)}
    rows.to_csv(tmp_path / "films.csv", index=False)
    beside = tltk.text_table(tmp_path / "films.csv", text_encoding="latin-1")
    assert beside.files == films.files
    (tmp_path / "films.csv").unlink()
    with pytest.raises(ValueError, match='Not in text_encoding=.utf-8-sig.*Try text_encoding="lat'):
        tltk.text_table(rows, tmp_path, on_error="raise")
    words = WordVectors(("good", "dull", "film"), np.eye(3, dtype="float32"))
    model = tltk.build_classifier(tltk.load_text_backbone(words, length=4), films.class_names)
    tltk.fit_linear_head(model, films.train, films.val)
    answers = tltk.predict_split(model, films.test)
    assert (answers.probabilities.argmax(1) == answers.labels).all()


def test_equal_texts_stay_on_one_side_and_empty_ones_are_named(tmp_path):
    rows = pd.DataFrame({"path": range(12), "label": ["good"] * 6 + ["dull"] * 6})
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text(f"film {number // 2}")
    with pytest.warns(UserWarning, match="12 byte-identical files of 6 texts"):
        side = side_of(tltk.text_table(rows, tmp_path).files)
    assert all(side[f"{n}.txt"] == side[f"{n + 1}.txt"] for n in range(0, 12, 2))
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text(f"film {number}")
    (tmp_path / "5.txt").write_text(" \n")
    with pytest.warns(UserWarning, match=r"1 without in .*: 5\.txt"):
        assert "5.txt" not in side_of(tltk.text_table(rows, tmp_path).files)
