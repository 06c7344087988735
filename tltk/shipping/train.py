"""From pictures with labels to a model, a figure and a table, without writing code."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np

from tltk._cache import made_folder, whole_file
from tltk._checks import check_choice, check_count
from tltk._paths import check_folder, user_path
from tltk.backbones import load_backbone
from tltk.evaluation import Predictions, classification_table, predict_split
from tltk.inputs import image_folder, image_table
from tltk.inputs.examples import examples_of
from tltk.plotting import format_table, plot_confusion_matrix, plot_history, write_report
from tltk.tuning import build_classifier, fine_tune, fit_linear_head, save_model
from tltk.tuning._checks import check_each
from tltk.tuning._engines import on_gpu
from tltk.tuning._imbalance import METHODS
from tltk.tuning.freezing import select_blocks

__all__ = ["train_folder"]

BASELINE, FROZEN, TUNED = "most frequent class", "frozen, linear head", "fine-tuned"


def train_folder(
    folder: str | Path,
    out: str | Path = "trained",
    *,
    table: str | Path | None = None,
    path: str | None = None,
    label: str | None = None,
    group: str | None = None,
    split: str | None = None,
    pattern: str | None = None,
    backbone: str = "mobilenet_v2",
    image_size: int = 224,
    resize: str = "bicubic",
    epochs: int = 10,
    unfreeze_blocks: int | str = 2,
    imbalance: str | None = None,
    batch_size: int = 32,
    seed: int = 0,
) -> list[dict]:
    """Train a classifier on a folder of pictures and say honestly how good it is.

    Two models are made: a linear head on the frozen backbone, and the same with the last blocks
    fine-tuned. The one with more right answers on the validation pictures is kept (the simpler one
    in a tie); with `imbalance` the one with the higher balanced accuracy there. The test pictures
    choose nothing. An interrupted run goes on where it was when called again. On a GPU fine-tuning
    computes in bfloat16.

    Args:
        folder: holds one subfolder per class, or train, validation and test folders of such; with
            `table` pictures at any depth.
        out: gets `model.keras`, `curves_and_confusion.png`, `results.csv` and `report.html`.
        table: a table of the pictures with their classes, as for `image_table`.
        path, label, group, split, pattern: the table's columns of paths or ids (by default "path"),
            classes ("label"), groups and parts, and what makes a file's name of an id.
        backbone: a name of `list_backbones()`.
        image_size: side in pixels to which pictures are resized.
        resize: how; "bicubic", "bilinear", "lanczos" or "nearest" squash them, "crop" takes the
            largest square in their middle, "pad" lays all of each on black.
        epochs: at most so many passes over the data while fine-tuning.
        unfreeze_blocks: number of last blocks that are fine-tuned, or "all", the default of
            `fine_tune`, which takes longer: then no part runs only once.
        imbalance: what `fine_tune` does about classes of unequal size; the linear head does it
            too, except for "focal", which it does not know.
        batch_size: pictures per step.
        seed: decides the split, the order and the augmentation.

    Returns:
        One row per method: "method", "validation" (what decides) and "test" accuracy, the Wilson
        interval "test low" to "test high" (95 %), "balanced" accuracy on the test pictures, and
        "kept".

    Raises:
        ValueError: there are no test pictures, `out` lies inside the folder, columns are named
            without a table, or anything that `image_folder`, `image_table`, `load_backbone` or
            `fine_tune` refuses.
        OSError: `out` cannot be written, or the disk is full.

    Reference:
        Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    out = user_path(out, "out")
    check_folder("out", out)
    check_outside(out, user_path(folder, "folder"))
    check_each(epochs=epochs, batch_size=batch_size, seed=seed)
    whole = isinstance(unfreeze_blocks, str) and unfreeze_blocks == "all"
    if not whole:
        check_count("unfreeze_blocks", unfreeze_blocks, least=0)
    if imbalance is not None:
        check_choice("imbalance", imbalance, METHODS)
    given = {"path": path, "label": label, "group": group, "split": split, "pattern": pattern}
    columns = {name: column for name, column in given.items() if column is not None}
    how = {"image_size": image_size, "batch_size": batch_size, "seed": seed, "resize": resize}
    photos = read_pictures(folder, table, columns, **how)
    if photos.test is None or photos.val is None:
        raise ValueError(
            "Training needs pictures to choose on and pictures to test on. "
            f"Received: {folder} without {'test' if photos.test is None else 'validation'} "
            "pictures. Add them, or give one folder per class and let tltk split."
        )
    print(describe(photos), flush=True)
    body = load_backbone(backbone, input_shape=(image_size, image_size, 3))
    model = build_classifier(body, photos.class_names)
    select_blocks(model, unfreeze_blocks)
    made_folder(out)

    print("Linear head on the frozen backbone ...", flush=True)
    of_head = None if imbalance == "focal" else imbalance
    fit_linear_head(model, photos.train, photos.val, imbalance=of_head, batch_size=batch_size)
    frozen_weights = model.get_weights()
    answers = {FROZEN: [predict_split(model, split) for split in (photos.val, photos.test)]}

    tuned = "all" if whole else f"the last {unfreeze_blocks}"
    print(f"Fine-tuning {tuned} blocks ...", flush=True)
    history = fine_tune(
        model,
        photos.train,
        photos.val,
        epochs=epochs,
        unfreeze_blocks=unfreeze_blocks,
        imbalance=imbalance,
        batch_size=batch_size,
        seed=seed,
        checkpoint=out / "checkpoint",
        cache=("keras", "bfloat16") if on_gpu() else True,
    )
    answers[TUNED] = [predict_split(model, split) for split in (photos.val, photos.test)]
    answers[BASELINE] = [most_frequent(photos.train, seen) for seen in answers[TUNED]]

    judged = "accuracy" if imbalance is None else "balanced accuracy"
    rows = [
        result_row(name, answers[name][0], answers[name][1], judged)
        for name in (BASELINE, FROZEN, TUNED)
    ]
    kept = FROZEN if rows[1]["validation"] >= rows[2]["validation"] else TUNED
    if kept == FROZEN:
        model.set_weights(frozen_weights)
    rows = [{**row, "kept": row["method"] == kept} for row in rows]
    write_results(out, model, rows, history, answers[kept][1])
    shutil.rmtree(out / "checkpoint", ignore_errors=True)
    print(f"\n{format_table(rows)}\n\nIn {out}: {', '.join(sorted(p.name for p in out.iterdir()))}")
    return rows


def read_pictures(folder, table, columns: dict, **how):
    """The pictures of a folder of classes, or those that a table names in it."""
    if table is not None:
        return image_table(table, folder, **columns, **how)
    if columns:
        raise ValueError(
            "Columns are those of a table. "
            f"Received: {', '.join(f'{n}={c!r}' for n, c in columns.items())} without one. "
            "Pass the table, and its pictures' folder with --images."
        )
    if user_path(folder, "folder").is_file():
        raise FileNotFoundError(
            f"A folder of pictures is a folder. Received: {folder}, which is a file. "
            "Where it is a table that names pictures, pass their folder with --images (in Python "
            "as the folder, and the table with table=)."
        )
    return image_folder(folder, **how)


def check_outside(out: Path, folder: Path) -> None:
    """Refuse to write results where the next run would take them for a class of pictures."""
    if out.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            "Results are not written among the pictures, where they would count as a class. "
            f"Received: {out}, inside {folder}. Name another folder with out= or --out."
        )


def describe(photos) -> str:
    """How many pictures there are, how they are split, and how uneven the classes are."""
    counts = {name: len(photos.files[name]) for name in ("train", "val", "test")}
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    each = np.bincount(photos.train.labels, minlength=len(photos.class_names))
    names = photos.class_names
    fewest, most = (f"{each[k]} of {names[k]}" for k in (each.argmin(), each.argmax()))
    total = f"{sum(counts.values())} pictures of {len(names)} classes: {parts}"
    return f"{total}\nTo train on: from {fewest} to {most}"


def most_frequent(train, seen: Predictions) -> Predictions:
    """The answers of a model that always names the most frequent training class."""
    counts = np.bincount(examples_of(train).labels, minlength=len(seen.class_names))
    constant = np.zeros_like(seen.probabilities)
    constant[:, counts.argmax()] = 1
    return seen._replace(probabilities=constant)


def result_row(method: str, val: Predictions, test: Predictions, judged="accuracy") -> dict:
    """What decides, on validation pictures; accuracy on test pictures, with its Wilson interval."""
    from scipy.stats import binomtest

    right = int((test.probabilities.argmax(1) == test.labels).sum())
    interval = binomtest(right, len(test.labels)).proportion_ci(method="wilson")
    on_val, recall = (
        {row["class"]: row["recall"] for row in classification_table(seen)} for seen in (val, test)
    )
    return {
        "method": method,
        "validation": on_val[judged],
        "test": right / len(test.labels),
        "test low": float(interval.low),
        "test high": float(interval.high),
        "balanced": recall["balanced accuracy"],
    }


def write_results(out: Path, model, rows: list[dict], history, test: Predictions) -> None:
    """Write the model, the table and the figures into a folder."""
    save_model(model, out / "model.keras")
    with (
        whole_file(out / "results.csv") as scratch,
        open(scratch, "w", newline="", encoding="utf-8") as file,
    ):
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    curves, matrix = plot_history(history), plot_confusion_matrix(test)
    with whole_file(out / "curves_and_confusion.png") as scratch:
        stack_figures(curves, matrix).save(scratch)
    tables = {
        "Test pictures only measured; low and high bound their 95 % interval": format_table(rows),
        "Class by class, on the test pictures": format_table(classification_table(test)),
    }
    figures = {"Training": curves, "Where the test pictures went": matrix}
    write_report(out, f"{model.name}: results", tables, figures)


def stack_figures(*figures):
    """One picture with the figures below each other, on white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    pictures = []
    for figure in figures:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    width, height = max(p.width for p in pictures), sum(p.height for p in pictures)
    sheet, top = Image.new("RGB", (width, height), "white"), 0
    for picture in pictures:
        sheet.paste(picture, ((width - picture.width) // 2, top))
        top += picture.height
    return sheet
