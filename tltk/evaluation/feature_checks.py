"""What features and labels must satisfy before they are scored."""

import numpy as np

from tltk._checks import as_class_numbers, as_numbers, refuse, shown


def checked_features(features: np.ndarray, name: str = "features") -> np.ndarray:
    """Finite float64 rows (n, d) that are not all alike."""
    features = as_numbers(name, features, advice="extract_features gives such an array")
    if (features == features[0]).all():
        refuse(
            f"{name} must differ between examples",
            f"{name} of {len(features)} rows that are all alike",
            "Check that the network's inputs are raw, and its weights loaded",
        )
    return features


def checked_classes(
    labels, count: int | None = None, at_least: int = 2, name: str = "labels"
) -> np.ndarray:
    """Class numbers (n,) counted from zero without gaps."""
    return np.unique(as_class_numbers(name, labels, count, at_least), return_inverse=True)[1]


def target_columns(targets, count: int) -> np.ndarray:
    """Class numbers as columns of 0 and 1, one for each class; floats as columns (n, k)."""
    if np.asarray(targets).dtype.kind != "f":
        labels = checked_classes(targets, count, name="targets")
        return np.eye(labels.max() + 1)[labels]
    targets = as_numbers("targets", targets, "")
    columns = targets.reshape(len(targets), -1) if targets.ndim in (1, 2) else targets
    if columns.ndim != 2 or len(columns) != count or not columns.any(axis=0).all():
        refuse(
            f"targets must be {count} rows of numbers, no column all 0",
            f"targets={shown(targets)}",
            "Pass one row for each example",
        )
    return columns
