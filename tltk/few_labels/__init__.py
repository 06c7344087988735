"""Few labels, no labels, many tasks."""

from tltk.few_labels.anomalies import AnomalyDetector
from tltk.few_labels.borrowing import borrow_rows
from tltk.few_labels.self_trained_head import self_train_head
from tltk.few_labels.self_training import SelfTraining

__all__ = ["AnomalyDetector", "SelfTraining", "borrow_rows", "self_train_head"]
