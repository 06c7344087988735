import json
from pathlib import Path

import pytest

from tltk.evaluation import finished_parts, keep_study, kept_study, studies, study_folder
from tltk.evaluation.studies import study_digest, study_state


def test_what_is_kept_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "notebooks_folder", lambda: tmp_path)
    script = tmp_path / "07_voices.py"
    script.write_text("import tltk")
    rows = [{"method": "frozen", "accuracy": 0.8}]
    path = keep_study(script, "Voices by labels.", rows, 12.4)
    assert path == tmp_path / "results" / "07_voices.json"
    kept = kept_study("07_voices")
    assert kept["rows"] == rows
    assert kept["seconds"] == 12
    assert kept["script"] == "studies/07_voices.py"
    with pytest.raises(
        FileNotFoundError, match=r"Received: name='08_x'. The studies are 07_voices"
    ):
        kept_study("08_x")


def test_a_finished_part_is_not_run_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path))
    script = tmp_path / "07_voices.py"
    script.write_text("import keras\n")
    rows, seconds = finished_parts(script, [("a, b 0", lambda: iter([{"score": 1}]))])
    assert rows == [{"score": 1}]
    [path] = tmp_path.rglob("*.json")
    assert path.name.startswith("a_b_0")
    assert "a, b 0: " in capsys.readouterr().out
    again = finished_parts(script, [("a, b 0", lambda: pytest.fail("run twice"))])
    assert again == (rows, seconds)
    both, _ = finished_parts(script, [("a_b 0", lambda: [{"score": 2}]), ("a, b 0", list)])
    assert both == [{"score": 2}, {"score": 1}]
    path.write_text(path.read_text()[:-9])
    assert finished_parts(script, [("a, b 0", lambda: rows)])[0] == rows


STUDY = """\"\"\"What is asked.\"\"\"
import keras
import tltk
from tltk.heads import solve

tltk.freeze(solve)
tltk.heads.third(solve)
"""
FILES = {
    "__init__.py": "def __getattr__(name):\n    raise AttributeError\n",
    "__init__.pyi": "from tltk.freezing import freeze\nfrom tltk.viewing import plot\n",
    "freezing.py": "def freeze(x):\n    from tltk._deep import walk\n    return walk(x)\n",
    "_deep.py": "import tltk.low.numbers\n\ndef walk(x):\n    return x\n",
    "low/__init__.py": "",
    "low/numbers.py": "ONE = 1\n",
    "heads/__init__.py": (
        "from tltk.heads.linear import fit as solve\nfrom tltk.heads.other import b\n"
        "from tltk.heads.more import third\n"
    ),
    "heads/linear.py": "def fit():\n    pass\n",
    "heads/other.py": "b = 2\n",
    "heads/more.py": "def third(x):\n    return x\n",
    "viewing.py": "def plot():\n    pass\n",
}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of a package of its own, kept with the code as it is."""
    package, notebooks = tmp_path / "tltk", tmp_path / "notebooks"
    for name, text in FILES.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (notebooks / "studies").mkdir(parents=True)
    script = notebooks / "studies" / "07_voices.py"
    script.write_text(STUDY)
    monkeypatch.setattr(studies, "PACKAGE", package)
    monkeypatch.setattr(studies, "notebooks_folder", lambda: notebooks)
    keep_study(script, "Voices.", [{"accuracy": 0.8}], 1.0)
    return script


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_study_whose_code_did_not_change_is_current(study):
    assert study_state("07_voices") == "current"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("../notebooks/studies/07_voices.py", "freeze(solve)", "freeze(None)"),
        ("freezing.py", "return walk(x)", "return x"),
        ("_deep.py", "return x", "return x + 1"),
        ("low/numbers.py", "1", "2"),
        ("heads/linear.py", "pass", "return 3"),
        ("heads/more.py", "return x", "return x + 1"),
    ],
)
def test_a_study_whose_code_changed_is_stale(study, file, old, new):
    edit(studies.PACKAGE / file, old, new)
    assert study_state("07_voices") == "stale: code changed since"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("../notebooks/studies/07_voices.py", "What is asked.", "What is\nasked, told better."),
        ("../notebooks/studies/07_voices.py", "\n\n", "\n\n\n"),
        ("freezing.py", "def freeze(x):", 'def freeze(x):\n    """Freeze."""'),
        ("viewing.py", "pass", "return 3"),
        ("heads/other.py", "2", "3"),
    ],
)
def test_words_and_code_that_a_study_does_not_import_leave_it_current(study, file, old, new):
    edit(studies.PACKAGE / file, old, new)
    assert study_state("07_voices") == "current"


def test_a_result_without_a_digest_is_of_version_0_1(study):
    path = study.parents[1] / "results" / "07_voices.json"
    kept = json.loads(path.read_text())
    del kept["code"]
    path.write_text(json.dumps(kept))
    assert study_state("07_voices") == "kept from version 0.1, not run with the present code"


def test_changed_code_starts_a_study_anew(study, tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    before = study_folder(study)
    assert before.is_dir()
    assert before.name == f"07_voices-{study_digest(study)}"
    assert study_folder(study) == before
    edit(studies.PACKAGE / "low/numbers.py", "1", "2")
    assert study_folder(study) != before


def test_of_this_package_the_files_behind_a_study_are_found():
    script = Path(studies.__file__).parents[2] / "notebooks" / "studies" / "03_batch_norm.py"
    found = studies._files_behind(script) - {script}
    names = {file.relative_to(studies.PACKAGE).as_posix() for file in found}
    assert {"tuning/freezing.py", "backbones/images.py", "inputs/examples.py"} <= names
    assert not {name for name in names if name.startswith(("few_labels", "adaptation", "plotting"))}
