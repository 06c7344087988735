"""What an installation brings and whose name it bears, also to the first cells of the chapters."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = PROJECT["optional-dependencies"]
SET = runpy.run_path(str(ROOT / "docs" / "set_repository.py"))
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
URL = "https://github.com/someone/some-name"

COLAB = {  # what its machines hold, 19 August 2026
    "filelock": "3.32.3",
    "h5py": "3.16.0",
    "keras": "3.13.2",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "pandas": "2.2.3",
    "pillow": "11.3.0",
    "scikit-learn": "1.6.1",
    "scipy": "1.16.3",
    "soundfile": "0.14.0",
    "tensorflow": "2.20.0",
    "tensorflow-datasets": "4.9.10",
    "tensorflow-hub": "0.16.1",
    "setuptools": "75.2.0",
    "threadpoolctl": "3.6.0",
}


@pytest.mark.parametrize("requirement", CORE, ids=str)
def test_colab_keeps_its_own_versions(requirement):
    assert requirement.marker is None
    assert requirement.specifier.contains(COLAB[requirement.name])


@pytest.mark.parametrize("line", [*EXTRAS["tfds"], *EXTRAS["hub"]])
def test_colab_keeps_them_with_tfds_and_hub_too(line):
    requirement = Requirement(line)
    here = COLAB.get(requirement.name)  # importlib_resources is not there, so nothing is replaced
    assert here is None or requirement.specifier.contains(here)


def test_the_core_is_small_and_leaves_notebooks_alone():
    """Kaggle's machines pin nbconvert 6.4.5, which chapters cannot be run with."""
    names = {requirement.name for requirement in CORE}
    assert len(names) <= 12
    assert not names & {"nbclient", "nbconvert", "ipykernel", "setuptools", "protobuf"}
    assert not any(name.startswith("tensorflow-") for name in names)


def test_requirements_bring_everything():
    [line] = [
        line for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1] != "#"
    ]
    found = re.fullmatch(r"-e \.\[([\w,]+)\]", line)
    assert set(found[1].split(",")) == {"course", "tfds", "hub"}
    [own] = [Requirement(line) for line in EXTRAS["test"] if line.startswith(PROJECT["name"])]
    assert own.extras == {"course", "tfds", "hub"}


def test_the_name_is_our_own():
    assert PROJECT["name"] == "keras-tltk"
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Thai Language Toolkit" in readme
    assert not re.search(r"pip install (-U )?[\"']?tltk", readme)


def sources(path) -> tuple[str, str]:
    """A chapter's first cell and its first cell of code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = next(cell for cell in cells if cell["cell_type"] == "code")
    return "".join(cells[0]["source"]), "".join(code["source"])


def check_agreement(root, url):
    """Every place says what the setting says."""
    assert SET["repository"](root) == url
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        front, code = sources(path)
        assert code.startswith(SET["first_cell"](url)), path.name
        assert SET["badge"](url, path.name) in front
        assert len(re.findall(r"colab\.research\.google\.com/github", front)) == bool(url)
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert readme.count("\n" + SET["install_line"](url)) == 1
    addresses = re.compile(r"git\+https?:[^\s\"'\\]+|github\.com/[\w./-]*tltk|tltk\.github")
    for path in root.rglob("*"):
        if path.suffix in (".md", ".ipynb", ".toml", ".txt", ".py") and path.is_file():
            if path.relative_to(root).parts[0] in (".venv", "build", "tests"):
                continue
            for found in addresses.findall(path.read_text(encoding="utf-8")):
                assert url, f"{path.name}: {found}"
                assert found == f"git+{url}", f"{path.name}: {found}"


def test_the_tree_agrees_with_its_setting():
    check_agreement(ROOT, SET["repository"](ROOT))


@pytest.fixture
def tree(tmp_path):
    """A copy of every file that holds the address."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    SET["set_repository"](tmp_path, "")
    return tmp_path


def contents(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_address_is_written_everywhere_and_taken_back(tree):
    before = contents(tree)
    check_agreement(tree, "")
    for url in (URL, URL + "-moved"):
        SET["set_repository"](tree, f" {url}.git")
        check_agreement(tree, url)
        front, _ = sources(tree / "notebooks" / CHAPTERS[0].name)
        owner = url.removeprefix("https://github.com/")
        assert f"/github/{owner}/blob/main/notebooks/{CHAPTERS[0].name}" in front
        assert front.splitlines()[0].startswith("# ")
    SET["set_repository"](tree, "")
    assert contents(tree) == before


def test_a_repository_elsewhere_has_no_badge_but_is_installed_from(tree):
    SET["set_repository"](tree, "https://gitlab.com/a/b")
    front, code = sources(tree / "notebooks" / CHAPTERS[0].name)
    assert "colab.research" not in front
    assert "%pip install -q git+https://gitlab.com/a/b" in code


@pytest.mark.parametrize("url", ["http://x.y/a/b", "x.y/a/b", 'https://x.y/a"; rm -r b'])
def test_other_addresses_are_refused(tree, url):
    before = contents(tree)
    with pytest.raises(ValueError, match="an address of https. Received: .*Pass one like"):
        SET["set_repository"](tree, url)
    assert contents(tree) == before


def test_a_file_that_was_edited_by_hand_is_named_and_nothing_is_written(tree):
    path = tree / "notebooks" / CHAPTERS[-1].name
    path.write_text(path.read_text(encoding="utf-8").replace("keras_tltk-*", "tltk-*"), "utf-8")
    before = contents(tree)
    with pytest.raises(ValueError, match=f"present setting says. Received: .*{path.name}, which"):
        SET["set_repository"](tree, URL)
    assert contents(tree) == before


RUN_FIRST_CELL = """
import sys
sys.path.insert(0, "site")

class Shell:
    def run_line_magic(self, name, line):
        print(name, line)

def get_ipython():
    return Shell()

exec(sys.argv[1])
"""
OURS = {"tltk/__init__.py": "", "keras_tltk-1.dist-info/METADATA": "Name: keras-tltk\nVersion: 1"}
OURS["keras_tltk-1.dist-info/RECORD"] = "tltk/__init__.py,,\n"
THEIRS = {
    "tltk/__init__.py": "raise SystemExit('it was imported')",
    "tltk-1.11.dist-info/METADATA": "Name: tltk\nVersion: 1.11",
    "tltk-1.11.dist-info/top_level.txt": "tltk\n",
}
CLONE = {"tltk/__init__.py": ""}
WHEELS = {"../keras_tltk-0.1-py3-none-any.whl": "", "../keras_tltk-0.2-py3-none-any.whl": ""}


@pytest.mark.parametrize(
    ("site", "url", "says"),
    [
        (OURS, "", ""),
        (OURS, URL, ""),
        (CLONE, "", ""),
        (THEIRS, "", "This tltk is the Thai Language Toolkit; the course needs keras-tltk"),
        (OURS | THEIRS, URL, "Run pip uninstall tltk, install keras-tltk again"),
        ({}, "", "keras-tltk is not installed. Put its wheel"),
        (WHEELS, "", "pip install -q {wheels[-1]}"),
        ({}, URL, f"pip install -q git+{URL}"),
    ],
    ids="ours ours_url clone theirs theirs_over_ours nothing wheel repository".split(),
)
def test_the_first_cell_asks_for_the_distribution(tmp_path, site, url, says):
    (tmp_path / "site").mkdir()
    for name, text in site.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    code = TransformerManager().transform_cell(SET["first_cell"](url))
    command = [sys.executable, "-I", "-S", "-c", RUN_FIRST_CELL, code]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    shown = ran.stdout.strip() if ran.returncode == 0 else ran.stderr.strip().splitlines()[-1]
    assert says in shown
    assert bool(says) == bool(shown)


def test_the_program_starts_without_messages_of_tensorflow():
    command = [sys.executable, "-m", "tltk", "notebooks", "99"]
    settings = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    settings["PYTHONPATH"] = str(ROOT)
    ran = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("tltk: A chapter is asked for by its number.")
    assert ran.stderr.count("\n") == 1
