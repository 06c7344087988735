"""Every chapter keeps the course's shape and runs top to bottom with its smoke settings."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from tltk.shipping.course import CHAPTER_NAME, front_of, run_chapter, tagged_cell

ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [pytest.param(nbformat.read(path, as_version=4), id=path.stem) for path in PATHS]
each_chapter = pytest.mark.parametrize("notebook", CHAPTERS)
each_path = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@each_path
def test_name_and_size(path):
    assert CHAPTER_NAME.fullmatch(path.name)
    assert path.stat().st_size < 1_000_000


@each_chapter
def test_links_to_other_chapters_lead_somewhere(notebook):
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)#:\s]+)\)", prose)
    assert not [name for name in targets if not (ROOT / "notebooks" / name).exists()]


@each_chapter
def test_front_matter(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(front_of(notebook))
    assert tagged_cell(notebook, "parameters") is not None


@each_chapter
def test_outputs_are_kept_without_errors(notebook):
    cells = code_cells(notebook)
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert all(cell.execution_count for cell in cells if cell.source.strip())
    assert not [output for output in outputs if output.output_type == "error"]


@each_chapter
def test_cells_are_short(notebook):
    for cell in code_cells(notebook):
        assert cell.source.count("\n") < 19, cell.source
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell.source))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert node.end_lineno - node.lineno < 6, cell.source


@each_path
def test_runs_with_smoke_settings(path, tmp_path):
    """Each chapter should take at most 25 s here; pytest's list of durations tells."""
    smoke = nbformat.read(path, as_version=4).metadata.get("tltk", {}).get("smoke")
    assert smoke, 'the notebook\'s metadata hold "tltk": {"smoke": {setting: small value}}'
    before = path.read_bytes()
    run = run_chapter(path, tmp_path, smoke, cell_timeout=120)
    assert run.error is None
    assert path.read_bytes() == before
    told, found = (kept_outputs(book) for book in (nbformat.read(path, 4), run.notebook))
    assert told == found, "what is kept has changed: run the chapter again"


def kept_outputs(notebook):
    """What the cells tagged `kept` show: it comes from results alone, whatever the settings."""
    cells = [cell for cell in code_cells(notebook) if "kept" in cell.metadata.get("tags", [])]
    outputs = [output for cell in cells for output in cell.outputs]
    texts = [output.get("text") or output.get("data", {}).get("text/plain") for output in outputs]
    return [text for text in texts if not str(text).startswith("<Figure")]


def test_chapter_one_has_a_table_of_results():
    for path in PATHS[:1]:
        assert tagged_cell(nbformat.read(path, as_version=4), "results") is not None
