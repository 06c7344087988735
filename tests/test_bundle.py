import csv
import hashlib
import json
import lzma
import re

import numpy as np
import pytest
from PIL import Image

from tltk.inputs.places import bundle_folder
from tltk.inputs.series import series_file

DATA = bundle_folder()
LIMITS = {
    "mobilenet_v2.weights.h5": 7e6,
    "cifar10_small": 7e6,
    "mnist_small": 1e6,
    "sentiment": 1e6,
    "glove.npz": 2e6,
    "series": 0.4e6,
}
SHEETS = sorted(DATA.glob("*_small/*/*.webp"))
TILE = {"cifar10_small": 32, "mnist_small": 28}
ROWS = {"train": 15, "test": 5}
LISTED = re.findall(
    r"^\| `(.+?)` \| ([\d,]+) \| `(\w{64})` \|$", (DATA / "SOURCES.md").read_text("utf-8"), re.M
)


def size(path):
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


@pytest.mark.parametrize("name", LIMITS)
def test_the_bundle_stays_small(name):
    assert 0 < size(DATA / name) <= LIMITS[name]


def test_the_whole_bundle_stays_below_thirty_megabytes():
    assert size(DATA) <= 30e6


@pytest.mark.parametrize(("name", "length", "digest"), LISTED, ids=[row[0] for row in LISTED])
def test_files_are_those_that_sources_lists(name, length, digest):
    content = (DATA / name).read_bytes()
    assert len(content) == int(length.replace(",", ""))
    assert hashlib.sha256(content).hexdigest() == digest


def test_sources_lists_every_file():
    files = {
        str(path.relative_to(DATA).as_posix())
        for path in DATA.rglob("*")
        if path.is_file() and "scripts" not in path.parts and path.name != "SOURCES.md"
    }
    assert files == {name for name, _, _ in LISTED}


@pytest.mark.parametrize("name", TILE)
def test_there_is_one_sheet_for_each_class_and_split(name):
    train, test = ({p.stem for p in (DATA / name / split).iterdir()} for split in ROWS)
    assert train == test
    assert len(train) == 10


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: str(path.relative_to(DATA)))
def test_sheets_are_twenty_tiles_wide(path):
    with Image.open(path) as sheet:
        tile = TILE[path.parts[-3]]
        assert sheet.size == (20 * tile, ROWS[path.parts[-2]] * tile)
        assert sheet.mode == "RGB"


@pytest.mark.parametrize("name", TILE)
def test_no_test_picture_is_a_training_picture(name):
    pictures = {
        split: {
            tile.tobytes()
            for path in SHEETS
            if path.parts[-3:-1] == (name, split)
            for tile in tiles(path)
        }
        for split in ROWS
    }
    assert len(pictures["train"]) == 3000
    assert not pictures["train"] & pictures["test"]


def tiles(path):
    side = TILE[path.parts[-3]]
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet)
    rows = pixels.reshape(-1, side, 20, side, 3).swapaxes(1, 2)
    return rows.reshape(-1, side, side, 3)


def test_digits_are_grey():
    sheet = np.stack(list(tiles(DATA / "mnist_small" / "train" / "3.webp")))
    assert (sheet == sheet[..., :1]).all()


def test_there_are_a_thousand_labels():
    labels = json.loads((DATA / "imagenet_labels.json").read_text())
    assert len(labels) == 1000
    assert labels[0] == "tench"


@pytest.mark.parametrize("path", sorted(DATA.glob("sentiment/*.xz")), ids=lambda path: path.stem)
def test_no_test_text_or_document_is_in_the_training_part(path):
    with lzma.open(path, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    texts = [row["text"] for row in rows]
    assert len(set(texts)) == len(texts) > 2500
    sides = [{r["document"] for r in rows if r["part"] == part} for part in ("train", "test")]
    assert not sides[0] & sides[1]
    share = np.mean([row["part"] == "test" for row in rows])
    assert 0.23 < share <= 0.25
    assert {row["label"] for row in rows} == {"negative", "positive"}


@pytest.mark.parametrize(
    ("name", "time", "steps", "missing"),
    [
        ("temperatures", "time", 8760, {"san_francisco": 1, "seattle": 1}),
        ("employment", "month", 120, {}),
        ("stocks", "month", 123, {"GOOG": 55}),
    ],
)
def test_series_are_regular_and_their_gaps_known(name, time, steps, missing):
    read = series_file(DATA / "series" / f"{name}.csv", time=time)
    gaps = dict(zip(read.columns, np.isnan(read.values).sum(axis=0).tolist(), strict=True))
    assert len(read.times) == steps
    assert {column: count for column, count in gaps.items() if count} == missing
