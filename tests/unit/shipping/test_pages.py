import re
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tltk.shipping.course import Front, Run, front_of, write_index, write_page

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
FRONT = "[![Open](https://x/b)](https://x)\n# Why *transfer*\n\nGoal: a `b` c\n\nRun time: 2 min."


def executed(prose=FRONT, error=None):
    shown = new_output("display_data", data={"image/png": PIXEL, "text/plain": "<Figure>"})
    cells = [new_markdown_cell(prose), new_code_cell("plot()", outputs=[shown])]
    return Run(Path("01_see_why.ipynb"), new_notebook(cells=cells), 61.4, error)


def test_front_matter_is_read_as_plain_text():
    assert front_of(executed().notebook) == Front("Why transfer", "a b c", "2 min.")
    assert front_of(new_notebook()) == Front("", "", "")


def test_a_page_loads_nothing_from_elsewhere(tmp_path):
    page = write_page(executed(f"{FRONT}\n\n$x^2$"), tmp_path).read_text(encoding="utf-8")
    assert not re.findall(r'<(?:script|link|iframe)[^>]*(?:src|href)="http[^>]*>', page)
    assert PIXEL in page.replace("\n", "")
    assert "plot" in page


def test_formulae_are_mathml_and_code_stays_code(tmp_path):
    prose = "Read $x_1^2$ and `a $b$`:\n\n$$\\frac{1}{n} \\sum_i w_i * z_i$$\n\nfor \\$5."
    page = write_page(executed(f"{FRONT}\n\n{prose}"), tmp_path).read_text(encoding="utf-8")
    inline, block = re.findall(r"<math.*?</math>", page, re.DOTALL)
    assert 'display="inline"' in inline
    assert "<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>" in inline
    assert 'display="block"' in block
    assert "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>n</mi></mrow></mfrac>" in block
    assert "<em>" not in block
    assert "<code>a $b$</code>" in page


def test_links_between_chapters_lead_to_pages_that_are_there(tmp_path):
    links = "[kept](02_fit_head.ipynb) [planned](03_tune_it.ipynb) [neither](04_go_on.ipynb)"
    (tmp_path / "02_fit_head.html").touch()
    page = write_page(executed(f"{FRONT}\n\n{links}"), tmp_path, ["03_tune_it"])
    shown = page.read_text(encoding="utf-8")
    assert (
        '<a href="02_fit_head.html">kept</a> <a href="03_tune_it.html">planned</a> neither' in shown
    )
    assert "ipynb" not in shown


def test_index_shows_each_chapter_with_its_figure_and_outcome(tmp_path):
    failed = executed(error="ValueError: <no> data")._replace(path=Path("02_fit_head.ipynb"))
    page = write_index([executed(), failed], tmp_path).read_text(encoding="utf-8")
    assert '01 · <a href="01_see_why.html">Why transfer</a>' in page
    assert '02 · <a href="02_fit_head.html">Why transfer</a>' in page
    assert "<p>A b c</p>" in page
    assert "<b>done</b> in 61 s (expected: 2 min)" in page
    assert "ValueError: &lt;no&gt; data" in page
    assert page.count(f"data:image/png;base64,{PIXEL}") == 2
    assert "1 done, 1 failed, 123 s in all." in page
    assert "http" not in page
