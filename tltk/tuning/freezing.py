"""What trains and what does not, spoken in the architecture's own blocks."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence

import keras

from tltk._checks import check_flag
from tltk._keras import all_layers, check_model, draws_at_random, obey_flags
from tltk.backbones import layers_by_block

_NOISE = (
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
)
_RECURRENT = (keras.layers.LSTMCell, keras.layers.GRUCell, keras.layers.SimpleRNNCell)


def freeze(model: keras.Model) -> int:
    """Freeze every block of a model except its head, so that training cannot move it.

    Frozen means two things: no weight is trained, and batch normalisation keeps its statistics.
    It does not mean silent: under Keras's own `fit` dropout and drop-connect inside the frozen part
    still draw; `fine_tune` leaves them out. A compiled model trains what the flags say from its
    next `fit` on; its loss, metrics and optimizer stay the same objects.

    Args:
        model: a backbone or a classifier. Layers whose name starts with `head_` stay trainable.

    Returns:
        The number of weights (scalars) that became frozen.

    Example:
        >>> backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        >>> freeze(backbone)
        15
        >>> backbone.trainable_weights
        []
    """
    check_model(model)
    before = _count(model.trainable_weights)
    _set_blocks(model, trainable=(), train_batch_norm=False)
    return before - _count(model.trainable_weights)


def unfreeze(
    model: keras.Model, blocks: int | str | Sequence[str], train_batch_norm: bool = False
) -> int:
    """Make exactly the named blocks, or the last ones, trainable and freeze the others.

    Args:
        model: a backbone or a classifier; the head is always trainable.
        blocks: block names (see `block_names`), the number of last blocks, or "all". A block of
            nothing but normalisation (the top of a ResNet V2 or a ConvNeXt) comes along uncounted.
            Where a model has adapters (see `add_lora`), only these train inside the blocks.
        train_batch_norm: whether batch normalisation inside those blocks trains too. The default
            keeps it in inference mode: with small batches its moving statistics drift and the
            transferred features are lost.

    Returns:
        The number of weights (scalars) that became trainable.

    Raises:
        ValueError: for an unknown block; the message lists the valid names.

    Example:
        >>> dense = keras.layers.Dense(3, name="second")
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), dense])
        >>> _ = freeze(model)
        >>> unfreeze(model, 1)
        12
        >>> [layer.name for layer in model.layers if layer.trainable_weights]
        ['second']
    """
    check_model(model)
    check_flag("train_batch_norm", train_batch_norm)
    check_model(model)
    before = _count(model.trainable_weights)
    _set_blocks(model, select_blocks(model, blocks), train_batch_norm)
    return _count(model.trainable_weights) - before


def select_blocks(model: keras.Model, blocks: int | str | Sequence[str]) -> list[str]:
    """Turn a number of last blocks, one name, several names or "all" into block names."""
    names = [name for name in layers_by_block(model) if name != "head"]
    if isinstance(blocks, str) and blocks == "all":
        return names
    if isinstance(blocks, numbers.Integral) and not isinstance(blocks, bool):
        counted = [name for name in names if has_kernels(layers_by_block(model)[name])]
        if not 0 <= int(blocks) <= len(counted):
            raise ValueError(
                "The number of blocks to unfreeze must lie between 0 and the number the network "
                f"has. Received: blocks={blocks}. {model.name!r} has {len(counted)} blocks with "
                'weights; use "all" for every one of them.'
            )
        return names[names.index(counted[-blocks]) :] if blocks else []
    if isinstance(blocks, bool) or not isinstance(blocks, str | Iterable):
        raise ValueError(
            'Blocks are given by number, by name, as a list of names or as "all". '
            f"Received: blocks={blocks!r}. Use 0 to freeze them all."
        )
    wanted = [blocks] if isinstance(blocks, str) else list(blocks)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ValueError(
            "Blocks are named as the architecture names them. "
            f"Received: {unknown[0]!r} among blocks. "
            f"The blocks of {model.name!r} are: {', '.join(names)}."
        )
    return [name for name in names if name in wanted]


def has_kernels(layers: list) -> bool:
    """Whether a block has weights besides biases and the scales of normalisation."""
    return any(len(weight.shape) > 1 for layer in layers for weight in layer.weights)


def trainable_table(model: keras.Model) -> list[dict]:
    """List for each block how much of it trains.

    Args:
        model: any Keras model.

    Returns:
        One row per block, from input to output: `block`, `layers` (with weights), `weights`
        (scalars), `trainable` (scalars) and `batch_norm`: "training" where moving statistics are
        updated by `fit`, "inference" where they are not, "-" where there is none.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
        >>> trainable_table(model)[-1]
        {'block': 'dense', 'layers': 1, 'weights': 15, 'trainable': 15, 'batch_norm': '-'}
    """
    rows = []
    for block, layers in layers_by_block(model).items():
        if not _weights_of(layers):
            continue
        norms = [layer for layer in _inner_layers(layers) if _is_batch_norm(layer)]
        state = "training" if any(layer.trainable for layer in norms) else "inference"
        rows.append(
            {
                "block": block,
                "layers": sum(bool(layer.weights) for layer in layers),
                "weights": _count(_weights_of(layers)),
                "trainable": _count([w for layer in layers for w in layer.trainable_weights]),
                "batch_norm": state if norms else "-",
            }
        )
    return rows


def is_noisy(layer: keras.layers.Layer) -> bool:
    """Whether a layer's output in training is random."""
    return any(_is_noise_source(inner) for inner in all_layers(layer))


def _is_noise_source(layer) -> bool:
    settings = _noise_settings(layer)
    if settings:
        return any(getattr(layer, name) for name in settings)
    children = all_layers(layer, itself=False)
    return draws_at_random(layer) and not any(map(_noise_settings, children))


def _set_blocks(model, trainable, train_batch_norm) -> None:
    model.trainable = True
    adapted = any(map(is_adapter, model.weights))
    for block, layers in layers_by_block(model).items():
        trains = block == "head" or block in trainable
        for layer in layers:
            layer.trainable = trains
        if trains and block != "head":
            for layer in filter(_is_batch_norm, _inner_layers(layers)):
                layer.trainable = train_batch_norm
            if adapted:
                _leave_adapters(_inner_layers(layers))
    if model.compiled:
        obey_flags(model)


def is_adapter(weight) -> bool:
    """Whether a weight belongs to a low-rank adapter, see `add_lora`."""
    return weight.name.startswith("lora_")


def _leave_adapters(layers) -> None:
    """Freeze what has no adapter, and the kernels under those that have one.

    Setting `trainable` on a layer thaws its kernel, adapter or not.
    """
    for layer in layers:
        if layer.weights and not any(map(is_adapter, layer.weights)):
            layer.trainable = False
        for weight in layer.weights:
            if weight.name in ("kernel", "embeddings"):
                weight.trainable = False


def _noise_settings(layer) -> tuple[str, ...]:
    if isinstance(layer, keras.layers.GaussianNoise):
        return ("stddev",)
    if isinstance(layer, _NOISE):
        return ("rate",)
    if isinstance(layer, _RECURRENT):
        return ("dropout", "recurrent_dropout")
    if type(layer).__name__ == "StochasticDepth":
        return ("drop_path_rate",)
    return ()


def _is_batch_norm(layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _inner_layers(layers) -> list:
    return [inner for layer in layers for inner in all_layers(layer)]


def _weights_of(layers) -> list:
    return [weight for layer in layers for weight in layer.weights]


def _count(weights) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
