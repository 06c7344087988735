"""The files around the package agree with it: lock, hooks, workflow, citation, changes."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import keras
import pytest
import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import tltk

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
CHANGES = (ROOT / "CHANGES.md").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
JOBS = yaml.safe_load(WORKFLOW)["jobs"]
PYTHONS = ("3.11", "3.12", "3.13")


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    stripped = (line.split("#")[0].strip() for line in lines)
    return [Requirement(line) for line in stripped if line]


@pytest.mark.parametrize("pin", pins(), ids=str)
def test_the_lock_names_one_version(pin):
    assert [each.operator for each in pin.specifier] == ["=="]
    assert not pin.extras
    assert pin.url is None


@pytest.mark.parametrize("python", PYTHONS)
def test_on_each_python_the_lock_has_at_most_one_version_of_a_package(python):
    linux = {
        "python_version": python,
        "python_full_version": f"{python}.5",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
    }
    names = [
        canonicalize_name(pin.name)
        for pin in pins()
        if pin.marker is None or pin.marker.evaluate(linux)
    ]
    assert len(names) == len(set(names)) > 100
    assert {"tensorflow", "keras", "numpy", "openvino", "onnx"} <= set(names)


def test_the_lock_is_made_by_a_tool():
    first = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[:2]
    assert any("make lock" in line for line in first)
    assert re.search(r"^lock:", MAKEFILE, re.MULTILINE)


def test_the_hook_has_the_ruff_that_make_lint_has():
    [ruff] = [Requirement(line) for line in EXTRAS["test"] if line.startswith("ruff")]
    [hook] = [repo for repo in HOOKS if repo["repo"].endswith("/ruff-pre-commit")]
    assert str(ruff.specifier) == "==" + hook["rev"].removeprefix("v")


def test_the_workflow_tests_every_python_that_we_promise():
    told = [line.rpartition(" ")[2] for line in PROJECT["classifiers"] if ":: 3." in line]
    assert tuple(JOBS["linux"]["strategy"]["matrix"]["python"]) == tuple(told) == PYTHONS
    [lowest] = [step["with"] for step in JOBS["lowest"]["steps"] if "with" in step]
    assert f">={lowest['python-version']}" == PROJECT["requires-python"]


@pytest.mark.parametrize("job", JOBS)
def test_the_workflow_names_what_is_there(job):
    for step in JOBS[job]["steps"]:
        command = step.get("run", "")
        for path in re.findall(r"(?<![\w./])(?:tests|docs)[\w./-]*|[\w./-]+\.txt", command):
            assert (ROOT / path).exists(), path
        for found in re.findall(r"\"?\.\[([\w,]+)\]", command):
            assert set(found.split(",")) <= set(EXTRAS)


@pytest.mark.parametrize("job", JOBS)
def test_the_workflow_runs_on_systems_without_a_posix_shell(job):
    """Steps call Python's programs and git, in lines that every shell reads alike."""
    for step in JOBS[job]["steps"]:
        command = step.get("run", "python")
        assert command.split()[0] in ("python", "ruff", "lint-imports", "uv", "git")
        assert not re.search(r"\n.|&&|\||;|\$[^{]|\\", command.strip())


def test_the_citation_has_the_version_and_the_authors():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == tltk.__version__
    assert citation["authors"] == PROJECT["authors"]
    assert citation["license"] == PROJECT["license"]


def sections() -> dict[str, list[str]]:
    """The headings of each version's changes."""
    parts = re.split(r"^## ([\d.]+)\n", CHANGES, flags=re.MULTILINE)[1:]
    return {
        version: re.findall(r"^### (.+)$", text, re.MULTILINE)
        for version, text in zip(parts[::2], parts[1::2], strict=True)
    }


def test_changes_have_the_usual_headings():
    order = ["Old names and new ones", "Added", "Changed", "Removed", "Fixed"]
    assert list(sections()) == sorted(sections(), reverse=True)
    assert next(iter(sections())) == tltk.__version__
    for headings in sections().values():
        assert headings == [heading for heading in order if heading in headings]
    assert sections()["0.2.0"] == order


ROWS = re.findall(r"^\| (.+) \| (.+) \|$", CHANGES, re.MULTILINE)[1:]


def spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def missing(span: str) -> str | None:
    """What a name or a call of ours or of Keras names that is not there, or None."""
    node = ast.parse(span, mode="eval").body
    call = node if isinstance(node, ast.Call) else None
    found, *path = ast.unparse(call.func if call else node).split(".")
    found = {"tltk": tltk, "keras": keras}[found]
    for name in path:
        if not hasattr(found, name):
            return name
        found = getattr(found, name)
    if call:
        known = inspect.signature(found).parameters
        unknown = [each.arg for each in call.keywords if each.arg not in known]
        nested = [missing(ast.unparse(n)) for n in ast.walk(call) if n is not call and is_call(n)]
        return next(iter([*unknown, *filter(None, nested)]), None)
    return None


def is_call(node) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("tltk.", "keras."))


@pytest.mark.parametrize(("old", "new"), ROWS, ids=[row[0] for row in ROWS])
def test_every_new_name_is_there(old, new):
    assert spans(new)
    for span in spans(new):
        if re.match(r"(tltk|keras)\.", span):
            assert missing(span) is None
        elif span != "tltk":
            try:
                asked = Requirement(span)
            except InvalidRequirement:
                pytest.fail(f"{span} is no name of ours")
            assert asked.name == PROJECT["name"]
            assert asked.extras <= set(EXTRAS)


@pytest.mark.parametrize("old", [s for row in ROWS for s in spans(row[0]) if s[:5] == "tltk."])
def test_no_old_name_is_there(old):
    assert missing(old)


def test_names_that_are_not_there_are_found():
    assert missing("tltk.fine_tuned") == "fine_tuned"
    assert missing("tltk.inputs.Examples.batches") == "batches"
    assert missing("tltk.fine_tune(model, views=4)") == "views"
    assert missing("tltk.fine_tune(callbacks=[keras.callbacks.Nothing(1)])") == "Nothing"
    assert missing("tltk.fine_tune(callbacks=[keras.callbacks.EarlyStopping(wait=1)])") == "wait"
