"""Adapters and L2-SP beside fine-tuning: weights, memory, seconds and accuracy (chapter 23).

mobilenet_v2 at 64 pixels on 10 and 30 CIFAR-10 pictures a class, three seeds. Every method starts
from the same linear head, solved on the frozen network:

- `head`: that head alone;
- `last blocks`: the last 6 of 19 blocks are trained with it, plain, or with L2-SP;
- `all blocks`: everything, plain, or with L2-SP;
- LoRA of rank 2 and 8: adapters on the last 6 blocks, and of rank 8 on all.

Four epochs of Adam; the epoch is chosen on 200 validation pictures. The learning rate of each
method (of LoRA with rank 8, for both ranks) and the strength of L2-SP are chosen once, by the
validation accuracy of another seed with 10 pictures a class. Memory is what the peak of the process
lies above its state before one epoch of training, measured in a process of its own for each method
(Linux). Where the frozen part runs once and is kept on disk, that run is included in memory and in
seconds.

Finished parts are kept in the cache folder, so that the same call goes on after an interruption:

    python notebooks/studies/23_adapters.py
"""

import itertools
import json
import subprocess
import sys
import time
from functools import cache, partial
from pathlib import Path

import numpy as np

import tltk
from tltk.evaluation import finished_parts, keep_study
from tltk.tuning import add_lora, clear_cache

SEEDS, OTHER_SEED, PIXELS, EPOCHS, LAST = (0, 1, 2), 100, 64, 4, 6
LABELS = (10, 30)
METHODS = {  # blocks, rank of the adapters, whether L2-SP pulls, rates to choose from
    "head": (0, 0, False, (1e-3,)),
    "last blocks": (LAST, 0, False, (3e-4, 1e-3)),
    "last blocks, L2-SP": (LAST, 0, True, ()),
    "last blocks, LoRA 2": (LAST, 2, False, ()),
    "last blocks, LoRA 8": (LAST, 8, False, (3e-3, 1e-2)),
    "all blocks": ("all", 0, False, (3e-4, 1e-3)),
    "all blocks, L2-SP": ("all", 0, True, ()),
    "all blocks, LoRA 8": ("all", 8, False, (3e-3, 1e-2)),
}
PULLS = (1e-2, 1e-1)


@cache
def data(labels, seed):
    """(train, val, test), each a pair of arrays."""
    splits = tltk.load_dataset(
        "cifar10_small", image_size=PIXELS, per_class=labels, val=1 / 15, seed=seed
    )
    parts = (splits.train, splits.val, splits.test)
    return [tuple(np.concatenate(column) for column in zip(*part, strict=True)) for part in parts]


def classifier():
    return tltk.build_classifier(tltk.load_backbone("mobilenet_v2", input_shape=PIXELS), 10)


@cache
def solved_head(labels, seed):
    model = classifier()
    tltk.fit_linear_head(model, *data(labels, seed)[:2])
    return model.get_layer("head_output").get_weights()


def prepared(method, labels, seed):
    blocks, rank, _, _ = METHODS[method]
    model = classifier()
    model.get_layer("head_output").set_weights(solved_head(labels, seed))
    if rank:
        add_lora(model, rank, blocks, seed=seed)
    else:
        tltk.unfreeze(model, blocks)
    return model


def train(model, method, labels, seed, rate, pull, epochs=EPOCHS):
    given, val, _ = data(labels, seed)
    return tltk.fine_tune(
        model, given, val, unfreeze_blocks=METHODS[method][0], head_epochs=0, epochs=epochs,
        base_lr=rate, lr_decay=1.0, l2_sp=pull, patience=EPOCHS, seed=seed, verbose=0,
    )  # fmt: skip


def settings_of(method):
    """(rate, pull) with the best validation accuracy, then loss, of another seed."""
    _, _, pulled, rates = METHODS[method]
    if not rates:
        other = method.partition(",")[0] if pulled else method.replace("LoRA 2", "LoRA 8")
        rates = settings_of(other)[:1]
    candidates = list(itertools.product(rates, PULLS if pulled else (0.0,)))
    if len(candidates) == 1:
        return candidates[0]
    part = f"{method}_settings", lambda: choose(method, candidates)
    return tuple(finished_parts(__file__, [part])[0][0])


def choose(method, candidates):
    labels, found = LABELS[0], {}
    for rate, pull in candidates:
        model = prepared(method, labels, OTHER_SEED)
        train(model, method, labels, OTHER_SEED, rate, pull)
        loss, accuracy = model.evaluate(*data(labels, OTHER_SEED)[1], verbose=0)
        found[rate, pull] = accuracy, -loss
    return [max(found, key=found.get), [[*pair, *score] for pair, score in found.items()]]


def run(method, labels, seed):
    rate, pull = settings_of(method)
    model = prepared(method, labels, seed)
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    clear_cache()  # each method pays for its own frozen part
    began = time.process_time()
    if method != "head":
        train(model, method, labels, seed, rate, pull)
    seconds = time.process_time() - began
    accuracy = model.evaluate(*data(labels, seed)[2], verbose=0)[1]
    return [
        {
            "kind": "run", "labels": labels, "method": method, "seed": seed, "accuracy": accuracy,
            "trained weights": trained, "rate": rate, "pull": pull,
            "CPU seconds": round(seconds, 2),
        }
    ]  # fmt: skip


def kilobytes(entry):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry + ":"))


def memory_here(method):
    """Megabytes that one epoch of training adds at its peak, in this process."""
    labels = LABELS[-1]
    model = prepared(method, labels, 0)
    clear_cache()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = kilobytes("VmRSS")
    train(model, method, labels, 0, 1e-4, 0.01 if METHODS[method][2] else 0.0, epochs=1)
    print(json.dumps({"megabytes": (kilobytes("VmHWM") - before) / 1000}))


def memory(method):
    command = [sys.executable, __file__, method]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [{"kind": "memory", "method": method} | json.loads(told.splitlines()[-1])]


def main():
    parts = []
    for seed, labels, method in itertools.product(SEEDS, LABELS, METHODS):
        name = f"{method}_{labels}_{seed}"
        parts.append((name, partial(run, method, labels, seed)))
    parts += [(f"memory_{method}", partial(memory, method)) for method in list(METHODS)[1:]]
    rows, _ = finished_parts(__file__, parts)
    about = (
        "LoRA and L2-SP beside a frozen head, the last blocks and full fine-tuning of mobilenet_v2 "
        f"on CIFAR-10 at {PIXELS} px, {' and '.join(map(str, LABELS))} pictures a class; "
        f"{len(SEEDS)} seeds."
    )
    print(keep_study(__file__, about, rows, sum(row.get("CPU seconds", 0) for row in rows)))


if __name__ == "__main__":
    memory_here(*sys.argv[1:]) if sys.argv[1:] else main()
