"""Source models made in two ways beside none: by forecasting or labels, and by filling in gaps.

Temperatures, as in chapter 09: San Francisco is the source, two weeks of Seattle are known, the week
after is forecast, on the chapter's 24 dates. All three starts share one encoder, which looks both
ways (masked reconstruction needs that; a forecaster's window holds only the past anyhow):
`nothing`, `forecasting` the source, or `masked reconstruction` of the source's windows. Epochs and
rate are chosen for each start on the eight dates of `09_settings.py`; frozen features get a ridge
regression.

Vibration, as in the chapter: one labelled recording of each condition under load, five seeds. The
starts are `nothing`, `labels` of the idle machine, and `masked reconstruction` of twelve recordings
a condition under load, whose labels are not used.

About five minutes on two CPU cores:

    python notebooks/studies/09_pretraining.py
"""

import importlib
import time

import keras
import numpy as np
from sklearn.linear_model import Ridge

import tltk
from tltk.evaluation import keep_study
from tltk.inputs import bundle_folder, cut_windows, learn_scaling, scale_windows

settings = importlib.import_module("09_settings")
PAST, AHEAD, DAY, KNOWN, TEST = (
    settings.PAST, settings.AHEAD, settings.DAY, settings.KNOWN, settings.TEST,
)  # fmt: skip
CHOICES = ((5, 3e-4), (5, 1e-3), (15, 1e-3), (10, 3e-3))
STARTS, FROZEN, MASKED = ("nothing", "forecasting", "masked reconstruction"), 100, (30, 3e-3)
SEEDS, SAMPLES, LOADS = (0, 1, 2, 3, 4), 256, (0, 3)
WHOLE = {"unfreeze_blocks": "all", "head_epochs": 0, "lr_decay": 1.0, "verbose": 0}


def forecaster(series):
    """A model, and its weights for each start."""
    windows = tltk.series_windows(series, PAST, AHEAD, val=0.1, test=0.1, stride=2)
    shape = {"input_shape": (PAST, 1), "filters": 16, "blocks": 5, "causal": False}
    keras.utils.set_random_seed(0)
    encoder = tltk.backbones.series_encoder(**shape, last_step=True)
    model = tltk.build_classifier(encoder, windows.class_names, kind="regression", dropout=0)
    starts = {"nothing": model.get_weights()}
    sequence = tltk.backbones.series_encoder(**shape)
    epochs, rate = MASKED
    tltk.tuning.pretrain_masked(sequence, windows.train, epochs=epochs, lr=rate)
    encoder.set_weights(sequence.get_weights())
    starts["masked reconstruction"] = model.get_weights()
    model.set_weights(starts["nothing"])
    tltk.fine_tune(model, windows.train, windows.val, epochs=12, base_lr=3e-3, **WHOLE)
    starts["forecasting"] = model.get_weights()
    tltk.unfreeze(model, "all")
    model.compile(optimizer=keras.optimizers.Adam(), loss="mse", steps_per_execution=7)
    model.optimizer.build(model.trainable_variables)
    return model, starts


def temperatures():
    file = bundle_folder() / "series" / "temperatures.csv"
    cities = tltk.series_file(file, time="time", max_gap=1)
    changes, series = cities.values[DAY:] - cities.values[:-DAY], cities.values[:, 1]
    model, starts = forecaster(changes[:, 0])
    features, train = keras.Model(model.input, model.layers[-1].input), settings.trainer(model)

    def judged(date, method, start, setting=None):
        learned, now = changes[date - KNOWN : date - DAY, 1], date - DAY
        scaling = learn_scaling(learned)._replace(mean=(0.0,))
        past, truth, _ = cut_windows(changes[now - PAST : now + TEST, 1], PAST, AHEAD)
        x, y = scale_windows(*cut_windows(learned, PAST, AHEAD)[:2], scaling)
        new, _ = scale_windows(past, truth, scaling)
        keras.utils.set_random_seed(int(date))
        model.set_weights(starts[start])
        if method == "frozen":
            seen, ahead = (np.array(features(each)) for each in (x, new))
            answers = Ridge(FROZEN).fit(seen, y).predict(ahead)
        else:
            train(starts[start], x, y, *setting)
            answers = model.predict_on_batch(new)
        known = series[date - KNOWN : date]
        return tltk.evaluation.mase(truth, scaling.deviation[0] * answers, known, DAY)

    dates = np.linspace(KNOWN, len(series) - TEST, settings.DATES).astype(int) // DAY * DAY
    others = settings.dates_between(len(series))
    for start in STARTS:
        tried = {each: np.mean([judged(d, "fine-tuned", start, each) for d in others])
                 for each in CHOICES}  # fmt: skip
        best = min(tried, key=tried.get)
        for method, date in ((m, d) for m in ("frozen", "fine-tuned") for d in dates):
            yield {
                "data": "temperatures", "pretrained by": start, "method": method,
                "setting": list(best), "date": int(date), "mase": judged(date, method, start, best),
            }  # fmt: skip


def vibration():
    shape = {"input_shape": (SAMPLES, 1), "filters": 16, "kernel_size": 5, "causal": False}

    def made(load, recordings, seed):
        found = tltk.datasets.make_vibration_windows(load, recordings, 8, SAMPLES, seed=seed)
        return found.windows, found.labels

    for seed in SEEDS:
        source, few, test, unlabelled = (
            made(*each) for each in (
                (LOADS[0], 12, seed), (LOADS[1], 1, seed + 100), (LOADS[1], 12, seed + 200),
                (LOADS[1], 12, seed + 300),
            )
        )  # fmt: skip
        for start in ("nothing", "labels", "masked reconstruction"):
            keras.utils.set_random_seed(seed)
            body = tltk.backbones.series_encoder(**shape)
            if start == "masked reconstruction":
                tltk.tuning.pretrain_masked(body, unlabelled[0], epochs=MASKED[0], lr=MASKED[1], seed=seed)
            model = tltk.build_classifier(body, 4)
            if start == "labels":
                tltk.fine_tune(model, source, epochs=12, base_lr=3e-3, **WHOLE)
            for method in ("frozen", "fine-tuned"):
                if method == "frozen":
                    tltk.fit_linear_head(model, few, strengths=(0.1,))
                else:
                    epochs, rate = (60, 3e-3) if start == "nothing" else (15, 1e-3)
                    tltk.fine_tune(model, few, epochs=epochs, base_lr=rate, **WHOLE)
                answers = model.predict(test[0], verbose=0).argmax(axis=1)
                yield {
                    "data": "vibration", "pretrained by": start, "method": method, "seed": seed,
                    "accuracy": float(np.mean(answers == test[1])),
                }  # fmt: skip


def main():
    rows, began = [], time.perf_counter()
    about = (
        "Source models by forecasting or labels and by masked reconstruction, beside none: "
        "two weeks of Seattle on 24 dates (MASE), a machine under load from one recording of each "
        f"condition ({len(SEEDS)} seeds, accuracy)."
    )
    for part in (temperatures, vibration):
        for row in part():
            rows.append(row)
        print(part.__name__, f"{time.perf_counter() - began:.0f} s", flush=True)
        print(keep_study(__file__, about, rows, time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
