"""Make a deck of slides of each chapter of the second edition, from its tagged cells.

    make slides                                   # fetches reveal.js from npm, once
    python docs/make_slides.py REVEAL FOLDER 03   # REVEAL: an unpacked package of reveal.js

Writes FOLDER/NN_name.html, one file that needs no network. Arrow keys turn the pages; printed, it
is a PDF with a slide on each page. What a slide leaves out of the chapter's text stands in its
notes. The file is plain HTML, a `<section>` for each slide, to edit.
"""

import re
import sys
from html import escape
from pathlib import Path

import nbformat
from nbconvert.filters import markdown2html

from tltk.shipping.course import FORMULA, chapters, front_of, to_mathml

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>{reveal}</style><style>{theme}</style><style>
.reveal {{ font: 32px/1.4 system-ui, sans-serif; color: #1c2733 }}
.reveal h1, .reveal h2 {{ font: 600 1.5em/1.2 system-ui, sans-serif; color: #0072b2;
  text-transform: none; text-align: left; margin: 0 0 .6em }}
.reveal .slides section {{ text-align: left }}
.reveal ul, .reveal ol {{ margin-left: 1.2em }} .reveal li {{ margin: .35em 0 }}
.reveal p {{ margin: .5em 0 }} section.title {{ font-size: 1.25em; padding-top: 3em !important }}
.reveal img {{ display: block; margin: 0 auto; height: 560px; max-width: 100%;
  object-fit: contain }}
.reveal pre {{ font: 20px/1.35 monospace; width: 100%; box-shadow: none; background: #f5f6f8;
  padding: .6em; white-space: pre-wrap }}
.reveal table {{ font-size: 20px; border-collapse: collapse; margin: 0 auto }}
.reveal th, .reveal td {{ padding: .25em .6em; border-bottom: 1px solid #ccd; white-space: nowrap }}
.reveal caption {{ font-size: 20px; text-align: left; padding: .4em 0 }}
.reveal math[display="block"] {{ margin: .5em 0 }}
@page {{ size: 1280px 720px; margin: 30px 50px }}
@media print {{
  html, body, .reveal, .reveal .slides {{ position: static !important; transform: none !important;
    width: auto !important; height: auto !important; overflow: visible !important;
    zoom: 1 !important; inset: auto !important; display: block !important }}
  .reveal .slides section {{ display: block !important; position: static !important;
    transform: none !important; visibility: visible !important; opacity: 1 !important;
    height: 640px !important; padding: 0 !important;
    page-break-after: always }}
  .reveal .controls, .reveal .progress, .reveal .slide-number, .reveal .backgrounds,
  .reveal .speaker-notes {{ display: none !important }}
}}
</style></head><body><div class="reveal"><div class="slides">
{slides}
</div></div><script>{script}</script>
<script>Reveal.initialize({{hash: true, width: 1280, height: 720, margin: 0.06, center: false,
  slideNumber: "c/t", transition: "none"}});</script></body></html>
"""


def deck(path: Path, reveal: Path) -> str:
    """The slides of one chapter as a page."""
    notebook = nbformat.read(path, 4)
    slides, heading, formula = [], "", ""
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if "by-hand" in tags:
            slides.append(slide(heading, f"{formula}<pre>{escape(cell.source)}</pre>"))
            formula = ""
        if cell.cell_type == "markdown":
            heading = next(iter(re.findall(r"^## (.+)$", cell.source, re.MULTILINE)), heading)
            formula = displayed(cell.source) or formula
        make = next((MAKERS[tag] for tag in tags if tag in MAKERS), figures)
        slides += make(cell, heading)
    parts = {
        "title": escape(front_of(notebook).title),
        "reveal": (reveal / "dist/reveal.css").read_text(),
        "theme": re.sub(r"@import[^;]*;", "", (reveal / "dist/theme/white.css").read_text()),
        "script": (reveal / "dist/reveal.js").read_text().replace("</script", "<\\/script"),
        "slides": "\n".join(slides),
    }
    return PAGE.format(**parts)


def html(text: str) -> str:
    """Markdown as HTML, formulae as MathML, links as their words."""
    text = re.sub(r"(?<!!)\[([^]]*)\]\((?!http)[^)]*\)", r"\1", text)
    return markdown2html(FORMULA.sub(to_mathml, text))


def slide(heading: str, body: str, notes: str = "") -> str:
    notes = f'<aside class="notes">{html(notes)}</aside>' if notes else ""
    return f"<section><h2>{html_line(heading)}</h2>{body}{notes}</section>"


def html_line(text: str) -> str:
    return re.sub(r"^<p>|</p>$", "", html(text).strip())


def paragraphs(source: str) -> list[str]:
    """The paragraphs of a cell without its heading."""
    return [each for each in source.split("\n\n") if each.strip() and not each.startswith("#")]


def first_sentences(paragraph: str, count: int = 2) -> str:
    """The first sentences, bold leads included; a formula or an abbreviation ends none."""
    hidden = re.sub(r"\$[^$]*\$", lambda found: found[0].replace(".", "\0"), paragraph)
    ends = [m.end() for m in re.finditer(r"[a-z0-9)*`][.?!:]\**(?=\s+[\"*(`]*[A-Z])", hidden)]
    ends = [end for end in ends if not re.search(r"(et al|e\.g|i\.e|vs)\.$", hidden[:end])]
    return hidden[: ends[count - 1]].replace("\0", ".") if len(ends) >= count else paragraph


def question(cell, _) -> list[str]:
    title = re.search(r"^# (.+)$", cell.source, re.MULTILINE)[1]
    parts = paragraphs(cell.source)
    bet = next(n for n, part in enumerate(parts) if part.startswith("**Place your bet"))
    facts = next(n for n, part in enumerate(parts) if part.startswith("**Goal"))
    after = [part for part in parts[facts:] if part.startswith(("**Goal", "**Afterwards"))]
    story = html("\n\n".join(parts[:bet]))
    asked = "\n\n".join(parts[bet:facts]).replace("**Place your bet.**", "")
    return [
        f"<section class='title'><h1>{html_line(title)}</h1>{story}</section>",
        slide("Place your bet", html(asked)),
        slide("What you can do afterwards", html("\n\n".join(after))),
    ]


def diagram(cell, heading) -> list[str]:
    named = re.findall(r"!\[([^]]*)\]\(attachment:([^)]+)\)", cell.source)
    pictures = [image(alt, cell.attachments[name]["image/png"]) for alt, name in named]
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", cell.source)
    return [slide(heading, picture, "\n\n".join(paragraphs(text))) for picture in pictures]


def displayed(text: str) -> str:
    """The displayed formulae of a text, which stand above the code that follows."""
    return html("\n\n".join(re.findall(r"\$\$.+?\$\$", text, re.DOTALL)))


def code(cell, heading) -> list[str]:
    return [slide(heading, f"<pre>{escape(cell.source)}</pre>{outputs(cell)}")]


def outputs(cell) -> str:
    """Printed text and tables of a cell."""
    shown = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output.get("name") == "stdout":
            shown.append(f"<pre>{escape(output.text.strip())}</pre>")
        elif "text/html" in data and "image/png" not in data:
            shown.append(data["text/html"])
    return "".join(shown)


def figures(cell, heading) -> list[str]:
    """A slide for each figure that a cell draws."""
    shown = [output.get("data", {}) for output in cell.get("outputs", [])]
    found = [data["image/png"] for data in shown if "image/png" in data]
    return [slide(heading, image(heading, picture)) for picture in found]


def image(alt: str, data: str) -> str:
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def results(cell, heading) -> list[str]:
    return [slide(heading, outputs(cell)), *figures(cell, heading)]


def points(cell, heading) -> list[str]:
    """The first sentences of each paragraph or item, the whole in the notes."""
    parts = [part for each in paragraphs(cell.source) for part in re.split(r"\n(?=- |\d\. )", each)]
    lines = ["- " + first_sentences(re.sub(r"^(- |\d\. )", "", part.strip())) for part in parts]
    halves = [lines[start : start + 4] for start in range(0, len(lines), 4)]
    return [slide(heading, html("\n".join(half)), cell.source) for half in halves]


def takeaway(cell, heading) -> list[str]:
    return [slide(heading, html("\n\n".join(paragraphs(cell.source))))]


def questions(cell, heading) -> list[str]:
    """Two slides: the questions, and their answers for the lecturer in the notes."""
    text = cell.source.split("**Break it.**")[0]
    pattern = r"^\*\*\d\.\*\*\s*(.+?)\s*<details>.*?</summary>(.*?)</details>"
    asked = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    told = "\n\n".join(f"{number}. {answer.strip()}" for number, (_, answer) in enumerate(asked, 1))
    listed = "\n".join(f"{number}. {each}" for number, (each, _) in enumerate(asked, 1))
    breaks = re.search(r"\*\*Break it\.\*\*(.*?)(?=\n\n|\Z)", cell.source, re.DOTALL)
    return [slide(heading, html(listed), told), slide("Break it", html(breaks[1]))]


MAKERS = {
    "question": question,
    "diagram": diagram,
    "with-tltk": code,
    "results": results,
    "answer": points,
    "wrong-out-there": points,
    "fails": points,
    "takeaway": takeaway,
    "questions": questions,
}


def main(reveal: str, folder: str, *numbers: str) -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for path in chapters(numbers):
        if "contract" not in nbformat.read(path, 4).metadata.get("tltk", {}):
            continue
        page = out / f"{path.stem}.html"
        text = deck(path, Path(reveal))
        page.write_text(text, encoding="utf-8")
        print(f"{page}: {text.count('<section')} slides, {len(text) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
