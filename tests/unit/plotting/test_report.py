import base64
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from tltk.plotting import format_table, plot_history, write_report


@pytest.fixture
def report(tmp_path):
    table = format_table([{"method": "<frozen>", "accuracy": 0.8}])
    figure = plot_history({"loss": [1.0, 0.5]})
    return write_report(tmp_path / "new" / "folder", "A & B", {"Table": table}, {"Curves": figure})


def test_everything_is_in_one_file(report):
    text = report.read_text(encoding="utf-8")
    assert [path.name for path in report.parent.iterdir()] == ["report.html"]
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert len(sources) == 1
    kind, pixels = sources[0].split(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(pixels))).format == "PNG"


def test_headings_come_in_order_and_escaped(report):
    text = report.read_text(encoding="utf-8")
    assert re.findall(r"<h[12]>(.*?)</h[12]>", text) == ["A &amp; B", "Table", "Curves"]
    assert "&lt;frozen&gt;" in text


def test_tags_are_closed(report):
    class Checker(HTMLParser):
        open_tags = ()

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "img"):
                self.open_tags += (tag,)

        def handle_endtag(self, tag):
            assert self.open_tags[-1] == tag
            self.open_tags = self.open_tags[:-1]

    checker = Checker()
    checker.feed(report.read_text(encoding="utf-8"))
    assert checker.open_tags == ()


def test_a_second_report_replaces_the_first(report):
    again = write_report(report.parent, "Second", {}, {})
    assert again == report
    assert "A &amp; B" not in report.read_text(encoding="utf-8")
