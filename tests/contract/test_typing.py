"""Types reach users: the lazy door hides no name, and a checker finds what is wrong in a call."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tltk

ROOT = Path(__file__).parents[2]
RIGHT, WRONG = (Path(__file__).with_name(f"typing_must_{what}.py") for what in ("pass", "fail"))
FOUND = re.compile(r"^(.+?):(\d+): error: .*\[([a-z-]+)\]$", re.MULTILINE)


def declared() -> dict[str, str]:
    """The names that `tltk/__init__.pyi` gives, and the module that each comes from."""
    names = {}
    for node in ast.parse((ROOT / "tltk" / "__init__.pyi").read_text(encoding="utf-8")).body:
        match node:
            case ast.ImportFrom(module=home, names=[ast.alias(name=name, asname=given)]):
                assert name == given, "a checker passes on only what is imported as itself"
                names[name] = home
            case ast.AnnAssign(target=ast.Name(id=name)):
                names[name] = ""
    return names


def test_what_checkers_see_is_what_is_there():
    expected = {name: f"tltk.{area}" for name, area in tltk._AREA_OF.items()}
    expected |= dict.fromkeys(tltk._AREAS, "tltk") | dict.fromkeys(("__version__", "__all__"), "")
    assert declared() == expected
    assert set(tltk.__all__) == set(tltk._AREA_OF)


def test_the_package_says_that_it_has_types():
    assert (ROOT / "tltk" / "py.typed").read_bytes() == b""


@pytest.mark.slow
def test_a_checker_finds_what_is_wrong_and_nothing_else():
    command = [sys.executable, "-m", "mypy", "--no-pretty", "--show-error-codes", RIGHT, WRONG]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = [
        (Path(path).name, int(line), code)
        for path, line, code in FOUND.findall(run.stdout)
        if Path(path).name in (RIGHT.name, WRONG.name)
    ]
    lines = WRONG.read_text(encoding="utf-8").splitlines()
    wrong = [
        (WRONG.name, number, line.partition("# E: ")[2])
        for number, line in enumerate(lines, 1)
        if "# E: " in line
    ]
    assert len(wrong) >= 20
    assert sorted(found) == wrong, run.stdout + run.stderr
