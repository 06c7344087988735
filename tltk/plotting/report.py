"""A report in one HTML file that can be mailed and opened anywhere."""

import base64
import html
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tltk._cache import write_text
from tltk._checks import check_mapping, check_text, refuse, shown
from tltk._paths import user_path
from tltk.plotting.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.8rem; border-bottom: 3px solid #0072b2; padding-bottom: .3rem }
h2 { font-size: 1.2rem; margin: 2rem 0 .6rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .9rem; border-bottom: 1px solid #ddd }
th { border-bottom: 2px solid #888 }
tbody tr:hover { background: #f3f7fa }
img { max-width: 100%; height: auto }
"""


def write_report(
    folder: str | Path,
    title: str,
    tables: Mapping[str, Table],
    figures: Mapping[str, "Figure"],
) -> Path:
    """Write tables and figures into one HTML file that needs no other file.

    Args:
        folder: where to write; created if missing.
        title: the report's heading.
        tables: heading -> table, as `format_table` gives them, in order.
        figures: heading -> figure, as the plot functions give them, in order; they follow the
            tables.

    Returns:
        The path of the report, `folder/report.html`, which replaces an earlier one.

    Example:
        >>> from tltk.plotting.tables import format_table
        >>> table = format_table([{"method": "frozen", "accuracy": 0.8}])
        >>> write_report("results", "My photos", {"Results": table}, {}).as_posix()
        'results/report.html'
    """
    check_text("title", title)
    for name, given in (("tables", tables), ("figures", figures)):
        if given != {}:
            check_mapping(name, given, what=name)
    path = user_path(folder, "folder") / "report.html"
    for heading, table in tables.items():
        if not isinstance(table, Table):
            received = f"tables[{heading!r}]={shown(table)}"
            refuse("tables must come from format_table", received, "Pass format_table(rows)")
    for heading, figure in figures.items():
        if not hasattr(figure, "savefig"):
            received = f"figures[{heading!r}]={shown(figure)}"
            refuse("figures must be figures", received, "Pass what plot_history returns, say")
    if path.parent.exists() and not path.parent.is_dir():
        raise FileExistsError(
            f"A report is written into a folder. Received: {path.parent}, which is a file. "
            "Name another folder."
        )
    sections = [_section(heading, table._repr_html_()) for heading, table in tables.items()]
    sections += [_section(heading, _image(figure, heading)) for heading, figure in figures.items()]
    title = html.escape(title)
    write_text(
        path,
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n" + "\n".join(sections) + "\n</body>\n</html>\n",
    )
    return path


def _section(heading: str, content: str) -> str:
    return f"<section>\n<h2>{html.escape(heading)}</h2>\n{content}\n</section>"


def _image(figure: "Figure", heading: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    pixels = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{html.escape(heading)}" src="data:image/png;base64,{pixels}">'
