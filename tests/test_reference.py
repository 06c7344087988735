"""The reference holds every public name, and the drawing of the house is that of the code."""

import importlib
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = runpy.run_path(str(DOCS / "reference_pages.py"))
HOUSE = runpy.run_path(str(DOCS / "draw_house.py"))
AREAS = PAGES["areas"]()


def page_of(area: str) -> Path:
    return DOCS / "reference" / f"{area.removeprefix('tltk.')}.md"


def write_package(folder: Path, **modules: str) -> Path:
    for area, source in modules.items():
        (folder / area).mkdir()
        (folder / area / "__init__.py").write_text(source, encoding="utf-8")
    return folder


def test_areas_are_the_package_and_its_public_folders():
    folders = {path.parent.name for path in (ROOT / "tltk").glob("[!_]*/__init__.py")}
    assert AREAS[0] == "tltk"
    assert set(AREAS[1:]) == {f"tltk.{name}" for name in folders}


@pytest.mark.parametrize("area", AREAS)
def test_area_has_a_page_that_the_site_leads_to(area):
    text = page_of(area).read_text(encoding="utf-8")
    assert text.startswith(f"# {area}\n")
    assert f"\n.. area:: {area}\n" in text
    assert f"\nreference/{page_of(area).stem}\n" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_every_page_of_reference_is_of_an_area():
    assert {page_of(area) for area in AREAS} == set((DOCS / "reference").glob("*.md"))


@pytest.mark.parametrize("area", AREAS)
def test_page_describes_every_public_name_once(area):
    text, names = PAGES["area_page"](area), importlib.import_module(area).__all__
    described = re.findall(r"^\.\. auto(?:function|class|data):: (\S+)$", text, re.MULTILINE)
    assert sorted(described) == sorted(f"{area}.{name}" for name in names)
    assert sorted(re.findall(r"^   (\w+)$", text, re.MULTILINE)) == sorted(names)


def test_kinds_of_names():
    kinds = [PAGES["kind"](thing) for thing in (Path, runpy.run_path, len, {"noise": len})]
    assert kinds == ["class", "function", "function", "data"]


@pytest.mark.parametrize("area", AREAS)
def test_data_say_what_they_are(area):
    for path in PAGES["public_names"](area)["Data"]:
        assert PAGES["data_docstring"](path).endswith("."), path


def test_formula_is_shown_as_it_stands():
    docstring = "Add.\n\n    x + |y|\n\nwith\n\n- a list\n\n    of its own\n\nArgs:\n    x: one."
    assert PAGES["with_formulas"](docstring) == (
        "Add.\n\n::\n\n    x + |y|\n\nwith\n\n- a list\n\n    of its own\n\nArgs:\n    x: one."
    )


def test_drawing_is_that_of_the_code():
    drawn = HOUSE["drawing"](ROOT / "tltk")
    assert (DOCS / "house.svg").read_text(encoding="utf-8") == drawn, (
        "run: python docs/draw_house.py"
    )


def test_imports_between_areas_are_found_wherever_they_stand(tmp_path):
    package = write_package(
        tmp_path,
        low='"""Low."""\nimport os\nfrom tltk._checks import refuse\n',
        high='"""High."""\ndef f():\n    from tltk import low\n    import tltk.high.other\n',
    )
    assert HOUSE["imports"](package) == {"low": set(), "high": {"low"}}


def test_floors_stand_above_what_they_import():
    below = {"a": set(), "b": {"a"}, "d": {"b"}, "c": {"a", "b"}, "e": {"a", "c"}}
    assert HOUSE["floors"](below) == [["a"], ["b"], ["c", "d"], ["e"]]


def test_a_circle_is_no_house():
    with pytest.raises(ValueError, match=r"one way.*Received: a circle among b, c\. Take"):
        HOUSE["floors"]({"a": set(), "b": {"c"}, "c": {"b"}})


def test_drawing_has_a_room_for_each_area_and_an_arrow_for_each_import(tmp_path):
    package = write_package(
        tmp_path,
        a='"""The <ground>."""',
        b='"""Above."""\nimport tltk.a\n',
        c='"""On top."""\nfrom tltk.a import x\nfrom tltk.b import y\n',
    )
    picture = HOUSE["drawing"](package)
    assert re.findall(r'font-size="17"[^>]*>(\w+)<', picture) == ["a", "b", "c"]
    assert "The &lt;ground&gt;." in picture
    assert picture.count('Z"') == 3  # heads of arrows
