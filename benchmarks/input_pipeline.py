"""Reading pictures alone, from files to batches: tltk against Keras's loader and extraction.

Every side reads and decodes all JPEG files (256 pixels a side) and resizes them to 224, in batches
of 32.

- tltk: `examples.fetch` on two batches at a time, as extraction calls it; bicubic with smoothing.
- Keras: `keras.utils.image_dataset_from_directory`, bilinear (its default) and bicubic, both
  without smoothing.
- tltk, loading: `tltk.image_folder`, which looks at each file once before anything else.
- extraction: ResNet50 from memory on the fastest engine here, with which reading has to keep up.
"""

from concurrent.futures import ThreadPoolExecutor

import common
import keras
import numpy as np
from extraction import BATCH, random_pictures, tltk_side

import tltk

FULL = {"network": "resnet50", "side": 224, "count": 500, "probe": 64, "repeats": 2}
QUICK = {"network": "small_cnn", "side": 32, "count": 20, "probe": 32, "repeats": 1}


def read_with_tltk(examples):
    starts = range(0, examples.count, BATCH)
    batches = [np.arange(start, min(start + BATCH, examples.count)) for start in starts]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return sum(len(pictures) for pictures in pool.map(examples.fetch, batches))


def read_with_keras(folder, side, interpolation):
    pictures = keras.utils.image_dataset_from_directory(
        folder / "train",
        image_size=(side, side),
        batch_size=BATCH,
        interpolation=interpolation,
        shuffle=False,
        verbose=False,
    )
    return sum(len(batch) for batch, _ in pictures)


def load(folder, side):
    return tltk.image_folder(folder, image_size=side, val=0, test=0)


def main(arguments=None):
    chosen, settings, began, engines, remarks, weights = common.begin(
        __doc__, arguments, FULL, QUICK, engines_when_quick=2
    )
    side, count = settings["side"], settings["count"]
    network = common.fresh_network(settings["network"], weights, side)
    label, how = engines[-1]
    extract = tltk_side(network, how)
    pictures = random_pictures(settings["probe"], side)

    def rate(function, *arguments):
        return count / common.seconds_of(function, *arguments)

    with common.picture_folder(count) as folder, common.fresh_cache():
        examples = load(folder, side).train
        extract(pictures[:BATCH])
        sides = {
            "tltk": lambda: rate(read_with_tltk, examples),
            "Keras, bilinear": lambda: rate(read_with_keras, folder, side, "bilinear"),
            "Keras, bicubic": lambda: rate(read_with_keras, folder, side, "bicubic"),
            "tltk, loading": lambda: rate(load, folder, side),
            f"extraction, {label}": lambda: (
                settings["probe"] / common.seconds_of(extract, pictures)
            ),
        }
        measured = common.interleaved(sides, settings["repeats"])
    rows = [{"side": name, "pictures/s": common.spread(each)} for name, each in measured.items()]
    findings = [
        common.finding(
            f"reading pictures: tltk against {other}",
            common.ratios(measured["tltk"], measured[other]),
        )
        for other in ("Keras, bilinear", "Keras, bicubic", f"extraction, {label}")
    ]
    remarks.append(
        "The pictures are enlarged 32-pixel ones, which decode faster than photographs; "
        "all sides read the same files."
    )
    facts = {"weights": weights, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
