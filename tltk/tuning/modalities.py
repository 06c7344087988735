"""Inputs of several modalities, row by row, some of them missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tltk._cache import content_digest
from tltk._checks import check_mapping, check_present, refuse
from tltk._keras import as_functional, check_model
from tltk.inputs.checks import checked_labels
from tltk.inputs.examples import Examples, examples_of
from tltk.tuning.checks import fits_shape
from tltk.tuning.multimodal import PRESENT


def modality_examples(
    model: keras.Model,
    inputs: Mapping[str, Any],
    labels: Any = None,
    present: Mapping[str, Any] | None = None,
) -> Examples:
    """Put the modalities of the same examples side by side, and say which of them are missing.

    Args:
        model: what `build_multimodal` made.
        inputs: by modality an array (n, …), a split of ours, or `rows_with_gaps` for a table.
            A modality that is left out, or None, is missing everywhere.
        labels: (n,); None for those that the splits bring, which must agree.
        present: by modality booleans (n,), False where a row lacks it; what stands in `inputs`
            there is never looked at. Left out: present everywhere.

    Returns:
        Examples of a dict of inputs, for `fine_tune` and `predict_split`.

    Raises:
        ValueError: for modalities that the model has not, none at all, unequal numbers of rows,
            or labels that disagree.

    Example:
        >>> from tltk.tuning import build_multimodal
        >>> def body():
        ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
        >>> model = build_multimodal({"sound": body(), "sight": body()}, 2)
        >>> rows = modality_examples(model, {"sight": np.ones((3, 2))}, [0, 1, 1])
        >>> rows.fetch([0])["present"].tolist(), rows.fetch([0])["sound"].tolist()
        ([[0.0, 1.0]], [[0.0, 0.0]])
    """
    check_mapping("inputs", inputs)
    if present is not None:
        check_mapping("present", present)
    tensors = _input_tensors(model)
    modalities = [name for name in tensors if name != PRESENT]
    known = {name: examples_of(each) for name, each in inputs.items() if each is not None}
    count = _checked_count(modalities, known, present or {})
    for name, each in known.items():
        check_fits_tensor(name, each, tensors[name])
    check_present(present or {})
    here = np.ones((count, len(modalities)), "float32")
    for number, name in enumerate(modalities):
        here[:, number] = (present or {}).get(name, True) if name in known else 0.0

    def fetch(rows):
        found = {PRESENT: here[rows]}
        for number, name in enumerate(modalities):
            found[name] = _filled(tensors[name], known.get(name), rows, here[rows, number])
        return found

    digests = [each.digest for each in known.values()]
    digest = None if None in digests else content_digest(here, list(known), *digests)
    given = checked_labels(labels, count) if labels is not None else _common_labels(known)
    return Examples(fetch, count=count, labels=given, digest=digest)


def check_fits_tensor(name: str, examples: Examples, tensor) -> None:
    """Refuse rows of another shape than the input of their name takes."""
    shape = np.shape(examples.fetch(np.arange(1)))[1:]
    if not fits_shape(shape, tensor.shape[1:]):
        refuse(
            f"inputs must have the shapes that the model takes, {tensor.shape[1:]} for {name!r}",
            f"inputs[{name!r}] of shape {shape}",
            "Load them with that size",
        )


def _input_tensors(model) -> dict:
    check_model(model)
    tensors = getattr(as_functional(model), "input", None)
    if not isinstance(tensors, dict) or PRESENT not in tensors:
        raise ValueError(
            "A model of several modalities takes a dict of inputs with 'present'. "
            f"Received: {model.name!r}, which does not. Make it with build_multimodal."
        )
    return tensors


def _filled(tensor, examples, rows, here):
    """A modality's rows, with zeros or empty strings where it is missing."""
    nothing = "" if tensor.dtype == "string" else 0
    if examples is None:
        kind = object if tensor.dtype == "string" else tensor.dtype
        shape = [1 if side is None else side for side in tensor.shape[1:]]
        return np.full((len(here), *shape), nothing, kind)
    found = examples.fetch(rows)
    if here.all():
        return found
    found = np.array(found)
    found[here == 0] = nothing
    return found


def _common_labels(known):
    given = [each.labels for each in known.values() if each.labels is not None]
    if any(not np.array_equal(given[0], each) for each in given[1:]):
        raise ValueError(
            "All modalities hold the same examples in the same order. Received: splits whose "
            "labels disagree. Put the rows in one order, or pass labels= where you are sure."
        )
    return given[0] if given else None


def _checked_count(modalities, known, present) -> int:
    unknown = [name for name in {**known, **present} if name not in modalities]
    if unknown or not known:
        raise ValueError(
            f"The model's modalities are {', '.join(modalities)}, and at least one is given. "
            f"Received: {', '.join(unknown or known) or 'none'} among inputs and present. "
            "Leave out what is missing."
        )
    counts = {name: each.count for name, each in known.items()}
    counts |= {f"present of {name}": len(each) for name, each in present.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(
            "All modalities hold the same examples, so as many rows. "
            f"Received: {counts}. Mark a row that lacks one with present=."
        )
    return next(iter(counts.values()))
