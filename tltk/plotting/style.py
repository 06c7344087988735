"""How every figure looks: sizes that fit a lecture, colours that colour-blind eyes tell apart."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Seven colours that colour-blind eyes tell apart.

Okabe and Ito, Color universal design, 2008, without the yellow that is faint on white.
"""

GREY = "#666666"
"""For what stands in the background: chance, baselines, notes."""

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
"""Matplotlib's settings of every figure here, for `plt.rcParams.update(SETTINGS)`."""

CHINESE_FONTS = ("Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei")


def lecture_style(plot: Callable[..., "Figure"]) -> Callable[..., "Figure"]:
    """Make a function draw its figure with our settings, and leave everyone else's as they were.

    Args:
        plot: a function that returns a figure.

    Returns:
        The function, styled.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> width = lambda: plt.rcParams["lines.linewidth"]
        >>> width(), lecture_style(width)()
        (1.5, 2.2)
    """

    @wraps(plot)
    def styled(*args, **kwargs):
        import matplotlib.pyplot as plt
        from matplotlib.font_manager import fontManager

        installed = set(fontManager.get_font_names())
        fonts = ["DejaVu Sans", *(font for font in CHINESE_FONTS if font in installed)]
        # Loads the backend first: the settings it makes, such as a notebook's, are to stay.
        plt.draw_if_interactive()
        settings: Any = {**SETTINGS, "font.family": fonts}
        with plt.rc_context(settings):
            return plot(*args, **kwargs)

    return styled


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **grid
) -> tuple["Figure", np.ndarray]:
    """Make a figure of the given size in inches, and its array of axes.

    The figure is closed for pyplot at once: a notebook shows it when it is a cell's value, once,
    and nothing piles up in memory.

    Args:
        width: inches.
        height: inches.
        rows: axes below each other.
        columns: axes beside each other.
        grid: further settings of `matplotlib.pyplot.subplots`.

    Returns:
        The figure, and its axes as an array (rows, columns).

    Example:
        >>> figure, axes = new_figure(8, 3, columns=2)
        >>> axes.shape
        (1, 2)
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        rows, columns, figsize=(width, height), layout="constrained", squeeze=False, **grid
    )
    plt.close(figure)
    return figure, axes
