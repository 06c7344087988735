"""Do probabilities come true, and one number that mends them where they do not."""

import keras
import numpy as np

from tltk._checks import check_number
from tltk._keras import check_model
from tltk.evaluation.classification import check_predictions, positive_scores
from tltk.evaluation.predictions import Predictions, predict_split
from tltk.inputs.examples import Data

LEAST = 1e-30
WIDEST = np.log(20)  # temperatures from 1/20 to 20


def calibrate(model: keras.Model, val: Data) -> float:
    """Make a classifier as sure as it is right: divide its logits by a temperature.

    The temperature is chosen on validation examples (see `fit_temperature`); kernel and bias of
    the last dense layer are divided by it. So the model stays what it was, and its answers keep
    their order; only how sure it is of them changes.

    Args:
        model: a classifier that ends in a dense layer with softmax, as `build_classifier` makes
            it; changed in place.
        val: a split, or a pair of arrays (x, y), that the model was not trained on.

    Returns:
        The temperature: above 1 where the model was too sure, below 1 where it was too timid.

    Raises:
        ValueError: for a model with another end.

    Example:
        >>> body = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(1.0)])
        >>> from tltk import build_classifier
        >>> model = build_classifier(body, ["low", "high"], dropout=0)
        >>> model.layers[-1].set_weights([np.array([[-9.0, 9.0]]), np.zeros(2)])
        >>> x, y = np.array([[1.0], [1], [1], [-1]], "float32"), np.array([1, 1, 0, 0])
        >>> temperature = calibrate(model, (x, y))
        >>> round(float(model.predict(x[:1], verbose=0)[0, 1]), 2), temperature > 1
        (0.75, True)

    Reference:
        Guo et al., On calibration of modern neural networks, 2017.
    """
    check_model(model)
    head = model.layers[-1]
    activation = getattr(getattr(head, "activation", None), "__name__", None)
    if not isinstance(head, keras.layers.Dense) or activation != "softmax":
        raise ValueError(
            "A temperature is poured into a last dense layer with softmax. Received: "
            f"a model that ends in {head.name!r}. Use "
            "fit_temperature and tempered on its predictions."
        )
    temperature = fit_temperature(predict_split(model, val))
    head.set_weights([weight / temperature for weight in head.get_weights()])
    return temperature


def fit_temperature(validation: Predictions) -> float:
    """Find the temperature under which the labels are likeliest.

        softmax(logits / T)

    with T the minimum of the mean of -log p(label). The logits are taken as log p, which differs
    from them by a constant that softmax does not see.

    Args:
        validation: what `predict_split` returned for examples not trained on; one label each.

    Returns:
        T, from 1/20 to 20.

    Raises:
        ValueError: predictions of another kind.

    Example:
        >>> sure = np.array([[0.99, 0.01], [0.99, 0.01], [0.99, 0.01], [0.01, 0.99]])
        >>> temperature = fit_temperature(Predictions(np.array([0, 0, 1, 1]), sure, ("a", "b")))
        >>> round(float(1 / (1 + np.exp(-np.log(99) / temperature))), 3)
        0.75
    """
    from scipy.optimize import minimize_scalar

    logits = _logits(validation, "validation")
    own = logits[np.arange(len(logits)), validation.labels]

    def surprise(log_temperature):
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float(np.mean(total - own / np.exp(log_temperature)))

    found = minimize_scalar(surprise, bounds=(-WIDEST, WIDEST), method="bounded")
    return float(np.exp(found.x))


def apply_temperature(predictions: Predictions, temperature: float) -> Predictions:
    """The same predictions with their logits divided by a temperature.

    Args:
        predictions: of a one-label classifier.
        temperature: above 0.

    Returns:
        Predictions with other probabilities, in the same order.

    Raises:
        ValueError: predictions of another kind, or a temperature that is not above 0.

    Example:
        >>> sure = Predictions(np.array([0]), np.array([[0.9, 0.1]]), ("a", "b"))
        >>> apply_temperature(sure, 2.0).probabilities.round(2).tolist()
        [[0.75, 0.25]]
    """
    check_number("temperature", temperature, above=0, advice="1 changes nothing")
    scaled = _logits(predictions) / temperature
    odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return predictions._replace(probabilities=odds / odds.sum(axis=1, keepdims=True))


def reliability_table(
    predictions: Predictions, bins: int = 10, positive: str | None = None
) -> list[dict]:
    """Set beside each other how sure a model is and how often it is right.

    Args:
        predictions: what `predict_split` returned.
        bins: intervals of equal width from 0 to 1; empty ones are left out.
        positive: a class whose probability is looked at; None for that of the answer given.

    Returns:
        Rows with "confidence" (mean probability), "share" (how often it came true) and "count".

    Raises:
        ValueError: for predictions of another kind, an unknown class, or no bins.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
        >>> rows = reliability_table(Predictions(np.array([0, 1, 1]), sure, ("a", "b")), bins=2)
        >>> [(round(row["confidence"], 2), round(row["share"], 2), row["count"]) for row in rows]
        [(0.8, 0.67, 3)]
    """
    check_number("bins", bins, least=1, whole=True, advice="Pass 10")
    if positive is not None:
        true, sure = positive_scores(predictions, positive)
    else:
        _check_one_label(predictions)
        sure = predictions.probabilities.max(axis=1)
        true = predictions.probabilities.argmax(axis=1) == predictions.labels
    place = np.minimum((np.asarray(sure, "float64") * bins).astype(int), bins - 1)
    counts, sums, hits = (np.bincount(place, w, bins) for w in (None, sure, true))
    return [
        {"confidence": float(s / n), "share": float(h / n), "count": int(n)}
        for n, s, h in zip(counts, sums, hits, strict=True)
        if n
    ]


def expected_calibration_error(
    predictions: Predictions, bins: int = 15, positive: str | None = None
) -> float:
    """Return by how much probabilities miss what comes true, on average.

    The mean over the examples of `|mean probability - share that came true|` in their bin. With few
    examples chance alone makes it larger than 0, the more so the more bins there are.

    Args:
        predictions: what `predict_split` returned.
        bins: intervals of equal width from 0 to 1.
        positive: as for `reliability_table`.

    Returns:
        The error, from 0 to 1.

    Raises:
        ValueError: as `reliability_table` does.

    Example:
        >>> sure = np.array([[0.9, 0.1], [0.9, 0.1]])
        >>> seen = Predictions(np.array([0, 1]), sure, ("a", "b"))
        >>> round(expected_calibration_error(seen), 2)
        0.4

    Reference:
        Guo et al., On calibration of modern neural networks, 2017.
    """
    rows = reliability_table(predictions, bins, positive)
    gaps = [abs(row["confidence"] - row["share"]) for row in rows]
    return float(np.average(gaps, weights=[row["count"] for row in rows]))


def _logits(predictions, name="predictions") -> np.ndarray:
    _check_one_label(predictions, name)
    return np.log(np.maximum(np.asarray(predictions.probabilities, "float64"), LEAST))


def _check_one_label(predictions, name="predictions") -> None:
    check_predictions(name, predictions)
    if predictions.kind != "one_label":
        raise ValueError(
            "Confidence in the answer is that of a classifier with one label. Received: "
            f"predictions of kind {predictions.kind!r}. Name one class with positive=, where "
            "that can be given."
        )
