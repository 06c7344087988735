"""Naming classes without an example of them (chapter 21).

- `conse`: the 4000 bundled CIFAR-10 pictures, none of which teaches anything, in five parts. The
  ImageNet head of mobilenet_v2 answers with its 1000 names, of which those with a GloVe vector are
  mixed into one vector (ConSE, T = 10), and the nearest of the ten names is the answer. Sizes of
  the pictures, T, random vectors instead of words (five draws), and ImageNet's classes without
  those that belong to the ten (FAMILIES).
- `names`: other words for the ten, one at a time, and the best of 200 drawn sets of words: chosen
  on one half of the pictures, and measured on it and on the other half; ten halvings.
- `splits`: 20 splits of the ten classes into seven seen and three unseen. ESZSL learns from the
  seen classes' training pictures; the unseen ones' test pictures are named. Its two strengths are
  chosen among the seen classes.
- `generalised`: the same splits, answers among all ten, with and without the penalty of
  `CalibratedStacking`, and with the penalty that is best on the test pictures themselves.
- `novel`: handwritten digits (by mobilenet_v2) and spoken digits in six languages (by the speech
  embedding), which no name in ImageNet covers. 20 splits, three of the ten digits unseen, in all
  languages. They are described by the segments of a pocket calculator's display, by the letters
  of the spoken word, by GloVe, and by random vectors.

About four minutes on one CPU core. Finished parts are kept in the cache folder:

    python notebooks/studies/21_zero_shot.py
"""

import itertools
import json
from functools import cache

import numpy as np
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tltk
from tltk.evaluation import finished_parts, keep_study
from tltk.few_labels import (
    ESZSL,
    CalibratedStacking,
    ConSE,
    choose_settings,
    class_vectors,
    harmonic_mean,
    known_names,
)
from tltk.inputs import bundle_folder

SIZES, TOPS, PARTS, DRAWS = (96, 160, 224), (1, 3, 10, 100, 1000), 5, 5
SPLITS, UNSEEN, COLUMNS = 20, 3, 100
STRENGTHS = [10.0**power for power in range(-2, 5)]
FAMILIES = {  # the numbers of ImageNet's classes that belong to each of the ten
    "airplane": [404, 895],
    "automobile": [407, 436, 468, 511, 609, 627, 656, 661, 705, 751, 817],
    "bird": [*range(7, 25), *range(80, 101), *range(127, 147)],
    "cat": range(281, 286),
    "deer": [],
    "dog": range(151, 269),
    "frog": range(30, 33),
    "horse": [339],
    "ship": [403, 472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 914],
    "truck": [555, 569, 675, 717, 734, 864, 867],
}
WORDS = {
    "airplane": ["airplane", "plane", "aircraft", "airplane, plane, aircraft"],
    "automobile": ["automobile", "car", "automobile, car"],
    "bird": ["bird", "birds"],
    "cat": ["cat", "cats"],
    "deer": ["deer", "elk", "deer, elk"],
    "dog": ["dog", "dogs"],
    "frog": ["frog", "frogs"],
    "horse": ["horse", "pony", "horse, pony"],
    "ship": ["ship", "boat", "vessel", "ship, boat"],
    "truck": ["truck", "trucks"],
}
SEGMENTS = [
    "1110111",
    "0010010",
    "1011101",
    "1011011",
    "0111010",  # top, upper left, upper right,
    "1101011",
    "1101111",
    "1010010",
    "1111111",
    "1111011",
]  # middle, lower two, bottom
DIGITS = "zero one two three four five six seven eight nine".split()
SPOKEN = {
    "english": DIGITS,
    "german": "null eins zwei drei vier fünf sechs sieben acht neun".split(),
    "spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve".split(),
    "french": "zéro un deux trois quatre cinq six sept huit neuf".split(),
    "turkish": "sıfır bir iki üç dört beş altı yedi sekiz dokuz".split(),  # noqa: RUF001
    "swahili": "sifuri moja mbili tatu nne tano sita saba nane tisa".split(),
}


@cache
def cifar(size):
    """Features, labels and which rows are test rows; the head's probabilities; the names."""
    photos = tltk.load_dataset("cifar10_small", image_size=size, val=0)
    network = tltk.load_backbone("mobilenet_v2", input_shape=size, include_top=True)
    parts = [
        tltk.extract_features(tltk.load_backbone("mobilenet_v2", input_shape=size), part)
        for part in (photos.train, photos.test)
    ]
    x, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    kernel, bias = network.layers[-1].get_weights()
    test = np.arange(len(y)) >= len(parts[0][1])
    return x, y, test, softmax(x @ kernel + bias, axis=1), list(photos.class_names)


@cache
def imagenet():
    """The numbers of ImageNet's classes whose names have a vector, and these vectors."""
    names = json.loads((bundle_folder() / "imagenet_labels.json").read_text())
    known = np.flatnonzero(known_names(names))
    return known, class_vectors([names[number] for number in known], unknown="skip")


def random_vectors(count, seed, width=50):
    return np.random.default_rng(seed).normal(size=(count, width))


def right(size, top, vectors, without_own=False):
    """Whether each picture is named rightly by ConSE."""
    _, y, _, answers, _ = cifar(size)
    known, source = imagenet()
    if without_own:
        kept = ~np.isin(known, [number for family in FAMILIES.values() for number in family])
        known, source = known[kept], source[kept]
    return ConSE(top).fit(source).predict(answers[:, known], vectors) == y


def study_conse():
    _, y, test, _, names = cifar(SIZES[0])
    words = class_vectors(names)
    part = np.random.default_rng(0).permutation(len(y)) % PARTS

    def rows(found, **facts):
        for number in range(PARTS):
            score = float(found[part == number].mean())
            yield {"question": "conse", **facts, "part": number, "accuracy": score}

    facts = {"top": 10, "source": "all", "names": "words"}
    for size in SIZES:
        yield from rows(right(size, 10, words), pixels=size, **facts)
        own = facts | {"source": "without their own"}
        yield from rows(right(size, 10, words, True), pixels=size, **own)
    for top in TOPS:
        for without in (False, True):
            told = facts | {"top": top, "source": "without their own" if without else "all"}
            if top != 10:
                yield from rows(right(SIZES[-1], top, words, without), pixels=SIZES[-1], **told)
    drawn = [right(SIZES[-1], 10, random_vectors(10, seed)) for seed in range(20)]
    told = facts | {"names": "random vectors"}
    yield from rows(np.mean(drawn, axis=0), pixels=SIZES[-1], **told)
    found = right(SIZES[-1], 10, words)
    for number, name in enumerate(names):
        score = float(found[y == number].mean())
        family = len(FAMILIES[name])
        yield {"question": "classes", "class": name, "family": family, "accuracy": score}


def study_labels():
    """What a linear head learns from few labels, for comparison."""
    x, y, test, _, _ = cifar(SIZES[-1])
    for labels, seed in itertools.product((1, 2, 5), range(PARTS)):
        random = np.random.default_rng(seed)
        rows = np.concatenate(
            [random.permutation(np.flatnonzero(~test & (y == c)))[:labels] for c in range(10)]
        )
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        score = float(head.fit(x[rows], y[rows]).score(x[test], y[test]))
        yield {"question": "labels", "labels": labels, "seed": seed, "accuracy": score}


def study_names():
    _, y, _, _, names = cifar(SIZES[-1])
    plain = right(SIZES[-1], 10, class_vectors(names))
    for name, other in ((n, w) for n in names for w in WORDS[n][1:]):
        found = right(SIZES[-1], 10, class_vectors([other if n == name else n for n in names]))
        own = y == names.index(name)
        yield {
            "question": "names", "class": name, "words": other,
            "gain": float(found.mean() - plain.mean()),
            "own recall": float(found[own].mean()), "before": float(plain[own].mean()),
        }  # fmt: skip
    random = np.random.default_rng(0)
    sets = [[random.choice(WORDS[name]) for name in names] for _ in range(200)]
    found = np.stack([right(SIZES[-1], 10, class_vectors(each)) for each in sets])
    for seed in range(10):
        half = np.random.default_rng(seed).permutation(len(y)) % 2 == 0
        best = found[:, half].mean(axis=1).argmax()
        yield {
            "question": "best names", "seed": seed, "plain": float(plain[~half].mean()),
            "where it was chosen": float(found[best, half].mean()),
            "on other pictures": float(found[best, ~half].mean()),
            "any set": float(found[:, ~half].mean()),
        }  # fmt: skip


def fitted_on(X, y, vectors):
    """ESZSL with the strengths that name best when some seen classes play the unseen."""
    grid = {"gamma": STRENGTHS, "lam": STRENGTHS[:5]}
    return ESZSL(**choose_settings(ESZSL(), grid, X, y, vectors=vectors)).fit(X, y, vectors)


def reduced(X, rows):
    """Standardised main components, as many as COLUMNS, learned from some rows."""
    return make_pipeline(StandardScaler(), PCA(COLUMNS, random_state=0)).fit(X[rows]).transform(X)


def split_of(seed, count=10):
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[UNSEEN:]), np.sort(order[:UNSEEN])


def study_splits(seed):
    x, y, test, answers, names = cifar(SIZES[-1])
    seen, unseen = split_of(seed)
    taught, judged = np.isin(y, seen) & ~test, np.isin(y, unseen) & test
    X, own = reduced(x, taught), np.searchsorted(seen, y[taught])
    facts = {"question": "splits", "seed": seed}
    random = random_vectors(10, seed)
    for method, vectors in (("ESZSL", class_vectors(names)), ("ESZSL, random vectors", random)):
        fitted = fitted_on(X[taught], own, vectors[seen])
        score = float(np.mean(unseen[fitted.predict(X[judged], vectors[unseen])] == y[judged]))
        yield {**facts, "method": method, "accuracy": score, **fitted.get_params()}
        if method == "ESZSL":
            yield from study_generalised(seed, fitted, X, y, test, taught, seen, unseen, vectors)
    known, source = imagenet()
    for method, without in (("ConSE", False), ("ConSE without their own", True)):
        own = [number for family in FAMILIES.values() for number in family]
        kept = ~np.isin(known, own) if without else np.full(len(known), True)
        fitted = ConSE(10).fit(source[kept])
        found = fitted.predict(answers[judged][:, known[kept]], class_vectors(names)[unseen])
        yield {**facts, "method": method, "accuracy": float(np.mean(unseen[found] == y[judged]))}


def study_generalised(seed, fitted, X, y, test, taught, seen, unseen, vectors):
    numbers = np.concatenate([seen, unseen])
    place = np.argsort(numbers)
    own = place[y]
    plain = fitted.decision_function(X[test], vectors[numbers])
    learner = CalibratedStacking(ESZSL(fitted.gamma, fitted.lam), random_state=seed)
    learner.fit(X[taught], own[taught], vectors[seen])
    is_seen = np.arange(10) < len(seen)

    def judged(penalty):
        answers = (plain - penalty * is_seen).argmax(axis=1)
        return harmonic_mean(own[test], answers, range(len(seen)))

    margins = plain[:, is_seen].max(axis=1) - plain[:, ~is_seen].max(axis=1)
    tries = np.quantile(margins, np.linspace(0, 1, 201))
    best = max(tries, key=lambda penalty: judged(penalty).harmonic)
    penalties = {"none": 0.0, "calibrated": learner.penalty_, "best on the test": best}
    for method, penalty in penalties.items():
        found = judged(penalty)._asdict()
        yield {"question": "generalised", "seed": seed, "penalty": method, **found}


def letters(words):
    """How often each letter and each pair of neighbours stands in a word; ^ and $ are its ends."""
    spelled = [f"^{word}$" for word in words]
    parts = [list(word[1:-1]) + [a + b for a, b in itertools.pairwise(word)] for word in spelled]
    known = sorted({part for word in parts for part in word})
    counts = np.array([[word.count(part) for part in known] for word in parts], float)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


@cache
def handwritten():
    digits = tltk.load_dataset("mnist_small", image_size=96, val=0)
    network = tltk.load_backbone("mobilenet_v2", input_shape=96)
    parts = [tltk.extract_features(network, part) for part in (digits.train, digits.test)]
    x, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    segments = np.array([[int(lit) for lit in each] for each in SEGMENTS], float)
    described = {"segments": segments, "GloVe": class_vectors(DIGITS)}
    return x, y, np.arange(len(y)) >= len(parts[0][1]), np.arange(10), described


@cache
def spoken():
    """A class for each of the 60 words."""
    network, columns = tltk.load_audio_backbone("speech_embedding", 0.8), []
    for number, language in enumerate(SPOKEN):
        name = "spoken_words" if language == "english" else f"spoken_words_{language}"
        words = tltk.load_dataset(name, seconds=0.8)
        for part in ("train", "test"):
            x, y = tltk.extract_features(network, getattr(words, part))
            columns.append((x, y + 10 * number, np.full(len(y), part == "test")))
    x, y, test = (np.concatenate(column) for column in zip(*columns, strict=True))
    words = [word for language in SPOKEN.values() for word in language]
    meaning = np.tile(class_vectors(DIGITS), (len(SPOKEN), 1))
    described = {"letters": letters(words), "GloVe": meaning}
    return x, y, test, np.tile(np.arange(10), len(SPOKEN)), described


def study_novel(kind, seed):
    x, y, test, digit, described = {"handwritten": handwritten, "spoken": spoken}[kind]()
    known, hidden = split_of(seed)
    seen, unseen = np.flatnonzero(np.isin(digit, known)), np.flatnonzero(np.isin(digit, hidden))
    taught, judged = np.isin(y, seen) & ~test, np.isin(y, unseen) & test
    scale = make_pipeline(StandardScaler(), PCA(min(COLUMNS, x.shape[1]), random_state=0))
    X, own = scale.fit(x[taught]).transform(x), np.searchsorted(seen, y[taught])
    random = {"random vectors": random_vectors(10, seed)[digit]}
    for name, vectors in (described | random).items():
        fitted = fitted_on(X[taught], own, vectors[seen])
        found = digit[unseen[fitted.predict(X[judged], vectors[unseen])]]
        score = float(np.mean(found == digit[y[judged]]))
        yield {"question": "novel", "what": kind, "described by": name, "seed": seed,
               "accuracy": score}  # fmt: skip


def main():
    parts = [("conse", study_conse), ("labels", study_labels), ("names", study_names)]
    for seed in range(SPLITS):
        parts.append((f"splits_{seed}", lambda seed=seed: study_splits(seed)))
        for kind in ("handwritten", "spoken"):
            parts.append((f"{kind}_{seed}", lambda given=(kind, seed): study_novel(*given)))
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "Zero-shot: ConSE from ImageNet's head to CIFAR-10's names, without one training picture "
        f"(± over {PARTS} parts of 4000 pictures), ESZSL and its calibration over {SPLITS} splits "
        "of classes, and digits written and spoken, described by segments, letters or words."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main()
