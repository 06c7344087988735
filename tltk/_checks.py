"""The one form of error, and what settings and arrays must satisfy before they are used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

NUMBERS = "fiub"
LARGEST = 1e100  # squares of larger numbers, and sums of these, leave the range of floats


def refuse(rule: str, received: str, advice: str) -> NoReturn:
    """Raise a ValueError: the rule, what came instead, what to do.

    Example:
        >>> refuse("There must be a row", "none", "Check the file")
        Traceback (most recent call last):
        ...
        ValueError: There must be a row. Received: none. Check the file.
    """
    raise ValueError(f"{rule}. Received: {received}. {advice}.")


def check_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    whole: bool = False,
    advice: str = "Leave it out for the default",
) -> None:
    """Refuse anything but one finite number within its bounds; booleans are no numbers.

    Args:
        name: the argument's.
        value: what was passed.
        least, above: the lower bound, itself allowed or not.
        most, below: the upper bound, itself allowed or not.
        whole: refuse fractions, and floats altogether.
        advice: what to do.

    Raises:
        ValueError: "name must be a number above 0. Received: name=-1. Advice."

    Example:
        >>> check_number("share", 0.5, above=0, most=1)
        >>> check_number("folds", 2.5, least=2, whole=True)
        Traceback (most recent call last):
        ...
        ValueError: folds must be a whole number of at least 2. Received: folds=2.5. Leave it ...
    """
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    fits = isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value)
    fits = fits and (least is None or value >= least) and (above is None or value > above)
    if not (fits and (most is None or value <= most) and (below is None or value < below)):
        bounds = {"of at least": least, "above": above, "at most": most, "below": below}
        told = (
            f"from {_bound(least)} to {_bound(most)}"
            if None not in (least, most)
            else " and ".join(
                f"{word} {_bound(bound)}" for word, bound in bounds.items() if bound is not None
            )
        )
        kind = "a whole number" if whole else "a finite number"
        refuse(f"{name} must be {kind} {told}".rstrip(), f"{name}={shown(value)}", advice)


def _bound(value) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def check_count(name: str, value: Any, least: int = 1) -> None:
    """Refuse anything but a whole number of at least 1 (or another `least`)."""
    check_number(name, value, least=least, whole=True)


def check_share(name: str, value: Any) -> None:
    """Refuse anything but a number from 0 up to 1, which itself is too much."""
    check_number(name, value, least=0, below=1)


def check_seed(name: str, value: Any) -> None:
    """Refuse anything but a whole number from 0 to 2^32 - 1, which all generators take."""
    check_number(name, value, least=0, most=2**32 - 1, whole=True, advice="0 is usual")


def checked_random(name: str, value: Any) -> np.random.RandomState:
    """scikit-learn's `check_random_state`, whole seeds only."""
    from sklearn.utils import check_random_state

    if value is not None and not isinstance(value, np.random.RandomState):
        check_seed(name, value)
    return check_random_state(value)


def check_choice(name: str, value: Any, choices: Iterable, advice: str = "Choose one") -> None:
    """Refuse anything but one of the choices.

    Example:
        >>> check_choice("kernel", "poly", ("rbf", "linear"))
        Traceback (most recent call last):
        ...
        ValueError: kernel must be one of 'rbf', 'linear'. Received: kernel='poly'. Choose one.
    """
    choices = tuple(choices)
    if not any(type(value) is type(each) and value == each for each in choices):
        told = ", ".join(map(repr, choices))
        refuse(f"{name} must be one of {told}", f"{name}={shown(value)}", advice)


def check_rows(name: str, values: Any) -> None:
    """Refuse what scikit-learn lets pass, or refuses without a cure: masks, huge numbers, cubes."""
    if isinstance(values, np.ma.MaskedArray):
        refuse(f"{name} must be whole", f"{name}={shown(values)}", "Fill in or drop what is masked")
    if len(getattr(values, "shape", ())) > 2:
        advice = "extract_features turns pictures, sounds and texts into such rows"
        refuse(f"{name} must be rows (n, d)", f"{name}={shown(values)}", advice)
    kind = getattr(getattr(values, "dtype", None), "kind", "")
    if kind == "f" and isinstance(values, np.ndarray) and values.dtype.itemsize > 4:
        check_size(name, values)


def check_flag(name: str, value: Any) -> None:
    """Refuse anything but True and False."""
    if not isinstance(value, bool | np.bool_):
        refuse(f"{name} must be True or False", f"{name}={shown(value)}", "Choose either")


def divisors(
    deviation: np.ndarray,
    mean: np.ndarray,
    rounding: float = 10 * float(np.finfo(float).eps),
    liveliest: float = 0.0,
) -> np.ndarray:
    """What columns are divided by to be of one scale: their deviations, and 1 where they are still.

    Args:
        deviation: of each column, shape (d,).
        mean: of each column, shape (d,).
        rounding: a column is still that varies by no more than this share of its own mean.
        liveliest: the same of the largest deviation; 0 where columns have units of their own.

    Returns:
        Positive numbers (d,).

    Example:
        >>> divisors(np.array([2.0, 1e-17, 0.0]), np.array([5.0, 0.1, 0.0])).tolist()
        [2.0, 1.0, 1.0]
    """
    still = deviation <= np.maximum(rounding * np.abs(mean), liveliest * deviation.max(initial=0))
    return np.where(still, 1.0, deviation)


def as_numbers(
    name: str,
    values: Any,
    shape: str = "(n, d)",
    *,
    missing: bool = False,
    advice: str = "Pass an array of numbers, without rows that lack any",
) -> np.ndarray:
    """Turn finite numbers of a stated number of axes into a float64 array.

    Masks, imaginary parts, names and missing values would be lost in silence: they are refused.

    Args:
        name: the argument's.
        values: what was passed.
        shape: the axes, in letters; "(n,)" has one. "" takes any number of them.
        missing: let NaN pass.
        advice: what to do.

    Returns:
        A float64 array that is not empty.

    Raises:
        ValueError: "name must be finite numbers (n, d), at least one. Received: ..."

    Example:
        >>> as_numbers("X", [[1, None]])
        Traceback (most recent call last):
        ...
        ValueError: X must be finite numbers (n, d), at least one. Received: X=[[1, None]]. Pass...
    """
    rule = f"{name} must be finite numbers {shape}".rstrip()
    rule += ", NaN where one is missing, at least one" if missing else ", at least one"
    array = _plain(values)
    axes = shape.count(",") + (not shape.endswith(",)"))
    if array is None or array.dtype.kind not in NUMBERS or not array.size:
        refuse(rule, f"{name}={shown(values)}", advice)
    if array.ndim != axes if shape else not array.ndim:
        refuse(rule, f"{name}={shown(values)}", advice)
    array = array.astype("float64")
    wrong = np.isinf(array) if missing else ~np.isfinite(array)
    if wrong.any():
        place = tuple(int(each) for each in np.argwhere(wrong)[0])
        refuse(rule, f"{name}{list(place)}={array[place]}, {wrong.sum()} not finite", advice)
    check_size(name, array)
    return array


def check_size(name: str, array: np.ndarray) -> None:
    """Refuse numbers whose squares leave the range of floats."""
    largest = np.abs(array).max(initial=0, where=np.isfinite(array))
    if largest > LARGEST:
        refuse(
            f"{name} must be numbers up to {LARGEST:g}",
            f"{name} with {largest:g}",
            "Measure them in a larger unit",
        )


def as_probabilities(name: str, values: Any, sums: bool = True) -> np.ndarray:
    """Turn probabilities (n, k) into float64; with `sums`, each row adds up to 1 within .001."""
    array = as_numbers(name, values, "(n, k)", advice="Pass what a softmax or predict_proba gives")
    totals = array.sum(axis=1) if sums else np.ones(1)
    if array.min() < 0 or array.max() > 1.001 or np.abs(totals - 1).max() > 1e-3:
        refuse(
            f"{name} must lie between 0 and 1" + (", and each row add up to 1" if sums else ""),
            f"{name} from {array.min():.3g} to {array.max():.3g}, sums of rows from "
            f"{array.sum(axis=1).min():.3g} to {array.sum(axis=1).max():.3g}",
            "Put logits through a softmax first",
        )
    return array


def as_class_numbers(
    name: str, values: Any, count: int | None = None, classes: int = 1, unknown: bool = False
) -> np.ndarray:
    """Turn class numbers (n,) into an int64 array.

    Args:
        name: the argument's.
        values: whole numbers from 0 up, one for each row.
        count: how many rows there are.
        classes: how many different ones there must be.
        unknown: let -1 pass, which stands for a row without a label; it is no class.

    Returns:
        An int64 array (n,), not empty.

    Raises:
        ValueError: "name must be class numbers (n,), ... Received: ..."

    Example:
        >>> as_class_numbers("y", ["cat", "dog"])
        Traceback (most recent call last):
        ...
        ValueError: y must be class numbers (n,), whole and from 0 up. Received: y=['cat', ...
    """
    rule = f"{name} must be class numbers ({'n' if count is None else count},), whole and from "
    rule += "0 up, -1 where there is none" if unknown else "0 up"
    array = _plain(values)
    fits = array is not None and array.ndim == 1 and array.dtype.kind in "iub" and array.size
    if array is None or not fits or len(array) != (count or len(array)) or array.min() < -unknown:
        refuse(rule, f"{name}={shown(values)}", "Pass one for each row, numbered by class_names")
    found = np.unique(array[array >= 0])
    if len(found) < classes:
        refuse(
            f"{name} must hold {classes} classes or more",
            f"{name} with {len(found)} in {len(array)} rows",
            "Add examples of the others",
        )
    return array.astype("int64")


def as_classes(name: str, values: Any, count: int | None = None) -> np.ndarray:
    """Turn the class of each row, numbers or names, into an array (n,), not empty."""
    array = _plain(values)
    fits = array is not None and array.ndim == 1 and len(array) and array.dtype.kind in "iubUSO"
    if array is not None and fits and array.dtype.kind == "O":
        fits = all(isinstance(each, str) for each in array)
    if array is None or not fits or len(array) != (count or len(array)):
        refuse(
            f"{name} must hold one class for each row ({'n' if count is None else count},)",
            f"{name}={shown(values)}",
            "Pass a number or a name a row",
        )
    return array


def as_rows(name: str, values: Any) -> np.ndarray:
    """Turn rows of anything into a filled array (n, ...), without a copy; floats are finite."""
    array = _plain(values)
    if array is None or not array.ndim or not len(array):
        refuse(f"{name} must hold rows of one shape", f"{name}={shown(values)}", "Pass an array")
    if array.dtype.kind in "fc":
        as_numbers(name, array, "")
    return array


def as_names(name: str, values: Any, count: int | None = None) -> tuple[str, ...]:
    """Turn different names, strings or whole numbers, one for each of `count`, into strings.

    Example:
        >>> as_names("class_names", [3, 5])
        ('3', '5')
        >>> as_names("class_names", ["cat", "cat"])
        Traceback (most recent call last):
        ...
        ValueError: class_names must be different names. Received: class_names=['cat', 'cat']...
    """
    listed = isinstance(values, list | tuple | np.ndarray) and np.ndim(values) == 1
    given = tuple(np.asarray(values, object).tolist()) if listed else ()
    given = tuple(each.item() if isinstance(each, np.generic) else each for each in given)
    fits = given and all(isinstance(each, str | int) and each != "" for each in given)
    fits = fits and not any(isinstance(each, bool) for each in given)
    names = tuple(map(str, given))
    if not fits or len(set(names)) < len(names) or len(names) != (count or len(names)):
        told = "different names" + ("" if count is None else f" for {count} classes")
        refuse(f"{name} must be {told}", f"{name}={shown(values)}", "Pass a list of strings")
    return names


def check_text(name: str, value: Any) -> None:
    """Refuse anything but a string."""
    if not isinstance(value, str):
        refuse(f"{name} must be a string", f"{name}={shown(value)}", "Pass one, or leave it out")


def check_mapping(
    name: str, value: Any, of: type | None = None, what: str = "values", advice: str = "Pass one"
) -> None:
    """Refuse anything but a dict of names to values, or to values of a type; one at least."""
    fits = isinstance(value, Mapping) and value and all(isinstance(key, str) for key in value)
    if not fits or not all(of is None or isinstance(each, of) for each in value.values()):
        rule = f"{name} must be a dict of names to {what}, one at least"
        refuse(rule, f"{name}={shown(value)}", advice)


def check_records(name: str, rows: Any, *keys: str, advice: str = "Pass one dict a row") -> None:
    """Refuse anything but a list of rows, one at least, each a dict with the keys."""
    listed = list(rows) if isinstance(rows, list | tuple) else []
    if not listed or not all(isinstance(row, Mapping) for row in listed):
        refuse(f"{name} must be a list of dicts, one at least", f"{name}={shown(rows)}", advice)
    for number, row in enumerate(listed):
        missing = [repr(key) for key in keys if key not in row]
        if missing:
            rule = f"{name} must have {', '.join(map(repr, keys))} in every row"
            refuse(rule, f"{name}[{number}] without {', '.join(missing)}: {shown(row)}", advice)


def shown(value: Any) -> str:
    """A value as an error shows it: arrays by type and shape, the rest by a short `repr`."""
    if isinstance(value, np.ma.MaskedArray):
        return f"a masked array of shape {value.shape}, whose mask would be lost"
    if isinstance(value, np.ndarray):
        few = f", {value.ravel()[:3].tolist()} …" if value.size else ""
        return f"{value.dtype} of shape {value.shape}{few}"
    if isinstance(value, list | tuple) and len(value) > 3:
        array = _plain(value)
        if array is not None:
            return shown(array)
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:79]}…"


def told_type(value: Any) -> str:
    """The type of what was passed in place of data, and a single value itself.

    Example:
        >>> told_type("photos"), told_type(object())
        ("str 'photos'", 'object')
    """
    kind = type(value).__name__
    single = isinstance(value, str | bytes | int | float | complex)
    return f"{kind} {shown(value)}" if single else kind


def _plain(values: Any) -> np.ndarray | None:
    """An array, or None where a mask would be lost or the rows are of unequal lengths."""
    if isinstance(values, np.ma.MaskedArray):
        return None
    try:
        return np.asarray(values)
    except (ValueError, TypeError):
        return None


def check_present(present: Mapping[str, Any]) -> None:
    """Refuse masks of what is there, by name, that are no booleans (n,)."""
    for name, each in present.items():
        if np.asarray(each).dtype != bool:
            received = f"present[{name!r}]={shown(each)}"
            refuse("present must be booleans (n,)", received, "Pass values != missing")
