"""What each page of the reference holds: the `__all__` of `tltk` and of its areas, read as built.

Names are written nowhere in `docs/reference/`: a page there names its area, and `conf.py` puts
this text in its place.
"""

import ast
import inspect
import itertools
import pkgutil
import re
import sys
from importlib import import_module

import tltk

KINDS = {"Functions": "function", "Classes": "class", "Data": "data"}
SECTION = re.compile(
    r"^(Args|Attributes|Returns|Yields|Raises|Example|References?):$", re.MULTILINE
)
ITEM = re.compile(r"(-|\d+\.) ")


def areas() -> list[str]:
    """`tltk` itself, and every package in it whose name has no underscore in front."""
    found = [module.name for module in pkgutil.iter_modules(tltk.__path__) if module.ispkg]
    return ["tltk", *(f"tltk.{name}" for name in found if not name.startswith("_"))]


def kind(thing) -> str:
    """How autodoc calls it: class, function or data."""
    if inspect.isclass(thing):
        return "class"
    return "function" if inspect.isroutine(thing) else "data"


def public_names(area: str) -> dict[str, list[str]]:
    """The full names of an area by heading, each list in the order of the alphabet."""
    module = import_module(area)
    names = sorted(module.__all__, key=str.lower)
    return {
        heading: [f"{area}.{name}" for name in names if kind(getattr(module, name)) == wanted]
        for heading, wanted in KINDS.items()
    }


def area_page(area: str) -> str:
    """A page in reStructuredText: what the area is, tables of summaries, then all docstrings."""
    lists = {heading: names for heading, names in public_names(area).items() if names}
    blocks = [f".. automodule:: {area}\n   :no-members:"]
    for heading, names in lists.items():
        rows = "\n".join(f"   {name.removeprefix(area + '.')}" for name in names)
        blocks += [f".. rubric:: {heading}", f".. autosummary::\n   :nosignatures:\n\n{rows}"]
    for heading, names in lists.items():
        options = "\n   :members:\n   :inherited-members:" if heading == "Classes" else ""
        blocks += [f".. auto{KINDS[heading]}:: {name}{options}" for name in names]
    return "\n\n".join(blocks) + "\n"


def data_docstring(path: str) -> str:
    """The string below the assignment of a public name that is neither function nor class."""
    area, _, name = path.rpartition(".")
    thing = getattr(sys.modules[area], name)
    homes = [module for key, module in sys.modules.items() if key.startswith(f"{area}.")]
    for module in homes:
        if vars(module).get(name) is not thing:
            continue
        for node, below in itertools.pairwise(ast.parse(inspect.getsource(module)).body):
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if is_text and isinstance(node, ast.Assign) and node.targets[0].id == name:
                return inspect.cleandoc(below.value.value)
    return ""


def for_napoleon(docstring: str) -> str:
    """Say in napoleon's terms what our docstrings mean.

    What is indented before the first section is a formula, to be shown as it stands. What is
    returned is told in prose: a colon in its first line ends no type.

    Example:
        >>> for_napoleon("Add.\\n\\n    x + y\\n\\nArgs:\\n    x: a number.").split("\\n")[2:5]
        ['::', '', '    x + y']
    """
    section = SECTION.search(docstring)
    end = section.start() if section else len(docstring)
    shown = []
    for paragraph in re.split(r"\n{2,}", docstring[:end].strip("\n")):
        formula = paragraph.startswith("    ") and not (shown and ITEM.match(shown[-1]))
        shown.append(f"::\n\n{paragraph}" if formula else paragraph)
    sections = re.sub(
        r"^(Returns|Yields):\n( +)", r"\1:\n\2: ", docstring[end:], flags=re.MULTILINE
    )
    return "\n\n".join([*shown, sections])
