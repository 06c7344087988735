"""Settings for two weeks of a new city, chosen on dates that chapter 09 does not use.

As in the chapter: a source model learns San Francisco's changes from day to day; at each date two
weeks of Seattle are known and the week after is forecast. Eight dates here, halfway between those
of the chapter. For ridge regression on the raw window and on frozen features its strength is varied,
for fine-tuning and training from scratch the number of epochs and the learning rate. MASE against the
seasonal naive forecast.

About 2 minutes on two CPU cores:

    python notebooks/studies/09_settings.py
"""

import time

import keras
import numpy as np
from sklearn.linear_model import Ridge

import tltk
from tltk.evaluation import keep_study
from tltk.inputs import bundle_folder, cut_windows, learn_scaling, scale_windows

PAST, AHEAD, DAY, KNOWN, TEST, DATES = 72, 24, 24, 14 * 24, 7 * 24, 24
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
TUNE = ((5, 3e-4), (5, 1e-3), (15, 1e-3))
SCRATCH = ((10, 3e-3), (20, 3e-3), (20, 1e-3))


def pretrained_on(series):
    windows = tltk.series_windows(series, PAST, AHEAD, val=0.1, test=0.1, stride=2)
    keras.utils.set_random_seed(0)
    encoder = tltk.backbones.series_encoder((PAST, 1), filters=16, blocks=5, last_step=True)
    model = tltk.build_classifier(encoder, windows.class_names, kind="regression", dropout=0)
    fresh = model.get_weights()
    tltk.fine_tune(
        model, windows.train, windows.val, unfreeze_blocks="all", head_epochs=0, epochs=12,
        base_lr=3e-3, lr_decay=1.0, verbose=0,
    )  # fmt: skip
    tltk.unfreeze(model, "all")
    model.compile(optimizer=keras.optimizers.Adam(), loss="mse", steps_per_execution=7)
    model.optimizer.build(model.trainable_variables)
    return model, fresh


def trainer(model):
    rest = [variable.numpy() for variable in model.optimizer.variables]

    def train(weights, x, y, epochs, rate):
        model.set_weights(weights)
        for variable, value in zip(model.optimizer.variables, rest, strict=True):
            variable.assign(value)
        model.optimizer.learning_rate.assign(rate)
        model.fit(x, y, epochs=epochs, batch_size=32, verbose=0)

    return train


def dates_between(count):
    """Eight dates halfway between the chapter's."""
    used = np.linspace(KNOWN, count - TEST, DATES).astype(int) // DAY * DAY
    return ((used[1:] + used[:-1]) // 2 // DAY * DAY)[::3]


def main():
    began = time.perf_counter()
    cities = tltk.series_file(
        bundle_folder() / "series" / "temperatures.csv", time="time", max_gap=1
    )
    changes = cities.values[DAY:] - cities.values[:-DAY]
    model, fresh = pretrained_on(changes[:, 0])
    pretrained = model.get_weights()
    features = keras.Model(model.input, model.layers[-1].input)
    train, series, rows = trainer(model), cities.values[:, 1], []
    for seed, date in enumerate(dates_between(len(series))):
        known = series[date - KNOWN : date]
        learned = changes[date - KNOWN : date - DAY, 1]
        scaling = learn_scaling(learned)._replace(mean=(0.0,))
        past, truth, _ = cut_windows(changes[date - DAY - PAST : date - DAY + TEST, 1], PAST, AHEAD)
        x, y = scale_windows(*cut_windows(learned, PAST, AHEAD)[:2], scaling)
        new, _ = scale_windows(past, truth, scaling)

        def note(method, setting, answers, date=date, known=known, scaling=scaling, truth=truth):
            score = tltk.evaluation.mase(truth, scaling.deviation[0] * answers, known, DAY)
            rows.append({"method": method, "setting": setting, "date": int(date), "mase": score})

        model.set_weights(pretrained)
        seen, ahead = (np.array(features(each)) for each in (x, new))
        for strength in STRENGTHS:
            linear = Ridge(strength).fit(x[..., 0], y).predict(new[..., 0])
            note("linear", [strength], linear)
            note("frozen", [strength], Ridge(strength).fit(seen, y).predict(ahead))
        for method, start, settings in (
            ("fine-tuned", pretrained, TUNE),
            ("from scratch", fresh, SCRATCH),
        ):
            for setting in settings:
                keras.utils.set_random_seed(seed)
                train(start, x, y, *setting)
                note(method, list(setting), model.predict_on_batch(new))
        print(date, f"{time.perf_counter() - began:.0f} s", flush=True)
    about = (
        "Seattle's temperatures with two weeks known, source San Francisco: MASE by method and "
        "setting on eight dates that the chapter does not use."
    )
    print(keep_study(__file__, about, rows, time.perf_counter() - began))
    for method, setting in dict.fromkeys((r["method"], tuple(r["setting"])) for r in rows):
        scores = [
            r["mase"] for r in rows if (r["method"], tuple(r["setting"])) == (method, setting)
        ]
        print(method, setting, f"mean {np.mean(scores):.3f}, median {np.median(scores):.3f}")


if __name__ == "__main__":
    main()
