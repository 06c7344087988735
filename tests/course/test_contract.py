"""Every chapter of the second edition keeps what CONTRIBUTING says of a chapter.

A chapter names its edition in its metadata (`"tltk": {"contract": 1}`); older ones do not.
"""

import ast
import base64
import importlib
import re
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "notebooks" / "figures"
BOOKS = {path.stem: nbformat.read(path, 4) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
CHAPTERS = {k: v for k, v in BOOKS.items() if v.metadata.get("tltk", {}).get("contract") == 1}
each_chapter = pytest.mark.parametrize("book", CHAPTERS.values(), ids=list(CHAPTERS))
TAGS = {
    *("question", "parameters", "diagram", "by-hand", "with-tltk", "results", "answer", "fails"),
    *("takeaway", "questions"),
}
OTHER_WORDS = re.compile(
    r"\b(heaps?|solved head|counted words|strangers?|surprise|ran away|remed(?:y|ies)|mends?|"
    r"judged?|what came|dear(?:er|est)?|a lot|exhibits?|oracle of)\b"
)


def tagged(book, tag, kind=None):
    return [
        cell
        for cell in book.cells
        if tag in cell.metadata.get("tags", []) and kind in (None, cell.cell_type)
    ]


def prose_of(book):
    cells = [cell for cell in book.cells if cell.cell_type == "markdown"]
    asked = tagged(book, "questions")
    text = "\n\n".join(cell.source for cell in cells if cell not in asked)
    return re.sub(r"!\[.*?\]\(.*?\)|\$\$.*?\$\$", " ", text, flags=re.DOTALL)


def code_of(book):
    return [cell for cell in book.cells if cell.cell_type == "code"]


def lines(cell):
    return cell.source.count("\n") + 1


def parsed(cell):
    return ast.parse(TransformerManager().transform_cell(cell.source))


def tables(book):
    shown = [output.get("data", {}) for cell in code_of(book) for output in cell.outputs]
    return [data["text/html"] for data in shown if "<table" in data.get("text/html", "")]


@each_chapter
def test_parts(book):
    missing = TAGS - {tag for cell in book.cells for tag in cell.metadata.get("tags", [])}
    assert not missing
    assert book.cells[0] in tagged(book, "question")


@each_chapter
def test_length(book):
    assert 900 <= len(prose_of(book).split()) <= 1500
    assert len(code_of(book)) <= 25
    assert not [cell.source for cell in code_of(book)[1:] if lines(cell) > 15]


@each_chapter
def test_first_cell(book):
    text = book.cells[0].source
    assert re.match(r"# .+\?\n", text), "the title is a question"
    for part in ("Place your bet", "- **A.**", "- **B.**", "- **C.**"):
        assert part in text
    for part in ("Goal:", "Run time:", "Study time:", "Afterwards you can", "You need"):
        assert f"**{part}**" in text


@each_chapter
def test_by_hand(book):
    cells = tagged(book, "by-hand", "code")
    assert len(cells) <= 2
    assert sum(map(lines, cells)) <= 25
    assert not [cell.source for cell in cells if re.search(r"\btltk\b", cell.source)]
    assert "$$" in "".join(cell.source for cell in book.cells[: book.cells.index(cells[0])])


@each_chapter
def test_public_names_only(book):
    private = []
    for cell in code_of(book):
        for node in ast.walk(parsed(cell)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tltk":
                public = importlib.import_module(node.module).__all__
                private += [name.name for name in node.names if name.name not in public]
            if isinstance(node, ast.Attribute):
                parts = ast.unparse(node).split(".")
                if parts[0] == "tltk" and len(parts) == 3 and parts[1] in AREAS:
                    public = importlib.import_module(f"tltk.{parts[1]}").__all__
                    private += [ast.unparse(node)] * (parts[2] not in public)
    assert not private


AREAS = {path.parent.name for path in (ROOT / "tltk").glob("*/__init__.py")}


@each_chapter
def test_words_of_the_field(book):
    assert not OTHER_WORDS.findall(prose_of(book).lower())


@each_chapter
def test_diagram_is_the_kept_one_and_described(book):
    [cell] = tagged(book, "diagram", "markdown")
    shown = re.findall(r"!\[(.*?)\]\(attachment:(.*?)\)", cell.source, re.DOTALL)
    assert shown
    for description, name in shown:
        assert len(description.split()) >= 12, "alt text says what is seen"
        kept = (FIGURES / name).read_bytes()
        assert base64.b64decode(cell.attachments[name]["image/png"]) == kept
        assert (FIGURES / name).with_suffix(".py").exists()


@each_chapter
def test_figures_have_one_style(book):
    code = "\n".join(cell.source for cell in code_of(book))
    assert not re.findall(r"plt\.(?:subplots|figure|plot|bar|scatter|imshow)\b|tab:\w+", code)
    assert "new_figure" not in code or "rcParams.update(tltk.plotting.SETTINGS)" in code


@each_chapter
def test_tables_are_few_and_short(book):
    assert 1 <= len(tables(book)) <= 2
    for html in tables(book):
        assert html.count("<tr") <= 1 + 8


@each_chapter
def test_no_interval_has_no_width(book):
    for cell in code_of(book):
        for output in cell.outputs:
            text = output.get("text") or output.get("data", {}).get("text/plain") or ""
            assert not re.findall(r"\S+ ± 0(?:\.0+)?(?![\d.])", text), cell.source


@each_chapter
def test_outputs_are_quiet(book):
    noisy = [o for cell in code_of(book) for o in cell.outputs if o.get("name") == "stderr"]
    assert not noisy


@each_chapter
def test_questions_have_answers_and_reading_has_links(book):
    text = "\n".join(cell.source for cell in tagged(book, "questions"))
    assert text.count("<details>") == text.count("</details>") == 5
    assert "**Break it.**" in text
    assert "**Reading.**" in text
    assert len(re.findall(r"\]\(https://[^)]+\)", text.split("**Reading.**")[1])) >= 3
