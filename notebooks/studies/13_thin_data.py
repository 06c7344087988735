"""Labels are scarce, data is not: what do unlabelled rows and foreign labels buy (chapter 13)?

Four questions, on frozen features (mobilenet_v2 of the bundled CIFAR-10 at 96 px, mean GloVe
vectors of texts) but for the third:

- `self-training`: 5 and 20 labels per class, all other training rows without labels; `SelfTraining`
  with its growing share, with a threshold of .9, and scikit-learn's, against the same classifier on
  the labels alone and on the labels of all rows. The strength of the classifier is chosen on the
  labelled rows by cross-validation. The last round is kept; once more, the round is chosen on 50
  labelled validation rows, which no other method has.
- `borrowing`: 20 labels per class of one domain of texts; a quarter of the other three domains'
  labelled rows, taken by `select_source_rows`, at random, or all of them. Then pictures, where half of the
  source's labels are wrong: which rule sees that? The strength is chosen on the target's labels by
  cross-validation, with the borrowed rows in every fold's training part.
- `contrastive`: small_cnn at 32 px, pretrained on all training pictures without their labels, under
  a solved head and tuned, against the same network from scratch and against random weights under a
  solved head. One pretraining; the seeds draw the labels.
- `anomalies`: one class of pictures is normal, the others are not; and the same test pictures with
  a made scratch. Both distances, on rows of unit length and as they are; the threshold is set for
  5 % false alarms on 60 normal pictures.

Test are the bundled test sets. About an hour on two busy CPU cores. Finished runs are written down
in the cache folder, so that the same call goes on after an interruption:

    python notebooks/studies/13_thin_data.py
"""

import math
import time
from functools import cache
from itertools import product

import keras
import numpy as np
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.semi_supervised import SelfTrainingClassifier

import tltk
from tltk._cache import read_facts, write_facts
from tltk.evaluation import keep_study, study_folder
from tltk.few_labels import AnomalyDetector, SelfTraining, select_source_rows
from tltk.few_labels.self_training import default_classifier
from tltk.inputs import resize_images

SEEDS, LABELS, STRENGTHS = range(8), (5, 20), (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
VALIDATION, NET_SEEDS, EPOCHS, PRETRAINING = 50, range(5), {5: 60, 20: 30}, {"epochs": 15}
DOMAINS = ("films", "products", "editorials", "tweets")
FINISHED = study_folder(__file__) / "rows.json"


@cache
def pictures(part, size=96):
    split = getattr(tltk.load_dataset("cifar10_small", image_size=size, val=0), part)
    return split.arrays()


@cache
def network():
    return tltk.load_backbone("mobilenet_v2", input_shape=96)


@cache
def features(data, part):
    """Features and labels of CIFAR-10 pictures, or of texts of a domain."""
    if data == "pictures":
        return tltk.extract_features(network(), *pictures(part))
    texts = tltk.load_dataset(f"sentiment_{data}", val=0)
    return tltk.extract_features(tltk.load_text_backbone("glove"), getattr(texts, part))


def draw(labels, per_class, seed):
    """Rows that keep their labels, and all others, in random order."""
    order = np.random.default_rng(seed).permutation(len(labels))
    own = [order[labels[order] == each][:per_class] for each in np.unique(labels)]
    return np.concatenate(own), np.setdiff1d(order, np.concatenate(own))


def chosen_classifier(x, y):
    """The strength with the best cross-validated log loss on the labelled rows; not fitted."""
    grid = {"logisticregression__C": STRENGTHS}
    search = GridSearchCV(default_classifier(), grid, scoring="neg_log_loss", refit=False)
    return default_classifier(search.fit(x, y).best_params_["logisticregression__C"])


def self_training(data, per_class, seed):
    (x, y), test = features(data, "train"), features(data, "test")
    known, free = draw(y, per_class, seed)
    rows, labels = x[np.append(known, free)], np.append(y[known], np.full(len(free), -1))
    classifier = chosen_classifier(x[known], y[known])
    learners = {
        "self-training": SelfTraining(classifier),
        "self-training, unbalanced": SelfTraining(classifier, balanced=False),
        "self-training, threshold .9": SelfTraining(classifier, threshold=0.9),
        "scikit-learn's, threshold .9": SelfTrainingClassifier(classifier, threshold=0.9),
    }
    held = np.random.default_rng(seed).permutation(free)[:VALIDATION]
    yield {"method": "labels alone", "accuracy": classifier.fit(x[known], y[known]).score(*test)}
    seen = ~np.isin(np.append(known, free), held)
    chosen = SelfTraining(classifier).fit(rows[seen], labels[seen], val=(x[held], y[held]))
    kept = {"method": "self-training, round by validation", "round": chosen.round_}
    yield {**kept, "accuracy": chosen.score(*test)}
    for name, learner in learners.items():
        row = {"method": name, "accuracy": learner.fit(rows, labels).score(*test)}
        if isinstance(learner, SelfTraining):
            counts = [entry["pseudo_labelled"] for entry in learner.history_]
            taken = learner.pseudo_labels_[len(known) :]
            right = np.mean((taken == y[free])[taken >= 0]) if (taken >= 0).any() else None
            row |= {"pseudo_labelled": counts, "pseudo_labels_right": right}
        yield row
    yield {"method": "labels of all rows", "accuracy": default_classifier().fit(x, y).score(*test)}


def taught(x, y, more, answers, weights, test):
    """Accuracy after training on the target's rows with weight 1, and on borrowed ones."""
    folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(x, y))

    def fitted(strength, rows):
        every = np.vstack([x[rows], more]), np.append(y[rows], answers)
        share = np.append(np.ones(len(rows)), weights)
        return default_classifier(strength).fit(*every, logisticregression__sample_weight=share)

    def loss(strength):
        return sum(log_loss(y[b], fitted(strength, a).predict_proba(x[b])) for a, b in folds)

    return fitted(min(STRENGTHS, key=loss), np.arange(len(y))).score(*test)


def borrowing(data, per_class, seed):
    (x, y), test = features(data, "train"), features(data, "test")
    known, free = draw(y, per_class, seed)
    random = np.random.default_rng(seed)
    if data == "pictures":
        source, answers = x[free], y[free].copy()
        wrong = random.random(len(free)) < 0.5
        answers[wrong] = (answers[wrong] + random.integers(1, 10, wrong.sum())) % 10
        target = x[known]
    else:
        others = [features(each, "train") for each in DOMAINS if each != data]
        source, answers = np.vstack([a for a, _ in others]), np.concatenate([b for _, b in others])
        target, wrong = x, np.zeros(len(answers), bool)
    by_domain = select_source_rows(source, target, answers)
    by_means = select_source_rows(source, x[known], answers, y[known], by="class_means")
    quarter = random.permutation(len(source))[: len(by_domain[0])]
    everything = np.arange(len(source))
    taken = {
        "a quarter, by domain": by_domain,
        "a quarter, by class means": by_means,
        "a quarter at random": (quarter, np.ones(len(quarter))),
        "all of the source": (everything, np.ones(len(source))),
    }
    alone = chosen_classifier(x[known], y[known]).fit(x[known], y[known])
    yield {"method": "labels alone", "accuracy": alone.score(*test)}
    for name, (rows, weights) in taken.items():
        accuracy = taught(x[known], y[known], source[rows], answers[rows], weights, test)
        yield {"method": name, "accuracy": accuracy, "labels_wrong": float(wrong[rows].mean())}


def fresh(seed):
    keras.utils.set_random_seed(seed)
    return tltk.load_backbone("small_cnn", weights=None, input_shape=32)


@cache
def pretrained():
    encoder, began = fresh(0), time.perf_counter()
    history = tltk.tuning.pretrain_contrastive(encoder, *pictures("train", 32)[:1], **PRETRAINING)
    print("pretrained:", history.history, flush=True)
    return encoder, history.history, time.perf_counter() - began


@cache
def trainer():
    """A classifier, and the same under random flips and shifts, compiled once for all runs."""
    model = tltk.build_classifier(fresh(0), 10)
    tltk.unfreeze(model, "all", train_batch_norm=True)
    changes = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomTranslation(0.1, 0.1, fill_mode="reflect"),
    ]
    trained = keras.Sequential([keras.Input((32, 32, 3)), *changes, model])
    trained.compile(keras.optimizers.Adam(), model.loss)
    trained.optimizer.build(trained.trainable_variables)
    return model, trained


def tuned(body, x, y, per_class, seed, test):
    """Accuracy after training all weights from those of a body, the rate falling to zero."""
    model, trained = trainer()
    keras.utils.set_random_seed(seed)
    model.set_weights(tltk.build_classifier(body, 10).get_weights())
    for state in trained.optimizer.variables:
        state.assign(keras.ops.zeros_like(state))
    epochs = EPOCHS[per_class]
    cosine = keras.callbacks.LearningRateScheduler(
        lambda epoch: 1e-3 * (1 + math.cos(math.pi * (epoch + 0.5) / epochs)) / 2
    )
    trained.fit(x.astype("float32"), y, epochs=epochs, callbacks=[cosine], verbose=0)
    return float(np.mean(model.predict(test[0], verbose=0).argmax(axis=1) == test[1]))


def probed(body, x, y, test):
    model = tltk.build_classifier(body, 10)
    tltk.fit_linear_head(model, (x, y))
    return float(np.mean(model.predict(test[0], verbose=0).argmax(axis=1) == test[1]))


def contrastive(data, per_class, seed):
    (x, y), test = pictures("train", 32), pictures("test", 32)
    known, _ = draw(y, per_class, seed)
    x, y = x[known], y[known]
    encoder, history, seconds = pretrained()
    facts = {"pretraining_seconds": round(seconds), "pretraining_loss": history["loss"][-1]}
    yield {"method": "random weights, solved head", "accuracy": probed(fresh(seed), x, y, test)}
    yield {"method": "from scratch", "accuracy": tuned(fresh(seed), x, y, per_class, seed, test)}
    yield {"method": "contrastive, solved head", "accuracy": probed(encoder, x, y, test), **facts}
    yield {"method": "contrastive, tuned", "accuracy": tuned(encoder, x, y, per_class, seed, test)}


@cache
def scratched():
    """Features of the test pictures, each with a bar of random grey, 2 by 14 of 32 pixels."""
    x, random = pictures("test", 32)[0].copy(), np.random.default_rng(0)
    for picture in x:
        high, wide = random.permutation([2, 14])
        top, left = random.integers(0, 33 - high), random.integers(0, 33 - wide)
        picture[top : top + high, left : left + wide] = random.integers(0, 256)
    return tltk.extract_features(network(), resize_images(x, (96, 96), "bicubic"))[0]


def anomalies(data, kind, number):
    (x, y), (test, truth) = features("pictures", "train"), features("pictures", "test")
    normal = x[y == number]
    usual = test[truth == number]
    odd = test[truth != number] if kind == "another class" else scratched()[truth == number]
    for distance, unit in product(("mahalanobis", "neighbours"), (True, False)):
        detector = AnomalyDetector(distance, unit_length=unit).fit(normal[60:], val=normal[:60])
        scores = -detector.score_samples(np.vstack([usual, odd]))
        yield {
            "method": distance + ("" if unit else ", any length"),
            "auroc": roc_auc_score(np.repeat([0, 1], [len(usual), len(odd)]), scores),
            "false_alarms": float(np.mean(detector.predict(usual) < 0)),
            "found": float(np.mean(detector.predict(odd) < 0)),
        }


QUESTIONS = {
    "anomalies": (anomalies, ("pictures",), ("another class", "scratch"), range(10)),
    "self-training": (self_training, ("pictures", "films"), LABELS, SEEDS),
    "borrowing": (borrowing, (*DOMAINS, "pictures"), (20,), SEEDS),
    "contrastive": (contrastive, ("pictures",), LABELS, NET_SEEDS),
}


def main():
    rows = read_facts(FINISHED) or []
    done = {(row["question"], row["data"], row["setting"], row["seed"]) for row in rows}
    for question, (run, sets, settings, seeds) in QUESTIONS.items():
        for data, setting, seed in product(sets, settings, seeds):
            if (question, data, setting, seed) in done:
                continue
            began, found = time.perf_counter(), list(run(data, setting, seed))
            seconds = (time.perf_counter() - began) / len(found)
            facts = {"question": question, "data": data, "setting": setting, "seed": seed}
            found = [{**facts, **row, "seconds": round(seconds, 2)} for row in found]
            rows += found
            write_facts(FINISHED, rows)
            print(facts, [f"{r['method']} {r.get('accuracy', r.get('auroc')):.3f}" for r in found])
        keep(rows)


def keep(rows):
    about = (
        "Few labels and much data: self-training (8 seeds), borrowed labels (8 seeds), contrastive "
        "pretraining of small_cnn (5 draws of labels, one pretraining) and anomalies on frozen "
        "features (10 classes in turn)."
    )
    print(keep_study(__file__, about, rows, sum(row["seconds"] for row in rows)), flush=True)


if __name__ == "__main__":
    main()
