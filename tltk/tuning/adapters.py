"""Low-rank adapters on frozen layers, through Keras's own `enable_lora`, and their merging."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import keras

from tltk._checks import check_count, check_number, check_seed, refuse, shown
from tltk._keras import all_layers, check_model, retrace, untrack_variable
from tltk.backbones import layers_by_block
from tltk.tuning.freezing import freeze, select_blocks, unfreeze

_LAYERS = keras.layers
ADAPTABLE = (
    _LAYERS.Dense,
    _LAYERS.EinsumDense,
    _LAYERS.Embedding,
    _LAYERS.Conv1D,
    _LAYERS.Conv2D,
    _LAYERS.Conv3D,
)


def add_lora(
    model: keras.Model,
    rank: int = 4,
    blocks: int | str | Sequence[str] = 2,
    alpha: float | None = None,
    *,
    layers: Sequence[str] | None = None,
    seed: int = 0,
) -> int:
    """Put a low-rank adapter on each layer of the last blocks, and freeze the rest of the body.

        W  becomes  W + alpha / rank A B,    A (n, rank) drawn, B (rank, m) zero

    so that the network computes what it did before, to the last digit. W stays; A, B and, as Keras
    has it, the layer's bias train, in `fine_tune` those of its `unfreeze_blocks`. While a network
    has adapters, nothing else of its body trains, not even normalisation. Adapters go on dense
    layers, einsum layers (the projections of attention), embeddings and convolutions; other
    layers, such as depthwise convolutions, stay as they are.

    Of a kernel with more than two axes Keras factors the last one alone. The projections of
    attention (n, heads, m) so get an A of `rank` columns for every head and one B (rank, m) for all
    heads: n heads rank + rank m weights, and an update of rank up to heads times `rank`, where Hu
    et al. have (n + heads m) rank weights and an update of rank `rank`.

    A saved file holds the sums, so it answers the same in plain Keras, but there both A and
    B start from zero and cannot learn: `load_model` and `merge_lora` take them away.

    Args:
        model: a classifier from `build_classifier`, or a backbone. A model that shares its layers
            and has predicted before keeps its old answers.
        rank: the rank of each update.
        blocks: a number of last blocks, block names (see `block_names`), or "all".
        alpha: how much the update counts; None for `rank`, a factor of 1.
        layers: names of layers to adapt, such as ["query", "value"]; None for all that can be.
        seed: decides A.

    Returns:
        The number of weights (scalars) of the body that train now.

    Raises:
        ValueError: for a rank below 1, unknown blocks, no layer to adapt, and layers that have an
            adapter, a constraint or quantised weights.

    Example:
        >>> body = keras.Sequential([keras.Input((8,)), keras.layers.Dense(6, name="dense")])
        >>> add_lora(body, rank=2, blocks=1)  # 8 x 2 and 2 x 6, and the bias
        34
        >>> [weight.name for weight in body.trainable_weights]
        ['bias', 'lora_kernel_a', 'lora_kernel_b']

    Reference:
        Hu et al., LoRA: low-rank adaptation of large language models, 2021.
    """
    check_count("rank", rank)
    check_seed("seed", seed)
    if alpha is not None:
        check_number("alpha", alpha, above=0, advice="Leave it out for an update as it is")
    if layers is not None and (isinstance(layers, str) or not isinstance(layers, Iterable)):
        refuse("layers must be a list of names", f"layers={shown(layers)}", "Pass [name]")
    by_block = layers_by_block(model)
    chosen = {
        inner: block
        for block in select_blocks(model, blocks)
        for layer in by_block[block]
        for inner in all_layers(layer)
        if isinstance(inner, ADAPTABLE) and (layers is None or inner.name in layers)
    }
    _check(model, chosen, blocks, layers)
    for number, layer in enumerate(chosen):
        start = keras.initializers.HeUniform(seed=seed + number)
        layer.enable_lora(rank, lora_alpha=alpha, a_initializer=start)
    unfreeze(model, list(dict.fromkeys(chosen.values())))
    retrace(model)
    trained = [weight for layer in chosen for weight in layer.trainable_weights]
    return sum(math.prod(weight.shape) for weight in trained)


def merge_lora(model: keras.Model) -> int:
    """Add the adapters of a model into the weights beneath them, and take the adapters away.

        W + alpha / rank A B  becomes  W

    The model answers as before and is an ordinary one again, its body frozen.

    Args:
        model: a model with adapters, from `add_lora`, Keras's `enable_lora`, or a file.

    Returns:
        The number of layers that had an adapter, 0 for none.

    Example:
        >>> body = keras.Sequential([keras.Input((8,)), keras.layers.Dense(6)])
        >>> _ = add_lora(body, blocks=1)
        >>> merge_lora(body), len(body.weights)
        (1, 2)
    """
    check_model(model)
    adapted = [layer for layer in _inner(model) if _has_adapter(layer)]
    for layer in adapted:
        name = _kernel_name(layer)
        getattr(layer, f"_{name}").assign(getattr(layer, name))
        layer.lora_enabled = False
        layer.lora_rank = layer.lora_alpha = None
        for part in (f"lora_{name}_a", f"lora_{name}_b"):
            weight = getattr(layer, part)
            weight.assign(keras.ops.zeros_like(weight))  # for graphs that were made with it
            untrack_variable(layer, weight)
            setattr(layer, part, None)
    if adapted:
        freeze(model)
        retrace(model)
    return len(adapted)


def check_adapters(model: keras.Model) -> None:
    """Refuse adapters that cannot learn, as plain Keras reads them from a file."""
    for layer in filter(_has_adapter, _inner(model)):
        parts = [getattr(layer, f"lora_{_kernel_name(layer)}_{part}") for part in "ab"]
        if not any(part.numpy().any() for part in parts):
            raise ValueError(
                "An adapter learns if one of its two factors is not zero. Received: zeros in "
                f"{layer.name!r}, as in a model that plain Keras loaded. Call merge_lora(model), "
                "then add_lora again."
            )


def _check(model, chosen, blocks, layers) -> None:
    if not chosen:
        named = "" if layers is None else f" in layers={list(layers)}"
        raise ValueError(
            "Adapters go on dense, einsum, embedding or convolution layers. Received: "
            f"blocks={blocks!r} of {model.name!r}, in which none of these is{named}. "
            "Choose more blocks, or other names."
        )
    for layer in chosen:
        reasons = {
            "has an adapter already; merge_lora(model) first": _has_adapter(layer),
            "has a constraint; remove it": layer.get_config().get(
                f"{_kernel_name(layer)}_constraint"
            ),
            "is quantised; adapt it before": getattr(layer, "quantization_mode", None),
        }
        for reason, holds in reasons.items():
            if holds:
                raise ValueError(
                    "An adapter goes on a layer of plain weights. Received: "
                    f"{layer.name!r}, which {reason}, or name the other layers in layers=."
                )


def _inner(model) -> list:
    return all_layers(model, itself=False)


def _has_adapter(layer) -> bool:
    return isinstance(layer, ADAPTABLE) and layer.lora_enabled


def _kernel_name(layer) -> str:
    return "embeddings" if isinstance(layer, _LAYERS.Embedding) else "kernel"
