"""Which frozen source is best: four ImageNet networks side by side (chapter 02).

Each source gives the features of the bundled CIFAR-10 pictures once per image size; a linear probe
is then fitted for each of five seeds on 100 training pictures per class. Its strength is chosen on
1000 validation pictures, accuracy is measured on the 1000 bundled test pictures. All pictures are
resized bicubically and all feature maps averaged over space.

`seconds_per_1000` are processor seconds: the time of all cores together, which other programs
hardly change. `parameters` are those of the headless network.

Needs the ImageNet weights of resnet50, inception_v3 and vgg16 in `$TLTK_HOME/models` or in Keras's
cache (else they are downloaded). About 40 minutes on two CPU cores. Features and finished rows stay
in the cache folder, so that the same call goes on after an interruption:

    python notebooks/studies/02_sources.py
"""

import time

import keras
import numpy as np

import tltk
from tltk._cache import read_facts, write_facts
from tltk.evaluation import keep_study, study_folder

SEEDS, LABELS = (0, 1, 2, 3, 4), 100
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
RUNS = (
    ("mobilenet_v2", 160),
    ("resnet50", 160),
    ("inception_v3", 160),
    ("vgg16", 160),
)
FINISHED = study_folder(__file__) / "rows.json"


def features_by_name(backbone, photos):
    """Give the features and the label of every bundled picture, by the picture's name."""
    known = {}
    for part in ("train", "test"):
        features, labels = tltk.extract_features(backbone, getattr(photos, part))
        known |= dict(zip(photos.files[part], zip(features, labels, strict=True), strict=True))
    return known


def probe(train, val, test):
    """Fit a linear probe on arrays (x, y); return its strength and two accuracies."""
    body = keras.Sequential([keras.Input(train[0].shape[1:]), keras.layers.Identity()])
    model = tltk.build_classifier(body, 10, dropout=0)
    strength = tltk.fit_linear_head(model, train, val, strengths=STRENGTHS, cache=False)
    return strength, *(model.evaluate(*part, verbose=0)[1] for part in (val, test))


def seconds_per_1000(backbone, photos):
    """Processor seconds that the network takes for 1000 pictures, all cores together."""
    pictures, _ = photos.test.take(range(128)).arrays()
    backbone.predict(pictures, verbose=0)
    began = time.process_time()
    backbone.predict(pictures, verbose=0)
    return (time.process_time() - began) / len(pictures) * 1000


def run(source, image_size):
    began = time.perf_counter()
    backbone = tltk.load_backbone(source, input_shape=(image_size, image_size, 3))
    everything = tltk.load_dataset("cifar10_small", image_size=image_size, val=0)
    facts = {
        "source": source,
        "image_size": image_size,
        "parameters": backbone.count_params(),
        "features": backbone.output_shape[-1],
        "seconds_per_1000": round(seconds_per_1000(backbone, everything), 1),
    }
    known, rows = features_by_name(backbone, everything), []
    for seed in SEEDS:
        # Pictures of 32 pixels: here the splits serve as lists of names only.
        photos = tltk.load_dataset("cifar10_small", image_size=32, per_class=LABELS, seed=seed)
        parts = [[known[name] for name in photos.files[part]] for part in ("train", "val", "test")]
        arrays = [tuple(map(np.array, zip(*part, strict=True))) for part in parts]
        strength, val_accuracy, accuracy = probe(*arrays)
        measured = {"strength": strength, "val_accuracy": val_accuracy, "accuracy": accuracy}
        rows.append({**facts, "labels_per_class": LABELS, "seed": seed, **measured})
        rows[-1]["seconds"] = round(time.perf_counter() - began, 1)
        print(rows[-1], flush=True)
        began = time.perf_counter()
    return rows


def main():
    rows = read_facts(FINISHED) or []
    done = {(row["source"], row["image_size"]) for row in rows}
    for source, image_size in RUNS:
        if (source, image_size) not in done:
            new = run(source, image_size)
            rows += new
            write_facts(FINISHED, rows)
    about = (
        "CIFAR-10 (bundled), 100 labels per class: test accuracy of a linear probe on four frozen "
        "ImageNet networks, 5 seeds."
    )
    print(keep_study(__file__, about, rows, sum(row["seconds"] for row in rows)))


if __name__ == "__main__":
    main()
