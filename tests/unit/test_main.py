import logging
import sys

import pytest

from tltk import shipping
from tltk.__main__ import main
from tltk.shipping.course import Run


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("demo", "notebooks", "doctor", "cache", "train"))


def test_train_help_states_the_defaults(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    assert "(default: mobilenet_v2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "call",
    [
        [],
        ["dance"],
        ["train"],
        ["train", "x", "--epochs", "many"],
        ["train", "x", "--unfreeze-blocks", "some"],
    ],
)
def test_a_wrong_call_ends_with_usage(call, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(call)
    assert "usage: tltk" in capsys.readouterr().err


def test_an_unknown_chapter_is_one_line(capsys):
    assert main(["notebooks", "99"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tltk: A chapter is asked for by its number. Received: 99 in ")
    assert error.count("\n") == 1


def test_a_missing_folder_is_one_line(capsys, tmp_path):
    assert main(["train", str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tltk: ")
    assert "nowhere" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("refused", [True, False])
def test_a_run_that_is_busy_is_one_line_and_a_mistake_of_ours_is_not(monkeypatch, capsys, refused):
    said = "A checkpoint serves one run at a time. Received: run." if refused else "a mistake"

    def train_folder(folder, **_):
        raise RuntimeError(said)

    monkeypatch.setattr(shipping, "train_folder", train_folder)
    if refused:
        assert main(["train", "photos"]) == 2
        assert capsys.readouterr().err == f"tltk: {said}\n"
    else:
        with pytest.raises(RuntimeError, match="a mistake"):
            main(["train", "photos"])


def test_the_traceback_can_be_asked_for(tmp_path):
    with pytest.raises((OSError, ValueError), match="nowhere"):
        main(["--traceback", "train", str(tmp_path / "nowhere")])


@pytest.mark.parametrize(("errors", "code"), [([None, None], 0), ([None, "KeyError: 1"], 1)])
def test_a_failed_chapter_is_the_exit_code(monkeypatch, errors, code):
    runs = [Run(None, None, 1.0, error) for error in errors]
    monkeypatch.setattr(shipping, "run_notebooks", lambda numbers, out: runs)
    monkeypatch.setattr(shipping, "demo", lambda out: runs[-1])
    assert main(["notebooks"]) == code
    assert main(["demo"]) == code


def test_doctor_prints_its_report(monkeypatch, capsys):
    monkeypatch.setattr(shipping, "doctor", lambda: "all well")
    assert main(["doctor"]) == 0
    assert capsys.readouterr().out == "all well\n"


def test_options_reach_training(monkeypatch):
    seen = {}
    monkeypatch.setattr(shipping, "train_folder", lambda folder, **o: seen.update(o, folder=folder))
    assert main(["train", "photos", "--image-size", "96", "--unfreeze-blocks", "0"]) == 0
    assert seen == {
        "folder": "photos",
        "out": "trained",
        "backbone": "mobilenet_v2",
        "image_size": 96,
        "resize": "bicubic",
        "epochs": 10,
        "unfreeze_blocks": 0,
        "batch_size": 32,
        "imbalance": None,
        "seed": 0,
    }


def test_a_table_and_its_columns_reach_training(monkeypatch):
    seen = {}
    monkeypatch.setattr(shipping, "train_folder", lambda folder, **o: seen.update(o, folder=folder))
    columns = ["--path", "id", "--group", "owner", "--pattern", "{id}.jpg"]
    assert main(["train", "labels.csv", "--images", "photos", *columns]) == 0
    assert seen["folder"] == "photos"
    assert seen["table"] == "labels.csv"
    given = {name: seen.get(name) for name in ("path", "label", "group", "split", "pattern")}
    assert given == {
        "path": "id",
        "label": None,
        "group": "owner",
        "split": None,
        "pattern": "{id}.jpg",
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["labels.csv"], "Received: labels.csv, which is a file. Where it is a table"),
        (["photos", "--label", "breed"], "Received: label='breed' without one. Pass the table"),
        (
            ["labels.csv", "--images", "gone", "--label", "breed"],
            "The path must be a folder. Received: gone, which is",
        ),
        (["lables.csv", "--images", "photos"], "A table is one file. Received: lables.csv, which"),
        (["photos", "--images", "photos"], "A table is one file. Received: photos, which is a fol"),
        (["labels.csv", "--images", "photos", "--label", "bread"], "The nearest is 'breed'."),
        (
            ["labels.csv", "--images", "photos", "--label", "breed"],
            "no file for 1 of 1 rows; row 1 w",
        ),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line(call, said, tmp_path, monkeypatch, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "labels.csv").write_text("path,breed\na.jpg,pug\n")
    monkeypatch.chdir(tmp_path)
    assert main(["train", *call]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert said in shown.err
    assert shown.err.count("\n") == 1


def test_ctrl_c_ends_without_a_traceback(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(shipping, "doctor", interrupted)
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_cache_is_listed_and_cleared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path))
    assert main(["cache"]) == 0
    assert "Nothing is kept in" in capsys.readouterr().out
    (tmp_path / "features" / "abc").mkdir(parents=True)
    (tmp_path / "features" / "abc" / "0.npy").write_bytes(b"x" * 2_000_000)
    assert main(["cache", "--clear"]) == 0
    shown = capsys.readouterr().out
    assert "abc" in shown
    assert "Freed 2.0 MB" in shown
    assert not (tmp_path / "features" / "abc").exists()


def test_training_leaves_out_tensorflows_advice_on_retracing(monkeypatch):
    logger, handler, shown = logging.getLogger("tensorflow"), logging.Handler(), []
    handler.emit = lambda record: shown.append(record.getMessage())

    def train_folder(folder, **_):
        logger.warning("5 out of the last 6 calls to %s triggered tf.function retracing.", "f")
        logger.warning("something else")

    monkeypatch.setattr(shipping, "train_folder", train_folder)
    logger.addHandler(handler)
    try:
        assert main(["train", "photos"]) == 0
    finally:
        logger.removeHandler(handler)
    assert shown == ["something else"]


@pytest.mark.parametrize("call", [["demo"], ["notebooks", "01"]])
def test_without_the_extra_for_the_course_one_line_names_it(call, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    assert main(call) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("tltk: This needs the packages of the extra 'course'. Received: ")
    assert "[course]" in shown.err
    assert shown.err.count("\n") == 1
