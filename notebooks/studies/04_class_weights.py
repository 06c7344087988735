"""What class weights buy for rare classes, with more seeds than a live chapter has (chapter 04).

The chapter's own cells are run, up to its cell tagged `summarise_runs`, with ten seeds instead of three:
each seed splits the same folder anew and fine-tunes twice, without class weights and with balanced
ones. Kept are accuracy, balanced accuracy and the recall of each class, on the split's own test
pictures and on the pictures taken later, which are the same for all.

About five minutes on two CPU cores:

    python notebooks/studies/04_class_weights.py
"""

import time

import nbformat

from tltk.evaluation import keep_study
from tltk.inputs import notebooks_folder
from tltk.shipping.course import override_settings, tagged_cell

SEEDS = list(range(10))


def chapter_until(tag: str, settings: dict) -> dict:
    """Run the chapter's code up to the cell with a tag; return its variables."""
    notebook = nbformat.read(notebooks_folder() / "04_classify_photos.ipynb", as_version=4)
    override_settings(notebook, settings)
    last = notebook.cells.index(tagged_cell(notebook, tag))
    variables = {"display": print}
    for cell in notebook.cells[: last + 1]:
        if cell.cell_type == "code" and "%pip" not in cell.source:
            exec(cell.source, variables)
    return variables


def main() -> None:
    began = time.monotonic()
    found = chapter_until("summarise_runs", {"SEEDS": SEEDS})
    rows = [
        {"part": part, "weights": weights, "seed": seed, **row}
        for part, results in (("test", found["test"]), ("later", found["judged_rows"]))
        for weights, some in results.items()
        for seed, row in zip(SEEDS, some, strict=True)
    ]
    about = (
        "Recall of each class without and with balanced class weights: the chapter's folder and "
        f"settings, {len(SEEDS)} seeds."
    )
    print("Kept in", keep_study(__file__, about, rows, time.monotonic() - began).name)


if __name__ == "__main__":
    main()
