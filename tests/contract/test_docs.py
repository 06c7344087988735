"""What we tell people is true: examples run, the README's commands exist, versions agree."""

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import shlex
import tomllib
from pathlib import Path
from unittest import mock

import keras
import pytest
from packaging.requirements import Requirement

import tltk
from tltk.__main__ import parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLIC = [name for name in tltk.__all__ if callable(getattr(tltk, name))]
FUNCTIONS = [name for name in PUBLIC if inspect.isfunction(getattr(tltk, name))]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def modules():
    names = [m.name for m in pkgutil.walk_packages(tltk.__path__, "tltk.")]
    return [importlib.import_module(name) for name in names if ".data" not in name]


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for module in modules() for test in finder.find(module) if test.examples]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    """The shell lines of the README, without their comments."""
    lines = "\n".join(blocks("sh")).splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


@pytest.mark.parametrize("example", examples(), ids=lambda test: test.name)
def test_example_runs(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    keras.backend.clear_session(free_memory=False)  # layers are numbered from 1 again
    keras.utils.set_random_seed(0)
    report = []
    with mock.patch.dict(os.environ):
        doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_says_what_it_is_in_one_sentence(name):
    documented = inspect.getdoc(getattr(tltk, name)) or ""
    assert documented.split("\n\n")[0].rstrip().endswith((".", "?"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_function_documents_arguments_result_and_example(name):
    function = getattr(tltk, name)
    documented, signature = inspect.getdoc(function), inspect.signature(function)
    for argument in signature.parameters:
        assert re.search(rf"^    (\w+, )*{argument}(, \w+)*:", documented, re.MULTILINE), argument
    if signature.return_annotation not in (None, "None", inspect.Signature.empty):
        assert "\nReturns:\n" in documented
    assert "\nExample:\n    >>> " in documented


@pytest.mark.parametrize("name", tltk.__all__)
def test_public_name_is_in_the_readme(name):
    assert re.search(rf"`{name}`", README)


def with_settings(function, settings):
    return lambda *args, **kwargs: function(*args, **{**kwargs, **settings})


def test_readme_python_runs(tmp_path, monkeypatch):
    """As written, with few and small pictures for speed."""
    monkeypatch.chdir(tmp_path)
    small = {
        "load_dataset": {"image_size": 32, "per_class": 2, "val": 0.01},
        "load_backbone": {"input_shape": (32, 32, 3)},
        "fine_tune": {"epochs": 1},
        "compare_transfer": {"seeds": 1, "epochs": 1, "arms": ["small network", "frozen"]},
    }
    for name, settings in small.items():
        monkeypatch.setattr(tltk, name, with_settings(getattr(tltk, name), settings))
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), {})
    assert (tmp_path / "photos.keras").is_file()


def test_readme_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [words[1] for words in commands() if words[0] == "make"]
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_readme_subcommands_exist():
    calls = [words[3:] for words in commands() if words[:3] == ["python", "-m", "tltk"]]
    assert {call[0] for call in calls} == {"demo", "notebooks", "doctor", "cache", "train"}
    for call in calls:
        parser().parse_args(call)


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing


def requirements(lines) -> dict[str, Requirement]:
    listed = (line.split("#")[0].strip() for line in lines)
    parsed = [Requirement(line) for line in listed if line and not line.startswith("-")]
    return {requirement.name.lower().replace("_", "-"): requirement for requirement in parsed}


def test_constraints_pin_every_requirement_inside_its_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    pins = requirements((ROOT / "constraints.txt").read_text().splitlines())
    installed = ("course", "tfds", "hub", "docs", "test")
    asked = requirements([*project["dependencies"], *(x for e in installed for x in extras[e])])
    assert asked.pop(project["name"]).extras < set(installed)
    for name, requirement in asked.items():
        version = str(pins[name].specifier).removeprefix("==")
        assert requirement.specifier.contains(version), name


def test_versions_agree():
    assert f"## {tltk.__version__}\n" in (ROOT / "CHANGES.md").read_text(encoding="utf-8")
