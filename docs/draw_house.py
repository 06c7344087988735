"""Draw docs/house.svg: the areas of tltk as rooms, and which area imports from which.

Floors and arrows are read from the imports in the code: an area stands one floor above the highest
one that it imports from. A test compares the drawing with the code; when it differs:

    python docs/draw_house.py
"""

import ast
import textwrap
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "house.svg"
WIDTH, LEFT, RIGHT = 850, 92, 680  # of the picture, and the walls of the house
ROOM, STAIRS, TOP, LANE = 70, 34, 104, 24  # heights of a room, between floors, of the roof; a lane
COLOURS = ["#1f6f8b", "#b5541c", "#5b7f24", "#7a4fa3", "#b03060", "#8a6d00", "#3558a8", "#4d5661"]


class Room(NamedTuple):
    """Where an area is drawn: its corner, its width, and which side its long arrows take."""

    x: int
    y: int
    width: int
    side: int


def areas(package: Path) -> dict[str, str]:
    """Each area and the first sentence of its docstring."""
    found = sorted(package.glob("[!_]*/__init__.py"))
    texts = {path.parent.name: ast.get_docstring(_tree(path)) for path in found}
    return {area: text.split("\n\n")[0].replace("\n", " ") for area, text in texts.items()}


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(package: Path) -> dict[str, set[str]]:
    """The other areas that each area imports from, anywhere in its code."""
    known = set(areas(package))
    return {
        area: {
            parts[1]
            for path in (package / area).rglob("*.py")
            for name in _imported(_tree(path))
            if (parts := name.split("."))[0] == "tltk" and parts[1:] and parts[1] in known - {area}
        }
        for area in known
    }


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floors(below: dict[str, set[str]]) -> list[list[str]]:
    """Areas from the ground up: each one floor above the highest that it imports from.

    Raises:
        ValueError: where areas import from each other in a circle.
    """
    placed: dict[str, int] = {}
    while len(placed) < len(below):
        free = sorted(area for area in set(below) - set(placed) if below[area] <= set(placed))
        if not free:
            circle = ", ".join(sorted(set(below) - set(placed)))
            raise ValueError(
                "Areas import one way, so that they can be drawn as floors. "
                f"Received: a circle among {circle}. Take one import out."
            )
        heights = {area: 1 + max((placed[b] for b in below[area]), default=-1) for area in free}
        placed.update(heights)
    rows = range(max(placed.values()) + 1)
    return [sorted(area for area in placed if placed[area] == row) for row in rows]


def rooms(rows: list[list[str]]) -> dict[str, Room]:
    """The place of every area; the leftmost of several on one floor takes the lanes on the left."""
    placed, gap = {}, 16
    for row, names in enumerate(rows):
        width = (RIGHT - LEFT - gap * (len(names) - 1)) // len(names)
        y = TOP + (len(rows) - 1 - row) * (ROOM + STAIRS)
        for column, name in enumerate(names):
            side = -1 if column == 0 and len(names) > 1 else 1
            placed[name] = Room(LEFT + column * (width + gap), y, width, side)
    return placed


def drawing(package: Path) -> str:
    """The picture as SVG; the same code gives the same text."""
    below, texts = imports(package), areas(package)
    rows = floors(below)
    placed = rooms(rows)
    floor = {area: row for row, names in enumerate(rows) for area in names}
    colour = dict(zip(floor, COLOURS * len(floor), strict=False))
    parts, lanes = [_roof(), _foundation(len(rows))], {-1: {}, 1: {}}
    for area in floor:
        for other in sorted(below[area]):
            if floor[area] == floor[other] + 1:
                parts.append(_stairs(placed[area], placed[other], colour[other]))
            else:
                side = min(placed[area].side, placed[other].side)
                lanes[side].setdefault(other, []).append(area)
    for side, ways in lanes.items():
        parts += _lanes(side, {area: ways[area] for area in floor if area in ways}, placed, colour)
    parts += [_room(area, placed[area], texts[area], colour[area]) for area in floor]
    height = TOP + len(rows) * (ROOM + STAIRS) + 62
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            'font-family="Helvetica, Arial, sans-serif" role="img" '
            'aria-label="The areas of tltk as floors of a house, with arrows for imports">',
            f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#fdfcf9"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _text(x, y, text, size=13, colour="#333", weight="normal", anchor="start"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _roof():
    middle, eaves = (LEFT + RIGHT) // 2, TOP - 18
    corners = f"{LEFT - 14},{eaves} {RIGHT + 14},{eaves} {middle},12"
    return (
        f'<polygon points="{corners}" fill="#efe9dd" stroke="#8c8271" stroke-width="1.5"/>'
        + _text(middle, eaves - 26, "import tltk", 16, "#222", "bold", "middle")
        + _text(middle, eaves - 9, "what most programs need, from several floors", anchor="middle")
    )


def _foundation(count):
    y, width = TOP + count * (ROOM + STAIRS) - STAIRS + 16, RIGHT - LEFT + 28
    says = "Modules with an underscore: checks of arguments, kept files, the private parts of Keras"
    return (
        f'<rect x="{LEFT - 14}" y="{y}" width="{width}" height="52" fill="#e3e0da" '
        'stroke="#8c8271" stroke-width="1.5"/>'
        + _text((LEFT + RIGHT) // 2, y + 21, says, 12, anchor="middle")
        + _text(
            (LEFT + RIGHT) // 2,
            y + 39,
            "(every floor imports them)",
            12,
            "#666",
            "normal",
            "middle",
        )
    )


def _room(area, room, sentence, colour):
    x, y, width, _ = room
    lines = textwrap.wrap(sentence, int((width - 32) / 5.6), max_lines=2, placeholder=" …")
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{ROOM}" rx="5" fill="#ffffff" '
        f'stroke="{colour}" stroke-width="2"/>'
        + _text(x + 16, y + 24, area, 17, colour, "bold")
        + "".join(_text(x + 16, y + 43 + 15 * i, line, 12.5) for i, line in enumerate(lines))
    )


def _line(path, colour):
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'


def _stairs(room, other, colour):
    """A straight arrow to the floor below, from above the middle of the narrower room."""
    x = (room if room.width < other.width else other).x + min(room.width, other.width) // 2
    tip = other.y - 2
    head = f'<path d="M{x - 5} {tip - 9}L{x + 5} {tip - 9}L{x} {tip}Z" fill="{colour}"/>'
    return _line(f"M{x} {room.y + ROOM}V{tip - 8}", colour) + head


def _lanes(side, ways, placed, colour):
    """One lane for each area that is reached from further up, the lowest area's outermost."""
    parts = []
    exits = {
        area: [to for to in ways if area in ways[to]] for from_ in ways.values() for area in from_
    }
    for number, (to, sources) in enumerate(reversed(ways.items()), start=1):
        x = (RIGHT if side > 0 else LEFT) + side * LANE * number
        wall = placed[to].x + (placed[to].width if side > 0 else 0)
        tip, entry = wall + 2 * side, placed[to].y + 12
        heights = [placed[a].y + 24 + 12 * exits[a][::-1].index(to) for a in sources]
        for area, y in zip(sources, heights, strict=True):
            start = placed[area].x + (placed[area].width if side > 0 else 0)
            parts.append(_line(f"M{start} {y}H{x}", colour[to]))
            parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{colour[to]}"/>')
        parts.append(_line(f"M{x} {min(heights)}V{entry}H{tip + 8 * side}", colour[to]))
        back = tip + 9 * side
        head = f"M{back} {entry - 5}L{back} {entry + 5}L{tip} {entry}Z"
        parts.append(f'<path d="{head}" fill="{colour[to]}"/>')
    return parts


if __name__ == "__main__":
    PICTURE.write_text(drawing(ROOT / "tltk"), encoding="utf-8", newline="\n")
