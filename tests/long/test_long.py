"""What takes minutes, run by `make test-long`: processes killed for good, and hundreds of fits."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

TUNE = """
    import hashlib, json, sys
    import keras, numpy as np
    from tltk.tuning import build_classifier, fine_tune

    keras.utils.set_random_seed(7)
    x = inputs = keras.Input((16, 16, 3))
    for block in (1, 2):
        x = keras.layers.Conv2D(8, 3, strides=2, name=f"block{block}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"block{block}_bn")(x)
        x = keras.layers.Dropout(0.3, seed=block, name=f"block{block}_dropout")(x)
    model = build_classifier(keras.Model(inputs, x), 3)
    y = np.arange(120, dtype="int32") % 3
    x = np.random.default_rng(0).integers(0, 200, (120, 16, 16, 3)) + 20 * y[:, None, None, None]
    x, more = x.astype("float32"), json.loads(sys.argv[2])
    history = fine_tune(model, (x[:90], y[:90]), (x[90:], y[90:]), checkpoint=sys.argv[1],
                        epochs=4, batch_size=16, verbose=0, **more).history
    history.pop("seconds")
    weights = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
    print(json.dumps([history, weights]))
"""
RUNS = {
    "cached": {"unfreeze_blocks": 1},
    "augmented": {"unfreeze_blocks": 2, "augment": True, "train_batch_norm": True},
    "head": {"unfreeze_blocks": "all", "head_epochs": 2, "l2_sp": 0.1},
}


def started(code, *arguments, folder):
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    environment = os.environ | {"TLTK_CACHE": str(folder / "cache")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def answer(process):
    said, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(said.splitlines()[-1])


@pytest.mark.parametrize("name", RUNS)
def test_a_process_killed_at_random_moments_goes_on(name, tmp_path):
    settings, draw = json.dumps(RUNS[name]), random.Random(name)
    began = time.time()
    expected = answer(started(TUNE, tmp_path / "whole", settings, folder=tmp_path))
    span = time.time() - began
    kills = 0
    for _ in range(6):
        process = started(TUNE, tmp_path / "killed", settings, folder=tmp_path)
        try:
            process.wait(span * draw.uniform(0.3, 0.8))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert kills >= 2
    assert answer(started(TUNE, tmp_path / "killed", settings, folder=tmp_path)) == expected


FITS = """
    import gc, json, os
    import keras, numpy as np
    from tltk.tuning import build_classifier, fine_tune

    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")

    def new():
        inputs = keras.Input((6,))
        hidden = keras.layers.Dense(8, "relu", name="block1_d")(inputs)
        return build_classifier(
            keras.Model(inputs, keras.layers.Dense(8, "relu", name="block2_d")(hidden)), 2)

    def now():
        gc.collect()
        pages = int(open("/proc/self/statm").read().split()[1])
        return len(os.listdir("/proc/self/fd")), pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    model, seen = new(), []
    for number in range(200):
        each = model if number % 2 else new()
        fine_tune(each, (x[:48], y[:48]), (x[48:], y[48:]), epochs=1, unfreeze_blocks=1, verbose=0)
        seen.append(now())
    print(json.dumps(seen))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="handles are counted on Linux")
def test_two_hundred_fits_end_where_five_do(tmp_path):
    seen = answer(started(FITS, folder=tmp_path))
    handles, megabytes = zip(*seen, strict=True)
    assert handles[-1] <= handles[4]
    assert megabytes[-1] - megabytes[99] < 40  # 7 for each fit before
