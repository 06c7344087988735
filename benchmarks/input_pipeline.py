"""Reading pictures alone, from files to batches: tltk against TensorFlow, Keras and extraction.

Every side reads all JPEG files of a folder, brings them to 224 pixels a side, and gives batches of
32. The files are once smaller and once larger than that.

- tltk, first read: `tltk.image_folder` with an empty cache folder, which decodes and keeps every
  picture, and one pass over the rows by `examples.fetch`, two batches at a time, as extraction
  does; bicubic with smoothing.
- tltk, kept rows: such a pass alone, as in every further epoch and run.
- TensorFlow, smoothing: `tf.io.decode_jpeg` and `tf.image.resize(antialias=True)`, bicubic, in a
  `tf.data` pipeline with as many threads as it likes.
- Keras, aliased: `keras.utils.image_dataset_from_directory`, bicubic, which does not smooth.
- photographs: what one of 12 megapixels takes of the processor to become 224 pixels a side, decoded
  in full and at a smaller scale, one after the other.
- extraction: ResNet50 from memory on the fastest engine here, with which reading has to keep up.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import common
import keras
import numpy as np
from extraction import BATCH, random_pictures, tltk_side

import tltk

FULL = {
    "network": "resnet50",
    "side": 224,
    "sources": [64, 500],
    "count": 500,
    "photograph": [4032, 3024],
    "photographs": 8,
    "probe": 64,
    "repeats": 3,
}
QUICK = {
    "network": "small_cnn",
    "side": 32,
    "sources": [24, 80],
    "count": 20,
    "photograph": [400, 300],
    "photographs": 2,
    "probe": 32,
    "repeats": 1,
}
LONG_AGO = 10**9


def passed_over(examples):
    starts = range(0, examples.count, BATCH)
    batches = [np.arange(start, min(start + BATCH, examples.count)) for start in starts]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return sum(len(pictures) for pictures in pool.map(examples.fetch, batches))


def load(folder, side):
    return tltk.image_folder(folder, image_size=side, val=0, test=0).train


def read_first(folder, side):
    with common.fresh_cache():
        return passed_over(load(folder, side))


def read_with_tensorflow(folder, side):
    import tensorflow as tf

    def picture(file):
        pixels = tf.io.decode_jpeg(tf.io.read_file(file), channels=3)
        return tf.image.resize(pixels, (side, side), "bicubic", antialias=True)

    files = tf.data.Dataset.from_tensor_slices(sorted(map(str, folder.rglob("*.jpg"))))
    pictures = files.map(picture, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH)
    return sum(len(batch) for batch in pictures.prefetch(tf.data.AUTOTUNE))


def read_with_keras(folder, side):
    pictures = keras.utils.image_dataset_from_directory(
        folder / "train",
        image_size=(side, side),
        batch_size=BATCH,
        interpolation="bicubic",
        shuffle=False,
        verbose=False,
    )
    return sum(len(batch) for batch, _ in pictures)


def measured(work, count, repeats):
    """Sides in turn: for each the pictures a second, and the milliseconds of CPU a picture."""
    cpu = {name: [] for name in work}

    def side(name, function, *arguments):
        began = time.process_time()
        rate = count / common.seconds_of(function, *arguments)
        cpu[name].append((time.process_time() - began) / count * 1000)
        return rate

    sides = {name: lambda name=name, do=do: side(name, *do) for name, do in work.items()}
    return common.interleaved(sides, repeats), cpu


def decode_all(contents, side, exact):
    for content in contents:
        tltk.inputs.read_image(content, side, exact=exact)


def rows_and_findings(name, rates, cpu):
    rows = [
        {
            "side": f"{name}: {side}",
            "pictures/s": common.spread(rates[side]),
            "CPU ms each": common.spread(cpu[side]),
        }
        for side in rates
    ]
    return rows, lambda what, ours, other, goal: [
        common.finding(
            f"{name}, {what}: tltk against {other}",
            common.ratios(rates[ours], rates[other]),
            goal=goal,
        ),
        common.finding(
            f"{name}, {what}, per CPU-second: tltk against {other}",
            common.ratios(cpu[other], cpu[ours]),
            goal=goal,
        ),
    ]


def main(arguments=None):
    chosen, settings, began, engines, remarks, weights = common.begin(
        __doc__, arguments, FULL, QUICK, engines_when_quick=2
    )
    side, count, repeats = settings["side"], settings["count"], settings["repeats"]
    network = common.fresh_network(settings["network"], weights, side)
    label, how = engines[-1]
    extract = tltk_side(network, how)
    pictures = random_pictures(settings["probe"], side)
    extract(pictures[:BATCH])
    rows, findings = [], []
    smoothing, aliased = "TensorFlow, smoothing", "Keras, aliased"

    for source in settings["sources"]:
        with common.picture_folder(count, side=source) as folder, common.fresh_cache():
            for file in folder.rglob("*.jpg"):
                os.utime(file, (LONG_AGO, LONG_AGO))  # files of today are read twice
            examples = load(folder, side)
            work = {
                "tltk, first read": (read_first, folder, side),
                "tltk, kept rows": (passed_over, examples),
                smoothing: (read_with_tensorflow, folder, side),
                aliased: (read_with_keras, folder, side),
            }
            rates, cpu = measured(work, count, repeats)
            more, compared = rows_and_findings(f"{source} to {side} pixels", rates, cpu)
            rows += more
            findings += compared("first read", "tltk, first read", smoothing, 1)
            findings += compared("kept rows", "tltk, kept rows", smoothing, 3)
            findings += compared("first read", "tltk, first read", aliased, None)
            kept = rates["tltk, kept rows"]

    contents = common.photographs(settings["photograph"], settings["photographs"])
    ways = {"in full": True, "small": False}
    work = {way: (decode_all, contents, side, exact) for way, exact in ways.items()}
    rates, cpu = measured(work, len(contents), repeats)
    megapixels = settings["photograph"][0] * settings["photograph"][1] / 1e6
    name = f"photographs of {megapixels:.3g} megapixels"
    rows += rows_and_findings(name, rates, cpu)[0]
    less = common.ratios(cpu["in full"], cpu["small"])
    findings.append(common.finding(f"{name}: CPU-seconds in full against small", less))

    def extraction():
        return settings["probe"] / common.seconds_of(extract, pictures)

    rates = common.interleaved({f"extraction, {label}": extraction}, repeats)
    [extracted] = rates.values()
    rows.append({"side": f"extraction, {label}", "pictures/s": common.spread(extracted)})
    what = f"kept rows: tltk against extraction, {label}"
    findings.append(common.finding(what, common.ratios(kept, extracted)))
    remarks.append(
        "The small files are enlarged 32-pixel pictures, which decode faster than photographs; "
        "all sides read the same files, from memory."
    )
    facts = {"weights": weights, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
