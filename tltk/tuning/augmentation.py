"""Random changes of the training pictures, kept out of the saved model."""

from __future__ import annotations

import inspect
import threading

import keras
import numpy as np
from keras import ops

from tltk._cache import code_digest, content_digest
from tltk._checks import check_seed
from tltk._keras import as_functional, nodes_of, reseed
from tltk.inputs.examples import Examples


def default_augmentation(seed: int = 0) -> keras.Sequential:
    """Flip, shift, zoom, turn and re-light pictures a little.

    Args:
        seed: random seed.

    Returns:
        A model from raw pictures (b, h, w, 3), 0 to 255, to changed ones; it changes nothing
        outside of training.

    Example:
        >>> import numpy as np
        >>> picture = np.full((1, 8, 8, 3), 100.0, "float32")
        >>> bool((default_augmentation()(picture, training=False) == picture).numpy().all())
        True
    """
    check_seed("seed", seed)
    layers = keras.layers
    return keras.Sequential(
        [
            layers.RandomFlip("horizontal", seed=seed),
            layers.RandomTranslation(0.08, 0.08, fill_mode="reflect", seed=seed + 1),
            layers.RandomZoom((-0.15, 0.05), fill_mode="reflect", seed=seed + 2),
            layers.RandomRotation(0.03, fill_mode="reflect", seed=seed + 3),
            layers.RandomBrightness(0.1, seed=seed + 4),
            layers.RandomContrast(0.1, seed=seed + 5),
        ],
        name="augmentation",
    )


def augmentation_of(
    model: keras.Model, augment, cache=True
) -> tuple[keras.layers.Layer | None, int]:
    """The layer that changes training pictures, or None, and the views of each to keep, or 0."""
    if isinstance(augment, tuple):
        return _with_views(model, augment, cache)
    if augment is None or augment is False:
        return None, 0
    changes = default_augmentation() if augment is True else augment
    if not isinstance(changes, keras.layers.Layer):
        raise ValueError(
            "augment is True, or a Keras layer or model that maps pictures to pictures. "
            f"Received: augment={augment!r}. Example: keras.layers.RandomFlip()."
        )
    if len(model.inputs) > 1:
        raise ValueError(
            "Augmentation changes one input. Received: a model with "
            f"{len(model.inputs)} inputs. Augment the data before, and leave out augment."
        )
    return changes, 0


def _with_views(model, augment, cache):
    changes, views = augment if len(augment) == 2 else (None, 0)
    layer, _ = augmentation_of(model, changes)
    if layer is None or not cache or isinstance(views, bool) or not views == int(views) > 0:
        raise ValueError(
            "Augmented views are kept for later epochs, so a pair needs an augmentation, a number "
            f"and the cache. Received: augment={augment}, cache={cache}. "
            "Pass augment=(True, 4), or augment=True to augment anew in every epoch."
        )
    return layer, int(views)


def describe(layer: keras.layers.Layer | None):
    """What an augmentation does, whatever its layers are called and wherever they drew last."""
    if layer is None:
        return None
    if isinstance(layer, keras.Sequential):
        return [describe(inner) for inner in layer.layers]
    if as_functional(layer) is not None:
        return [describe(node.operation) for node in nodes_of(layer) if node.input_tensors]
    config: dict = getattr(layer, "get_config", dict)()
    weights = content_digest([weight.numpy() for weight in getattr(layer, "weights", ())])
    functions = [each for each in vars(layer).values() if inspect.isfunction(each)]
    code = code_digest(type(layer), *functions)
    return type(layer).__name__, _unnamed(config), weights, code


def _unnamed(config):
    """A configuration without the names and seeds in it, at any depth."""
    if isinstance(config, dict):
        return {k: _unnamed(v) for k, v in config.items() if k not in ("name", "seed")}
    return [_unnamed(each) for each in config] if isinstance(config, list | tuple) else repr(config)


def augmented_view(
    examples: Examples, changes: keras.layers.Layer, seed: int, view: int
) -> Examples:
    """The same examples, each picture changed once at random.

    The changes are a function of the seed, of the view's number and of the first row fetched, so
    that features of a view can be kept: the same batches give the same pictures.

    Args:
        examples: labelled pictures, one array of inputs.
        changes: the augmentation.
        seed: random seed.
        view: the number of the view, from 0.

    Returns:
        Examples whose pictures are float32, with a digest of their own.
    """
    one_at_a_time = threading.Lock()

    def fetch(rows):
        pictures = np.asarray(examples.fetch(rows), "float32")
        first = int(np.arange(examples.count)[rows][0])
        drawn = np.random.SeedSequence([seed, view, first]).generate_state(1)[0]
        with one_at_a_time:
            reseed(drawn, changes)
            return np.asarray(changes(pictures, training=True))

    settings = (examples.digest, describe(changes), seed, view)
    digest = examples.digest and content_digest((), *settings)
    return examples.replace(fetch=fetch, digest=digest, reread=None)


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
