"""What a model gets right, class by class."""

import numpy as np

from tltk._checks import check_number
from tltk.evaluation.predictions import Predictions
from tltk.evaluation.thresholds import check_predictions


def classification_table(predictions: Predictions, threshold: float = 0.5) -> list[dict]:
    """Return precision, recall and F1 of each class, and the figures for all of them together.

        precision = TP / (TP + FP),  recall = TP / (TP + FN),  F1 = their harmonic mean

    or 0 where the denominator is 0. Accuracy is the share of right answers; balanced accuracy is
    the mean recall of the classes that occur, so a common class counts no more than a rare one.
    Both stand in the recall column: they are the recall over all pictures and over all classes.

    Args:
        predictions: what `predict_split` returned, n rows.
        threshold: many labels: the probability from which a label counts as given; default 0.5.

    Returns:
        Rows with "class", "precision", "recall", "f1", "support" (number of examples), then
        "accuracy" and "balanced accuracy"; many labels: then "micro average" and "macro average".
        Regression: rows with "output", "mae", "rmse", "r2", "support", one per output.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        >>> rows = classification_table(Predictions(np.array([0, 1, 1]), sure, ("cat", "dog")))
        >>> [(row["class"], round(row["recall"], 2)) for row in rows]
        [('cat', 1.0), ('dog', 0.5), ('accuracy', 0.67), ('balanced accuracy', 0.75)]
    """
    check_predictions("predictions", predictions)
    check_number("threshold", threshold, least=0, most=1)
    if predictions.kind == "regression":
        return _regression_rows(predictions)
    from sklearn.metrics import precision_recall_fscore_support

    labels, probabilities, class_names = predictions[:3]
    one_label = predictions.kind == "one_label"
    answers = (
        probabilities.argmax(axis=1) if one_label else (probabilities >= threshold).astype(int)
    )

    def scores(average: str | None) -> tuple:
        return precision_recall_fscore_support(
            labels, answers, labels=range(len(class_names)), average=average, zero_division=0
        )

    rows = [
        {
            "class": name,
            "precision": float(p),
            "recall": float(r),
            "f1": float(f),
            "support": int(n),
        }
        for name, p, r, f, n in zip(class_names, *scores(None), strict=True)
    ]
    if one_label:
        occurring = [row["recall"] for row in rows if row["support"]]
        totals = {
            "accuracy": {"recall": float(np.mean(answers == labels))},
            "balanced accuracy": {"recall": float(np.mean(occurring))},
        }
    else:
        columns = ("precision", "recall", "f1")
        totals = {
            f"{average} average": dict(zip(columns, map(float, scores(average)[:3]), strict=True))
            for average in ("micro", "macro")
        }
    return rows + [{"class": k, **v, "support": len(labels)} for k, v in totals.items()]


def _regression_rows(predictions: Predictions) -> list[dict]:
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    return [
        {
            "output": name,
            "mae": float(mean_absolute_error(truth, answer)),
            "rmse": float(root_mean_squared_error(truth, answer)),
            "r2": float(r2_score(truth, answer)) if len(truth) > 1 else None,
            "support": len(truth),
        }
        for name, truth, answer in zip(
            predictions.class_names, predictions.labels.T, predictions.probabilities.T, strict=True
        )
    ]
