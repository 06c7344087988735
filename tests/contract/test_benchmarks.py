"""The benchmarks run with tiny settings, keep what they promise, and their figure can be drawn."""

import importlib
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import pytest

import tltk

FOLDER = Path(__file__).parents[2] / "benchmarks"
KEPT = sorted((FOLDER / "results").rglob("*.json"))
PROMISED = {
    "name", "about", "date", "machine", "quick", "seconds", "weights", "settings", "rows",
    "findings", "remarks",
}  # fmt: skip
SCRIPTS = (
    "domain_step extraction head_accuracy head_only imports input_pipeline last_stage memory "
    "photographs second_call"
).split()


@pytest.fixture(autouse=True)
def beside_the_scripts(monkeypatch):
    """The scripts import each other by bare names; none of these may stay behind."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name in {path.stem for path in FOLDER.glob("*.py")}:
            del sys.modules[name]


def script(name):
    return importlib.import_module(name)


def check(result):
    assert set(result) >= PROMISED
    assert {"cpu", "cores", "load", "versions"} <= set(result["machine"])
    assert all("side" in row for row in result["rows"])
    assert result["findings"]
    for found in result["findings"]:
        assert {"what", "unit", "median", "low", "high", "repeats", "goal"} <= set(found)
        assert found["low"] <= found["median"] <= found["high"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_runs_and_keeps_what_it_promises(name, tmp_path, capsys):
    result = script(name).main(["--quick", "--out", str(tmp_path)])
    written = json.loads((tmp_path / f"{name}.json").read_text())
    assert written == json.loads(json.dumps(result))
    assert (written["name"], written["quick"]) == (name, True)
    check(written)
    printed = capsys.readouterr().out
    assert written["machine"]["cpu"] in printed
    assert all(found["what"] in printed for found in written["findings"])


def test_quick_runs_write_nothing_by_themselves():
    assert script("common").options("", ["--quick"]).out is None
    assert script("common").options("", []).out == FOLDER / "results"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept_results_are_whole_and_full_size(path):
    result = json.loads(path.read_text())
    check(result)
    assert not result["quick"]
    assert str(Path.home()) not in path.read_text()


def test_figure_of_kept_results_is_drawn(tmp_path):
    figure = script("figure").draw(script("run_all").read(FOLDER / "results"))
    figure.savefig(tmp_path / "kept.png")
    assert (tmp_path / "kept.png").stat().st_size > 10_000


def test_figure_shows_every_finding_with_a_goal():
    common, draw = script("common"), script("figure").draw
    findings = [
        common.finding("a against b", [30.0, 20.0], 25, bound=40),
        common.finding("c against d", [1.0], 1.1, unit="share", at_most=True),
        common.finding("without a goal", [2.0]),
    ]
    result = {"machine": common.machine(), "date": "2025-01-01", "findings": findings}
    panels = draw([result]).axes
    labels = [[text.get_text() for text in panel.get_yticklabels()] for panel in panels]
    assert labels == [["a against b"], ["c against d"]]
    assert panels[0].get_xscale() == "log"
    assert panels[0].texts[0].get_text() == "25  (goal ≥ 25)"


def test_every_script_but_the_long_one_is_in_run_all():
    assert sorted(["head_accuracy", *script("run_all").SCRIPTS]) == SCRIPTS


def test_run_all_asks_where_quick_results_go():
    with pytest.raises(SystemExit, match="--out"):
        script("run_all").main(["--quick"])


def test_sides_take_turns():
    order = []
    sides = {"a": lambda: order.append("a") or 2.0, "b": lambda: order.append("b") or 4.0}
    measured = script("common").interleaved(sides, repeats=2)
    assert order == ["a", "b", "a", "b"]
    assert script("common").ratios(measured["b"], measured["a"]) == [2.0, 2.0]


@pytest.mark.parametrize(("goal", "at_most", "reached"), [(2, False, True), (2, True, False)])
def test_finding_compares_its_median_with_the_goal(goal, at_most, reached):
    found = script("common").finding("a", [1.0, 3.0, 9.0], goal, at_most=at_most)
    assert (found["median"], found["low"], found["high"]) == (3, 1, 9)
    assert found["reached"] is reached


def test_fresh_cache_is_empty_and_gone_afterwards(monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", "mine")
    with script("common").fresh_cache() as folder:
        assert os.environ["TLTK_CACHE"] == str(folder)
        assert not list(folder.iterdir())
    assert os.environ["TLTK_CACHE"] == "mine"
    assert not folder.exists()


def test_pictures_are_as_many_and_as_large_as_asked_for():
    """With more pictures than the bundle has, each file is still another one."""
    from PIL import Image

    with script("common").picture_folder(3010, 20, side=16) as folder:
        train, val = (sorted((folder / part).rglob("*.jpg")) for part in ("train", "val"))
        assert (len(train), len(val)) == (3010, 20)
        assert len({path.read_bytes() for path in train}) == 3010
        with Image.open(train[-1]) as last:
            assert last.size == (16, 16)


def test_bound_of_a_network_counted_by_hand():
    """Two dense layers of 12 and 15 multiply-adds, the first one frozen."""
    inputs = keras.Input((4,))
    frozen = keras.layers.Dense(3, trainable=False)
    model = keras.Model(inputs, keras.layers.Dense(5)(frozen(inputs)))
    bound = script("operations").training_bound
    whole = 10 * (6 * 12 + 4 * (15 + 15) + 2 * 15)
    assert bound(model, 10, train=4, val=2) == pytest.approx(whole / (6 * 12 + 10 * 150))
    assert bound(model, 10, 4, 2, speed_up=2) == pytest.approx(whole / (6 * 6 + 10 * 150))


def test_recipe_trains_what_it_should():
    """Only the head; or a stage and the head, without batch normalisation."""
    recipe = script("recipe").recipe
    with script("common").picture_folder(20, 10, side=32) as folder:
        network = tltk.load_backbone("small_cnn", weights=None, input_shape=32)
        assert len(recipe(folder, network, 32)[0].trainable_weights) == 2
        trained = recipe(folder, network, 32, unfrozen="block4")[0].trainable_weights
    assert [weight.path.split("/")[-2:] for weight in trained[:1]] == [["block4_conv", "kernel"]]
    assert len(trained) == 3


@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is an extra")
def test_every_side_of_extraction_gives_the_same_features(tmp_path):
    extraction = script("extraction")
    network, _ = extraction.pooled("small_cnn", 32, quick=True)
    pictures = extraction.random_pictures(40, 32)
    sides = extraction.sides_of(network, tmp_path, script("common").engines(2)[0])
    answers = {name: run(pictures) for name, run in sides.items()}
    for answer in answers.values():
        assert answer == pytest.approx(answers["model.predict"], rel=1e-3, abs=1e-4)
