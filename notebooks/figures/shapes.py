"""Boxes and arrows of the chapters' diagrams."""

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch


def add_box(axes, x, y, width, height, *, edge, hatched=False, face="white", rounding=0.08, fade=1):
    """Add a box with round corners; hatched means frozen, or learned from before."""
    box = FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle=f"round,pad=0.02,rounding_size={rounding}",
        facecolor=face,
        edgecolor=edge,
        linewidth=1.8,
        hatch="///" if hatched else None,
        alpha=fade,
    )
    axes.add_patch(box)


def add_arrow(axes, start, end, *, color, style="-|>", size=12):
    """Add an arrow from a point (x, y) to another."""
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=size, color=color)
    )
