import contextlib
import csv
import io
import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from PIL import Image

import tltk
from tltk.__main__ import main, parser
from tltk.evaluation import Predictions
from tltk.shipping import train, train_folder
from tltk.shipping.train import result_row


class Trained(NamedTuple):
    out: Path
    rows: list
    shown: str


@pytest.fixture(scope="module")
def trained(colour_folder, session_cache, tmp_path_factory):
    out, shown = tmp_path_factory.mktemp("trained") / "out", io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown):
        patch.setenv("TLTK_CACHE", str(session_cache))
        rows = train_folder(colour_folder, out, image_size=32, epochs=1, batch_size=8)
    return Trained(out, rows, shown.getvalue())


def test_rows_compare_three_methods(trained):
    baseline, frozen, tuned = trained.rows
    assert baseline["method"] == "most frequent class"
    assert baseline["test"] == pytest.approx(1 / 3, abs=0.1)
    assert baseline["balanced"] == pytest.approx(1 / 3)
    assert frozen["test"] > 0.6
    kept = frozen if frozen["validation"] >= tuned["validation"] else tuned
    assert [row["kept"] for row in trained.rows] == [row is kept for row in trained.rows]


def test_folder_holds_a_model_a_figure_a_table_and_a_report(trained):
    names = {path.name for path in trained.out.iterdir()}
    assert names == {"model.keras", "curves_and_confusion.png", "results.csv", "report.html"}
    with open(trained.out / "results.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [float(row["test"]) for row in written] == [row["test"] for row in trained.rows]
    with Image.open(trained.out / "curves_and_confusion.png") as figure:
        assert min(figure.size) > 300


def test_what_is_shown(trained):
    assert "36 pictures of 3 classes: " in trained.shown
    assert re.search(r"\nTo train on: from \d+ of \w+ to \d+ of \w+\n", trained.shown)
    assert "most frequent class" in trained.shown
    assert f"In {trained.out}: curves_and_confusion.png, model.keras" in trained.shown


def test_the_saved_model_is_the_kept_one(trained, colour_folder):
    kept = next(row for row in trained.rows if row["kept"])
    photos = tltk.image_folder(colour_folder, image_size=32, batch_size=8)
    model = keras.models.load_model(trained.out / "model.keras")
    labels = np.concatenate([y for _, y in photos.test])
    answers = model.predict(photos.test, verbose=0).argmax(1)
    assert (answers == labels).mean() == pytest.approx(kept["test"])


def test_a_table_of_pictures_is_trained_on_as_their_folder_is(
    colour_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(train, "load_backbone", small_network)
    monkeypatch.setattr(train, "build_classifier", eager)
    names = sorted(path.relative_to(colour_folder) for path in colour_folder.glob("*/*.png"))
    lines = [f"{name.with_suffix('').as_posix()};{name.parent}" for name in names]
    table = tmp_path / "labels.tsv"
    table.write_text("\n".join(["id;colour", *lines]).replace(";", "\t"))
    columns, how = {"path": "id", "label": "colour"}, {"image_size": 32, "batch_size": 8}
    by_folder = train.read_pictures(colour_folder, None, {}, **how)
    assert train.read_pictures(colour_folder, table, columns, **how).files == by_folder.files
    settings = columns | how | {"epochs": 1}
    rows = train_folder(colour_folder, tmp_path / "out", table=table, **settings)
    assert [row["method"] for row in rows] == [train.BASELINE, train.FROZEN, train.TUNED]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"model.keras", "curves_and_confusion.png", "results.csv", "report.html"}
    assert "36 pictures of 3 classes: " in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "resize"), [([], "bicubic"), (["--resize", "pad"], "pad")])
def test_pictures_are_resized_as_asked(arguments, resize, colour_folder, tmp_path, monkeypatch):
    class Asked(Exception):
        pass

    def asked(folder, **settings):
        raise Asked(settings["resize"])

    monkeypatch.setattr(train, "image_folder", asked)
    with pytest.raises(Asked, match=resize):
        main(["train", str(colour_folder), "--out", str(tmp_path / "out"), *arguments])


@pytest.mark.parametrize(("arguments", "blocks"), [([], 2), (["--unfreeze-blocks", "all"], "all")])
def test_blocks_are_unfrozen_as_asked(arguments, blocks, colour_folder, tmp_path, monkeypatch):
    def stop(*args, **settings):
        raise InterruptedError(settings["unfreeze_blocks"])

    monkeypatch.setattr(train, "fit_linear_head", lambda *args, **settings: None)
    monkeypatch.setattr(train, "predict_split", lambda *args: None)
    monkeypatch.setattr(train, "fine_tune", stop)
    with pytest.raises(InterruptedError) as stopped:
        train_folder(**vars_of(colour_folder, tmp_path / "out", *arguments))
    assert stopped.value.args == (blocks,)


def vars_of(folder, out, *arguments):
    """What the command line hands on, for small pictures."""
    line = ["train", str(folder), "--out", str(out), "--image-size", "32", *arguments]
    given = vars(parser().parse_args(line))
    return {name: value for name, value in given.items() if name not in ("command", "traceback")}


class Killed(BaseException):
    """Stands for `kill -9`: nothing that catches errors catches it."""


class KillAtEveryWrite:
    """Kills before and after each file takes its name, as often as that happens in a whole run."""

    def __init__(self, root, expected):
        self.root, self.expected = root, expected
        self.seen, self.kills = Counter(), set()

    def __call__(self, source, target, replace=os.replace):
        name = Path(target).relative_to(self.root).as_posix()
        write = name, self.seen[name]
        self._kill(write, "before")
        replace(source, target)
        self.seen[name] += 1
        self._kill(write, "after")

    def _kill(self, write, moment):
        name, number = write
        if number < self.expected[name] and (write, moment) not in self.kills:
            self.kills.add((write, moment))
            raise Killed


def small_network(name, input_shape):
    """In place of a pretrained one: as quickly built as run, and always the same."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    for block in (1, 2):
        x = keras.layers.Conv2D(4, 3, strides=4, name=f"block{block}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"block{block}_bn")(x)
    return keras.Model(inputs, x, name=name)


def eager(*args, **settings):
    """A classifier without tracing, which takes most of the time of so small a run."""
    model = tltk.build_classifier(*args, **settings)
    model.run_eagerly = True
    return model


def test_a_run_killed_at_every_write_ends_as_one_that_was_not(
    colour_folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(train, "load_backbone", small_network)
    monkeypatch.setattr(train, "build_classifier", eager)

    def run(name, expected):
        killer = KillAtEveryWrite(tmp_path / name, expected)
        monkeypatch.setenv("TLTK_CACHE", str(tmp_path / name / "cache"))
        monkeypatch.setattr("tltk._cache.files.os.replace", killer)
        while True:
            try:
                settings = {"image_size": 32, "epochs": 2, "unfreeze_blocks": 1}
                return train_folder(colour_folder, tmp_path / name / "out", **settings), killer
            except Killed:
                keras.utils.set_random_seed(len(killer.kills))  # another process, as it were

    expected, whole = run("whole", Counter())
    rows, killed = run("killed", whole.seen)
    assert rows == expected
    assert len(killed.kills) == 2 * whole.seen.total() >= 20
    first, second = (tmp_path / name / "out" for name in ("whole", "killed"))
    assert {path.name for path in second.iterdir()} == {path.name for path in first.iterdir()}
    assert (second / "results.csv").read_bytes() == (first / "results.csv").read_bytes()
    one, other = (tltk.load_model(out / "model.keras").get_weights() for out in (first, second))
    for weight, kept in zip(one, other, strict=True):
        assert np.array_equal(weight, kept)


@pytest.mark.parametrize(("gpu", "cache"), [(True, ("keras", "bfloat16")), (False, True)])
def test_a_gpu_computes_in_mixed_precision(colour_folder, tmp_path, monkeypatch, gpu, cache):
    def stop(*args, **settings):
        raise InterruptedError(settings["cache"])

    monkeypatch.setattr(train, "on_gpu", lambda: gpu)
    monkeypatch.setattr(train, "fit_linear_head", lambda *args, **settings: None)
    monkeypatch.setattr(train, "predict_split", lambda *args: None)
    monkeypatch.setattr(train, "fine_tune", stop)
    with pytest.raises(InterruptedError) as stopped:
        train_folder(colour_folder, tmp_path / "out", image_size=32)
    assert stopped.value.args == (cache,)


def test_interval_is_wilsons():
    """8 of 10 right: (.490, .943) by the formula written out."""
    probabilities = np.eye(2)[[0] * 10]
    predictions = Predictions(np.array([0] * 8 + [1] * 2), probabilities, ("a", "b"))
    row = result_row("x", predictions, predictions)
    z, p, n = 1.959964, 0.8, 10
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert (row["test low"], row["test high"]) == pytest.approx(
        (middle - half, middle + half), abs=1e-6
    )
    assert row["balanced"] == 0.5


def test_imbalance_is_judged_by_balanced_accuracy():
    answers = np.eye(2)[[0, 0, 0, 0, 1, 0]]
    predictions = Predictions(np.array([0, 0, 0, 0, 1, 1]), answers, ("a", "b"))
    assert result_row("x", predictions, predictions)["validation"] == pytest.approx(5 / 6)
    row = result_row("x", predictions, predictions, "balanced accuracy")
    assert row["validation"] == row["balanced"] == pytest.approx(3 / 4)


@pytest.mark.parametrize(("asked", "of_head"), [("focal", None), ("class_weight", "class_weight")])
def test_imbalance_goes_to_the_head_and_to_fine_tuning(
    colour_folder, tmp_path, monkeypatch, asked, of_head
):
    heads = []

    def stop(*args, **settings):
        raise InterruptedError(settings["imbalance"])

    monkeypatch.setattr(train, "fit_linear_head", lambda *_, **given: heads.append(given))
    monkeypatch.setattr(train, "predict_split", lambda *args: None)
    monkeypatch.setattr(train, "fine_tune", stop)
    with pytest.raises(InterruptedError, match=asked):
        train_folder(colour_folder, tmp_path / "out", image_size=32, imbalance=asked)
    assert heads[0]["imbalance"] == of_head


def test_a_folder_with_one_class_is_refused(tmp_path):
    (tmp_path / "one" / "cat").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "cat" / "a.png")
    with pytest.raises(ValueError, match=r"Received"):
        train_folder(tmp_path / "one", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named_before_training(colour_folder, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Results are kept.*Received: .*file/out .*Choose another"):
        train_folder(colour_folder, tmp_path / "file" / "out", image_size=32)
    assert "Linear head" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["photos", "photos/trained"])
def test_results_among_the_pictures_are_refused(tmp_path, name):
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=r"count as a class. Received: .* Name another folder"):
        train_folder(tmp_path / "photos", tmp_path / name)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": -1}, "Received: epochs=-1"),
        ({"unfreeze_blocks": 99}, "Received: blocks=99.*19 blocks"),
    ],
)
def test_settings_are_refused_before_anything_is_computed(
    colour_folder, tmp_path, capsys, settings, message
):
    with pytest.raises(ValueError, match=message):
        train_folder(colour_folder, tmp_path / "out", image_size=32, **settings)
    assert "Linear head" not in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
