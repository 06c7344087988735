"""Run the chapters of the course and write them as web pages.

Papermill injects parameters and runs notebooks with nbclient as well, but (2.7, `execute.py` and
`engines.py`) it only warns of a setting that no cell assigns, and gives a kernel no environment and
no working directory but those of the calling process, which it changes. It would save some forty
lines of `override_settings` and `run_chapter`, and bring entrypoints, tenacity and itself.
"""

from __future__ import annotations

import ast
import copy
import html
import os
import re
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tltk._cache import PACKAGE, made_folder, notebooks_folder, write_text
from tltk._checks import refuse, shown
from tltk._extras import require
from tltk._paths import check_folder, existing_folder, user_path
from tltk._start import MESSAGE, QUIET

CHAPTER_NAME = re.compile(r"\d\d_[a-z0-9]+(_[a-z0-9]+)+\.ipynb")

RUNNERS = ("nbclient", "nbconvert", "ipykernel", "latex2mathml")


class Run(NamedTuple):
    """One executed chapter: the notebook with its outputs, its seconds, the error or None."""

    path: Path
    notebook: Any
    seconds: float
    error: str | None


def chapters(numbers: Sequence[str | int] = (), folder: str | Path | None = None) -> list[Path]:
    """List the chapters, all of them or those with the given numbers.

    Args:
        numbers: chapter numbers such as `"01"`, `"1"` or `1`; none means all chapters.
        folder: where to look, by default `notebooks_folder()`.

    Returns:
        The notebooks' paths in chapter order.

    Raises:
        ValueError: a number that no chapter has.

    Example:
        >>> [path.name[:2] for path in chapters(["99"])]
        Traceback (most recent call last):
        ...
        ValueError: A chapter is asked for by its number. Received: 99. ...
    """
    if isinstance(numbers, str) or not isinstance(numbers, Sequence):
        refuse("numbers must be a list", f"numbers={numbers!r}", 'Pass ["01"], or none for all')
    folder = notebooks_folder() if folder is None else existing_folder(folder)
    found = {p.name[:2]: p for p in sorted(folder.iterdir()) if CHAPTER_NAME.fullmatch(p.name)}
    wanted = [str(number).zfill(2) for number in numbers] or list(found)
    unknown = [number for number in wanted if number not in found]
    if unknown:
        raise ValueError(
            f"A chapter is asked for by its number. Received: {', '.join(unknown)} "
            f"in the folder {folder}. "
            f"The numbers are {', '.join(found) or '(none yet)'}."
        )
    return [found[number] for number in wanted]


def tagged_cell(notebook, tag: str):
    """Find the first cell of a notebook that carries a tag; None where no cell does."""
    tagged = (c for c in notebook.cells if tag in c.metadata.get("tags", []))
    return next(tagged, None)


def override_settings(notebook, settings: Mapping[str, object]) -> None:
    """Put a cell with other settings right after the cell tagged `parameters`.

    Args:
        notebook: changed in place.
        settings: names that the parameters cell assigns, with their new values (plain Python).

    Raises:
        ValueError: a name that the parameters cell does not assign.
    """
    import nbformat

    if not settings:
        return
    cell = tagged_cell(notebook, "parameters")
    statements = ast.parse(cell.source).body if cell else []
    targets = (t for s in statements if isinstance(s, ast.Assign) for t in s.targets)
    known = {name.id for target in targets for name in ast.walk(target) if hasattr(name, "id")}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ValueError(
            "A setting can be replaced only where the cell tagged 'parameters' assigns it. "
            f"Received: {', '.join(unknown)}. "
            f"The settings are {', '.join(sorted(known)) or '(none)'}."
        )
    source = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    added = nbformat.v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(notebook.cells.index(cell) + 1, added)


def run_chapter(
    path: str | Path,
    folder: str | Path,
    settings: Mapping[str, object] | None = None,
    cell_timeout: int | None = None,
) -> Run:
    """Run a notebook top to bottom in a fresh kernel, without touching its file.

    Args:
        path: the notebook.
        folder: the working directory of its kernel, made where missing; gets its log.
        settings: replaces settings of the cell tagged `parameters`.
        cell_timeout: whole seconds a cell may take; None for no limit.

    Returns:
        A `Run`; where a cell failed, its outputs up to there and the error in one line.
    """
    import nbformat
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    path, folder = Path(path), made_folder(folder)
    notebook = nbformat.read(path, as_version=4)
    override_settings(notebook, settings or {})
    notebook.metadata.setdefault("language_info", {"name": "python", "pygments_lexer": "ipython3"})
    # With no folder of kernels to search, "python3" is the interpreter that runs this line.
    manager = AsyncKernelManager(
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])
    )
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=cell_timeout,
        resources={"metadata": {"path": str(folder)}},
    )
    client.reset_execution_trackers()
    start, error = time.monotonic(), None
    try:
        with (
            open(folder / "kernel.log", "w") as log,
            client.setup_kernel(env=kernel_environment(), stderr=log, cleanup_kc=True),
        ):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
    except CellExecutionError as failure:
        error = f"{failure.ename}: {failure.evalue}".splitlines()[0]
    except (CellTimeoutError, DeadKernelError) as failure:
        error = f"{type(failure).__name__}: {failure}".splitlines()[0]
    seconds = time.monotonic() - start
    drop_start_up_messages(notebook)
    return Run(path, notebook, seconds, error)


def drop_start_up_messages(notebook) -> None:
    """Drop TensorFlow's start-up messages, which no setting silences, from the outputs."""
    for cell in notebook.cells:
        for output in [o for o in cell.get("outputs", []) if o.get("name") == "stderr"]:
            output.text = MESSAGE.sub("", output.text)
            if not output.text.strip():
                cell.outputs.remove(output)


def kernel_environment() -> dict[str, str]:
    """A chapter's kernel: ours, quieter, figures as pictures, this very tltk first on the path."""
    search_path = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **QUIET,
        **os.environ,
        "PYTHONPATH": os.pathsep.join(search_path),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def run_notebooks(
    numbers: Sequence[str | int] = (),
    out: str | Path = "build/course",
    folder: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
) -> list[Run]:
    """Run chapters and write each as a web page, with an index page.

    A chapter that fails is named and the rest go on. The notebooks themselves are only read.

    Args:
        numbers: chapter numbers; none means all.
        out: where the pages go; chapters run in its subfolder `work`.
        folder: where the notebooks are, by default those that come with tltk.
        settings: replaces settings of every chapter's cell tagged `parameters`.

    Returns:
        One `Run` per chapter.
    """

    require("course", *RUNNERS)
    check_folder("out", out)
    if settings is not None and not isinstance(settings, Mapping):
        refuse(
            "settings must be a dict by name", f"settings={shown(settings)}", "Pass {name: value}"
        )
    out = user_path(out)
    paths = chapters(numbers, folder)
    runs = []
    for count, path in enumerate(paths, 1):
        print(f"[{count}/{len(paths)}] {path.stem:32}", end=" ", flush=True)
        run = run_chapter(path, out / "work" / path.stem, settings)
        page = write_page(run, out, [path.stem for path in paths])
        print(f"{run.seconds:6.1f} s  {'failed: ' + run.error if run.error else page}", flush=True)
        runs.append(run)
    print(f"Index: {write_index(runs, out)}")
    return runs


def demo(out: str | Path = "build/course", folder: str | Path | None = None) -> Run:
    """Run chapter 01, print its table of results, and write it as a web page.

    Args:
        out: where the page goes.
        folder: where the notebooks are, by default those that come with tltk.

    Returns:
        The `Run` of chapter 01.

    Raises:
        ImportError: without the extra "course".
    """

    require("course", *RUNNERS)
    check_folder("out", out)
    out = user_path(out)
    path = chapters(["01"], folder)[0]
    print(f"Running chapter {path.stem} (about a minute on two CPU cores) ...", flush=True)
    run = run_chapter(path, out / "work" / path.stem)
    page = write_page(run, out)
    if run.error:
        print(f"The chapter failed: {run.error}", file=sys.stderr)
    else:
        print(f"\n{results_text(run.notebook)}\n")
    print(f"{run.seconds:.0f} s. The chapter with its figures: {page}")
    return run


def results_text(notebook) -> str:
    """The plain text that the cell tagged `results` showed; empty where there is none."""
    cell = tagged_cell(notebook, "results")
    parts = []
    for output in cell.outputs if cell else []:
        if output.output_type == "stream" and output.name == "stdout":
            parts.append(output.text)
        elif output.output_type in ("execute_result", "display_data"):
            parts.append(output.data.get("text/plain", ""))
    return "\n".join(part.rstrip() for part in parts if part.strip())


FORMULA = re.compile(r"(```.*?```|`[^`\n]+`)|\$\$(.+?)\$\$|(?<!\\)\$([^$\n]+?)\$", re.DOTALL)
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

    Nothing is loaded from elsewhere: formulae are written as MathML, which browsers draw by
    themselves. A link to another chapter leads to its page, and is plain text where there is none.

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
    notebook = copy.deepcopy(run.notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(to_mathml, cell.source)
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name}})
    page = Path(folder) / f"{name}.html"

    def to_page(link: re.Match) -> str:
        target = page.with_name(f"{link[1]}.html")
        there = link[1] in beside or target.exists()
        return f'<a href="{target.name}">{link[2]}</a>' if there else link[2]

    body = CHAPTER_LINK.sub(to_page, body)
    body = REMOTE_SCRIPT.sub("", body).replace("</head>", f"{NARROW}</head>", 1)
    write_text(page, body)
    return page


def to_mathml(found: re.Match) -> str:
    """The MathML of what `FORMULA` found; code that it found stays code."""
    from latex2mathml.converter import convert

    code, block, inline = found.groups()
    return code or convert(block or inline, display="block" if block else "inline")


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
