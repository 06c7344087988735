import contextlib
import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from PIL import Image

import tltk
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
