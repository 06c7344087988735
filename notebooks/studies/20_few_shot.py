"""Few-shot learning on features: which method, normalised or not, trained or not (chapter 20)?

5-way episodes with 1, 5 and 20 examples of each class, the same for all methods. Nothing tested on
is of a class that anything was trained on.

- `glyphs`: made alphabets (no network has seen them). Source: 20 alphabets of 10 characters by 20
  hands; tested on: 10 other alphabets of 8 characters by 36 other hands. Features of the bundled
  mobilenet_v2 at 64 px.
- `words spoken`: the digits in six languages. Source: English, German and Spanish by 12 voices;
  tested on: French, Turkish and Swahili by 30 other voices, a class being a word of one language;
  10 queries a class. Features of the bundled speech embedding, pooled or not, as does better on the
  source.
- `words written`: 34 categories of words, 17 to learn from and 17 to be tested on. GloVe vectors.

Frozen features: nearest neighbour, prototypes, ridge and logistic regression (C = 1), Bayesian
prototypes and the transductive Sinkhorn ones, on raw features and on normalised ones (power, centre
on the source, length 1); and on the bare pixels of pictures at 28 px. 600 episodes.

Trained on the source classes, three seeds each, 600 episodes: a small encoder on the normalised
features (two dense layers) by the prototypical and by the siamese loss; and for glyphs a
convolutional one from raw pixels at 28 px. Fine-tuning: the same small encoder trained as a
classifier of the source, then all of its weights on each episode's support, 40 steps of Adam; the
rate is the best of five on a third of the source classes, with the encoder of the other two. 25
episodes for each seed.

And `queries`: 300 episodes with unequally many queries, one class having about three times as many
as each other.

About fifteen minutes of one CPU core. Finished parts are kept in the cache folder, so that the
same call goes on after an interruption:

    python notebooks/studies/20_few_shot.py
"""

from functools import cache, partial

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier

import tltk
from tltk.evaluation import episode_accuracies, finished_part, keep_study, paired_interval
from tltk.few_labels import (
    BayesianPrototype,
    FeatureNormalizer,
    NearestPrototype,
    SinkhornPrototype,
    learn_prior,
    split_classes,
    train_prototypical,
    train_siamese,
)
from tltk.few_labels.episodes import EpisodeDrawer
from tltk.datasets import make_glyphs, word_categories
from tltk.tuning import compiled_trainer

finished = partial(finished_part, __file__)
SHOTS, EPISODES, SEEDS, TUNED = (1, 5, 20), 600, range(3), 25
SOURCE_LANGUAGES, TARGET_LANGUAGES = ("", "_german", "_spanish"), ("_french", "_turkish", "_swahili")
STEPS, RATES, CHOOSING = 40, (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 16
DATA = ("glyphs", "words spoken", "words written")
TRAINED = (
    ("small encoder", "glyphs"),
    ("small encoder", "words spoken"),
    ("small encoder", "words written"),
    ("from pixels", "glyphs"),
)
QUERIES = {"words spoken": 10}
UNEQUAL = {"words spoken": (22, 7, 7, 7, 7)}


@cache
def glyphs(part, size):
    shape = {"source": (20, 10, 20, size, 1), "target": (10, 8, 36, size, 2)}[part]
    made = make_glyphs(*shape)
    return made.pictures, made.labels


@cache
def spoken(languages):
    """Features of all recordings in some languages, unpooled and pooled; labels, and voices."""
    backbone = tltk.load_audio_backbone()
    found, labels, voices = [], [], []
    for number, language in enumerate(languages):
        data = tltk.load_dataset(f"spoken_words{language}")
        for part in ("train", "val", "test"):
            split = getattr(data, part)
            found.append(tltk.extract_features(backbone, split, pooling=None)[0])
            labels.append(10 * number + split.labels)
            voices += [name.split("/")[1] for name in data.files[part]]
    sequences = np.concatenate(found)
    both = {"in order": sequences.reshape(len(sequences), -1), "pooled": sequences.mean(axis=1)}
    return both, np.concatenate(labels), np.array(voices)


@cache
def features(name):
    """((source rows, labels), (target rows, labels)) of frozen features."""
    if name == "glyphs":
        network = tltk.load_backbone("mobilenet_v2", input_shape=64)
        parts = glyphs("source", 64), glyphs("target", 64)
        return tuple((tltk.extract_features(network, x)[0], y) for x, y in parts)
    if name == "words written":
        categories, (words, vectors) = word_categories(), tltk.backbones.load_word_vectors()
        rows = {word: row for row, word in enumerate(words)}
        x = [vectors[rows[word]] for some in categories.values() for word in some]
        y = np.repeat(np.arange(len(categories)), [len(some) for some in categories.values()])
        parts = split_classes(y, test=17)
        return tuple((np.stack(x)[parts[part]], y[parts[part]]) for part in ("train", "test"))
    both = spoken(SOURCE_LANGUAGES), spoken(TARGET_LANGUAGES)
    kinds = sorted({voice.split("-")[0] for voice in both[0][2]})
    of_source = [np.isin([v.split("-")[0] for v in voices], kinds[::4]) for _, _, voices in both]
    rows = of_source[0], ~of_source[1]
    scores = {}
    for form in ("in order", "pooled"):
        x = both[0][0][form][rows[0]]
        x = FeatureNormalizer().fit_transform(x)
        found = episode_accuracies(
            {"": NearestPrototype()}, x, both[0][1][rows[0]], n_query=5, episodes=200
        )
        scores[form] = found[""].mean()
    form = max(scores, key=scores.get)
    print(f"on source classes: {scores}, so {form}", flush=True)
    return tuple((x[form][some], y[some]) for (x, y, _), some in zip(both, rows, strict=True))


@cache
def pixels():
    """The same for the glyphs' bare pixels."""
    parts = glyphs("source", 28), glyphs("target", 28)
    return tuple((255.0 - x[..., 0].reshape(len(x), -1), y) for x, y in parts)


@cache
def normalised(name):
    (x, y), (target, labels) = features(name)
    normalizer = FeatureNormalizer().fit(x)
    return (normalizer.transform(x), y), (normalizer.transform(target), labels)


def of_features(source):
    return {
        "nearest neighbour": KNeighborsClassifier(1),
        "prototypes": NearestPrototype(),
        "ridge": RidgeClassifier(),
        "logistic": LogisticRegression(max_iter=100, tol=1e-3),
        "Bayesian prototypes": BayesianPrototype(learn_prior(*source)),
        "Sinkhorn, transductive": SinkhornPrototype(),
    }


def row(name, method, features, shots, scores, **more):
    mean, half = tltk.evaluation.mean_interval(scores)
    return {"question": "methods", "data": name, "features": features, "method": method} | {
        "shots": shots,
        "episodes": len(scores),
        "accuracy": round(mean, 4),
        "half": round(half, 4),
        "low": round(mean - half, 4),
        "high": round(mean + half, 4),
        **more,
    }


def study_frozen(name, form):
    if form == "pixels":
        source, (x, y) = pixels()
    else:
        source, (x, y) = features(name) if form == "raw" else normalised(name)
    for shots in SHOTS:
        found = episode_accuracies(
            of_features(source), x, y, 5, n_shot=shots, n_query=QUERIES.get(name, 15), episodes=EPISODES
        )
        for method, scores in found.items():
            yield row(name, method, form, shots, scores)


def study_queries(name):
    source, (x, y) = normalised(name)
    methods = of_features(source) | {
        "Sinkhorn, free columns": SinkhornPrototype(balanced=False),
    }
    methods = {key: methods[key] for key in methods if "ototype" in key or "Sinkhorn" in key}
    equal = QUERIES.get(name, 15)
    forms = {"equal": equal, "unequal": UNEQUAL.get(name, (31, 11, 11, 11, 11))}
    for shots in (1, 5):
        for form, n_query in forms.items():
            found = episode_accuracies(methods, x, y, 5, n_shot=shots, n_query=n_query, episodes=EPISODES // 2)
            for method, scores in found.items():
                rows = row(name, method, "normalised", shots, scores, queries=form)
                yield rows | {"question": "queries"}


def small_encoder(width, seed):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    wide = layers.Rescaling(width**0.5)
    return keras.Sequential(
        [keras.Input((width,)), wide, layers.Dense(256, "relu"), layers.Dense(64)]
    )


def convolutional(seed):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    network = [keras.Input((28, 28, 3)), layers.Rescaling(-1 / 255, 1.0)]
    for _ in range(4):
        network += [layers.Conv2D(32, 3, padding="same", use_bias=False)]
        network += [layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D()]
    return keras.Sequential([*network, layers.Flatten()])


def given(name, encoder):
    """What an encoder takes: ((source, labels), (target, labels))."""
    if encoder == "small encoder":
        return normalised(name)
    return glyphs("source", 28), glyphs("target", 28)


def fresh(encoder, source, seed):
    if encoder == "small encoder":
        return small_encoder(source[0].shape[1], seed)
    return convolutional(seed)


def study_trained(name, encoder, seed):
    """Train on the source classes, and test on the target's."""
    source, (x, y) = given(name, encoder)
    count = 1000 if encoder == "small encoder" else 400
    ways = {
        "prototypical": lambda net: train_prototypical(net, *source, episodes=count, seed=seed),
        "siamese": lambda net: train_siamese(net, *source, steps=count, seed=seed),
    }
    for method, train in ways.items():
        network = fresh(encoder, source, seed)
        train(network)
        judge = {"": NearestPrototype("euclidean" if method == "prototypical" else "cosine")}
        embedded, queries = network.predict(x, batch_size=256, verbose=0), QUERIES.get(name, 15)
        for shots in SHOTS:
            scores = episode_accuracies(judge, embedded, y, 5, n_shot=shots, n_query=queries, episodes=EPISODES)[""]
            facts = {"data": name, "method": f"{method} network", "shots": shots, "seed": seed}
            yield facts | {"scores": np.round(scores, 4).tolist()}


def tuner(encoder, source, seed):
    """Train an encoder as a classifier, and give a function that fine-tunes it on episodes."""
    body, numbers = fresh(encoder, source, seed), np.unique(source[1], return_inverse=True)[1]
    head = keras.layers.Dense(int(numbers.max()) + 1, "softmax")
    classifier = keras.Sequential([body, head])
    classifier.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    classifier.fit(source[0], numbers, batch_size=64, epochs=15, verbose=0)
    outputs = keras.layers.Dense(5, "softmax", kernel_initializer="zeros")(body.outputs[0])
    model = keras.Model(body.inputs[0], outputs)
    model.compile(loss="sparse_categorical_crossentropy")
    start, train = model.get_weights(), compiled_trainer(model, batch_size=25)

    def scores(rows, labels, shots, rate, count, n_query):
        drawer = EpisodeDrawer(labels, 5, shots, n_query)
        for number in range(count):
            support, query = drawer.draw([0, number])
            epochs = -(-STEPS * min(25, 5 * shots) // (5 * shots))
            train(start, rows[support], drawer.support_labels, epochs, rate, seed=number)
            answers = keras.ops.convert_to_numpy(model(rows[query], training=False))
            yield np.mean(answers.argmax(axis=1) == drawer.query_labels)

    return scores


def study_tuned(name, encoder, rates, seed):
    """Fine-tune on each support; the rates are chosen on a third of the source classes."""
    source, target = given(name, encoder)
    if not rates:
        parts = split_classes(source[1], test=1 / 3)
        fit, held = ([each[parts[part]] for each in source] for part in ("train", "test"))
        scores = tuner(encoder, fit, seed)
        for shots in SHOTS:
            few = min(shots, 8)  # source classes have 12 rows at least
            tried = {rate: np.mean(list(scores(*held, few, rate, CHOOSING, 4))) for rate in RATES}
            rates[shots] = max(tried, key=tried.get)
    scores = tuner(encoder, source, seed)
    for shots in SHOTS:
        found = list(scores(*target, shots, rates[shots], TUNED, QUERIES.get(name, 15)))
        facts = {"data": name, "method": "fine-tuning", "shots": shots, "seed": seed}
        yield facts | {"scores": np.round(found, 4).tolist(), "rate": rates[shots]}


def over_seeds(encoder, rows):
    """One row for each data set, method and number of shots: the mean of seeds in each episode."""
    groups = {}
    for each in rows:
        groups.setdefault((each["data"], each["method"], each["shots"]), []).append(each)
    for (name, method, shots), of_seed in groups.items():
        scores = np.array([each["scores"] for each in of_seed])
        seeds = np.round(scores.mean(axis=1), 4).tolist()
        yield row(name, method, encoder, shots, scores.mean(axis=0), seeds=seeds)


def over_prototypes(name, rows):
    """What fine-tuning gains over prototypes on the very same episodes."""
    for shots in SHOTS:
        scores = np.mean([each["scores"] for each in rows if each["shots"] == shots], axis=0)
        judge, target = {"": NearestPrototype()}, normalised(name)[1]
        plain = episode_accuracies(judge, *target, 5, n_shot=shots, n_query=QUERIES.get(name, 15), episodes=TUNED)[""]
        mean, half = (round(each, 4) for each in paired_interval(scores, plain))
        found = {"gain": mean, "low": round(mean - half, 4), "high": round(mean + half, 4)}
        yield {"question": "fine-tuning", "data": name, "shots": shots} | found


def main():
    rows, seconds = [], 0.0
    for name in DATA:
        forms = ("pixels", "raw", "normalised") if name == "glyphs" else ("raw", "normalised")
        for form in forms:
            found, spent = finished(f"{name} {form}", lambda n=name, f=form: study_frozen(n, f))
            rows, seconds = rows + found, seconds + spent
        found, spent = finished(f"{name} queries", lambda n=name: study_queries(n))
        rows, seconds = rows + found, seconds + spent
    for encoder, name in TRAINED:
        trained, tuned, rates = [], [], {}
        for seed in SEEDS:
            part, how = f"{encoder} {name} {seed}", (name, encoder)
            found, spent = finished(f"{part} trained", lambda h=how, s=seed: study_trained(*h, s))
            trained, seconds = trained + found, seconds + spent
            if encoder == "from pixels":
                continue
            found, spent = finished(
                f"{part} tuned", lambda h=(*how, rates), s=seed: study_tuned(*h, s)
            )
            rates |= {each["shots"]: each["rate"] for each in found}
            tuned, seconds = tuned + found, seconds + spent
        rows += [*over_seeds(encoder, trained), *over_seeds(encoder, tuned)]
        rows += over_prototypes(name, tuned) if tuned else []
    about = (
        f"5-way 1-, 5- and 20-shot: the mean accuracy over {EPISODES} episodes ({TUNED} for "
        "fine-tuning) of classes that nothing was trained on, with the 95 % interval over episodes; "
        f"trained encoders are the mean of {len(SEEDS)} trainings. Made alphabets, spoken words of other "
        "languages, and words in categories."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
