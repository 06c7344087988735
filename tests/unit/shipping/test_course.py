import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tltk.shipping import demo, run_notebooks
from tltk.shipping.course import chapters, override_settings, results_text, run_chapter

FRONT = "# {title}\n\n**Goal:** count to three.\n\n**Run time:** one second."


def write_chapter(folder, name, *sources, title="Count numbers"):
    """A chapter whose first code cell is tagged `parameters` and its last `results`."""
    cells = [new_code_cell(source) for source in ["size = 3\nstep: int = 1", *sources]]
    cells[-1].metadata["tags"] = ["results"]
    cells[0].metadata["tags"] = ["parameters"]
    notebook = new_notebook(cells=[new_markdown_cell(FRONT.format(title=title)), *cells])
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def test_chapters_are_chosen_by_number(tmp_path):
    write_chapter(tmp_path, "02_count_more")
    write_chapter(tmp_path, "01_count_numbers")
    write_chapter(tmp_path, "notes")
    assert [p.stem for p in chapters(folder=tmp_path)] == ["01_count_numbers", "02_count_more"]
    assert [p.stem for p in chapters(["2", 1], tmp_path)] == ["02_count_more", "01_count_numbers"]
    with pytest.raises(ValueError, match=r"by its number. Received: 07 .*The numbers are 01, 02"):
        chapters(["1", "7"], tmp_path)


def test_settings_are_replaced_after_the_parameters_cell(tmp_path):
    path = write_chapter(tmp_path, "01_count_numbers", "print(list(range(0, size, step)))")
    run = run_chapter(path, tmp_path / "work", {"size": 5})
    assert run.error is None
    assert results_text(run.notebook) == "[0, 1, 2, 3, 4]"
    assert run.notebook.cells[2].metadata["tags"] == ["injected-parameters"]


@pytest.mark.parametrize("name", ["sizes", "range"])
def test_unknown_settings_are_refused(name):
    cell = new_code_cell("size = len(range(3))", metadata={"tags": ["parameters"]})
    with pytest.raises(ValueError, match=rf"Received: {name}. The settings are size"):
        override_settings(new_notebook(cells=[cell]), {name: 1})


def test_settings_need_a_parameters_cell():
    with pytest.raises(ValueError, match=r"The settings are \(none\)"):
        override_settings(new_notebook(), {"size": 1})


def test_a_chapter_runs_in_its_own_folder_and_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_HOME", "/classroom")
    source = "import os, tltk\nopen('made.txt', 'w').close()\nprint(os.environ['TLTK_HOME'])"
    path = write_chapter(tmp_path / "course", "01_count_numbers", source)
    before = path.read_bytes()
    run = run_chapter(path, tmp_path / "work")
    assert run.error is None
    assert results_text(run.notebook) == "/classroom"
    assert (tmp_path / "work" / "made.txt").exists()
    assert path.read_bytes() == before
    assert [p.name for p in (tmp_path / "course").iterdir()] == [path.name]


def test_figures_are_pictures_whatever_backend_the_caller_uses(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    source = "from tltk.plotting.style import new_figure\nnew_figure(3, 2)[0]"
    path = write_chapter(tmp_path / "course", "01_draw", source)
    run = run_chapter(path, tmp_path / "work")
    assert run.error is None
    assert "image/png" in run.notebook.cells[-1].outputs[0].data


def test_start_up_messages_go_and_warnings_stay(tmp_path):
    noise = "WARNING: All log messages before absl::X\\nI0000 00:00:17.1 9 port.cc:1] on.\\n"
    path = write_chapter(
        tmp_path,
        "01_count_numbers",
        f"import sys\n_ = sys.stderr.write('{noise}')",
        f"import sys\n_ = sys.stderr.write('{noise}careful\\n')",
    )
    cells = run_chapter(path, tmp_path / "work").notebook.cells
    assert [[output.text for output in cell.outputs] for cell in cells[2:]] == [[], ["careful\n"]]


def test_a_failed_chapter_is_named_and_the_rest_go_on(tmp_path, capsys):
    folder, out = tmp_path / "course", tmp_path / "out"
    write_chapter(folder, "01_fail_early", "print('before')", "1 / 0", "print('after')")
    write_chapter(folder, "02_count_numbers", "print(size)", title="Count & sum")
    runs = run_notebooks(out=out, folder=folder)
    assert [run.error for run in runs] == ["ZeroDivisionError: division by zero", None]
    first, second, index = capsys.readouterr().out.splitlines()
    assert first.startswith("[1/2] 01_fail_early")
    assert first.endswith("failed: ZeroDivisionError: division by zero")
    assert second.startswith("[2/2] 02_count_numbers")
    assert second.endswith("02_count_numbers.html")
    assert index == f"Index: {out / 'index.html'}"
    failed_page = (out / "01_fail_early.html").read_text(encoding="utf-8")
    assert "before" in failed_page
    assert "ZeroDivisionError" in failed_page
    assert "Count &amp; sum" in (out / "index.html").read_text(encoding="utf-8")


def test_a_cell_that_hangs_is_ended(tmp_path):
    path = write_chapter(tmp_path, "01_wait_long", "import time\ntime.sleep(60)")
    assert run_chapter(path, tmp_path, cell_timeout=1).error.startswith("CellTimeoutError")


def test_demo_shows_the_table_of_results(tmp_path, capsys):
    folder = tmp_path / "course"
    write_chapter(folder, "01_count_numbers", "print('not this')", "print('method  accuracy')")
    assert demo(tmp_path / "out", folder).error is None
    shown = capsys.readouterr().out
    assert "\nmethod  accuracy\n" in shown
    assert "not this" not in shown
    assert (tmp_path / "out" / "01_count_numbers.html").is_file()


def test_demo_says_what_failed(tmp_path, capsys):
    write_chapter(tmp_path / "course", "01_count_numbers", "raise RuntimeError('no disk')")
    assert demo(tmp_path / "out", tmp_path / "course").error == "RuntimeError: no disk"
    assert "The chapter failed: RuntimeError: no disk" in capsys.readouterr().err
