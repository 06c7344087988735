"""Several senses, one answer: backbones of different kinds below one head."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from tltk._checks import check_choice, check_count, check_share, refuse, shown
from tltk._keras import input_structure, operation_of
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
