"""`python -m tltk`: the demo, the course, a check-up, and training without code."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from tltk.inputs.decoding import RESIZE_METHODS
from tltk.tuning._imbalance import METHODS

BAD_CALL, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        arguments: the command line after `tltk`; by default the process's own.

    Returns:
        The exit code: 0 done, 1 a chapter failed, 2 the call cannot be carried out, 130 Ctrl-C.

    Example:
        >>> main(["notebooks", "99"])
        2
    """
    options = vars(parser().parse_args(arguments))
    command, show_traceback = options.pop("command"), options.pop("traceback")
    os.environ.setdefault("MPLBACKEND", "Agg")
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"note: {message}", file=sys.stderr)
        try:
            return command(**options)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            return INTERRUPTED
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            foreign = isinstance(error, RuntimeError) and "Received: " not in str(error)
            if show_traceback or foreign:
                raise
            print(f"tltk: {error}", file=sys.stderr)
            return BAD_CALL


def blocks(text: str) -> int | str:
    """A number of blocks, or all of them, as `--unfreeze-blocks` has it."""
    return text if text == "all" else int(text)


def parser() -> argparse.ArgumentParser:
    """The command line: its subcommands and their options."""
    top = argparse.ArgumentParser("tltk", description="Transfer learning in Keras 3.")
    top.add_argument("--traceback", action="store_true", help="on an error, show where it arose")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(function, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            function.__name__,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        made.set_defaults(command=function)
        return made

    one = command(demo, "run chapter 01 and show its result")
    one.add_argument("--out", default="build/course", help="folder for the web page")

    course = command(notebooks, "run the course and write it as web pages")
    course.add_argument("numbers", nargs="*", metavar="CHAPTER", help="such as 01 03; none: all")
    course.add_argument("--out", default="build/course", help="folder for the web pages")

    command(doctor, "say what this machine has, what is missing, and what to do about it")

    kept = command(
        cache, "list what is kept on disk: features, decoded pictures, converted networks"
    )
    kept.add_argument("--clear", action="store_true", help="delete it all")

    fit = command(train, "train a classifier on a folder of pictures, or on a table of them")
    fit.add_argument(
        "folder",
        help="one subfolder per class, or train, val and test of such; or with --images a table",
    )
    columns = fit.add_argument_group("a table", argument_default=argparse.SUPPRESS)
    columns.add_argument("--images", metavar="FOLDER", help="where the table's pictures are")
    columns.add_argument("--path", metavar="COLUMN", help="of paths or ids (default: path)")
    columns.add_argument("--label", metavar="COLUMN", help="of classes (default: label)")
    columns.add_argument("--group", metavar="COLUMN", help="of what must stay on one side")
    columns.add_argument("--split", metavar="COLUMN", help="of train, val and test")
    columns.add_argument("--pattern", help="what makes a file's name of an id, such as {id}.jpg")
    fit.add_argument("--out", default="trained", help="folder for the model and the results")
    fit.add_argument("--backbone", default="mobilenet_v2", help="pretrained network")
    fit.add_argument("--image-size", type=int, default=224, help="side of a picture in pixels")
    fit.add_argument("--resize", choices=RESIZE_METHODS, default="bicubic", help="how, to a square")
    fit.add_argument("--epochs", type=int, default=10, help="at most, while fine-tuning")
    fit.add_argument(
        "--unfreeze-blocks", type=blocks, default=2, help="last blocks to fine-tune, or all"
    )
    fit.add_argument("--imbalance", choices=METHODS, help="against classes of unequal size")
    fit.add_argument("--batch-size", type=int, default=32, help="pictures per step")
    fit.add_argument("--seed", type=int, default=0, help="for the split, order and augmentation")
    return top


def demo(out: str) -> int:
    from tltk.shipping import demo

    return int(demo(out).error is not None)


def notebooks(numbers: Sequence[str], out: str) -> int:
    from tltk.shipping import run_notebooks

    return int(any(run.error for run in run_notebooks(numbers, out)))


def doctor() -> int:
    from tltk.shipping import doctor

    print(doctor())
    return 0


def cache(clear: bool) -> int:
    from tltk.inputs import cache_folder
    from tltk.plotting import format_table
    from tltk.tuning import clear_cache, list_cache

    rows = list_cache()
    print(format_table(rows, digits=1) if rows else f"Nothing is kept in {cache_folder()}.")
    if clear:
        print(f"Freed {clear_cache():,.1f} MB in {cache_folder()}.")
    return 0


def train(folder: str, images: str | None = None, **options) -> int:
    from tltk.shipping import train_folder

    logging.getLogger("tensorflow").addFilter(is_not_about_retracing)
    if images is None:
        train_folder(folder, **options)
    else:
        train_folder(images, table=folder, **options)
    return 0


def is_not_about_retracing(record: logging.LogRecord) -> bool:
    """Training runs several networks once each; TensorFlow takes that for one traced too often."""
    return "triggered tf.function retracing" not in record.getMessage()


if __name__ == "__main__":
    sys.exit(main())
