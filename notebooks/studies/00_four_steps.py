"""Ten divisions of 154 photographs: which of the four steps makes the difference (chapter 00).

The bundled photographs are divided ten times into about 77 to train on, 25 to validate and 52 to
test, stratified, with two photographs of one subject always in one part. Every method sees the
same divisions, in batches of 16, by Adam, without augmentation:

- step 3 of the chapter at 160 pixels: a new head on frozen, pretrained features, for `HEAD_EPOCHS`
  at rate 1e-3;
- step 4 from there: the last two blocks and the head for `TUNE_EPOCHS` at 1e-5 or 1e-4, batch
  normalisation frozen. The last epoch is kept in all of these.

What is frozen gives the same features at every epoch, so that it runs once. About 3 minutes on two
CPU cores. Finished divisions stay in the cache folder.

    python notebooks/studies/00_four_steps.py
"""

from functools import cache

import keras
import numpy as np

import tltk
from tltk.evaluation import finished_parts, keep_study

SPLITS, IMAGE_SIZE, BATCH = range(10), 160, 16
HEAD_EPOCHS, TUNE_EPOCHS = 30, 5
SETTINGS = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def photographs(image_size):
    """All images, their labels, the subject that each shows, and the names of the classes."""
    photos = tltk.load_dataset("photos_small", image_size=image_size)
    parts = [part.arrays() for part in photos[:3]]
    images, labels = (np.concatenate(rows) for rows in zip(*parts, strict=True))
    files = [name for part in ("train", "val", "test") for name in photos.files[part]]
    subjects = [name.split(".")[0].split("-")[0] for name in files]
    return images, labels, subjects, photos.class_names


@cache
def maps_before_last_blocks():
    """What the frozen part, up to block 15, makes of every photograph."""
    network = tltk.load_backbone("mobilenet_v2", input_shape=IMAGE_SIZE)
    frozen = keras.Model(network.input, network.get_layer("block_15_add").output)
    return frozen.predict(photographs(IMAGE_SIZE)[0], batch_size=BATCH, verbose=0)


def last_blocks():
    """The last two blocks with their pretrained weights, behind them the average over places."""
    network = tltk.load_backbone("mobilenet_v2", input_shape=IMAGE_SIZE)
    blocks = keras.Model(network.get_layer("block_15_add").output, network.output)
    return keras.Model(blocks.input, keras.layers.GlobalAveragePooling2D()(blocks.output))


def accuracies(seed):
    """Yield a method and its test accuracy on one division of the photographs."""
    _, labels, subjects, classes = photographs(32)
    rows = tltk.inputs.split_rows(labels, val=0.16, test=0.34, groups=subjects, seed=seed)
    train, test = rows["train"], rows["test"]
    facts = {"split": seed, "training images": len(train), "test images": len(test)}

    def score(method, model, inputs):
        accuracy = model.evaluate(inputs[test], labels[test], verbose=0)[1]
        print(seed, method, round(accuracy, 3), flush=True)
        return {"method": method, **facts, "accuracy": accuracy}

    maps, blocks = maps_before_last_blocks(), last_blocks()
    features = blocks.predict(maps, verbose=0)
    keras.utils.set_random_seed(seed)
    head = keras.layers.Dense(len(classes), activation="softmax")
    model = keras.Sequential([keras.Input(features.shape[1:]), head])
    model.compile(keras.optimizers.Adam(1e-3), **SETTINGS)
    fitting = {"batch_size": BATCH, "verbose": 0}
    model.fit(features[train], labels[train], epochs=HEAD_EPOCHS, **fitting)
    yield score("new head", model, features)

    begin = [blocks.get_weights(), head.get_weights()]
    for layer in blocks.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    for rate in (1e-5, 1e-4):
        blocks.set_weights(begin[0])
        head.set_weights(begin[1])
        model = keras.Model(blocks.input, head(blocks.output))
        model.compile(keras.optimizers.Adam(rate), **SETTINGS)
        model.fit(maps[train], labels[train], epochs=TUNE_EPOCHS, **fitting)
        yield score(f"new head, then last blocks at {rate:.0e}", model, maps)


def main():
    parts = [(f"split {seed}", lambda seed=seed: accuracies(seed)) for seed in SPLITS]
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "154 bundled photographs of eight subjects, half of them to train on: test accuracy on ten "
        "divisions that keep subjects apart, of steps 3 and 4 of the chapter."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
