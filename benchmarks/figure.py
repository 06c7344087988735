"""One figure of all results: every ratio that has a goal, with its spread and the goal."""

from tltk.plotting import COLORS, GREY, lecture_style, new_figure

REACHED, MISSED = COLORS[0], COLORS[4]
PANELS = {
    "times": "times as fast (logarithmic axis)",
    "share": "share of the other side (1 is the same)",
}


@lecture_style
def draw(results):
    """Draw the findings of several results as bars, ratios above and shares below.

    Args:
        results: what `common.report` wrote.

    Returns:
        A matplotlib figure.
    """
    found = {
        unit: [
            each
            for result in results
            for each in result["findings"]
            if each["unit"] == unit and each["goal"] is not None
        ]
        for unit in PANELS
    }
    heights = [max(len(each), 1) for each in found.values()]
    figure, axes = new_figure(
        11.5, 2.2 + 0.42 * sum(heights), rows=len(PANELS), height_ratios=heights
    )
    times, shares = axes[:, 0]
    for panel, unit in zip((times, shares), PANELS, strict=True):
        _bars(panel, found[unit])
        panel.set_xlabel(PANELS[unit])
    times.set_xscale("log")
    times.xaxis.set_major_formatter("{x:g}")
    times.set_xlim(min([1, *(each["low"] for each in found["times"])]), 4 * times.get_xlim()[1])
    shares.set_xlim(0, 1.35 * shares.get_xlim()[1])
    _legend(figure)
    figure.suptitle("\n".join(dict.fromkeys(map(_machine, results))), fontsize=10, color=GREY)
    return figure


def _machine(result) -> str:
    machine = result["machine"]
    versions = [
        f"{name} {machine['versions'][name]}"
        for name in ("keras", "tensorflow", "openvino")
        if name in machine["versions"]
    ]
    where = f"{machine['cpu']}, {machine['cores']} cores"
    return f"{where}; {', '.join(versions)}; {result['date']}"


def _bars(panel, findings):
    for row, each in enumerate(findings):
        color = REACHED if each["reached"] else MISSED
        panel.barh(row, each["median"], height=0.6, color=color)
        panel.hlines(row, each["low"], each["high"], color="black", linewidth=1.2)
        panel.vlines(each["goal"], row - 0.42, row + 0.42, color="black", linewidth=2.5)
        if "bound" in each:
            panel.plot(each["bound"], row, "D", color="white", markeredgecolor="black")
        furthest = max(each[name] for name in ("high", "goal", "bound") if name in each)
        panel.annotate(
            f"{each['median']:.3g}  (goal {'≤' if each['at_most'] else '≥'} {each['goal']:.3g})",
            (furthest, row),
            (10, 0),
            textcoords="offset points",
            va="center",
        )
    panel.set_yticks(range(len(findings)), [each["what"] for each in findings])
    panel.invert_yaxis()
    panel.margins(x=0.15)
    panel.grid(axis="y", visible=False)


def _legend(figure):
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    blank = {"linestyle": "none", "color": "black"}
    handles = {
        "goal reached": Patch(color=REACHED),
        "goal missed": Patch(color=MISSED),
        "goal": Line2D([], [], marker="|", markersize=14, markeredgewidth=2.5, **blank),
        "smallest to largest repeat": Line2D([], [], color="black", linewidth=1.2),
        "what counting operations allows": Line2D(
            [], [], marker="D", markerfacecolor="white", **blank
        ),
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, fontsize=10)
