"""What deep adaptation asks of a model, its data and its settings."""

from __future__ import annotations

import keras
import numpy as np

from tltk._keras import check_model as check_is_model
from tltk.backbones import layers_by_block
from tltk.inputs.examples import Examples, examples_of
from tltk.tuning.checks import check_each, checked_examples, takes_class_numbers
from tltk.tuning.cutting import as_functional


def check_model(model: keras.Model, what: str) -> None:
    """Refuse a model that is not compiled and functional, with a dense layer as its head's last."""
    check_is_model(model)
    if as_functional(model) is None or not model.compiled or "head" not in layers_by_block(model):
        raise ValueError(
            f"{what} trains a compiled functional model whose new layers are named head_…. "
            f"Received: {model!r}. Make it with build_classifier(encoder, class_names)."
        )
    if not isinstance(model.layers[-1], keras.layers.Dense):
        raise ValueError(
            "Features are what the last dense layer sees, so that layer must come last. "
            f"Received: a model that ends in {type(model.layers[-1]).__name__}. "
            "Make it with build_classifier(encoder, class_names)."
        )


def check_adaptable(model, method, **settings) -> None:
    """Refuse what `adapt_domains` cannot do."""
    check_model(model, "adapt_domains")
    check_each(**settings)
    if method.needs_classes and not takes_class_numbers(model):
        raise ValueError(
            "This method looks at the probabilities of classes. "
            f"Received: a model with the loss {model.loss!r}. "
            'Use "dann", "coral" or "mmd", which look at features alone.'
        )


def check_something_to_move(model: keras.Model) -> None:
    """Refuse a training that leaves the features as they are."""
    blocks = {name: rows for name, rows in layers_by_block(model).items() if name != "head"}
    if not any(layer.trainable_weights for layers in blocks.values() for layer in layers):
        raise ValueError(
            "Adaptation moves the features, so a part of the encoder must train. Received: an "
            'encoder that is frozen as a whole. Pass unfreeze_blocks=2, or "all".'
        )


def unlabelled_examples(model: keras.Model, data) -> Examples:
    """Rows that fit a model; labels, if there are any, are not looked at."""
    check_is_model(model)
    examples = examples_of(data)
    shape = (examples.count, model.outputs[0].shape[-1])
    anything = np.zeros(shape[:1] if takes_class_numbers(model) else shape, "int32")
    return checked_examples(model, examples.replace(labels=anything)).replace(labels=None)
