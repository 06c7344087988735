"""Late fusion: several classifiers asked for themselves, and their answers averaged."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tltk._checks import as_probabilities, check_choice, check_mapping, check_present


def late_fusion(
    probabilities: Mapping[str, np.ndarray], present: Mapping[str, np.ndarray] | None = None
) -> np.ndarray:
    """Average the probabilities of one classifier for each modality over those that are present.

    It is the baseline of everything multimodal: nothing is learned together, and a modality that is
    missing is left out.

    Args:
        probabilities: by modality (n, k), of the same rows and classes.
        present: by modality booleans (n,); left out: present everywhere.

    Returns:
        (n, k); where a row has no modality at all, all classes alike.

    Raises:
        ValueError: for no modality, or shapes that differ.

    Example:
        >>> late_fusion({"sight": np.array([[0.9, 0.1]]), "sound": np.array([[0.5, 0.5]])}).tolist()
        [[0.7, 0.3]]

    Reference:
        Kittler, Hatef, Duin and Matas, On combining classifiers, 1998.
    """
    check_mapping("probabilities", probabilities, what="arrays")
    if present is not None:
        check_mapping("present", present, what="arrays")
    given = {}
    for name in present or {}:
        check_choice("present", name, probabilities, "Name the modalities as in probabilities")
    check_present(present or {})
    for name, each in probabilities.items():
        here = np.asarray((present or {}).get(name, True))
        looked_at = each
        if here.ndim == 1 and np.shape(each)[:1] == here.shape and not here.all():
            looked_at = np.where(here[:, None], each, 1 / np.shape(each)[-1])
        given[name] = as_probabilities(f"probabilities[{name!r}]", looked_at)
    shapes = {name: each.shape for name, each in given.items()}
    shapes |= {f"present of {name}": np.shape(each) for name, each in (present or {}).items()}
    rows, wide = {shape[:1] for shape in shapes.values()}, set(map(np.shape, given.values()))
    if len(wide) != 1 or len(rows) != 1 or len(next(iter(wide))) != 2:
        raise ValueError(
            "Fusion averages probabilities (n, k) of the same rows and classes. "
            f"Received: probabilities and present of shapes {shapes}. "
            "Predict the same rows with every classifier."
        )
    total, votes = 0.0, 0.0
    for name, each in given.items():
        here = np.asarray((present or {}).get(name, np.ones(len(each))), dtype="float64")[:, None]
        total, votes = total + here * np.where(here > 0, each, 0.0), votes + here
    classes = next(iter(wide))[1]
    return np.where(votes > 0, total / np.maximum(votes, 1), 1 / classes)
