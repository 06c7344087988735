"""What does a good place to begin buy, on sine waves? (chapter 22)

Three seeds each, and 600 test tasks. Every number is a mean over test tasks.

- `sinusoids`: waves y = a sin(x - p), 5 or 10 points to learn from, 100 to be tested on. The net
  has two hidden layers of 40 units. MAML, first-order MAML, and MAML with learned rates train
  3000 iterations of 25 tasks for one step of 0.02; Reptile 6000 iterations of 5 tasks, 8 steps,
  each on half of a task's points. Its steps are of 0.01: at 0.02 it had run away, so this was
  chosen by its result. The pretrained regressor learns from the points of as many tasks as MAML
  sees, all in one heap; it and the network from scratch take the best of six rates, chosen on 200
  other tasks. The others keep the rate that they were trained with.
- `steps`: the same networks at 10 points, after up to 50 steps.
- `few tasks`: MAML when only so many waves, with fixed points, are there to be trained on: its
  error on those and on new ones.

So small a network is trained fastest on one thread. Finished parts are kept in the cache folder, so
that the same call goes on after an interruption:

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python notebooks/studies/22_meta_learning.py
"""

import itertools
import time

import keras
import numpy as np

from tltk.evaluation import finished_parts, keep_study
from tltk.few_labels import adaptation_curve, maml, reptile
from tltk.datasets import make_sinusoid_tasks

SEEDS, SHOTS, TESTED = range(3), (5, 10), 600
RATE, RATES, STEPS = 0.02, (0.001, 0.002, 0.005, 0.01, 0.02, 0.05), (0, 1, 5, 10)
REPTILE_RATE = 0.01  # at 0.02 one of its runs went astray and one ran away
ITERATIONS, TASKS, REPTILE_ITERATIONS = 3000, 25, 6000
KNOWN = (10, 100, 1000)


def network(seed):
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((1,)), dense(40, "relu"), dense(40, "relu"), dense(1)])


def pretrained(seed, shots):
    """A regressor of the points of all tasks in one heap."""
    model, task = network(seed), make_sinusoid_tasks(shots)
    parts = [task(number) for number in range(seed, ITERATIONS * TASKS * 3, 3)]
    x = np.concatenate([np.concatenate(part[0::2]) for part in parts])
    y = np.concatenate([np.concatenate(part[1::2]) for part in parts])
    model.compile(keras.optimizers.Adam(1e-3), "mse", steps_per_execution=50)
    model.fit(x, y, batch_size=TASKS * (shots + 10), epochs=1, verbose=0)
    return model


def meta_trained(method, seed, shots):
    """A network and the rate that its steps on a new task take."""
    model, tasks = network(seed), make_sinusoid_tasks(shots)
    common = {"inner_lr": REPTILE_RATE if method == "Reptile" else RATE, "seed": seed}
    if method == "Reptile":
        batch = (shots + 10) // 2
        how = {
            "inner_steps": 8,
            "inner_batch": batch,
            "meta_batch": 5,
            "iterations": REPTILE_ITERATIONS,
        }
        return model, reptile(model, tasks, "mse", **common, **how).inner_lr
    how = {
        "MAML": {},
        "first-order MAML": {"first_order": True},
        "MAML, learned rates": {"learn_rates": True},
    }[method]
    how |= {"lr": 2e-3, "meta_batch": TASKS, "iterations": ITERATIONS}
    return model, maml(model, tasks, "mse", **common, **how).inner_lr


def best_rate(model, shots):
    """The rate that does best on other tasks, after 1, 5 and 10 steps together."""
    curves = {
        rate: adaptation_curve(
            model, make_sinusoid_tasks(shots, 100), "mse", lr=rate, count=200, seed=1000
        )
        for rate in RATES
    }
    return min(curves, key=lambda rate: curves[rate][:, STEPS[1:]].mean())


def study_sinusoids(method, shots, seed):
    began = time.process_time()
    if method == "scratch":
        model = network(seed)
    elif method == "pretrained":
        model = pretrained(seed, shots)
    else:
        model, rate = meta_trained(method, seed, shots)
    seconds = time.process_time() - began
    if method in ("scratch", "pretrained"):
        rate = best_rate(model, shots)
    most = 50 if shots == 10 else STEPS[-1]
    curves = adaptation_curve(
        model, make_sinusoid_tasks(shots, 100), "mse", steps=most, lr=rate, count=TESTED
    )
    facts = {"method": method, "shots": shots, "seed": seed, "seconds": seconds}
    facts["rate"] = rate if np.isscalar(rate) else "learned"
    for steps in STEPS:
        error = float(curves[:, steps].mean())
        if np.isfinite(error) and error < 100:
            yield {"question": "sinusoids", **facts, "steps": steps, "error": error}
    if most > STEPS[-1]:
        for steps in range(most + 1):
            middle = float(np.median(np.nan_to_num(curves[:, steps], nan=np.inf)))
            worse = float(np.mean(~(curves[:, steps] <= curves[:, 0])))
            found = {"steps": steps, "median": min(middle, 1e6), "worse": worse}
            yield {"question": "steps", **facts, **found}


def study_few_tasks(known, seed):
    model, task = network(seed), make_sinusoid_tasks(10)
    numbers = [1000 * seed + each for each in range(known)]
    maml(
        model, lambda number: task(numbers[number % known]), "mse", inner_lr=RATE, lr=2e-3,
        meta_batch=TASKS, iterations=2000, seed=seed,
    )  # fmt: skip
    for where in ("seen", "new"):
        seen = where == "seen"
        error = adaptation_curve(
            model, (lambda number: task(numbers[number % known])) if seen else task, "mse",
            steps=1, lr=RATE, count=TESTED,
        )[:, 1].mean()  # fmt: skip
        facts = {"question": "few tasks", "tasks": known, "seed": seed}
        yield {**facts, "where": where, "error": float(error)}


METHODS = (
    "scratch", "pretrained", "MAML", "first-order MAML", "MAML, learned rates", "Reptile",
)  # fmt: skip


def main():
    parts = []
    for seed, shots, method in itertools.product(SEEDS, SHOTS, METHODS):
        told = f"Reptile_{REPTILE_RATE}" if method == "Reptile" else method
        name = f"waves_{told.replace(' ', '_').replace(',', '')}_{shots}_{seed}"
        parts.append((name, lambda given=(method, shots, seed): study_sinusoids(*given)))
    for seed, known in itertools.product(SEEDS, KNOWN):
        parts.append((f"known_{known}_{seed}", lambda given=(known, seed): study_few_tasks(*given)))
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "Sine waves with MAML, its first order, learned rates and Reptile against a pretrained "
        f"regressor and scratch; {len(SEEDS)} seeds, {TESTED} test tasks each."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
