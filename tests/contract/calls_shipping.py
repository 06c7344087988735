"""The course and training without code, with what takes minutes replaced by what takes none."""

from unittest import mock

from bad_values import Call, at_least, choice, count, file_but, folder_but, optional, seed, size
from calls_plotting import out
from tiny import FOLDER

from tltk import backbones, shipping
from tltk.shipping import course, train


def trained(**given):
    """With fresh weights, as a test has no others."""

    def fresh(name, input_shape):
        return backbones.load_backbone(name, weights=None, input_shape=input_shape)

    with mock.patch.object(train, "load_backbone", fresh):
        return shipping.train_folder(**given)


def run(**given):
    """Without running the chapters that were found."""
    with (
        mock.patch.object(course, "run_chapter", lambda path, *_: course.Run(path, None, 0.0, "")),
        mock.patch("tltk.shipping.course.write_page"),
        mock.patch("tltk.shipping.course.write_index"),
    ):
        return shipping.run_notebooks(**given)


def shown(**given):
    with (
        mock.patch.object(course, "run_chapter", lambda path, *_: course.Run(path, None, 0.0, "x")),
        mock.patch("tltk.shipping.course.write_page"),
    ):
        return shipping.demo(**given)


def chapters(_):
    return {"99": ["99"], "text": "01", "5": 5, "None among": [None], "None": None}


def settings(_):
    return {"text": "SEED=1", "5": 5, "a list": ["SEED"]}


def without_a_table(_):
    return {"a column": "nope", "5": 5}


def no_chapters(good):
    return folder_but()(good)


CALLS = [
    Call(
        trained,
        {
            "folder": FOLDER / "photos",
            "out": FOLDER / "trained",
            **dict.fromkeys(("table", "path", "label", "group", "split", "pattern")),
            "backbone": "small_cnn",
            "image_size": 32,
            "resize": "bicubic",
            "epochs": 0,
            "unfreeze_blocks": 1,
            "imbalance": None,
            "batch_size": 8,
            "seed": 0,
        },
        {
            "folder": folder_but("sounds"),
            "out": lambda g: out(g) | {"inside": FOLDER / "photos" / "out"},
            "table": optional(file_but("photos/a/0.png")),
            **dict.fromkeys(("path", "label", "group", "split", "pattern"), without_a_table),
            "backbone": choice,
            "image_size": size,
            "resize": choice,
            "epochs": at_least(0),
            "unfreeze_blocks": lambda g: at_least(0)(g) | {"99": 99},
            "imbalance": optional(choice),
            "batch_size": count,
            "seed": seed,
        },
        {"image_size": {"(0, 8)"}},
        name="train_folder",
    ),
    Call(
        run,
        {"numbers": ["01"], "out": FOLDER / "course", "folder": None, "settings": None},
        {"numbers": chapters, "out": out, "folder": optional(no_chapters), "settings": settings},
        name="run_notebooks",
    ),
    Call(
        shown,
        {"out": FOLDER / "course", "folder": None},
        {"out": out, "folder": optional(no_chapters)},
        name="demo",
    ),
]
