"""The reference holds every public name, and the drawing of the house is that of the code."""

import importlib
import inspect
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


def conventions() -> dict[tuple[str, str], tuple[str, str]]:
    """The table of CONTRIBUTING.md: type and default by an argument and whose it is."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").replace(r"\|", "/")
    table = {}
    for line in re.findall(r"^\| `\w+` \|.*$", text, re.MULTILINE):
        argument, kind, default, owners = (cell.strip(" `") for cell in line.split("|")[1:-1])
        for owner in re.split(r"`, `", owners):
            assert (argument, owner) not in table
            table[argument, owner] = kind.replace("/", "|"), default
    return table


def test_an_argument_has_one_type_and_one_default_or_a_row_of_its_own():
    table, used = conventions(), set()
    assert {argument for argument, _ in table} >= {"level", "verbose", "seed", "backbone"}
    for area in AREAS[1:]:
        home = importlib.import_module(area)
        for name in filter(lambda each: callable(getattr(home, each)), home.__all__):
            for argument in inspect.signature(getattr(home, name)).parameters.values():
                rows = [(argument.name, owner) for owner in (name, "all others")]
                row = next((each for each in rows if each in table), None)
                if row is None:
                    continue
                kind = inspect.formatannotation(argument.annotation).strip("'")
                default = "none" if argument.default is argument.empty else repr(argument.default)
                assert (kind, default) == table[row], f"{area}.{name}({argument.name}=)"
                used.add(row)
    assert used == set(table)


def test_kinds_of_names():
    kinds = [PAGES["kind"](thing) for thing in (Path, runpy.run_path, len, {"noise": len})]
    assert kinds == ["class", "function", "function", "data"]


@pytest.mark.parametrize("area", AREAS)
def test_data_say_what_they_are(area):
    for path in PAGES["public_names"](area)["Data"]:
        assert PAGES["data_docstring"](path).endswith("."), path


def test_formula_is_shown_as_it_stands():
    docstring = "Add.\n\n    x + |y|\n\nwith\n\n- a list\n\n    of its own\n\nArgs:\n    x: one."
    assert PAGES["for_napoleon"](docstring) == (
        "Add.\n\n::\n\n    x + |y|\n\nwith\n\n- a list\n\n    of its own\n\nArgs:\n    x: one."
    )


def test_what_is_returned_has_no_type_before_a_colon():
    docstring = "Fit.\n\nReturns:\n    The scale: above 0."
    assert PAGES["for_napoleon"](docstring) == "Fit.\n\nReturns:\n    : The scale: above 0."


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


def described(area: str) -> dict[str, str]:
    """The docstrings on the page of an area: of its names, and of the methods of its classes."""
    module = importlib.import_module(area)
    things = {name: getattr(module, name) for name in module.__all__}
    for name, thing in list(things.items()):
        if PAGES["kind"](thing) == "class":
            own = [each for each in vars(thing) if not re.match("_|set_.*_request", each)]
            things |= {f"{name}.{each}": getattr(thing, each) for each in own}
    return {name: inspect.getdoc(thing) or "" for name, thing in things.items()}


def unread_by_a_page(docstring: str) -> list[str]:
    """Lines that would not read on a page as they do here: bars and odd backticks in prose."""
    text = re.sub(r"^Example:\n(?: .*\n?|\n)*", "", docstring, flags=re.MULTILINE)
    text = re.sub(r"::\n\n(?:    .*\n?|\n)+", "", PAGES["for_napoleon"](text))
    prose = re.sub(r"`[^`]+`", "", text)
    return [line for line in prose.splitlines() if "`" in line or re.search(r"\|\S", line)]


def test_what_a_page_would_not_read_is_found():
    good = "Add `|x|`.\n\n    |x| + |y|\n\nwith y.\n\nExample:\n    >>> 1 | 2\n    '|3'\n"
    assert unread_by_a_page(good) == []
    assert unread_by_a_page(good + "\nReturns:\n    |x| of `y.\n") == ["    : |x| of `y."]


@pytest.mark.parametrize("area", AREAS)
def test_docstrings_read_on_a_page_as_in_a_terminal(area):
    found = {name: unread_by_a_page(text) for name, text in described(area).items()}
    assert {name: lines for name, lines in found.items() if lines} == {}
