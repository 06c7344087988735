"""Web pages of executed chapters: one page each and an index, readable without a network."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tltk._cache import write_text

if TYPE_CHECKING:
    from tltk.shipping.course import Run

__all__ = ["Front", "front_of", "write_index", "write_page"]

REMOTE_SCRIPT = re.compile(r'<script[^>]*\ssrc="https?://([^"]*)"[^>]*>\s*</script>')
CHAPTER_LINK = re.compile(r'<a href="(\d\d_\w+)\.ipynb">(.*?)</a>', re.DOTALL)
NARROW = "<style>body > main { max-width: 60rem; margin: 2rem auto }</style>"
CARD = """<article class="{status}">{figure}<div>
<h2>{heading}</h2><p>{goal}</p>
<p class="facts"><b>{status}</b> in {seconds:.0f} s{expected}</p>{error}</div></article>"""
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>tltk: the course</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1c2733; background: #f5f6f8; margin: 0 }}
main {{ max-width: 54rem; margin: 3rem auto; padding: 0 1rem }}
article {{ display: flex; gap: 1.5rem; align-items: center; background: #fff; padding: 1.25rem;
  margin: 1rem 0; border-radius: .5rem; border-left: .3rem solid #0072b2 }}
article.failed {{ border-color: #d55e00 }}
article > div {{ flex: 1 }}
img {{ width: 14rem; max-height: 10rem; object-fit: contain }}
h2 {{ font-size: 1.2rem; margin: 0 }} p {{ margin: .4rem 0 }} a {{ color: #0072b2 }}
.facts, footer {{ color: #5a6775; font-size: .9rem }}
pre {{ white-space: pre-wrap; color: #a84300 }}
@media (max-width: 40rem) {{ article {{ flex-direction: column; align-items: flex-start }} }}
</style></head><body><main>
<h1>Transfer learning, chapter by chapter</h1>
{cards}
<footer>{summary}</footer>
</main></body></html>
"""


class Front(NamedTuple):
    """What the first cell of a chapter says: its title, its goal and how long it takes."""

    title: str
    goal: str
    run_time: str


def front_of(notebook) -> Front:
    """Read the title, the goal and the expected run time from a chapter's first cell.

    The title is the cell's heading; the other two stand on lines of their own, as in
    `**Goal:** see why transfer helps` and `**Run time:** two minutes`.

    Args:
        notebook: a notebook as nbformat reads it.

    Returns:
        A `Front` of plain text, with an empty string for what the cell does not say.

    Example:
        >>> from nbformat.v4 import new_markdown_cell, new_notebook
        >>> cell = new_markdown_cell("# Why transfer\\n**Goal:** see why\\n**Run time:** 2 min")
        >>> front_of(new_notebook(cells=[cell]))
        Front(title='Why transfer', goal='see why', run_time='2 min')
    """
    text = notebook.cells[0].source if notebook.cells else ""
    plain = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text).replace("*", "").replace("`", "")
    patterns = (r"^#+\s*(.+)$", r"^goal:\s*(.+)$", r"^run time:\s*(.+)$")
    found = (re.search(pattern, plain, re.MULTILINE | re.IGNORECASE) for pattern in patterns)
    return Front(*(match[1].strip() if match else "" for match in found))


def write_page(run: Run, folder: str | Path, beside: Collection[str] = ()) -> Path:
    """Write an executed chapter as one HTML file with its figures inside.

    Nothing is loaded from elsewhere, except MathJax where the chapter has formulae; offline they
    are shown as they were typed. A link to another chapter leads to its page, and is plain text
    where there is none.

    Args:
        run: what `run_chapter` returned.
        folder: where the page goes.
        beside: chapters whose pages will stand in the folder too, such as "01_measure_transfer".

    Returns:
        The path of the page.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(exclude_input_prompt=True, exclude_output_prompt=True)
    name = run.path.stem
    body, _ = exporter.from_notebook_node(run.notebook, {"metadata": {"name": name}})
    prose = "".join(cell.source for cell in run.notebook.cells if cell.cell_type == "markdown")

    def keep(script: re.Match) -> str:
        if "mathjax" in script[1].lower() and "$" in prose:
            return f'<script async src="https://{script[1]}" onload="init_mathjax()"></script>'
        return ""

    page = Path(folder) / f"{name}.html"

    def to_page(link: re.Match) -> str:
        target = page.with_name(f"{link[1]}.html")
        there = link[1] in beside or target.exists()
        return f'<a href="{target.name}">{link[2]}</a>' if there else link[2]

    body = CHAPTER_LINK.sub(to_page, body)
    body = REMOTE_SCRIPT.sub(keep, body).replace("</head>", f"{NARROW}</head>", 1)
    write_text(page, body)
    return page


def write_index(runs: Sequence[Run], folder: str | Path) -> Path:
    """Write `index.html`: title, goal, last figure, run time and outcome of every chapter run.

    Args:
        runs: what `run_notebooks` returned.
        folder: where the chapters' pages are.

    Returns:
        The path of the index page.
    """
    failed = sum(run.error is not None for run in runs)
    seconds = sum(run.seconds for run in runs)
    summary = f"{len(runs) - failed} done, {failed} failed, {seconds:.0f} s in all."
    page = Path(folder) / "index.html"
    cards = "\n".join(card(run) for run in runs)
    write_text(page, PAGE.format(cards=cards, summary=summary))
    return page


def card(run: Run) -> str:
    """One chapter's entry on the index page."""
    front = front_of(run.notebook)
    expected = front.run_time.removesuffix(".")
    link = f'<a href="{run.path.stem}.html">{html.escape(front.title or run.path.stem)}</a>'
    return CARD.format(
        heading=f"{run.path.stem[:2]} · {link}",
        goal=html.escape(front.goal[:1].upper() + front.goal[1:]),
        figure=last_figure(run.notebook),
        status="failed" if run.error else "done",
        seconds=run.seconds,
        expected=f" (expected: {html.escape(expected)})" if expected else "",
        error=f"<pre>{html.escape(run.error)}</pre>" if run.error else "",
    )


def last_figure(notebook) -> str:
    """The last picture of an executed notebook as an HTML image; empty where there is none."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    pictures = [out.data["image/png"] for out in outputs if "image/png" in out.get("data", {})]
    return f'<img alt="" src="data:image/png;base64,{pictures[-1]}">' if pictures else ""
