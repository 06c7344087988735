"""What a model gets right, class by class."""

from collections.abc import Mapping

import numpy as np

from tltk._checks import as_probabilities, check_number, refuse, shown
from tltk.evaluation.predictions import Predictions

ONE_FALSE_ALARM = "Take the false alarm as 1 and say how many of them a miss is worth"


def choose_threshold(
    validation: Predictions,
    positive: str,
    miss_cost: float | None = None,
    false_alarm_cost: float = 1.0,
    *,
    recall: float | None = None,
) -> float:
    """Choose the probability of a class from which to call it, on validation data.

    For costs: the threshold of the least (miss_cost * misses + false_alarm_cost * false alarms).
    For a recall: the highest threshold that finds at least that share. An answer is positive where
    its probability is at least the threshold; among equally good ones the highest is taken.

    Args:
        validation: what `predict_split` returned for the *validation* split. A threshold chosen
            on the test split would make every number measured there too good.
        positive: the name of the class to find; one of the labels where there are many.
        miss_cost: the cost of a positive example that is not called.
        false_alarm_cost: the cost of another example that is called, in the same unit.
        recall: the share to find, above 0 and at most 1, instead of a cost.

    Returns:
        The threshold; `inf` where the cheapest is never to call.

    Raises:
        ValueError: for neither or both of a cost and a recall, costs or a recall out of range, an
            unknown class, or predictions without a positive or without another example.

    Example:
        >>> p = np.array([0.9, 0.6, 0.4, 0.3, 0.1])
        >>> seen = Predictions(np.array([1, 0, 1, 0, 0]), np.c_[1 - p, p], ("healthy", "ill"))
        >>> choose_threshold(seen, "ill", miss_cost=5), choose_threshold(seen, "ill", miss_cost=0.5)
        (0.4, 0.9)
        >>> choose_threshold(seen, "ill", recall=0.5)
        0.9

    Reference:
        Elkan, The foundations of cost-sensitive learning, 2001.
    """
    truth, scores = positive_scores(validation, positive, "validation")
    if (miss_cost is None) == (recall is None):
        raise ValueError(
            "A threshold is chosen for a cost or for a recall. Received: "
            f"miss_cost={miss_cost}, recall={recall}. Pass one of the two."
        )
    if recall is not None:
        check_number("recall", recall, above=0, most=1, advice="Pass 0.9, say")
    else:
        check_number("miss_cost", miss_cost, above=0, advice=ONE_FALSE_ALARM)
    check_number("false_alarm_cost", false_alarm_cost, above=0, advice=ONE_FALSE_ALARM)
    if truth.all() or not truth.any():
        raise ValueError(
            f"A threshold needs examples with and without {positive!r}. Received: {truth.sum()} of "
            f"{len(truth)}. Validate on more examples, or on folds of the training part."
        )
    from sklearn.metrics import roc_curve

    false, found, thresholds = roc_curve(truth, scores, drop_intermediate=False)
    if recall is not None:
        return float(thresholds[np.argmax(found >= recall - 1e-12)])
    positives, others = truth.sum(), (~truth).sum()
    costs = miss_cost * positives * (1 - found) + false_alarm_cost * others * false
    return float(thresholds[np.argmax(costs <= costs.min() + 1e-9 * costs.max())])


def threshold_table(
    predictions: Predictions,
    positive: str,
    thresholds: Mapping[str, float],
    miss_cost: float,
    *,
    false_alarm_cost: float = 1.0,
) -> list[dict]:
    """Say what thresholds lead to: what is found, what is called in vain, and the cost.

        cost = (miss_cost * misses + false_alarm_cost * false alarms) / examples

    Args:
        predictions: what `predict_split` returned, n rows.
        positive: the name of the class to find.
        thresholds: name -> threshold.
        miss_cost: the cost of a positive example that is not called.
        false_alarm_cost: the cost of another example that is called.

    Returns:
        A row for each threshold and one for "never call" and "always call": "rule", "threshold",
        "recall", "precision" (None where nothing is called), "misses", "false alarms" and "cost",
        the mean per example.

    Raises:
        ValueError: for an unknown class, or costs that are not positive.

    Example:
        >>> p = np.array([0.9, 0.6, 0.4, 0.3])
        >>> seen = Predictions(np.array([1, 0, 1, 0]), np.c_[1 - p, p], ("healthy", "ill"))
        >>> row = threshold_table(seen, "ill", {"one half": 0.5}, miss_cost=5)[0]
        >>> row["misses"], row["false alarms"], row["cost"]
        (1, 1, 1.5)
    """
    check_number("miss_cost", miss_cost, above=0, advice=ONE_FALSE_ALARM)
    check_number("false_alarm_cost", false_alarm_cost, above=0, advice=ONE_FALSE_ALARM)
    if not isinstance(thresholds, Mapping) or not thresholds:
        refuse(
            "thresholds must name one or more",
            f"thresholds={shown(thresholds)}",
            'Pass {"one half": 0.5}, say',
        )
    for rule, value in thresholds.items():
        if not (isinstance(value, float) and np.isinf(value)):  # choose_threshold may say never
            check_number(f"thresholds[{rule!r}]", value, advice="Pass a probability")
    truth, scores = positive_scores(predictions, positive)
    rows = []
    for rule, value in {**thresholds, "never call": np.inf, "always call": -np.inf}.items():
        called = scores >= value
        hits, misses = int((truth & called).sum()), int((truth & ~called).sum())
        alarms = int((~truth & called).sum())
        rows.append({"rule": rule, "threshold": float(value)})
        rows[-1]["recall"] = hits / (hits + misses) if hits + misses else None
        rows[-1]["precision"] = hits / (hits + alarms) if hits + alarms else None
        rows[-1] |= {"misses": misses, "false alarms": alarms}
        rows[-1]["cost"] = (miss_cost * misses + false_alarm_cost * alarms) / len(truth)
    return rows


def positive_scores(
    predictions: Predictions, positive: str, name: str = "predictions"
) -> tuple[np.ndarray, np.ndarray]:
    """Which examples are of a class (n,), and the probabilities (n,) given to it."""
    check_predictions(name, predictions)
    if positive not in predictions.class_names or predictions.kind == "regression":
        raise ValueError(
            "The positive class is one of the classes that were predicted. Received: "
            f"positive={positive!r}. The names are {', '.join(map(str, predictions.class_names))}."
        )
    number = predictions.class_names.index(positive)
    if predictions.kind == "many_labels":
        return predictions.labels[:, number] > 0, predictions.probabilities[:, number]
    return predictions.labels == number, predictions.probabilities[:, number]


def check_predictions(name: str, predictions: Predictions) -> None:
    """Refuse anything but Predictions, and probabilities that are none or not one row a label."""
    if not isinstance(predictions, Predictions):
        refuse(
            f"{name} must be what predict_split returns",
            f"{name}={shown(predictions)}",
            "Pass those of a validation or test split",
        )
    if predictions.kind == "regression":
        return
    told, one = f"{name}.probabilities", predictions.kind == "one_label"
    probabilities = as_probabilities(told, predictions.probabilities, sums=one)
    expected = (len(predictions.labels), len(predictions.class_names))
    if probabilities.shape != expected:
        refuse(
            f"{told} must have one row a label and one column a class, {expected}",
            f"{told} of shape {probabilities.shape}",
            "Take them from one split",
        )


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
