"""Inputs of several modalities, row by row, some of them missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tltk._cache import content_digest
from tltk._checks import (
    check_choice,
    check_count,
    check_mapping,
    check_present,
    check_share,
    refuse,
    shown,
)
from tltk._keras import as_functional, check_model, input_structure, operation_of
from tltk.inputs._arrays import checked_labels
from tltk.inputs.examples import Examples, examples_of
from tltk.tuning._checks import fits_shape
from tltk.tuning.heads import KINDS, check_backbone, checked_names, compiled_frozen, pooled_features

PRESENT = "present"
MISSING = ("learned", "zero")


def build_multimodal(
    backbones: Mapping[str, keras.Model],
    classes,
    kind: str = "one_label",
    *,
    width: int = 64,
    missing: str = "learned",
    modality_dropout: float = 0.3,
    pooling: str = "avg",
    dropout: float = 0.2,
) -> keras.Model:
    """Put one head on several frozen backbones, any of which may have nothing to say.

    Each backbone's pooled features pass a dense layer of their own; what comes out stands side by
    side, and two dense layers make an answer of it. The model takes one input more, `present`, with
    1 where an example has the modality and 0 where not. A missing one counts as a vector that is
    learned, or as zeros; in training some modalities are called missing at random, so that the head
    learns to do without.

    Args:
        backbones: headless networks by modality, each with one input; their layers are shared, not
            copied. Each becomes one block, "picture_backbone" for "picture", to freeze and unfreeze
            by itself: `fine_tune(…, unfreeze_blocks=["picture_backbone"], lr_decay=1)`.
        classes: as for `build_classifier`.
        kind: as for `build_classifier`.
        width: units for each modality, and for what is made of them together.
        missing: "learned" or "zero": what stands for a missing modality.
        modality_dropout: the share of an example's modalities that training calls missing; 0 to
            train on what is there only.
        pooling: "avg" or "max", for features with space or time.
        dropout: the share of units dropped in training before the last layer.

    Returns:
        A compiled model with all backbones frozen: a dict of inputs by modality and "present" (b,
        m), in the order of `backbones`, in; probabilities (b, k) out. `modality_examples` makes
        such inputs. It saves as plain Keras.

    Raises:
        ValueError: for fewer than two backbones, names that cannot be blocks, and what
            `build_classifier` refuses.

    Example:
        >>> def body(width):
        ...     return keras.Sequential([keras.Input((width,)), keras.layers.Dense(4)])
        >>> model = build_multimodal({"sound": body(3), "sight": body(5)}, ["cat", "dog"])
        >>> {name: tensor.shape for name, tensor in model.input.items()}
        {'sound': (None, 3), 'sight': (None, 5), 'present': (None, 2)}

    References:
        - Ngiam et al., Multimodal deep learning, 2011.
        - Neverova et al., ModDrop: adaptive multi-modal gesture recognition, 2016.
    """
    names = checked_names(classes, kind)
    check_share("dropout", dropout)
    check_count("width", width)
    _check(backbones, missing, modality_dropout, pooling)
    activation, loss, metric = KINDS[kind]
    inputs, parts = {}, []
    present = keras.Input((len(backbones),), name=PRESENT)
    here = present
    if modality_dropout:
        lost = keras.layers.Dropout(modality_dropout, name="head_modality_dropout")(present)
        here = keras.ops.sign(lost)
    for number, (name, backbone) in enumerate(backbones.items()):
        [given] = backbone.inputs
        inputs[name] = keras.Input(given.shape[1:], dtype=given.dtype, name=name)
        features = _tower(name, backbone, pooling)(inputs[name])
        parts.append(_gated(name, features, here[:, number : number + 1], width, missing))
    fused = keras.layers.Concatenate(name="head_side_by_side")(parts)
    fused = keras.layers.Dense(width, "relu", name="head_fused")(fused)
    if dropout:
        fused = keras.layers.Dropout(dropout, name="head_dropout")(fused)
    outputs = keras.layers.Dense(
        len(names), activation=activation, dtype="float32", name="head_output"
    )(fused)
    model = keras.Model(inputs | {PRESENT: present}, outputs, name="multimodal")
    facts = {"class_names": names, "kind": kind, "modalities": list(backbones)}
    facts["backbone"] = " + ".join(backbone.name for backbone in backbones.values())
    return compiled_frozen(model, loss, [metric], **facts)


def _tower(name, backbone, pooling) -> keras.Model:
    """A backbone as one layer that gives a vector for each example."""
    features = pooled_features(backbone, pooling)
    return keras.Model(input_structure(backbone), features, name=f"{name}_backbone")


def _gated(name, features, here, width, missing):
    """A modality's units where it is present, and what stands for it where it is not."""
    if operation_of(features).weights:
        features = keras.layers.LayerNormalization(name=f"head_{name}_scale")(features)
    units = keras.layers.Dense(width, "relu", name=f"head_{name}")(features) * here
    if missing == "learned":
        instead = keras.layers.Dense(width, use_bias=False, name=f"head_{name}_missing")
        units = units + instead(1.0 - here)
    return units


def _check(backbones, missing, modality_dropout, pooling) -> None:
    if not isinstance(backbones, Mapping) or len(backbones) < 2:
        received = list(backbones) if isinstance(backbones, Mapping) else shown(backbones)
        advice = "Name each one's backbone; for one use build_classifier"
        refuse("Several modalities must be two or more", f"backbones={received}", advice)
    check_choice("missing", missing, MISSING)
    check_share("modality_dropout", modality_dropout)
    for name, backbone in backbones.items():
        check_backbone(backbone, pooling)
        if (
            not isinstance(name, str)
            or not name.isidentifier()
            or name == PRESENT
            or name.startswith("head_")
        ):
            raise ValueError(
                "A modality's name is a word, neither 'present' nor one that begins with head_. "
                f"Received: {name!r} among the backbones. Choose another."
            )
        if len(backbone.inputs) != 1:
            raise ValueError(
                "A modality has one input. "
                f"Received: {len(backbone.inputs)} inputs of {name!r}. Make them two modalities."
            )
    if len({id(backbone) for backbone in backbones.values()}) < len(backbones):
        raise ValueError(
            "Each modality has a backbone of its own. Received: the same one twice. "
            "Load another one, or its copy."
        )


def modality_examples(
    model: keras.Model,
    inputs: Mapping[str, Any],
    labels: Any = None,
    present: Mapping[str, Any] | None = None,
) -> Examples:
    """Put the modalities of the same examples side by side, and say which of them are missing.

    Args:
        model: what `build_multimodal` made.
        inputs: by modality an array (n, …), a split of ours, or `make_rows_with_gaps` for a table.
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
