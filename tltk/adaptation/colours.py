"""Plain augmentation against a change of colours: the baseline of adapting pictures."""

import keras
from keras import ops

from tltk._checks import check_seed


@keras.saving.register_keras_serializable(package="tltk")
class RandomColours(keras.layers.Layer):
    """Map black and white of each picture to two random colours, and what lies between to between.

        y = black + (white - black) * x / 255

    for each channel, with black and white from U(0, 255)

    So pictures are inverted, tinted and faded at random. Outside of training nothing changes.

    Args:
        seed: random seed.

    Example:
        >>> picture = ops.ones((1, 2, 2, 3)) * 51
        >>> float(RandomColours()(picture, training=False)[0, 0, 0, 0])
        51.0
    """

    def __init__(self, seed: int = 0, **settings):
        check_seed("seed", seed)
        super().__init__(**settings)
        self.seed = seed
        self._drawn = keras.random.SeedGenerator(seed)

    def call(self, pictures, training=False):
        pictures = ops.cast(pictures, self.compute_dtype)
        if not training:
            return pictures
        ends = (2, ops.shape(pictures)[0], 1, 1, pictures.shape[-1])
        ends = keras.random.uniform(ends, 0, 255, self.compute_dtype, seed=self._drawn)
        return ends[0] + (ends[1] - ends[0]) * pictures / 255

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
