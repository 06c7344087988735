"""From a folder of 12-megapixel photographs to a trained head: tltk against published recipes.

300 JPEG files of 4032 x 3024 pixels, two classes, 240 to train and 60 to validate on; ResNet50 at
224 pixels, 10 epochs of the head. Each side is a program of its own, and all of it counts: start
and imports, listing and decoding, building, tracing, conversion, training, validation after every
epoch. tltk's cache is empty each time; both Keras sides load the network in the same way.

- Keras recipe: recipe.py, as the official guide has it, without and with `.cache()` behind the
  loader.
- fastai: `vision_learner(dls, resnet50).freeze()`, `Resize(224)`, one-cycle training of its head,
  where TORCH_PYTHON names a Python that has fastai (pip install fastai takes 7 GB).
- tltk: `image_folder`, `build_classifier`, `fine_tune` on the fastest engine here.
- augmented: flips and rotations in every epoch, and the last block trains for 10 epochs. tltk runs
  one view for each epoch through the frozen part and keeps it (`augment=(True, 10)`): as many
  different pictures are seen.

Of the recipes and of fastai one epoch is timed after a first step, and stands for the others; the
recipe's first epoch fills the cache and its second reads it, so that one program gives both
figures. tltk's runs are whole.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common
from clock import Clock, laps, plus
from extraction import TORCH

FULL = {
    "network": "resnet50",
    "side": 224,
    "photographs": 300,
    "pixels": [4032, 3024],
    "epochs": 10,
    "repeats": 1,
}
QUICK = FULL | {
    "network": "small_cnn",
    "side": 32,
    "photographs": 20,
    "pixels": [160, 120],
    "epochs": 2,
}
RATE = 1e-3
RECIPE, CACHED, FASTAI, OURS = "Keras recipe", "Keras recipe, .cache()", "fastai", "tltk"
AUGMENTED, VIEWS = "Keras recipe, augmented", "tltk, a kept view for each epoch"


def recipe_side(clock, folder, settings, augmented=False):
    """The published recipe: a first step on one batch, an epoch, and one from `.cache()`."""
    import recipe

    network, side, epochs = (settings[each] for each in ("network", "side", "epochs"))
    body = common.fresh_network(network, common.weights_of(network, settings["quick"]), side)
    unfrozen = last_block(body) if augmented else ""
    rate = RATE / 10 if augmented else RATE
    model, train, val = recipe.recipe(folder, body, side, unfrozen, rate, augment=augmented)
    recipe.fit(model, train.take(1), val.take(1))
    once = clock()
    if augmented:
        return {AUGMENTED: plus(once, laps(clock, recipe.fit, model, train, val), epochs)}
    train, val = train.cache(), val.cache()
    first, later = (laps(clock, recipe.fit, model, train, val) for _ in range(2))
    cached = plus(plus(once, first, 1), later, epochs - 1)
    return {RECIPE: plus(once, first, epochs), CACHED: cached}


def last_block(network):
    from tltk.backbones import block_names

    return block_names(network)[-1]


def tltk_side(clock, folder, settings, augment=None):
    import tltk

    network, side, epochs = (settings[each] for each in ("network", "side", "epochs"))
    _, how = common.engines(1 if settings["quick"] else 3)[0][-1]
    photos = tltk.image_folder(folder, image_size=side, test=0)
    weights = common.weights_of(network, settings["quick"])
    body = tltk.load_backbone(network, weights=weights, input_shape=side)
    model = tltk.build_classifier(body, photos.class_names, dropout=0)
    tltk.fine_tune(
        model,
        photos.train,
        photos.val,
        unfreeze_blocks=0 if augment is None else 1,
        head_epochs=epochs if augment is None else 0,
        head_lr=RATE,
        base_lr=RATE / 10,
        epochs=epochs,
        augment=augment,
        patience=epochs,
        verbose=0,
        cache=(how.get("engine", "keras"), how.get("precision", "float32")),
    )
    return {OURS if augment is None else VIEWS: clock()}


CHILDREN = {
    RECIPE: recipe_side,
    OURS: tltk_side,
    AUGMENTED: lambda *given: recipe_side(*given, augmented=True),
    VIEWS: lambda clock, folder, settings: tltk_side(
        clock, folder, settings, (True, settings["epochs"])
    ),
}


def measured_in_child(name, folder, settings):
    """Seconds and CPU-seconds by side, from a program of its own with an empty cache."""
    command = [sys.executable, __file__, "--child", name]
    if name == FASTAI:
        command = [os.environ[TORCH], str(Path(__file__).with_name("fastai_recipe.py"))]
    with common.fresh_cache():
        given = os.environ | {"TLTK_BENCH_BEGAN": str(time.time())}
        command += [str(folder), json.dumps(settings)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=given)
    return json.loads(ran.stdout.splitlines()[-1])


def photograph_folder(folder, count, pixels):
    """Write photographs in two classes, to train on and to validate on.

    A tenth as many are drawn and coded as are written; the others are those again, with a few
    bytes behind their end, so that they are other files of the same cost.
    """
    drawn = max(2, count // 10)
    for index, content in enumerate(common.photographs(pixels, drawn)):
        for again in range(index, count, drawn):
            part = "val" if again // drawn % 5 == 4 else "train"
            target = Path(folder, part, f"class_{again % 2}", f"{again:04}.jpg")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content + b"again" * (again // drawn))


def main(arguments=None):
    child = {"nargs": 3, "help": "(used by itself)"}
    if "--child" in (sys.argv if arguments is None else arguments):
        name, folder, settings = common.options(__doc__, arguments, child=child).child
        answer = CHILDREN[name](Clock(), Path(folder), json.loads(settings))
        return print("\n" + json.dumps(answer))
    chosen = common.options(__doc__, arguments, child=child)
    settings = (QUICK if chosen.quick else FULL) | {"quick": chosen.quick}
    began, remarks = common.start(), []
    names = [AUGMENTED, VIEWS] if chosen.quick else [*CHILDREN]
    if TORCH in os.environ and not chosen.quick:
        names.insert(1, FASTAI)
    else:
        remarks.append(f"fastai: - ({TORCH}=PYTHON names a Python that has it).")
    folder = Path(tempfile.mkdtemp(prefix="tltk_bench_"))
    walls, processor = {}, {}
    try:
        photograph_folder(folder, settings["photographs"], settings["pixels"])
        for repeat in range(settings["repeats"]):
            for name in names:
                for side, (wall, cpu) in measured_in_child(name, folder, settings).items():
                    walls.setdefault(side, []).append(wall)
                    processor.setdefault(side, []).append(cpu)
                    print(f"  {repeat + 1}/{settings['repeats']}  {side}: {wall:.4g}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = [
        row | {"CPU-seconds": common.spread(processor[row["side"]])}
        for row in common.rows_of(walls, names[0])
    ]
    pairs = [(OURS, RECIPE, 10), (OURS, CACHED, 6), (OURS, FASTAI, 6), (VIEWS, AUGMENTED, 3)]
    findings = [
        common.finding(
            f"12-megapixel photographs: {ours} against {other}",
            common.ratios(walls[other], walls[ours]),
            goal,
        )
        for ours, other, goal in pairs
        if {ours, other} <= set(walls)
    ]
    facts = {"weights": common.weights_of(settings["network"], chosen.quick), "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
