"""What the benchmarks share: pictures, fresh caches, interleaved repeats, and the report.

A side is a function without arguments that returns what it measured, a number: mostly the seconds
of the part that counts. `interleaved` runs the sides in turn, A, B, A, B, …, so that a machine that
slows down slows down both; every ratio is taken between neighbours, and its spread over the repeats
is printed with it.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from tltk._cache import write_text

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("keras-tltk", "keras", "tensorflow", "numpy", "pillow", "openvino", "onnxruntime")
KERAS = ("Keras", {"engine": "keras"})
OPENVINO_FLOAT32 = ("OpenVINO float32", {"engine": "openvino", "precision": "float32"})
OPENVINO_BFLOAT16 = ("OpenVINO bfloat16", {"engine": "openvino", "precision": "bfloat16"})


def options(about, arguments=None, **more):
    """Read the command line: `--quick`, `--out FOLDER`, and further flags of one script."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="tiny settings, to see that it runs")
    parser.add_argument("--out", type=Path, help="where the JSON goes; by default results/")
    for name, settings in more.items():
        parser.add_argument(f"--{name}", **settings)
    chosen = parser.parse_args(arguments)
    if chosen.out is None and not chosen.quick:
        chosen.out = RESULTS
    return chosen


def seconds_of(function, *args, **kwargs):
    """Call a function and return how long it took."""
    began = time.perf_counter()
    function(*args, **kwargs)
    return time.perf_counter() - began


def interleaved(sides, repeats):
    """Run every side in turn, as often as asked: name to the numbers that it returned."""
    measured = {name: [] for name in sides}
    for repeat in range(repeats):
        for name, side in sides.items():
            measured[name].append(side())
            print(f"  {repeat + 1}/{repeats}  {name}: {measured[name][-1]:.4g}", flush=True)
    return measured


def ratios(measured, than):
    """How many times as large a side's numbers are as another's, repeat by repeat."""
    return [a / b for a, b in zip(measured, than, strict=True)]


def spread(values):
    """The median of some repeats, the smallest and the largest, and all of them."""
    rounded = [float(f"{value:.4g}") for value in values]
    middle = float(f"{statistics.median(values):.4g}")
    return {"median": middle, "low": min(rounded), "high": max(rounded), "repeats": rounded}


def rows_of(measured, base, unit="seconds"):
    """One row for each side: its numbers, and how many times less it needs than `base`."""
    return [
        {"side": name, unit: spread(values), "times": spread(ratios(measured[base], values))}
        for name, values in measured.items()
    ]


def finding(what, values, goal=None, unit="times", at_most=False, bound=None):
    """One ratio with its spread, and the goal that it should reach.

    Args:
        what: both sides of the comparison, in a phrase.
        values: the ratio in each repeat.
        goal: the number to reach, or None.
        unit: "times" for how many times as fast, "share" for a part of something.
        at_most: whether the goal is an upper limit.
        bound: the ratio that counting operations allows, where it was counted.
    """
    found = {"what": what, "unit": unit, **spread(values), "goal": goal, "at_most": at_most}
    if goal is not None:
        found["reached"] = found["median"] <= goal if at_most else found["median"] >= goal
    return found | ({} if bound is None else {"bound": float(f"{bound:.4g}")})


def machine():
    """The processor, its cores, how busy it was, and the versions installed."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "python": platform.python_version(),
            **{name: found for name in PACKAGES if (found := _version(name))},
        },
    }


def report(script, about, began, chosen, rows, findings, remarks=(), **facts):
    """Print the tables, and write everything as JSON where `--out` says.

    Args:
        script: the benchmark's own file; its stem is the result's name.
        about: its docstring, whose first line is kept.
        began: `machine()` and the clock, as `start()` gave them.
        chosen: the options.
        rows: the measurements; a cell is a text, a number or a `spread`.
        findings: the ratios, made by `finding`.
        remarks: sentences that belong to the numbers.
        facts: the settings, and anything else worth keeping.
    """
    from tltk.plotting import format_table

    described, clock = began
    result = {
        "name": Path(script).stem,
        "about": about.splitlines()[0],
        "date": datetime.date.today().isoformat(),
        "machine": described,
        "quick": chosen.quick,
        "seconds": round(time.perf_counter() - clock, 1),
        **facts,
        "rows": rows,
        "findings": findings,
        "remarks": list(remarks),
    }
    versions = ", ".join(f"{name} {number}" for name, number in described["versions"].items())
    print(f"\n{result['about']}")
    print(f"{described['cpu']}, {described['cores']} cores, load {described['load']}; {versions}\n")
    print(format_table([{k: _cell(v) for k, v in row.items()} for row in rows]))
    print()
    print(format_table([_finding_row(each) for each in findings]))
    print("\n".join(["", *remarks]) if remarks else "")
    if chosen.out is not None:
        chosen.out.mkdir(parents=True, exist_ok=True)
        path = chosen.out / f"{result['name']}.json"
        write_text(path, json.dumps(result, indent=1) + "\n")
    return result


def start():
    """Describe the machine as it is before anything runs, and start the clock."""
    return machine(), time.perf_counter()


def begin(about, arguments, full, quick, engines_when_quick=1):
    """What a benchmark with engines starts from.

    Returns:
        (options, settings, `start()`, engines, remarks, weights of the settings' network).
    """
    chosen = options(about, arguments)
    settings = quick if chosen.quick else full
    began = start()
    found, remarks = engines(engines_when_quick if chosen.quick else 3)
    weights = weights_of(settings["network"], chosen.quick)
    return chosen, settings, began, found, remarks, weights


def fresh_network(name, weights, side):
    """A network without its top, and nothing left of the ones before."""
    import keras

    from tltk import load_backbone

    keras.backend.clear_session()
    return load_backbone(name, weights=weights, input_shape=side)


def engines(most=3):
    """The first few engines of tltk worth measuring here, with arguments; and what is missing."""
    if most == 1:
        return [KERAS], []
    if find_spec("openvino") is None:
        return [KERAS], ["OpenVINO is not installed (pip install openvino): its rows are missing."]
    if most < 3:
        return [KERAS, OPENVINO_FLOAT32], []
    import openvino

    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return [KERAS, OPENVINO_FLOAT32], ["This processor does not compute in bfloat16."]
    gain = matrix_seconds("f32") / matrix_seconds("bf16")
    told = f"OpenVINO's matrix product runs {gain:.3g} times as fast in bfloat16 as in float32"
    if gain < 1:
        return [KERAS, OPENVINO_FLOAT32], [f"{told} here: bfloat16 is not measured further."]
    return [KERAS, OPENVINO_FLOAT32, OPENVINO_BFLOAT16], [f"{told}."]


def matrix_seconds(precision, side=1024):
    """The fastest of several products of two square matrices with OpenVINO."""
    import numpy as np
    import openvino
    from openvino import opset13

    factor = np.random.default_rng(0).random((side, side), dtype="float32")
    given = opset13.parameter(factor.shape, np.float32)
    product = opset13.matmul(given, opset13.constant(factor), False, False)
    hint = {"INFERENCE_PRECISION_HINT": precision}
    compiled = openvino.Core().compile_model(openvino.Model([product], [given]), "CPU", hint)
    return min([seconds_of(compiled, [factor]) for _ in range(10)][2:])


def weights_of(name, quick=False):
    """Say "imagenet" where the file is on this machine, else None; nothing is downloaded."""
    from tltk.backbones import find_weights

    found = None if quick else find_weights(name)
    if found is None:
        print(f"  {name} starts from random weights, which take the same time.", flush=True)
    return "imagenet" if found else None


@contextlib.contextmanager
def fresh_cache():
    """An empty folder in place of tltk's cache, deleted at the end."""
    before = os.environ.get("TLTK_CACHE")
    with tempfile.TemporaryDirectory(prefix="tltk_bench_", ignore_cleanup_errors=True) as folder:
        os.environ["TLTK_CACHE"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("TLTK_CACHE")
            if before is not None:
                os.environ["TLTK_CACHE"] = before


@contextlib.contextmanager
def picture_folder(train, val=0, side=256):
    """A temporary folder `train/CLASS/…jpg`, `val/CLASS/…jpg` of the bundled CIFAR-10 pictures.

    They are enlarged to `side` pixels, as many of each of the ten classes: training pictures from
    the bundled training part, validation pictures from the bundled test part. Where more are asked
    for than there are, they come again as other files: a JPEG may carry a few bytes behind its end.
    """
    import numpy as np

    from tltk import load_dataset

    photos = load_dataset("cifar10_small", image_size=32, val=0)
    with tempfile.TemporaryDirectory(prefix="tltk_bench_") as folder:
        for part, split, count in (("train", photos.train, train), ("val", photos.test, val)):
            for number, name in enumerate(photos.class_names if count else ()):
                rows = np.flatnonzero(split.labels == number)
                wanted = count // len(photos.class_names)
                target = Path(folder, part, name)
                target.mkdir(parents=True)
                _write_jpegs(split.fetch(rows[:wanted]), wanted, target, side)
        yield Path(folder)


def photographs(size, count):
    """JPEG files of a width and height: bundled photographs, enlarged, with a sensor's noise."""
    import io

    import numpy as np
    from PIL import Image

    from tltk.inputs import bundle_folder

    sources = sorted(Path(bundle_folder(), "photos_small").rglob("*.webp"))
    rng, contents = np.random.default_rng(0), []
    for index in range(count):
        with Image.open(sources[index * len(sources) // count]) as source:
            large = source.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        noise = rng.integers(-12, 13, (*size[::-1], 3), dtype="int16")
        noisy = np.clip(np.asarray(large, "int16") + noise, 0, 255).astype("uint8")
        content = io.BytesIO()
        Image.fromarray(noisy).save(content, "JPEG", quality=90)
        contents.append(content.getvalue())
    return contents


def _write_jpegs(pictures, wanted, target, side):
    import io

    from PIL import Image

    contents = []
    for picture in pictures:
        content = io.BytesIO()
        image = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
        image.save(content, "JPEG", quality=90)
        contents.append(content.getvalue())
    for index in range(wanted):
        again, which = divmod(index, len(contents))
        (target / f"{index:05}.jpg").write_bytes(contents[which] + b"again" * again)


def _cell(value):
    if isinstance(value, float):
        return _short(value)
    if not isinstance(value, dict):
        return value
    digits = [_short(value[name]) for name in ("median", "low", "high")]
    return digits[0] if len(value["repeats"]) == 1 else "{} ({} to {})".format(*digits)


def _short(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _finding_row(found):
    if found["goal"] is None:
        aim, reached = "-", "-"
    else:
        aim = f"{'at most' if found['at_most'] else 'at least'} {found['goal']:g}"
        reached = "yes" if found["reached"] else "no"
    bound = f"{found['bound']:.3g}" if "bound" in found else "-"
    value = {"ratio": _cell(found), "goal": aim, "reached": reached, "bound": bound}
    return {"comparison": found["what"], "unit": found["unit"], **value}


def _processor():
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return None
