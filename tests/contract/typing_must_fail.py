"""Wrong calls, one a line, each with what a checker says. Read by `test_typing.py`, never run."""

import keras
import numpy as np

import tltk
from tltk import adaptation, inputs, tuning
from tltk.inputs import Data

x, y = np.zeros((4, 3)), np.array([0, 1, 0, 1])
photos = tltk.load_dataset("cifar10_small")
examples_of_ours = inputs.examples_of((x, y))
model: keras.Model = tltk.load_backbone("mobilenet_v2")

tltk.fine_tune(model, photos.train, epoch=3)  # E: call-arg
tltk.fine_tune(model)  # E: call-arg
tltk.fine_tune(model, "photos")  # E: arg-type
tltk.fine_tune(model, 3)  # E: arg-type
tltk.fine_tune(model, photos.train, (row for row in x))  # E: arg-type
tltk.fine_tune(model, photos.train, epochs="3")  # E: arg-type
tltk.load_dataset(7)  # E: arg-type
tltk.image_folder("photos", image_size="224")  # E: arg-type
tltk.finetune(model, photos.train)  # E: attr-defined
print(tltk.fine_tune.history)  # E: attr-defined
tltk.tuning.fine_tune(model, photos.train, lr=1e-3)  # E: call-arg
tltk.predict_split(model, 1.0)  # E: arg-type
tltk.extract_features(model, x, batch_size=None)  # E: arg-type
tltk.compare_transfer("mobilenet_v2", (x, y))  # E: arg-type
print(photos.training)  # E: attr-defined
print(photos.train.label)  # E: union-attr
print(photos.train.arrays()[2])  # E: misc
data: Data = 3  # E: assignment
examples: int = inputs.examples_of((x, y))  # E: assignment
inputs.split_rows(y, shuffle=True)  # E: call-arg
inputs.examples_off((x, y))  # E: attr-defined
examples_of_ours.shuffle()  # E: attr-defined
adaptation.CORAL().fit(x, y, domains=y)  # E: call-arg
tuning.find_learning_rate(model, 0.1)  # E: arg-type
