"""Decks made of the chapters' tagged cells."""

import re
import runpy
from pathlib import Path

import nbformat
import pytest

from tltk.shipping.course import chapters

ROOT = Path(__file__).parents[2]
MAKE = runpy.run_path(str(ROOT / "docs" / "make_slides.py"))
CHAPTERS = [
    path for path in chapters() if "contract" in nbformat.read(path, 4).metadata.get("tltk", {})
]


@pytest.fixture(scope="module")
def reveal(tmp_path_factory):
    """A folder like that of reveal.js."""
    folder = tmp_path_factory.mktemp("reveal")
    (folder / "dist/theme").mkdir(parents=True)
    (folder / "dist/reveal.css").write_text(".reveal {}")
    (folder / "dist/theme/white.css").write_text("@import url(https://fonts.example/a.css); b {}")
    (folder / "dist/reveal.js").write_text("var a = '</script>';")
    return folder


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_deck_has_the_chapters_parts_and_needs_no_network(path, reveal):
    page = MAKE["deck"](path, reveal)
    slides = re.findall(r"<section.*?</section>", page, re.DOTALL)
    assert 12 <= len(slides) <= 20
    notebook = nbformat.read(path, 4)
    for tag in ("diagram", "by-hand", "with-tltk", "results"):
        cells = [c for c in notebook.cells if tag in c.metadata.get("tags", [])]
        assert cells
    assert sum("<img" in each for each in slides) >= 2
    assert sum("<pre>" in each for each in slides) >= 2
    assert any("<table" in each for each in slides)
    assert any("<math" in each for each in slides)
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert {"Place your bet", "What you can do afterwards", "Break it"} <= set(titles)
    assert "@import" not in page
    assert not re.search(r'<(?:script|link|img)[^>]*(?:src|href)="https?:', page)
    assert page.count("</script>") == 2


def test_answers_stand_in_the_notes_alone(reveal):
    page = MAKE["deck"](CHAPTERS[0], reveal)
    [asked] = [s for s in re.findall(r"<section>.*?</section>", page, re.DOTALL) if "<ol>" in s
               and "Check yourself" in s]  # fmt: skip
    shown, notes = asked.split('<aside class="notes">')
    assert shown.count("<li>") == 5
    assert notes.count("<li>") == 5
    assert "<details>" not in page


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two. Three.", "One. Two."),
        (
            "By Li et al. 2016, one. Two is 3.5 long. Three.",
            "By Li et al. 2016, one. Two is 3.5 long.",
        ),
        ("**A lead.** Then $a. B$ one. Last.", "**A lead.** Then $a. B$ one."),
        ("Only one", "Only one"),
    ],
)
def test_first_sentences(text, first):
    assert MAKE["first_sentences"](text) == first
