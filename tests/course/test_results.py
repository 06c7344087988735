"""The page of results is what the chapters and the kept studies say."""

import json
import re
import runpy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tltk.evaluation.studies import study_state
from tltk.plotting import format_table

ROOT = Path(__file__).parents[2]
MAKE = runpy.run_path(str(ROOT / "docs" / "make_results.py"))
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date():
    assert MAKE["page"]() == PAGE, "run: python docs/make_results.py"


def test_its_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "docs" / link).is_file()


@pytest.mark.parametrize("study", sorted((ROOT / "notebooks" / "results").glob("*.json")))
def test_every_study_is_told_of(study):
    kept = json.loads(study.read_text(encoding="utf-8"))
    assert kept["about"] in PAGE
    assert f"| {study.stem} | {kept['date']} | {study_state(study.stem)} |" in PAGE


def test_a_table_is_read_back_as_it_was():
    rows = [{"method": "a < b", "score": (0.5, 0.1)}, {"method": "c", "score": (0.25, 0.0)}]
    table = format_table(rows, digits=2, caption="Two & more")
    assert MAKE["read_html"](table._repr_html_()) == table
    assert MAKE["markdown"](table).splitlines()[2] == "| a < b | 0.50 ± 0.10 |"


def test_a_new_chapter_needs_nothing_but_its_tag(tmp_path):
    table = format_table([{"method": "frozen", "accuracy": 0.8}], caption="Voices")
    shown = new_output("execute_result", {"text/html": table._repr_html_()}, execution_count=1)
    cells = [
        new_markdown_cell("# Hear a voice\n**Goal:** listen\n\n**Run time:** a minute"),
        new_code_cell("A, SEEDS = 1, (0, 1)", metadata={"tags": ["parameters"]}),
        new_code_cell("table", outputs=[shown], metadata={"tags": ["results"]}),
    ]
    path = tmp_path / "99_hear_voice.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    found = MAKE["section"](path)
    assert found.startswith("## 99 · Hear a voice\n")
    assert "seeds 0, 1" in found
    assert "Run time: a minute" in found
    assert "**Live.** Voices\n\n| method | accuracy |\n| --- | ---: |\n| frozen | 0.800 |" in found


def test_a_study_becomes_means_over_its_seeds():
    rows = [
        {"method": "frozen", "labels": labels, "seed": seed, "score": 0.5 + seed / 10 + labels}
        for labels in (2, 1)
        for seed in (0, 1, 2)
    ]
    table = MAKE["pivot"]([*rows, {"another": "question"}], ["method"], "labels", "score", {})
    assert table.headings == ("method", "labels: 1", "labels: 2")
    assert table.cells == (("frozen", "1.600 ± 0.248", "2.600 ± 0.248"),)


def test_what_a_study_worked_out_itself_is_shown_as_it_is():
    rows = [{"score": "a", "target": t, "tau": 0.5, "low": 0.0, "high": 0.75} for t in ("z", "b")]
    table = MAKE["pivot"](rows, ["score"], "target", ("tau", "low", "high"), {}, "Order")
    assert table.headings == ("score", "z", "b")
    assert table.cells == (("a", "0.500 (0.000 to 0.750)", "0.500 (0.000 to 0.750)"),)
    assert MAKE["shown"](rows[:1], (["score"], "target", ("tau",), {})).cells == (("a", "0.500"),)
    as_they_are = MAKE["shown"]([{"gain": [0.5, 0.25], "verdict": "helped"}], ["verdict", "gain"])
    assert as_they_are.cells == (("helped", "0.500 ± 0.250"),)
