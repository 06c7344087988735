"""What a run looks like: tables, figures, and a report that holds both."""

from tltk.viewing.curves import plot_history, plot_learning_curves
from tltk.viewing.decisions import plot_open_set, plot_precision_recall, plot_reliability
from tltk.viewing.gains import plot_transfer_gains
from tltk.viewing.matrix import plot_confusion_matrix
from tltk.viewing.pictures import plot_mistakes, plot_pictures, plot_predictions
from tltk.viewing.ranking import plot_ranking
from tltk.viewing.report import write_report
from tltk.viewing.series import plot_series
from tltk.viewing.tables import Table, format_table
from tltk.viewing.task_gains import mutual_gains, plot_task_gains

__all__ = [
    "Table",
    "format_table",
    "mutual_gains",
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
