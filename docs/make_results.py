"""Write docs/results.md: what the chapters and the kept studies found, no number typed by hand.

Live tables are read from the outputs that the chapters keep, out of their cells tagged `results`.
Tables of studies are made from `notebooks/results/*.json`, as STUDIES says; a study that is not
in it is named without a table. After a chapter or a study has changed:

    python docs/make_results.py
"""

import ast
import html
import json
import re
from pathlib import Path

import nbformat

from tltk._cache import write_text
from tltk.evaluation import mean_interval, summarise_runs
from tltk.evaluation._arms import SCRATCH, SMALL
from tltk.evaluation.studies import study_state
from tltk.plotting.tables import Table, format_table
from tltk.shipping.course import chapters, front_of, tagged_cell

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
REPEATED = ("SEEDS", "DATES")


def worth_in_labels(rows) -> Table:
    """How many times the labels transfer is worth, against the better of two that start anew."""
    names = {"small_cnn from scratch": SMALL, "mobilenet_v2 from scratch": SCRATCH}
    runs = [row | {"method": names.get(row["method"], row["method"])} for row in rows]
    found = summarise_runs([row for row in runs if row["chosen"]], level=0.95).worth
    columns = {"method": "method", "labels": "labels per class", "says": "is worth"}
    return format_table(found, columns, caption="What transfer is worth in labels, 95 % intervals")


AGREEMENT = "Weighted tau of each score with the accuracy after fine-tuning, 95 % interval"
LOST = "What following a score costs: the best candidate's accuracy less that of its first choice"
WAVES = "Mean squared error on new sine waves after so many gradient steps"
WAVES_KNOWN = "MAML with few waves to be trained on: error after one step on those, and on new ones"
ADAPTED = {
    "products": "Balanced accuracy on products",
    "films": "On films, by the head that was fitted before",
    "films, new head": "On films, by a head fitted anew",
    "halves": "The share of other halves that are less like a sentence's first half than its own",
}
STUDIES = {  # of each table: what tells its rows apart, its columns, the score, which rows count,
    # perhaps a caption; or the columns of rows shown as they are; or a function of the rows
    "00_four_steps": [(["method"], None, "accuracy", {})],
    "01_learning_curves": [
        (["method"], "labels_per_class", "accuracy", {"chosen": True}),
        worth_in_labels,
    ],
    "02_untrained": [(["features"], "layer", "accuracy", {})],
    "03_batch_norm": [(["batch norm"], None, "accuracy", {})],
    "03_how_much_to_retrain": [
        (["labels_per_class", "blocks", "rate"], "steps", "test", {"image_size": 96}),
        (["image_size"], "labels_per_class", "test", {"image_size": 160}),
    ],
    "06_sentence_encoder": [
        (["kind"], "labels", "score", {"labels": 200}),
        (["method"], "word", ("right",), {"kind": "word"}, "Right of eight sentences"),
    ],
    "08_adapters": [
        (["method"], None, score, {"kind": "run"}, caption) for score, caption in ADAPTED.items()
    ]
    + [(["method"], None, ("megabytes",), {"kind": "memory"}, "Memory at the peak of eight steps")],
    "09_pretraining": [
        (["pretrained by"], "method", "mase", {"data": "temperatures"}),
        (["pretrained by"], "method", "accuracy", {"data": "vibration"}),
    ],
    "09_settings": [(["method", "setting"], None, "mase", {})],
    "11_rank_sources": [
        (["candidate"], "target", "accuracy", {"kind": "run"}),
        (["score"], "target", ("tau", "low", "high"), {"kind": "agreement"}, AGREEMENT),
        (["score"], "target", ("lost",), {"kind": "agreement"}, LOST),
    ],
    "12_false_verdicts": [
        (["rule", "seeds", "trials"], "question", ("rate", "low", "high"), {}),
        (
            ["rule", "seeds"],
            "question",
            ("no_difference",),
            {},
            "Share of trials called no difference that matters",
        ),
    ],
    "12_pooled_texts": [
        (["source", "target"], "labels", "target only", {}, "Accuracy without the source"),
        (["source", "target"], "labels", "pooled", {}, "Accuracy with the source"),
    ],
    "13_imbalance": [
        (["way", "method"], "ratio", "balanced accuracy", {"kind": "run"}),
        (["way", "method"], "ratio", "rare recall", {"kind": "run"}),
    ],
    "13_thin_data": [
        (["data", "method"], "setting", "accuracy", {"question": "self-training"}),
        (["method"], "data", "accuracy", {"question": "borrowing"}),
        (["method"], "setting", "accuracy", {"question": "contrastive"}),
        (["method"], "setting", "auroc", {"question": "anomalies"}),
    ],
    "14_question_labels": [
        (["arm"], "labels", "accuracy", {"part": "asking"}, "Accuracy by labels asked for"),
        (["kind", "share"], None, "found", {"part": "noise"}, "Wrong labels among 300 looked at"),
        (["kind", "share"], None, "looked at", {"part": "noise"}, "Accuracy, 300 put right"),
        (["kind", "share"], None, "deleted", {"part": "noise"}, "Accuracy, 300 deleted"),
    ],
    "16_leave_one_domain_out": [(["method"], "target", "score", {})],
    "15_tradaboost": [
        (["method"], "labels", "score", {"question": "texts"}),
        (["method"], "labels", "score", {"question": "table"}),
        (["method"], None, "gain", {"question": "shrinking"}),
        (["criterion"], "method", "cost", {"question": "selection"}),
    ],
    "17_confuse_domains": [
        (["arm"], "steps", "accuracy", {}, "Accuracy in the target, MNIST to MNIST-M"),
        (["arm"], "steps", "source_accuracy", {}, "Accuracy in the source, the same networks"),
    ],
    "17_scanners_and_styles": [
        (["arm"], "pair", "accuracy", {}, "Accuracy in the target"),
        (["arm"], "pair", "source_accuracy", {}, "Accuracy in the source, the same networks"),
    ],
    "18_word_networks": [(["source", "target"], "features", "score", {})],
    "21_zero_shot": [
        (["source", "names"], "pixels", "accuracy", {"question": "conse", "top": 10}),
        (["labels"], None, "accuracy", {"question": "labels"}),
        (["method"], None, "accuracy", {"question": "splits"}),
        (["penalty"], None, "harmonic", {"question": "generalised"}),
        (["described by"], "what", "accuracy", {"question": "novel"}),
    ],
    "22_meta_learning": [
        (["method", "shots"], "steps", "error", {"question": "sinusoids"}, WAVES),
        (["tasks"], "where", "error", {"question": "few tasks"}, WAVES_KNOWN),
    ],
    "22_glyph_tasks": [
        (["method"], "shots", "accuracy", {"question": "glyphs"}, "Glyphs, a small network"),
        (["method"], "shots", "accuracy", {"question": "features"}, "Frozen MobileNetV2 features"),
    ],
    "23_adapters": [
        (["method", "trained weights"], "labels", "accuracy", {"kind": "run"}),
        (["method"], "labels", "CPU seconds", {"kind": "run"}),
        (["method"], None, ("megabytes",), {"kind": "memory"}, "Memory at the peak of one epoch"),
    ],
    "23_share_tasks": [
        (["labels", "task"], "with", "score", {"question": "tasks", "kind": "run"}),
        (["unit", "weights"], "task", "score", {"question": "weights"}),
        (["case"], "task", "score", {"question": "missing"}),
        (["labels", "method"], "missing at test", "score", {"question": "senses"}),
    ],
}
HEAD = """# Results

What each chapter found, in one place. This page is made from the chapters' kept outputs and the
kept studies by `docs/make_results.py`; a test compares it with them, and no number here is typed.

**Live** tables come from a chapter's own run with its default settings: run it to see them again.
All chapters here were written for version 0.1, and so were their outputs. **Kept** tables come from
a longer study, run once; its script is named, and the first table says whether it ran with the
present code. A ± is the half width of the 95 % interval (Student's t) of the mean over seeds,
unless the caption says over what else; a ? stands where a single run tells nothing about spread.
The ± covers the draw of training data and the seeds, not the test set: 1000 test pictures alone
leave ± .03 on an accuracy near .65. A ± of 0.000 stands where all runs gave the same number, and
is no interval. Brackets hold an interval that is not symmetric, of 95 % too.
"""
STATES = """## Which studies are current

A study's result keeps a digest of the code that it ran with: its script and every file of tltk that
the script imports. *Stale* means that this code reads otherwise today; the numbers may or may not
change.
"""


def main() -> None:
    write_text(PAGE, page())
    print(PAGE)


def page() -> str:
    """The whole page, as it should be."""
    return "\n".join([HEAD, STATES, markdown(states()) + "\n", *map(section, chapters())])


def states() -> Table:
    """Of every kept study, whether it ran with the code that is here."""
    kept = sorted((ROOT / "notebooks" / "results").glob("*.json"))
    dates = [json.loads(path.read_text(encoding="utf-8"))["date"] for path in kept]
    found = zip(kept, dates, strict=True)
    return format_table(
        [{"study": p.stem, "run on": day, "state": study_state(p.stem)} for p, day in found]
    )


def section(path: Path) -> str:
    """The section of one chapter."""
    notebook = nbformat.read(path, as_version=4)
    front = front_of(notebook)
    facts = [f"[The chapter](../notebooks/{path.name})", *repeated(notebook)]
    parts = [f"## {path.name[:2]} · {front.title.split('·')[-1].strip()}"]
    parts += [" · ".join(facts) + f"\n\nRun time: {front.run_time}"]
    for table in live_tables(notebook):
        parts += ["**Live.** " + (table.caption or ""), markdown(table)]
    for study in sorted((ROOT / "notebooks" / "results").glob(f"{path.name[:2]}_*.json")):
        parts += kept(study)
    return "\n\n".join(parts) + "\n"


def repeated(notebook) -> list[str]:
    """What the chapter's parameters say about its repetitions."""
    statements = ast.parse(tagged_cell(notebook, "parameters").source).body
    pairs = [(s.targets[0], s.value) for s in statements if isinstance(s, ast.Assign)]
    found = {}
    for target, value in pairs:
        several = isinstance(target, ast.Tuple)
        each = zip(target.elts, value.elts, strict=True) if several else [(target, value)]
        found |= {ast.unparse(name): ast.unparse(given) for name, given in each}
    return [f"{name.lower()} {found[name].strip('()[]')}" for name in REPEATED if name in found]


def live_tables(notebook) -> list[Table]:
    """Every table that a cell tagged `results` shows."""
    cells = [cell for cell in notebook.cells if "results" in cell.metadata.get("tags", [])]
    outputs = [output.get("data", {}) for cell in cells for output in cell.outputs]
    return [read_html(data["text/html"]) for data in outputs if "text/html" in data]


def read_html(text: str) -> Table:
    """A table of ours, read back from what a notebook shows."""
    lines = [
        re.findall(r'<t[hd] style="text-align: (\w+)">(.*?)</t[hd]>', line, re.DOTALL)
        for line in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    ]
    cells = [tuple(html.unescape(cell) for _, cell in line) for line in lines]
    caption = re.search(r"<caption[^>]*>(.*?)</caption>", text, re.DOTALL)
    numeric = tuple(side == "right" for side, _ in lines[0])
    return Table(cells[0], tuple(cells[1:]), numeric, caption and html.unescape(caption[1]))


def kept(path: Path) -> list[str]:
    """What a study was, and its table."""
    study = json.loads(path.read_text(encoding="utf-8"))
    minutes = f"{max(1, round(study['seconds'] / 60))} minutes on {study['machine']}"
    parts = [f"**Kept.** {study['about']} `{study['script']}`, {study['date']}, {minutes}."]
    for how in STUDIES.get(path.stem, ()):
        table = shown(study["rows"], how)
        parts += [table.caption, markdown(table)] if table.caption else [markdown(table)]
    return parts


def shown(rows, how) -> Table:
    """A table of a study, made as STUDIES says."""
    if callable(how):
        return how(rows)
    if isinstance(how, list):
        kept = [{key: as_interval(row[key]) for key in how} for row in rows]
        return format_table(kept)
    return pivot(rows, *how)


def as_interval(value):
    return tuple(value) if isinstance(value, list) else value


def pivot(rows, keys, column, score, where, caption=None) -> Table:
    """The mean of a score and its interval, by some keys, with one more across.

    A tuple of keys holds what the study worked out itself, one row for each cell: a number, or an
    interval.
    """
    parts = [score] if isinstance(score, str) else list(score)
    rows = [row for row in rows if where.items() <= row.items() and {*keys, *parts} <= {*row}]
    across = list(dict.fromkeys(row[column] for row in rows)) if column else [None]
    across = across if any(isinstance(each, str) for each in across) else sorted(across)
    table = {}
    for row in rows:
        names = tuple(told(row[key]) for key in keys)
        found = table.setdefault(names, {each: [] for each in across})
        found[row.get(column)].append(tuple(row[part] for part in parts))
    lines = []
    for names, found in table.items():
        cells = {each: of_one_cell(values, score) for each, values in found.items() if values}
        named = {heading(column, each) or score: cell for each, cell in cells.items()}
        lines.append(dict(zip(keys, names, strict=True)) | named)
    order = [*keys, *(heading(column, each) or score for each in across)]
    return format_table(lines, order, caption=caption)


def of_one_cell(values, score):
    if isinstance(score, str):
        return mean_interval([value for (value,) in values])
    return values[0] if len(score) > 1 else values[0][0]


def heading(column, value) -> str:
    named = value if isinstance(value, str) else f"{column}: {told(value)}"
    return "" if column is None else named.replace("_", " ")


def told(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(told(each)) for each in value)
    return f"{value:g}" if isinstance(value, float) else value


def markdown(table: Table) -> str:
    """A table in Markdown."""
    rule = ["---:" if numeric else "---" for numeric in table.numeric]
    lines = [table.headings, rule, *table.cells]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )


if __name__ == "__main__":
    main()
