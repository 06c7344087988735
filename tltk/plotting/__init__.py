"""What a run looks like: tables, figures, and a report that holds both."""

from tltk.plotting.comparisons import plot_ranking, plot_task_gains, plot_transfer_gains
from tltk.plotting.curves import plot_history, plot_learning_curves
from tltk.plotting.decisions import (
    plot_confusion_matrix,
    plot_open_set,
    plot_precision_recall,
    plot_reliability,
)
from tltk.plotting.pictures import plot_mistakes, plot_pictures, plot_predictions
from tltk.plotting.report import write_report
from tltk.plotting.series import plot_series
from tltk.plotting.style import COLORS, GREY, SETTINGS, lecture_style, new_figure
from tltk.plotting.tables import Table, format_table

__all__ = [
    "COLORS",
    "GREY",
    "SETTINGS",
    "Table",
    "format_table",
    "lecture_style",
    "new_figure",
    "plot_confusion_matrix",
    "plot_history",
    "plot_learning_curves",
    "plot_mistakes",
    "plot_open_set",
    "plot_pictures",
    "plot_precision_recall",
    "plot_predictions",
    "plot_ranking",
    "plot_reliability",
    "plot_series",
    "plot_task_gains",
    "plot_transfer_gains",
    "write_report",
]
