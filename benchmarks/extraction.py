"""Feature extraction alone, from pictures in memory: tltk's engines against predict and by hand.

The same frozen network with average pooling sees the same uint8 pictures in batches of 32 on every
side. Each side is called on one batch first, uncounted, so that tracing, conversion and tltk's
check of an engine's answers are on no side. ResNet50 gets more pictures than others, most of all in
bfloat16, so that each side runs for seconds: in each call tltk makes sure that the weights are
still those that were converted (about 0.15 s for ResNet50), by hand nothing does.

- `model.predict`: plain Keras.
- `extract_features`: tltk without its cache, on Keras and on OpenVINO.
- OpenVINO by hand: exported with `model.export`, compiled with the same precision hint, called on
  one batch after the other.
- ONNX Runtime by hand, where onnxruntime, onnx and tf2onnx are installed.
- PyTorch, for ResNet50: torchvision's network through `torch.compile` in bfloat16 and channels last
  (torch_recipe.py), where TORCH_PYTHON names a Python that has torch and torchvision.

The goals stand for the first network, ResNet50; the others are reported beside it. The machine's
own float32 rate is that of a product of two large matrices, with `keras.ops.matmul` or numpy,
whichever is faster.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import common
import keras
import numpy as np

import tltk
from tltk.backbones._cost import multiply_adds

BATCH = 32
HINTS = {"OpenVINO float32": "f32", "OpenVINO bfloat16": "bf16"}
FULL = {
    "pictures": {"resnet50": 128, "vgg16": 32, "inception_v3": 32, "mobilenet_v2": 96},
    "pictures_bfloat16": {"resnet50": 256},
    "side": 224,
    "repeats": {"resnet50": 3},
    "matrix": 3072,
}
QUICK = {
    "pictures": {"small_cnn": 64},
    "pictures_bfloat16": {},
    "side": 32,
    "repeats": {"small_cnn": 1},
    "matrix": 256,
}
ENOUGH = 2  # repeats, where nothing is said
UNIT = "seconds for 100"
TORCH, PYTORCH = "TORCH_PYTHON", "PyTorch, torch.compile, bfloat16"


def predict_side(network):
    def run(pictures):
        return network.predict(pictures, batch_size=BATCH, verbose=0)

    return run


def tltk_side(network, settings):
    def run(pictures):
        return tltk.extract_features(network, pictures, batch_size=BATCH, cache=False, **settings)[
            0
        ]

    return run


def openvino_side(path, precision):
    import openvino

    hint = {"INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.Core().compile_model(path, "CPU", hint)

    def run(pictures):
        outputs = [compiled([batch])[0].copy() for batch in float_batches(pictures)]
        return np.concatenate(outputs)

    return run


def onnx_side(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(pictures):
        outputs = [session.run(None, {name: batch})[0] for batch in float_batches(pictures)]
        return np.concatenate(outputs)

    return run


def exported(network, folder, name, kind):
    path = str(Path(folder, name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.export(path, format=kind, verbose=False)
    return path


def float_batches(pictures):
    for start in range(0, len(pictures), BATCH):
        yield pictures[start : start + BATCH].astype("float32")


def speed_ups(network, engines, side, count, **settings):
    """How many times as fast as `predict` each engine runs a network, and Keras just as fast.

    The better of two runs on `count` pictures counts; without any, every engine is as fast.
    """
    faster = {label: 1.0 for label, _ in engines}
    if count == 0:
        return faster
    pictures = random_pictures(count, side)
    sides = {"model.predict": predict_side(network)}
    sides |= {label: tltk_side(network, how | settings) for label, how in engines[1:]}
    with common.fresh_cache():
        measured = {name: min(times) for name, times in timings(sides, pictures, 2).items()}
    return faster | {label: measured["model.predict"] / measured[label] for label, _ in engines[1:]}


def timings(sides, pictures, repeats, more=None, others=None):
    """Seconds for 100 pictures on every side, repeat by repeat, after one uncounted batch.

    Args:
        sides: name to a function of pictures.
        pictures: what the sides see.
        repeats: how often each side runs.
        more: what bfloat16 sees instead, or None.
        others: name to a function without arguments that gives the seconds itself.
    """
    for run in sides.values():
        run(pictures[:BATCH])

    def per_hundred(name):
        seen = pictures if more is None or "bfloat16" not in name else more
        return 100 * common.seconds_of(sides[name], seen) / len(seen)

    measured = {name: partial(per_hundred, name) for name in sides}
    return common.interleaved(measured | (others or {}), repeats)


def random_pictures(count, side):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype="uint8")


def pooled(name, side, quick):
    weights = common.weights_of(name, quick)
    backbone = tltk.load_backbone(name, weights=weights, input_shape=side)
    features = keras.layers.GlobalAveragePooling2D()(backbone.output)
    return keras.Model(backbone.input, features, name=name), weights


def sides_of(network, folder, engines):
    sides = {"model.predict": predict_side(network)}
    sides |= {f"extract_features, {label}": tltk_side(network, how) for label, how in engines}
    if engines[1:]:
        path = exported(network, folder, "network.xml", "openvino")
        sides |= {f"{label} by hand": openvino_side(path, HINTS[label]) for label, _ in engines[1:]}
    if all(map(find_spec, ("onnxruntime", "onnx", "tf2onnx"))):
        path = exported(network, folder, "network.onnx", "onnx")
        sides["ONNX Runtime by hand"] = onnx_side(path)
    return sides


@contextlib.contextmanager
def torch_side(count, side):
    """A function to the seconds for 100 pictures in PyTorch, in a process that is kept ready."""
    script = str(Path(__file__).with_name("torch_recipe.py"))
    command = [os.environ[TORCH], script, str(count), str(side), str(BATCH)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, bufsize=1, **pipes) as torch:
        ready = torch.stdout.readline()
        if ready != "ready\n":
            sys.exit(f"{TORCH} must name a Python with torch and torchvision. Received: {command}")

        def run():
            torch.stdin.write("\n")
            return 100 * float(torch.stdout.readline()) / count

        yield run
        torch.stdin.close()


def matrix_rate(side):
    """Multiply-adds a second of a float32 matrix product, the best of both libraries' five."""
    a = keras.random.normal((side, side))
    b = np.asarray(a)
    sides = [lambda: np.asarray(keras.ops.matmul(a, a)), lambda: b @ b] * 6
    times = [common.seconds_of(product) for product in sides]
    return side**3 / min(times[2:])


def findings_of(name, measured, has_goals):
    goals = {"OpenVINO bfloat16": 2.25, "OpenVINO float32": 1.3} if has_goals else {}
    found = []
    for label in ("Keras", *HINTS):
        ours, hand = measured.get(f"extract_features, {label}"), measured.get(f"{label} by hand")
        if ours is not None:
            what = f"{name} features: {label} against predict"
            times = common.ratios(measured["model.predict"], ours)
            found.append(common.finding(what, times, goals.get(label)))
        if hand is not None:
            what = f"{name} features: {label} through tltk against by hand"
            share = common.ratios(hand, ours)
            found.append(common.finding(what, share, 0.95 if goals else None, unit="share"))
    ours, torch = (measured.get(each) for each in ("extract_features, OpenVINO bfloat16", PYTORCH))
    if ours and torch:
        what = f"{name} features: OpenVINO bfloat16 against PyTorch's torch.compile in bfloat16"
        found.append(common.finding(what, common.ratios(torch, ours), 3))
    return found


def main(arguments=None):
    chosen = common.options(__doc__, arguments)
    settings = QUICK if chosen.quick else FULL
    began = common.start()
    engines, remarks = common.engines(2 if chosen.quick else 3)
    if not all(map(find_spec, ("onnxruntime", "onnx", "tf2onnx"))):
        remarks.append("ONNX Runtime: - (pip install onnxruntime onnx tf2onnx for its row).")
    has_torch = TORCH in os.environ and not chosen.quick
    if not has_torch:
        remarks.append(f"PyTorch: - ({TORCH}=PYTHON names a Python that has it).")
    rate = matrix_rate(settings["matrix"])
    rows, findings, weights = [], [], {}
    side = settings["side"]
    for name, count in settings["pictures"].items():
        print(f"{name}, {count} pictures of {side} px")
        network, weights[name] = pooled(name, side, chosen.quick)
        pictures, more = (
            random_pictures(seen, side)
            for seen in (count, settings["pictures_bfloat16"].get(name, count))
        )
        with contextlib.ExitStack() as open_things:
            open_things.enter_context(common.fresh_cache())
            folder = open_things.enter_context(tempfile.TemporaryDirectory())
            sides = sides_of(network, folder, engines)
            others = {}
            if has_torch and name == "resnet50":
                others[PYTORCH] = open_things.enter_context(torch_side(len(more), side))
            repeats = settings["repeats"].get(name, ENOUGH)
            measured = timings(sides, pictures, repeats, more, others)
        work = multiply_adds(network.layers)
        for row in common.rows_of(measured, "model.predict", UNIT):
            per_second = 100 / row[UNIT]["median"]
            more = {"pictures/s": per_second, "of the matrix rate": per_second * work / rate}
            rows.append({"network": name} | row | {k: float(f"{v:.3g}") for k, v in more.items()})
        findings += findings_of(name, measured, has_goals=not findings)
        keras.backend.clear_session()
    remarks.append(
        f"This machine's float32 matrix product: {2 * rate / 1e9:.0f} GFLOP/s "
        f"({settings['matrix']} x {settings['matrix']}, two operations a multiply-add)."
    )
    facts = {"weights": weights, "settings": settings, "matrix_multiply_adds_per_second": rate}
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
