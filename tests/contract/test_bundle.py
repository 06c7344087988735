import csv
import hashlib
import json
import lzma
import re
from collections import Counter

import numpy as np
import pytest
import soundfile
from PIL import Image

from tltk._cache import bundle_folder
from tltk.inputs.series import series_file

DATA = bundle_folder()
LIMITS = {
    "mobilenet_v2.keras": 7e6,
    "cifar10_small": 7e6,
    "mnist_small": 1e6,
    "photos_small": 3.2e6,
    "sweets": 1e6,
    "sentiment": 8.5e6,
    "speech_embedding.weights.h5": 1.5e6,
    "glove.npz": 2e6,
    "series": 0.4e6,
    "spoken_words": 3.7e6,
    "voice_prompts": 2.4e6,
}
TILE = {"cifar10_small": 32, "mnist_small": 28}
SHEETS = sorted(sheet for name in TILE for sheet in (DATA / name).glob("*/*.webp"))
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


def test_words_and_prompts_together_stay_below_six_megabytes():
    assert size(DATA / "spoken_words") + size(DATA / "voice_prompts") <= 6e6


def test_the_whole_bundle_stays_below_forty_five_megabytes():
    assert size(DATA) <= 45e6


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


def rows_of(path, delimiter="\t"):
    with open(path, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def test_photographs_are_credited_and_their_groups_in_one_part():
    folder = DATA / "photos_small"
    rows, credits = rows_of(folder / "split.tsv"), rows_of(folder / "CREDITS.csv", ",")
    files = [row["file"] for row in rows]
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.webp"))
    assert files == [credit["file"] for credit in credits] == found
    assert {credit["licence"] for credit in credits} == {"Public Domain", "CC0-1.0"}
    assert all(credit["author"] and credit["source"].startswith("https") for credit in credits)
    assert Counter(row["part"] for row in rows) == {"train": 77, "val": 25, "test": 52}
    of_class = {(row["file"].split("/")[0], row["part"]) for row in rows}
    assert len(of_class) == 8 * 3
    part = {row["group"]: row["part"] for row in rows}
    assert all(part[row["group"]] == row["part"] for row in rows)
    assert [row["group"] for row in rows] == [file[:-5].split("-")[0] for file in files]


def test_no_two_photographs_are_the_same_picture():
    small = []
    for path in sorted((DATA / "photos_small").glob("*/*.webp")):
        with Image.open(path) as photo:
            assert max(photo.size) == 320
            small.append(np.asarray(photo.convert("L").resize((16, 16)), "float64").ravel())
    likeness = np.corrcoef(small) - np.eye(len(small))
    assert likeness.max() < 0.95


def test_sweets_are_drawn_in_both_styles_with_their_licences():
    rows = rows_of(DATA / "sweets" / "drawings.tsv")
    assert Counter(row["role"] for row in rows) == {"sweet": 6, "train": 12, "test": 12}
    for style, licence in (("noto", "SIL OPEN FONT LICENSE"), ("fluent", "Microsoft Corporation")):
        folder = DATA / "sweets" / style
        assert licence in (folder / "LICENSE.txt").read_text("utf-8")
        assert {path.stem for path in folder.glob("*.webp")} == {row["name"] for row in rows}
        for path in folder.glob("*.webp"):
            with Image.open(path) as drawing:
                assert drawing.mode == "RGBA"
                assert 64 <= max(drawing.size) <= 120
                assert drawing.getchannel("A").getextrema() == (0, 255)


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


def index_of(folder, language):
    with open(DATA / folder / f"{language}.tsv", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def borders_of(rows):
    starts, lengths = (np.array([int(row[name]) for row in rows]) for name in ("start", "length"))
    np.testing.assert_array_equal(starts, np.cumsum([0, *lengths[:-1]]))
    return starts, lengths


@pytest.mark.parametrize(
    ("language", "takes"),
    [("english", 3), ("german", 1), ("spanish", 1), ("french", 1), ("turkish", 1), ("swahili", 1)],
)
def test_spoken_words_are_whole_and_their_voices_on_one_side(language, takes):
    rows = index_of("spoken_words", language)
    starts, lengths = borders_of(rows)
    signal, rate = soundfile.read(DATA / "spoken_words" / f"{language}.ogg")
    assert (signal.ndim, rate, len(signal)) == (1, 8000, starts[-1] + lengths[-1])
    assert 0.15 * rate < lengths.min()
    assert lengths.max() <= rate
    peaks = [np.abs(signal[a : a + n]).max() for a, n in zip(starts, lengths, strict=True)]
    assert min(peaks) > 0.1
    assert len({row["word"] for row in rows}) == 10
    assert Counter(row["part"] for row in rows) == {
        "train": 240 * takes, "val": 40 * takes, "test": 140 * takes
    }  # fmt: skip
    said = Counter((row["speaker"], row["label"]) for row in rows)
    assert len(said) == 420
    assert set(said.values()) == {takes}
    side = {row["speaker"].rpartition("-")[0]: row["part"] for row in rows}
    assert all(side[row["speaker"].rpartition("-")[0]] == row["part"] for row in rows)


def test_every_language_has_the_same_speakers_in_the_same_parts():
    sides = [
        {row["speaker"]: row["part"] for row in index_of("spoken_words", path.stem)}
        for path in sorted((DATA / "spoken_words").glob("*.ogg"))
    ]
    assert all(side == sides[0] for side in sides)


@pytest.mark.parametrize(
    ("language", "speaker"), [("english", "allison"), ("spanish", "allison"), ("french", "june")]
)
def test_prompts_are_the_same_in_every_language(language, speaker):
    rows = index_of("voice_prompts", language)
    starts, lengths = borders_of(rows)
    found = soundfile.info(DATA / "voice_prompts" / f"{language}.flac")
    assert (found.samplerate, found.channels) == (8000, 1)
    assert found.frames == starts[-1] + lengths[-1]
    assert {(row["label"], row["speaker"]) for row in rows} == {(language, speaker)}
    prompts = [row["prompt"] for row in rows]
    assert prompts == [row["prompt"] for row in index_of("voice_prompts", "french")]
    assert len(set(prompts)) == 38
