"""Small tables that read well in a terminal, in a notebook and in a report."""

import html
import math
import unicodedata
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from tltk._checks import check_number, check_records, check_text, refuse, shown


class Table(NamedTuple):
    """A formatted table: prints as aligned text, shows as HTML in a notebook.

    Attributes:
        headings: m column headings.
        cells: n rows of m texts.
        numeric: for each column, whether it is set to the right.
        caption: a line above the table, or None.
    """

    headings: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    caption: str | None = None

    def __str__(self) -> str:
        lines = [self.headings, *self.cells]
        widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
        rule = "  ".join("-" * width for width in widths)
        text = ["  ".join(map(_pad, line, widths, self.numeric)).rstrip() for line in lines]
        caption = [self.caption] if self.caption else []
        return "\n".join([*caption, text[0], rule, *text[1:]])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "".join(map(_html_cell, self.headings, self.numeric, ["th"] * len(self.numeric)))
        body = "".join(
            f"<tr>{''.join(map(_html_cell, line, self.numeric, ['td'] * len(line)))}</tr>\n"
            for line in self.cells
        )
        caption = ""
        if self.caption:
            style = "caption-side: top; text-align: left; font-weight: bold; white-space: nowrap"
            caption = f'<caption style="{style}">{html.escape(self.caption)}</caption>\n'
        return (
            f"<table>\n{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>"
        )


def format_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] | Mapping[str, str] | None = None,
    digits: int = 3,
    caption: str | None = None,
    *,
    missing: str = "",
) -> Table:
    """Lay out rows of results as a table.

    Args:
        rows: one mapping per row, from column to value: text, number, yes/no, None, a pair
            (mean, half width), which is shown as mean ± half width, or (value, low, high), shown
            as value (low to high). NaN shows as ?.
        columns: which columns, in which order; a mapping gives each a heading. By default all of
            them, as they first occur, with underscores turned into spaces.
        digits: decimal places; default 3. A single number too small for them keeps three figures.
        caption: a line above the table.
        missing: what stands where a row has no value, or None; default nothing.

    Returns:
        A Table.

    Raises:
        ValueError: a column that no row has.

    Example:
        >>> rows = [{"method": "scratch", "accuracy": (0.41, 0.02)}]
        >>> print(format_table(rows + [{"method": "frozen", "accuracy": (0.8, 0.01)}], digits=2))
        method      accuracy
        -------  -----------
        scratch  0.41 ± 0.02
        frozen   0.80 ± 0.01
    """
    if not isinstance(rows, list | tuple) or len(rows):
        check_records("rows", rows)
    check_number("digits", digits, least=0, most=20, whole=True, advice="3 is usual")
    if caption is not None:
        check_text("caption", caption)
    check_text("missing", missing)
    known = list(dict.fromkeys(key for row in rows for key in row))
    if columns is None:
        columns = known
    if not isinstance(columns, Mapping | list | tuple) or (rows and not columns):
        refuse("columns must list keys of the rows", f"columns={shown(columns)}", f"Pass {known}")
    if not isinstance(columns, Mapping):
        columns = {key: str(key).replace("_", " ") for key in columns}
    unknown = [column for column in columns if rows and column not in known]
    if unknown:
        raise ValueError(
            f"Columns must be keys of the rows: {', '.join(map(str, known))}. "
            f"Received: columns with {', '.join(map(str, unknown))}. Choose among the keys."
        )
    values = [[row.get(column) for column in columns] for row in rows]
    return Table(
        headings=tuple(columns.values()),
        cells=tuple(
            tuple(missing if value is None else _format(value, digits) for value in line)
            for line in values
        ),
        numeric=tuple(all(_is_numeric(line[i]) for line in values) for i in range(len(columns))),
        caption=caption,
    )


def _is_numeric(value: object) -> bool:
    return value is None or (isinstance(value, (Real, tuple)) and not isinstance(value, bool))


def _format(value: object, digits: int) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, tuple) and len(value) == 2:
        return " ± ".join(_fixed(each, digits) for each in value)
    if isinstance(value, tuple) and len(value) == 3:
        middle, low, high = (_fixed(each, digits) for each in value)
        return f"{middle} ({low} to {high})"
    if isinstance(value, Integral):
        return f"{int(value):,}" if abs(int(value)) >= 10_000 else str(int(value))
    if isinstance(value, Real):
        return _format_real(float(value), digits)
    return str(value)


def _format_real(value: float, digits: int) -> str:
    vanishes = value != 0 and abs(value) < 0.5 * 10**-digits
    return f"{value:.3g}" if vanishes else _fixed(value, digits)


def _fixed(value: float, digits: int) -> str:
    if isinstance(value, Integral):
        return str(value)
    return "?" if math.isnan(value) else f"{value:.{digits}f}"


def _width(text: str) -> int:
    """Count the terminal columns a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pad(text: str, width: int, numeric: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if numeric else text + space


def _html_cell(text: str, numeric: bool, tag: str) -> str:
    side = "right" if numeric else "left"
    return f'<{tag} style="text-align: {side}">{html.escape(text)}</{tag}>'
