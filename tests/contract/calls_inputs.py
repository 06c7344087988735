"""What reads, makes and splits data."""

import numpy as np
import tiny
from bad_values import (
    Call,
    above,
    at_least,
    choice,
    class_numbers,
    classes,
    count,
    file_but,
    flag,
    folder_but,
    number,
    numbers,
    optional,
    rows,
    seed,
    share,
    size,
    unlabelled,
)
from tiny import FOLDER, PICTURES, TWO, WAVES, X, Y

from tltk import datasets, inputs

WIDE = np.concatenate([PICTURES, PICTURES], axis=2)
SERIES = np.arange(60.0).reshape(30, 2) % 7
SCALING = inputs.learn_scaling(SERIES)
LOAD = inputs.series_file(FOLDER / "load.csv", columns=["load"])
PARTS = {"val": 0.2, "test": 0.2, "seed": 0, "batch_size": 4}
READ = PARTS | {"on_error": "skip"}
ROWS = [f"{'ab'[n % 2]}/{n},{'ab'[n % 2]},d{n},train" for n in range(12)]
(FOLDER / "files.csv").write_text("\n".join(["path,label,doc,part", *ROWS]) + "\n")


def part(good):
    """A part may be empty."""
    return {which: bad for which, bad in share(good).items() if which != "0"}


def file_part(good):
    return {which: bad for which, bad in part(good).items() if which != "'1'"} | {
        "missing": "gone.csv"
    }


def column(_):
    return {repr(each): each for each in ("nope", "", None, 5, ["text"])}


def columns(_):
    wrong = "nope", ["nope"], [], ["load", "load"], 5, [5]
    return {repr(each): each for each in wrong}


def groups(_):
    return {
        "lengths": [1],
        "a number": 5,
        "text": "abc",
        "unhashable": lambda path: [1],
        "none": [None] * 12,
    }


def row_groups(good):
    return {"lengths": good[:-1], "None among": [None, *good[1:]], "a number": 5}


def quoting(_):
    return {repr(each): each for each in ("x", 9, 1.5, None, True)}


def delimiter(_):
    return {repr(each): each for each in ("", ";;", 5, "\n")}


def encoding(_):
    return {repr(each): each for each in ("nonsense", "", 5)}


def pattern(_):
    return {repr(each): each for each in ("", "x.png", "{", "{id.x}", 5, ["{id}"])}


def separator(_):
    return {repr(each): each for each in ("|", "", 5, ["|"])}


def of_files(folder, wrong, function, good, kinds) -> Call:
    """The call of a reader of a table of files, with what is its own."""
    return Call(
        function,
        READ
        | {"table": FOLDER / "files.csv", "folder": FOLDER / folder, "path": "path"}
        | {"label": "label", "kind": "one_label", "group": "doc", "split": "part"}
        | {"pattern": "{id}", "separator": None, "encoding": "utf-8", "delimiter": ","}
        | {"quoting": "minimal", **good},
        {
            "table": file_but("photos/a/0.png", "classifier.keras"),
            "folder": folder_but(wrong),
            "path": column,
            "label": column,
            "kind": choice,
            "group": optional(column),
            "split": optional(column),
            "pattern": pattern,
            "separator": separator,
            "batch_size": count,
            "val": part,
            "test": part,
            "seed": seed,
            "on_error": choice,
            "encoding": encoding,
            "delimiter": delimiter,
            "quoting": quoting,
            **kinds,
        },
    )


def step(_):
    return {repr(each): each for each in ("1x", 5, "", "0h", "-1h", True, "1e9D")}


def target(_):
    return {repr(each): each for each in (5, -9, 0.5, "heat", None, True, float("nan"))}


def photos(good):
    return {
        "text": "x",
        "None": None,
        "floats with NaN": good * np.nan,
        "grey": good[..., 0],
        "empty": good[:0],
        "beyond": good.astype("int32") + 300,
        "complex": good * 1j,
        "a number": 5,
        "names": good.astype(str),
        "masked": np.ma.masked_array(good, mask=good > 9),
    }


def labels_of_rows(good):
    return classes(good) | {"none": []}


def clip(good):
    return file_but("films.csv", "classifier.keras", "photos/a/0.png")(good) | {
        "an array": X,
        "bytes": b"abc",
    }


def photo(good):
    return file_but("films.csv", "classifier.keras", "sounds/a/0.wav")(good) | {"bytes": b"abc"}


def set_name(_):
    return {repr(each): each for each in (None, "cifra10_small", "../x", "", 5)}


def scalings(_):
    return {"None": None, "a number": 2.0, "text": "mean", "a dict": {}}


def gapped(good):
    bad = numbers(good)
    return {which: bad[which] for which in bad if which not in ("NaN", "None among")}


def fetched(*, count, labels, batch_size):
    return inputs.Examples(lambda rows: X[rows], count=count, labels=labels, batch_size=batch_size)


def made_windows(good):
    return numbers(good) | {"text": "load.csv", "a number": 5}


def asked_tasks(*, shots, queries, seed):
    return datasets.make_sinusoid_tasks(shots, queries)(seed)


CALLS = [
    of_files(
        "photos",
        "sounds",
        inputs.image_table,
        {"image_size": 8, "resize": "bicubic"} | dict.fromkeys(("exact", "cache", "verify"), False),
        {"image_size": size, "resize": choice, "exact": flag, "cache": flag, "verify": flag},
    ),
    of_files(
        "sounds",
        "photos",
        inputs.audio_table,
        {"seconds": 0.1, "hop": 0.1, "rate": 8000, "verify": False},
        {
            "seconds": above(0),
            "hop": optional(above(0)),
            "rate": lambda g: count(g) | {"1": 1, "10**9": 10**9},
            "verify": flag,
        },
    ),
    of_files(
        "texts",
        "photos",
        inputs.text_table,
        {"text_encoding": "utf-8"},
        {"text_encoding": encoding},
    ),
    Call(
        inputs.image_folder,
        READ
        | {
            "path": FOLDER / "photos",
            "image_size": 8,
            "resize": "bicubic",
            "groups": None,
            "max_per_class": None,
            "exact": False,
            "cache": False,
            "verify": False,
        },
        {
            "path": folder_but("sounds"),
            "image_size": size,
            "batch_size": count,
            "val": part,
            "test": part,
            "groups": groups,
            "seed": seed,
            "resize": choice,
            "on_error": choice,
            "max_per_class": optional(count),
            "exact": flag,
            "cache": flag,
            "verify": flag,
        },
    ),
    Call(
        inputs.audio_folder,
        READ
        | {
            "path": FOLDER / "sounds",
            "seconds": 0.1,
            "hop": 0.1,
            "rate": 8000,
            "groups": None,
            "verify": False,
        },
        {
            "path": folder_but("photos"),
            "seconds": above(0),
            "hop": optional(above(0)),
            "rate": lambda g: count(g) | {"1": 1, "10**9": 10**9},
            "batch_size": count,
            "val": part,
            "test": part,
            "groups": groups,
            "seed": seed,
            "on_error": choice,
            "verify": flag,
        },
    ),
    Call(
        inputs.text_folder,
        READ | {"path": FOLDER / "texts", "encoding": "utf-8"},
        {
            "path": folder_but("photos"),
            "batch_size": count,
            "val": part,
            "test": part,
            "seed": seed,
            "encoding": encoding,
            "on_error": choice,
        },
    ),
    Call(
        inputs.text_file,
        READ
        | {
            "path": FOLDER / "films.csv",
            "text": "text",
            "label": "label",
            "group": None,
            "encoding": "utf-8",
            "delimiter": ",",
            "quoting": "minimal",
        },
        {
            "path": file_but("photos/a/0.png", "classifier.keras"),
            "text": column,
            "label": column,
            "group": optional(column),
            "batch_size": count,
            "val": file_part,
            "test": file_part,
            "seed": seed,
            "encoding": encoding,
            "on_error": choice,
            "delimiter": delimiter,
            "quoting": quoting,
        },
    ),
    Call(
        inputs.series_file,
        {
            "path": FOLDER / "load.csv",
            "columns": ["load"],
            "time": "time",
            "step": "1h",
            "max_gap": 0,
            "time_format": None,
            "delimiter": ",",
            "quoting": "minimal",
            "encoding": "utf-8",
        },
        {
            "path": file_but("photos/a/0.png", "classifier.keras"),
            "columns": columns,
            "time": lambda g: {k: v for k, v in column(g).items() if k != "None"},
            "step": step,
            "max_gap": at_least(0),
            "time_format": lambda g: {repr(each): each for each in (3, "", "%Q", "%d/%m/%Y")},
            "delimiter": delimiter,
            "quoting": quoting,
            "encoding": encoding,
        },
    ),
    Call(
        inputs.series_windows,
        {
            "series": LOAD,
            "length": 4,
            "horizon": 2,
            "target": 0,
            "val": 0.2,
            "test": 0.2,
            "stride": 1,
            "origin": "mean",
            "batch_size": 4,
        },
        {
            "series": lambda g: made_windows(g.values),
            "length": lambda g: count(g) | {"10**9": 10**9},
            "horizon": lambda g: count(g) | {"10**9": 10**9},
            "target": target,
            "val": part,
            "test": part,
            "stride": count,
            "origin": choice,
            "batch_size": count,
        },
        {"series": {"NaN", "None among"}},
    ),
    Call(
        inputs.cut_windows,
        {"values": SERIES, "length": 4, "horizon": 2, "target": 0, "stride": 1},
        {
            "values": rows,
            "length": count,
            "horizon": count,
            "target": lambda g: number(g) | {"5": 5, "-9": -9, "0.5": 0.5},
            "stride": count,
        },
        {"values": {"NaN", "one axis"}, "target": {"'1'"}},  # a column by its name
    ),
    Call(
        inputs.learn_scaling,
        {"values": SERIES, "target": 0, "origin": "mean", "columns": ("a", "b")},
        {
            "values": rows,
            "target": lambda g: number(g) | {"5": 5, "-9": -9, "0.5": 0.5},
            "origin": choice,
            "columns": lambda g: {"text": "ab", "too few": ("a",), "twice": ("a", "a")},
        },
        {"values": {"NaN", "one axis"}},
    ),
    Call(
        inputs.scale_windows,
        {"inputs": WAVES, "targets": WAVES[:, 0], "scaling": SCALING},
        {"inputs": numbers, "targets": numbers, "scaling": scalings},
        {"inputs": {"NaN"}, "targets": {"NaN"}},
    ),
    Call(
        datasets.load_dataset,
        {"name": "mnist_small", "image_size": 8, "val": 0.2, "per_class": 5, "resize": "bilinear"}
        | {"seed": 0, "batch_size": 4, "vectors": None},
        {
            "name": set_name,
            "image_size": size,
            "val": optional(part),
            "per_class": optional(count),
            "resize": choice,
            "seed": seed,
            "batch_size": count,
            "vectors": optional(choice),
        },
    ),
    Call(
        inputs.read_image,
        {
            "path_or_bytes": tiny.PHOTO,
            "image_size": 8,
            "resize": "bicubic",
            "channels": 3,
            "exact": False,
        },
        {
            "path_or_bytes": photo,
            "image_size": optional(size),
            "resize": choice,
            "channels": lambda g: count(g) | {"2": 2},
            "exact": flag,
        },
    ),
    Call(
        inputs.resize_images,
        {"images": PICTURES, "image_size": 4, "resize": "bicubic"},
        {"images": photos, "image_size": size, "resize": choice},
        {"images": {"grey"}},
    ),
    Call(
        inputs.read_clip,
        {"path": tiny.SOUND, "rate": 8000},
        {"path": clip, "rate": lambda g: count(g) | {"10**9": 10**9}},
    ),
    Call(
        datasets.blend_with_photos,
        {"pictures": PICTURES[:, :4, :4], "photos": PICTURES, "half": "left", "seed": 0},
        {"pictures": photos, "photos": optional(photos), "half": choice, "seed": seed},
        {"pictures": {"grey"}},
    ),
    Call(
        inputs.examples_of,
        {"data": X, "labels": Y, "key": None},
        {
            "data": unlabelled,
            "labels": labels_of_rows,
            "key": lambda g: {"5": 5, "''": "", "True": True},
        },
        {"data": {"width"}, "labels": {"NaN", "None", "two axes"}},
    ),
    Call(
        fetched,
        {"count": 24, "labels": Y, "batch_size": 4},
        {"count": count, "labels": lambda g: {"too few": g[:-1], "text": "abc"}}
        | {"batch_size": count},
        name="Examples",
    ),
    Call(
        inputs.split_rows,
        {"labels": Y, "val": 0.2, "test": 0.2, "groups": list(range(24)), "seed": 0},
        {"labels": classes, "val": part, "test": part, "groups": row_groups, "seed": seed},
        {"labels": {"too few", "complex"}},
    ),
    Call(
        inputs.splits_of,
        {"parts": {"train": inputs.examples_of((X, Y))}, "class_names": ("a", "b", "c")}
        | {"batch_size": 4},
        {
            "parts": lambda g: {
                "None": None,
                "arrays": {"train": X},
                "other": {"trian": g["train"]},
            },
            "class_names": lambda g: {"text": "abc", "twice": ("a", "a", "b"), "None": None},
            "batch_size": count,
        },
    ),
    Call(
        datasets.make_rows_with_gaps,
        {"rows": X, "labels": Y},
        {"rows": lambda g: gapped(g) | {"one axis": X[0]}, "labels": labels_of_rows},
        {"labels": {"None", "NaN", "two axes"}},
    ),
    Call(
        datasets.pair_by_class,
        {"first": Y, "second": Y, "seed": 0},
        {"first": class_numbers, "second": class_numbers, "seed": seed},
        {"first": {"too few"}, "second": {"too few"}},
    ),
    Call(
        datasets.make_glyphs,
        {"alphabets": 1, "characters": 2, "drawers": 1, "size": 12, "seed": 0},
        {
            "alphabets": count,
            "characters": count,
            "drawers": count,
            "size": lambda g: count(g) | {"1": 1},
            "seed": seed,
        },
    ),
    Call(
        datasets.make_sweets,
        {
            "n": 2,
            "image_size": 32,
            "style": "noto",
            "part": "train",
            "most_objects": 1,
            "seed": 0,
        },
        {
            "n": count,
            "image_size": lambda g: count(g) | {"8": 8},
            "style": choice,
            "part": choice,
            "most_objects": count,
            "seed": seed,
        },
    ),
    Call(
        datasets.make_organisation,
        {"teams": 2, "size": 3, "density": 0.6, "brokers": 1, "outsiders": 1, "noise": 0.0}
        | {"seed": 0},
        {
            "teams": count,
            "size": count,
            "density": lambda g: {k: v for k, v in share(g).items() if k != "0"},
            "brokers": at_least(0),
            "outsiders": at_least(0),
            "noise": lambda g: {k: v for k, v in share(g).items() if k != "0"},
            "seed": seed,
        },
    ),
    Call(
        datasets.make_shifted_domains,
        {"scenario": "drift", "rows": 20, "seed": 0},
        {"scenario": choice, "rows": count, "seed": seed},
    ),
    Call(
        asked_tasks,
        {"shots": 2, "queries": 2, "seed": 0},
        {"shots": count, "queries": count},
        name="make_sinusoid_tasks",
    ),
    Call(
        datasets.make_vibration_windows,
        {"load": 0.0, "recordings": 1, "windows": 1, "length": 64, "noise": 1.0, "seed": 0},
        {
            "load": lambda g: number(g) | {"99": 99, "-1": -1},
            "recordings": count,
            "windows": count,
            "length": count,
            "noise": at_least(0),
            "seed": seed,
        },
    ),
    Call(
        datasets.make_blended_splits,
        {"splits": inputs.splits_of({"train": inputs.examples_of((PICTURES, TWO))}, ("a", "b"))}
        | {"photos": WIDE, "seed": 0, "batch_size": 4},
        {
            "splits": lambda g: {"None": None, "arrays": PICTURES, "pair": (PICTURES, TWO)},
            "photos": optional(photos),
            "seed": seed,
            "batch_size": count,
        },
    ),
]
