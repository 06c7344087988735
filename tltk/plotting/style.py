"""How every figure looks: sizes that fit a lecture, colours that colour-blind eyes tell apart."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito, "Color universal design" (2008), without the yellow that is faint on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#666666"
RIGHT, WRONG = "#0072B2", "#D55E00"

SETTINGS = {
    "font.size": 12,
    "text.parse_math": False,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
CHINESE_FONTS = ("Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei")


def lecture_style(plot: Callable[..., "Figure"]) -> Callable[..., "Figure"]:
    """Draw a figure with our settings and leave everyone else's as they were."""

    @wraps(plot)
    def styled(*args, **kwargs):
        import matplotlib.pyplot as plt
        from matplotlib.font_manager import fontManager

        installed = set(fontManager.get_font_names())
        fonts = ["DejaVu Sans", *(font for font in CHINESE_FONTS if font in installed)]
        # Loads the backend first: the settings it makes, such as a notebook's, are to stay.
        plt.draw_if_interactive()
        with plt.rc_context({**SETTINGS, "font.family": fonts}):
            return plot(*args, **kwargs)

    return styled


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **grid
) -> tuple["Figure", np.ndarray]:
    """Make a figure of the given size in inches, and its array of axes.

    The figure is closed for pyplot at once: a notebook shows it when it is a cell's value, once,
    and nothing piles up in memory.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height), layout="constrained", squeeze=False, **grid
    )
    plt.close(figure)
    return figure, axes
