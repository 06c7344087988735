"""Every public call that is wrong says so: the argument, what was received, what helps."""

import importlib
import inspect
import re
import traceback
import warnings
from pathlib import Path

import pytest
import tiny

import tltk

AREAS = sorted(path.stem for path in Path(__file__).parent.glob("calls_*.py"))


def named(call, argument, which) -> str:
    """The same name in every process, wherever its temporary folder is."""
    return f"{call}-{argument}-{which}".replace(str(tiny.FOLDER), "FOLDER")


TABLES = {area: importlib.import_module(area) for area in AREAS}
CALLS = [call for table in TABLES.values() for call in table.CALLS]
BAD = [
    pytest.param(call, argument, which, value, id=named(call, argument, which))
    for call in CALLS
    for argument, kind in call.kinds.items()
    for which, value in kind(call.good[argument]).items()
    if which not in call.fine.get(argument, ())
]
DATA = (
    r"[Dd]ata(set)?|[Ii]nputs|[Ll]abels|[Rr]ows?|[Cc]lass(es)?|[Pp]ictures?|shape|split|batch"
    r"|[Tt]able|steps|windows?"
)
MODEL = r"[Mm]odel|[Nn]etwork|[Bb]ackbone|head"
FILE = r"[Pp]ath|[Ff]iles?|[Ff]older|[Pp]icture|[Rr]ecording|[Tt]able"
SPOKEN = {  # arguments that have a noun of their own in a sentence
    **dict.fromkeys(("data", "train", "val", "labels", "split", "splits"), DATA),
    **dict.fromkeys(("rows", "first", "second", "pictures", "images", "photos", "test"), DATA),
    **dict.fromkeys(("target", "unlabelled", "labelled_target", "series"), DATA),
    **dict.fromkeys(
        ("weights", "vectors", "source", "inputs"), rf"{FILE}|{DATA}|[Vv]ectors|weights?"
    ),
    **dict.fromkeys(
        ("model", "backbone", "encoder", "model_or_path", "backbones", "learn", "candidates"), MODEL
    ),
    **dict.fromkeys(("path", "path_or_bytes", "folder", "table", "out", "script"), FILE),
    **dict.fromkeys(("unfreeze_blocks", "blocks"), r"[Bb]locks"),
    "n_each": "n_shot",  # and a query fewer
    **dict.fromkeys(("lowest", "highest"), r"lowest|highest"),
    **dict.fromkeys(("classes", "class_names", "names"), r"[Cc]lass(es)?|[Nn]ames?"),
}


def said_by_scikit_learn(error, argument) -> bool:
    """Estimators leave X, y and weights to scikit-learn's own checks, in its own words."""
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return argument in ("X", "y", "val", "sample_weight") and "sklearn" in last


def unclear(error, call, argument, which, value) -> str | None:
    """What a message lacks, None where nothing."""
    message = str(error)
    if said_by_scikit_learn(error, argument):
        return None
    if "Received: " not in message:
        return "no Received"
    received = message.split("Received: ", 1)[1]
    spoken = rf"\b({SPOKEN.get(argument, '(?!)')})\b"
    named = call.good if which == "too few" else [argument]  # one of two that do not fit
    if not any(re.search(rf"\b{name}\b", received) for name in named) and not (
        re.search(spoken, message)
    ):
        return "names no argument"
    if not re.search(r"\.( |$)|: ", received):
        return "no cure"
    if isinstance(value, str | int | float | complex | None) and argument not in SPOKEN:
        return None if repr(value) in received else "no value"
    return None


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_the_good_call_works(call, no_graphs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call.function(**call.good)


@pytest.mark.parametrize(("call", "argument", "which", "value"), BAD)
def test_a_bad_call_is_refused_clearly(call, argument, which, value):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((ValueError, TypeError, OSError)) as caught:
            call.function(**call.good | {argument: value})
    assert unclear(caught.value, call, argument, which, value) is None, str(caught.value)


ELSEWHERE = {
    "load_hub_backbone": "needs a SavedModel; tests/unit/backbones",
    "TextNormalization": "has no settings of its own",
    "keep_study": "writes beside the chapters; tests/unit/evaluation",
    "lecture_style": "a decorator of functions",
    "new_figure": "hands its settings to matplotlib, whose words are good",
    "reverse_gradient": "a function of tensors inside a network",
    "coral_loss": "a function of tensors inside a network",
}  # fmt: skip


def has_arguments(public) -> bool:
    """Records, which are filled in by the package, and constants take no bad call."""
    if not callable(public) or hasattr(public, "_fields"):
        return False
    return bool(inspect.signature(public).parameters)


def test_every_public_call_is_in_a_table():
    folders = Path(tltk.__file__).parent.glob("[!_]*/__init__.py")
    areas = [importlib.import_module(f"tltk.{folder.parent.name}") for folder in folders]
    public = {name: getattr(home, name) for home in [tltk, *areas] for name in home.__all__}
    tried = {re.split("[ .]", str(call))[0] for call in CALLS}
    missing = {name for name, each in public.items() if has_arguments(each)} - tried
    assert missing == set(ELSEWHERE)
