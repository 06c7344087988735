"""What a user would write with plain Keras: the transfer-learning recipe of the official guide.

https://keras.io/guides/transfer_learning: pictures from a folder, a frozen pretrained network that
is called with `training=False`, pooling, one dense layer, `compile` with Adam, `fit` with
validation. Preprocessing is inside the network. Where layers are unfrozen, batch normalisation
stays frozen, as tltk keeps it, so that both sides train the same weights.
"""

import math
import time

import keras


def recipe(
    folder, network, image_size, unfrozen="", rate=1e-3, batch_size=32, seed=0, augment=False
):
    """The compiled classifier, its training pictures and its validation pictures.

    Args:
        folder: holds `train/CLASS/…` and `val/CLASS/…`.
        network: a pretrained network without its top.
        image_size: the side in pixels.
        unfrozen: the beginning of the names of the layers that train; "" for none.
        rate: Adam's learning rate.
        batch_size: pictures a step.
        seed: decides the order of the pictures and the first weights of the dense layer.
        augment: flip and rotate the pictures at random, as the guide does.
    """
    train, val = (
        keras.utils.image_dataset_from_directory(
            folder / part,
            image_size=(image_size, image_size),
            batch_size=batch_size,
            seed=seed,
            verbose=False,
        )
        for part in ("train", "val")
    )
    network.trainable = bool(unfrozen)
    for layer in network.layers if unfrozen else ():
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer.name.startswith(unfrozen) and not is_norm
    inputs = keras.Input((image_size, image_size, 3))
    seen = inputs
    if augment:
        seen = keras.layers.RandomFlip("horizontal", seed=seed)(seen)
        seen = keras.layers.RandomRotation(0.1, seed=seed)(seen)
    pooled = keras.layers.GlobalAveragePooling2D()(network(seen, training=False))
    first = keras.initializers.GlorotUniform(seed)
    answers = keras.layers.Dense(
        len(train.class_names), activation="softmax", kernel_initializer=first
    )(pooled)
    model = keras.Model(inputs, answers)
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model, train, val


def fit(model, train, val, epochs=1):
    """Train in silence; Keras warns unless it is told that the data set shuffles by itself."""
    return model.fit(train, validation_data=val, epochs=epochs, shuffle=False, verbose=0)


def recipe_seconds(folder, network, image_size, epochs, measured, **settings):
    """Seconds that the recipe takes for `epochs` epochs, from `measured` of them.

    A first `fit` on one batch of each part takes in what happens once (listing the files, building,
    tracing); the steps after it are alike, and the measured ones stand for all. Below 1,
    `measured` is the share of an epoch's steps.

    Returns:
        (seconds for `epochs` epochs, seconds of one).
    """
    began = time.perf_counter()
    model, train, val = recipe(folder, network, image_size, **settings)
    fit(model, train.take(1), val.take(1))
    once = time.perf_counter() - began
    steps, val_steps = (math.ceil(measured * len(part)) for part in (train, val))
    some = (train, val) if measured >= 1 else (train.take(steps), val.take(val_steps))
    began = time.perf_counter()
    fit(model, *some, math.ceil(measured))
    one = (time.perf_counter() - began) / (measured if measured >= 1 else steps / len(train))
    return once + epochs * one, one
