"""Few labels, no labels, many tasks."""

from tltk.few_labels.anomalies import AnomalyDetector
from tltk.few_labels.borrowing import borrow_rows
from tltk.few_labels.inner_loop import adapt, adaptation_curve
from tltk.few_labels.meta_learning import maml, reptile
from tltk.few_labels.self_trained_head import self_train_head
from tltk.few_labels.self_training import SelfTraining

__all__ = [
    "AnomalyDetector",
    "SelfTraining",
    "adapt",
    "adaptation_curve",
    "borrow_rows",
    "maml",
    "reptile",
    "self_train_head",
]
