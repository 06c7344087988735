"""What users write: a checker has nothing to say of it. Read by `test_typing.py`, never run."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tltk
from tltk import evaluation, inputs
from tltk.inputs import Data, Examples, examples_of


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple:
        return np.zeros((2, 3)), np.array([0, 1])


def five_lines() -> None:
    photos = tltk.load_dataset("cifar10_small")
    backbone = tltk.load_backbone("mobilenet_v2")
    model = tltk.build_classifier(backbone, photos.class_names)
    tltk.fine_tune(model, photos.train, photos.val, unfreeze_blocks=2, checkpoint=Path("runs"))
    tltk.save_model(model, "photos.keras")
    found = tltk.compare_transfer("mobilenet_v2", photos, seeds=5)
    print(found.summary, tltk.predict_split(model, photos.test).labels.shape)


def every_form_of_data(model: keras.Model, x: np.ndarray, y: np.ndarray) -> list[Examples]:
    forms: list[Data] = [
        x,
        (x, y),
        ({"a": x}, y),
        {"a": x},
        ["a text", "another"],
        Batches(),
        tf.data.Dataset.from_tensor_slices((x, y)).batch(2),
        examples_of((x, y)),
    ]
    tltk.rank_backbones(["mobilenet_v2"], (x, y))
    for form in forms:
        tltk.fine_tune(model, form, (x, y))
        tltk.extract_features(model, form)
    return [examples_of(form) for form in forms]


def arrays_and_lists(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    rows: dict[str, np.ndarray] = inputs.split_rows(y, groups=[1, 2, 3])
    inputs.split_rows([0, 1, 0], val=0.5, seed=1)
    evaluation.mean_interval([0.5, 0.6])
    examples = examples_of((x, y)).take(rows["train"])
    inputs_of, _ = examples.arrays()
    print(inputs_of.shape, [len(some) for _, some in examples], examples.workers)
    print(examples.labels.shape, len(examples), examples.count + 1)
    return evaluation.mean_interval(x[:, 0], level=0.9)


def functions_of_ours() -> Callable[..., keras.callbacks.History]:
    version: str = tltk.__version__
    names: list[str] = tltk.__all__
    print(version, names, tltk.shipping, tltk.plotting)
    return tltk.fine_tune
