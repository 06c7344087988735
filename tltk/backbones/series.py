"""A small encoder for series, to be pretrained on your own source."""

import keras
from keras import layers

from tltk._checks import check_choice, check_count, check_flag
from tltk._keras import check_channels_last

KINDS = ("conv", "gru")


def series_encoder(
    input_shape: tuple[int | None, int],
    filters: int = 32,
    blocks: int = 5,
    kernel_size: int = 3,
    *,
    kind: str = "conv",
    causal: bool = True,
    last_step: bool = False,
) -> keras.Model:
    """Build a small network that turns each step of a series into features of what came before.

    "conv": block n is a convolution of dilation 2^(n - 1), a ReLU, and from the second block on
    the addition of the block's input; a step sees (kernel_size - 1) * (2^blocks - 1) steps before
    it. "gru": each block is a recurrent layer, which sees everything before it.

    Args:
        input_shape: (length, channels) of the windows; a length of None is left open.
        filters: features of a step, in every block.
        blocks: number of blocks, called block1, block2, …
        kernel_size: steps that a convolution spans.
        kind: "conv" or "gru".
        causal: whether a step sees only itself and what came before; False, for convolutions
            only, looks both ways, which suits classification and masked reconstruction.
        last_step: return only the features of a window's last step, from which to forecast.

    Returns:
        A `keras.Model` of stock layers called "series_encoder": windows (b, length, channels) in,
        (b, length, filters) out, or (b, filters) with `last_step`. Both forms have the same
        weights.

    Raises:
        ValueError: for an unknown kind, a GRU that is not causal, or a shape of other than two
            numbers.

    Example:
        >>> encoder = series_encoder((48, 1), filters=8, blocks=2)
        >>> encoder.output_shape
        (None, 48, 8)
        >>> from tltk.backbones import block_names
        >>> block_names(encoder)
        ['block1', 'block2']

    Reference:
        Bai, Kolter and Koltun, An empirical evaluation of generic convolutional and recurrent
        networks for sequence modeling, 2018.
    """
    check_channels_last()
    for name, value in {"filters": filters, "blocks": blocks, "kernel_size": kernel_size}.items():
        check_count(name, value)
    check_choice("kind", kind, KINDS)
    check_flag("causal", causal)
    check_flag("last_step", last_step)
    if kind == "gru" and not causal:
        raise ValueError(
            'An encoder of kind "gru" is causal. '
            f'Received: kind={kind!r}, causal={causal}. Use kind="conv" to look both ways.'
        )
    sides = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    if len(sides) != 2 or not _is_size(sides[1]) or not (sides[0] is None or _is_size(sides[0])):
        raise ValueError(
            "An encoder takes windows of (length, channels); only the length may be None. "
            f"Received: input_shape={input_shape!r}. Pass (48, 1) for 48 steps of one column."
        )
    inputs = keras.Input(tuple(input_shape), name="series")
    x = inputs
    for number in range(1, blocks + 1):
        block = f"block{number}"
        if kind == "gru":
            x = layers.GRU(filters, return_sequences=True, name=f"{block}_gru")(x)
            continue
        before = x
        x = layers.Conv1D(
            filters,
            kernel_size,
            dilation_rate=2 ** (number - 1),
            padding="causal" if causal else "same",
            name=f"{block}_conv",
        )(x)
        x = layers.ReLU(name=f"{block}_relu")(x)
        if number > 1:
            x = layers.Add(name=f"{block}_add")([before, x])
    return keras.Model(inputs, x[:, -1] if last_step else x, name="series_encoder")


def _is_size(side) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and side > 0
