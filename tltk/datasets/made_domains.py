"""Shift made on purpose: two domains that differ in one way, with the answer known."""

from typing import NamedTuple

import numpy as np

from tltk._checks import check_choice, check_count, check_seed


class Shift(NamedTuple):
    """A labelled source, a target, and what is known of their difference.

    Attributes:
        source: rows and labels, (n, d) and (n,).
        target: rows and labels to learn from; a method without target labels takes `target[0]`.
        test: other rows and labels of the target, to judge with.
        truth: the known answer, by name.
    """

    source: tuple[np.ndarray, np.ndarray]
    target: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    truth: dict


def make_shifted_domains(scenario: str, rows: int = 500, seed: int = 0) -> Shift:
    """Make two domains that differ in one known way, with one known remedy.

    - "spaces": the features themselves differ, 6 columns and 9 of the same three causes. Truth:
      "pairs", rows of both that belong together. Remedy: align by the pairs. Columns taken by
      number cannot help.
    - "drift": P(X) differs; the target is stretched and moved, x S + b. Truth: "stretch" S and
      "offset" b. Remedy: CORAL. Weights cannot help, for no source row lies there.
    - "region": P(X) differs; the target fills a part of the source, and P(Y | X) is one. Truth:
      "weights", the density ratio at the source rows. Remedy: these weights, for a model that is
      too simple for the whole. Moving features harms.
    - "priors": P(Y) differs, and P(X | Y) is one. Truth: "priors" of both (2, 3). Remedy: label
      shift correction. Moving features harms.
    - "classes": the labels differ, 0 to 4 and 5 to 7, but one subspace tells all apart. Truth:
      "subspace" (20, 3). Remedy: the source's subspace and a few target labels. The source's
      classifier cannot help.
    - "conditionals": P(Y | X) differs, the rule is turned by 90 degrees, and P(X) is one. Truth:
      "rules" (2, 2). Remedy: target labels. Whatever looks at X alone cannot help.
    - "table": a column's unit differs, incomes in another currency, and cities have other shares.
      Truth: "currency" and "columns". Remedy: standardise per domain. Weights cannot help.

    Args:
        scenario: one of the names above.
        rows: rows of the source, of the target and of the test part each.
        seed: decides everything random.

    Returns:
        `Shift`. The rows of "table" are objects: income, age, city, plan; all others are floats.

    Raises:
        ValueError: for an unknown scenario, or rows that are not a whole number of at least 1.

    Example:
        >>> made = make_shifted_domains("drift", rows=100)
        >>> moved = made.source[0] @ made.truth["stretch"] + made.truth["offset"]
        >>> bool(np.allclose(moved.mean(axis=0), made.test[0].mean(axis=0), atol=1.5))
        True

    References:
        - Pan and Yang, A survey on transfer learning, 2010 (the four ways to differ).
        - Moreno-Torres et al., A unifying view on dataset shift in classification, 2012.
    """
    check_count("rows", rows)
    check_choice("scenario", scenario, SCENARIOS)
    check_seed("seed", seed)
    number = list(SCENARIOS).index(scenario)
    return SCENARIOS[scenario](rows, np.random.default_rng([number, seed]))


def _triangle(labels, random, spread=0.8):
    """Three classes at the corners of a triangle; their rows together vary alike in both axes."""
    angles = np.deg2rad([90, 210, 330])
    corners = 2 * np.column_stack([np.cos(angles), np.sin(angles)])
    return corners[labels] + spread * random.standard_normal((len(labels), 2))


def _spaces(rows, random):
    views = [random.standard_normal((3, width)) for width in (6, 9)]
    means = 2 * random.standard_normal((3, 3))

    def causes():
        labels = random.integers(0, 3, rows)
        return means[labels] + random.standard_normal((rows, 3)), labels

    def seen(z, side):
        clean = z @ views[side]
        return clean + 0.3 * random.standard_normal(clean.shape)

    def draw(side):
        z, labels = causes()
        return seen(z, side), labels

    both = causes()[0][:100]
    pairs = seen(both, 0), seen(both, 1)
    return Shift(draw(0), draw(1), draw(1), {"pairs": pairs})


def _drift(rows, random):
    turn = np.deg2rad(30)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    stretch, offset = axes.T @ np.diag([3.0, 0.5]) @ axes, np.array([8.0, -6.0])

    def draw():
        labels = random.integers(0, 3, rows)
        return _triangle(labels, random), labels

    (x, y), *others = (draw() for _ in range(3))
    target, test = ((rows @ stretch + offset, labels) for rows, labels in others)
    return Shift((x, y), target, test, {"stretch": stretch, "offset": offset})


def _region(rows, random):
    centres, spreads = np.array([[-0.5, 0.0], [1.2, 0.4]]), (1.2, 0.45)

    def draw(side):
        x = centres[side] + spreads[side] * random.standard_normal((rows, 2))
        above = x[:, 1] - (x[:, 0] ** 2 - 1)
        return x, (above + 0.2 * random.standard_normal(rows) > 0).astype(int)

    def log_density(x, side):
        squares = ((x - centres[side]) ** 2).sum(axis=1)
        return -squares / (2 * spreads[side] ** 2) - 2 * np.log(spreads[side])

    source, target, test = draw(0), draw(1), draw(1)
    weights = np.exp(log_density(source[0], 1) - log_density(source[0], 0))
    return Shift(source, target, test, {"weights": weights})


def _priors(rows, random):
    priors = np.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6]])

    def draw(side):
        labels = random.choice(3, rows, p=priors[side])
        return _triangle(labels, random, spread=1.3), labels

    return Shift(draw(0), draw(1), draw(1), {"priors": priors})


def _classes(rows, random):
    subspace = np.linalg.qr(random.standard_normal((20, 20)))[0]
    means = 4 * random.standard_normal((8, 3))
    means *= 5 / np.linalg.norm(means, axis=1, keepdims=True)

    def draw(classes):
        labels = random.choice(classes, rows)
        own = means[labels] + random.standard_normal((rows, 3))
        return np.hstack([own, 6 * random.standard_normal((rows, 17))]) @ subspace.T, labels

    parts = draw(np.arange(5)), draw(np.arange(5, 8)), draw(np.arange(5, 8))
    return Shift(*parts, {"subspace": subspace[:, :3]})


def _conditionals(rows, random):
    rules = np.array([[1.0, 0.0], [0.0, 1.0]])

    def draw(side):
        x = random.standard_normal((rows, 2))
        return x, (x @ rules[side] > 0).astype(int)

    return Shift(draw(0), draw(1), draw(1), {"rules": rules})


def _table(rows, random):
    """Who keeps a subscription: income, age and the plan decide, the city does not."""
    currency, cities = 7.5, (("Oslo", "Bergen"), ("Accra", "Kumasi", "Oslo"))
    shares = ((0.6, 0.4), (0.5, 0.4, 0.1))

    def draw(side):
        income = np.exp(random.normal(10.5, 0.4, rows))
        age = random.integers(18, 80, rows)
        plan = random.choice(["month", "year"], rows)
        city = random.choice(cities[side], rows, p=shares[side])
        likes = 2.5 * (np.log(income) - 10.5) + 0.03 * (age - 49) + 1.0 * (plan == "year") - 0.5
        labels = (likes + 0.5 * random.standard_normal(rows) > 0).astype(int)
        table = np.empty((rows, 4), object)
        money = np.round(income * (currency if side else 1), 2)
        for column, values in enumerate((money, age, city, plan)):
            table[:, column] = values.tolist()
        return table, labels

    columns = ("income", "age", "city", "plan")
    return Shift(draw(0), draw(1), draw(1), {"currency": currency, "columns": columns})


SCENARIOS = {
    "spaces": _spaces,
    "drift": _drift,
    "region": _region,
    "priors": _priors,
    "classes": _classes,
    "conditionals": _conditionals,
    "table": _table,
}
