"""What features and labels must satisfy before they are scored."""

import numpy as np


def checked_features(features: np.ndarray, name: str = "Features") -> np.ndarray:
    """Finite float64 rows (n, d) that are not all alike."""
    features = np.asarray(features)
    numbers = features.ndim == 2 and features.dtype.kind in "fiub"
    if not numbers or min(features.shape) == 0 or not np.isfinite(features).all():
        raise ValueError(
            f"{name} must be finite numbers of shape (n, d). Received: shape {features.shape}, "
            f"type {features.dtype}{', NaN or infinity among them' if numbers else ''}. "
            "extract_features gives such an array."
        )
    features = features.astype("float64")
    if (features == features[0]).all():
        raise ValueError(
            f"{name} must differ between examples. Received: {len(features)} rows that are all "
            "alike. Check that the network's inputs are raw, and its weights loaded."
        )
    return features


def checked_classes(labels, count: int | None = None, at_least: int = 2) -> np.ndarray:
    """Class numbers (n,) counted from zero without gaps."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) != (count or len(labels)):
        raise ValueError(
            f"Labels must be class numbers of shape ({count or 'n'},). Received: labels of shape "
            f"{labels.shape} and type {labels.dtype}. Pass one whole number for each example."
        )
    classes, labels = np.unique(labels, return_inverse=True)
    if len(classes) < at_least:
        raise ValueError(
            f"A score needs examples of two classes. Received: {len(classes)} class"
            f"{'' if len(classes) == 1 else 'es'} in {len(labels)} examples. Add the others."
        )
    return labels


def target_columns(targets, count: int) -> np.ndarray:
    """Class numbers as columns of 0 and 1, one for each class; floats as columns (n, k)."""
    targets = np.asarray(targets)
    if targets.dtype.kind != "f":
        labels = checked_classes(targets, count)
        return np.eye(labels.max() + 1)[labels]
    targets = targets.reshape(len(targets), -1).astype("float64")
    if len(targets) != count or not np.isfinite(targets).all() or not targets.any(axis=0).all():
        raise ValueError(
            f"Targets must be {count} rows of finite numbers, not all 0. Received: shape "
            f"{targets.shape}. Pass one row for each example."
        )
    return targets
