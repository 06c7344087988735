"""A small network of our own, the baseline that is trained from scratch."""

from keras import KerasTensor, layers

FILTERS = (32, 64, 128, 256)


def small_cnn(pixels: KerasTensor, include_top: bool = False) -> KerasTensor:
    """Apply four blocks of one convolution each to scaled pictures (b, h, w, 3)."""
    x = pixels
    for number, filters in enumerate(FILTERS, start=1):
        block = f"block{number}"
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{block}_conv")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{block}_bn")(x)
        x = layers.ReLU(name=f"{block}_relu")(x)
        if number < len(FILTERS):
            x = layers.MaxPooling2D(name=f"{block}_pool")(x)
    return x
