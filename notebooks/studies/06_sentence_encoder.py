"""MiniLM with and without its training on film reviews, and one word at a time (chapter 06).

MiniLM (six transformer blocks, 22.7 million weights) is read by KerasHub from a folder in Hugging
Face format, without dropout. The features of a text are the mean over its word pieces, padding left
out; texts are cut to 48 pieces.

- `probe`: a linear probe on the frozen network, films, ten draws of 200 labels; balanced accuracy
  on the first 500 test texts of the chapter;
- `untrained`: a probe on the same network with random weights, others in every draw;
- `word`: six words in eight sentences each, four for each of two meanings. The share of sentences
  whose most similar other sentence has the same meaning, by the cosine of the word's own vector in
  the last block, of the GloVe vectors' mean over the other words, and of the word's vector in a
  network with random weights; the cosines themselves for one word.

The folder holds `config.json`, `model.safetensors`, `vocab.txt` and `tokenizer.json`; the chapter
says how to get one. Needs keras-hub, tensorflow-text and safetensors. About ten minutes of one CPU
core. Finished parts stay in the cache folder.

    python notebooks/studies/06_sentence_encoder.py FOLDER
"""

import sys

import keras
import keras_hub
import numpy as np
from sklearn.metrics import balanced_accuracy_score

import tltk
from tltk.backbones import load_word_vectors
from tltk.evaluation import finished_parts, keep_study

DRAWS, PER_CLASS, LENGTH, BATCH, TESTED = range(10), 100, 48, 32, 500
CLASSES = ("negative", "positive")
SENTENCES = {  # four for each of two meanings
    "bank": (
        "She opened an account at the bank.",
        "The bank raised its interest rates again.",
        "He borrowed money from the bank to buy a house.",
        "My bank charges a fee for every card.",
        "We sat on the grassy bank and watched the boats.",
        "The river burst its bank after the storm.",
        "An otter slept on the muddy bank of the stream.",
        "They tied the canoe to a tree on the bank.",
    ),
    "battery": (
        "The battery of my phone is empty.",
        "This camera needs a new battery every week.",
        "Charge the battery before you switch it on.",
        "The laptop's battery lasts nine hours.",
        "The battery fired at the ships from the hill.",
        "A battery of cannons guarded the harbour.",
        "The general moved his battery behind the lines.",
        "Soldiers of the battery loaded their guns.",
    ),
    "bat": (
        "A bat hung upside down in the cave.",
        "The bat hunts insects at night.",
        "A small bat flew out of the attic.",
        "This bat sleeps through the winter.",
        "He swung the bat and missed the ball.",
        "The player broke his bat in the second game.",
        "She bought a wooden bat for the team.",
        "The coach held the bat with both hands.",
    ),
    "spring": (
        "The tulips bloom every spring.",
        "We will marry in spring, when it is warm.",
        "Last spring was cold and wet.",
        "Birds return to the garden in spring.",
        "The spring in the mattress is broken.",
        "A steel spring pulls the door shut.",
        "The toy jumps because of a coiled spring.",
        "Press the spring down and let it go.",
    ),
    "match": (
        "Our team won the match by two goals.",
        "The tennis match lasted five hours.",
        "He was injured before the final match.",
        "Thousands watched the match in the stadium.",
        "She struck a match and lit the candle.",
        "The match burned his fingers.",
        "There was one match left in the box.",
        "Do not light a match near the petrol.",
    ),
    "bark": (
        "I heard the dog bark at the postman.",
        "A loud bark woke the neighbours.",
        "The puppy gave a short bark and ran away.",
        "Her terrier's bark is louder than its bite.",
        "The bark of the birch is white and thin.",
        "Beetles live under the bark of old trees.",
        "Moss grows on the bark of the oak.",
        "He carved a heart into the bark.",
    ),
}


def network(folder, pretrained=True, seed=0):
    keras.utils.set_random_seed(seed)
    make = keras_hub.models.BertBackbone.from_preset
    return make(folder, dropout=0.0, load_weights=pretrained)


def classifier(folder, pretrained=True, seed=0):
    """The mean over the pieces, and a dense layer."""
    bert = network(folder, pretrained, seed)
    mean = keras.layers.GlobalAveragePooling1D(name="mean_of_pieces")
    features = mean(bert.output["sequence_output"], mask=bert.input["padding_mask"])
    backbone = keras.Model(bert.input, features, name="sentence_encoder")
    return tltk.build_classifier(backbone, CLASSES, dropout=0)


def pieces(folder, texts):
    """Texts as the network takes them."""
    make = keras_hub.models.BertTextClassifierPreprocessor.from_preset
    cut = make(folder, sequence_length=LENGTH)(np.asarray(texts).astype(str))
    return {name: np.asarray(column) for name, column in cut.items()}


def films(folder, seed):
    """The training and test texts of a draw, as pairs (x, y)."""
    data = tltk.load_dataset("sentiment_films", per_class=PER_CLASS, seed=seed)
    parts = []
    for split, most in ((data.train, None), (data.test, TESTED)):
        texts, labels = split.arrays()
        parts.append((pieces(folder, texts[:most]), labels[:most]))
    return parts


def score(model, part):
    x, y = part
    answers = model.predict(x, batch_size=BATCH, verbose=0).argmax(axis=1)
    return float(balanced_accuracy_score(y, answers))


def probed(folder, train, **which):
    """A model whose head is fitted on the frozen network."""
    model = classifier(folder, **which)
    tltk.fit_linear_head(model, train, cache=False)
    return model


def draw(folder, seed):
    """The test scores of a draw: untrained and pretrained."""
    train, test = films(folder, seed)
    model = probed(folder, train, pretrained=False, seed=seed)
    row = {"seed": seed, "labels": 2 * PER_CLASS}
    yield {"kind": "untrained", **row, "score": score(model, test)}
    model = probed(folder, train)
    yield {"kind": "probe", **row, "score": score(model, test)}


def word_vectors(folder, word, sentences, pretrained):
    """The word's own vector in each sentence, in the last block."""
    cut = pieces(folder, sentences)
    number = pieces(folder, [word])["token_ids"][0, 1]
    found = network(folder, pretrained).predict(cut, verbose=0)["sequence_output"]
    places = (cut["token_ids"] == number).argmax(axis=1)
    return found[np.arange(len(sentences)), places]


def company(glove, word, sentences):
    """The mean of the other words' GloVe vectors."""
    row_of = {each: row for row, each in enumerate(glove.words)}
    means = []
    for sentence in sentences:
        words = sentence.lower().replace("'s", "").translate(str.maketrans("", "", ".,")).split()
        rows = [row_of[each] for each in words if each != word and each in row_of]
        means.append(glove.vectors[rows].mean(axis=0))
    return np.array(means)


def words(folder):
    glove = load_word_vectors("glove")
    for word, sentences in SENTENCES.items():
        vectors = {
            "MiniLM": word_vectors(folder, word, sentences, True),
            "untrained": word_vectors(folder, word, sentences, False),
            "other words": company(glove, word, sentences),
        }
        for method, each in vectors.items():
            unit = each / np.linalg.norm(each, axis=1, keepdims=True)
            cosines = (unit @ unit.T).astype("float64")
            nearest = (cosines - 2 * np.eye(len(unit))).argmax(axis=1)
            right = (nearest // 4 == np.arange(len(unit)) // 4).sum()
            row = {"kind": "word", "word": word, "method": method}
            row.update(right=int(right), of=len(unit))
            if word == "battery":
                row.update(cosines=cosines.round(4).tolist(), sentences=sentences)
            yield row


def main(folder):
    def told(name, make):
        print(name, flush=True)
        for row in make():
            print(row, flush=True)
            yield row

    parts = [("words", lambda: told("words", lambda: words(folder)))]
    parts += [
        (f"draw {seed}", lambda seed=seed: told(seed, lambda: draw(folder, seed))) for seed in DRAWS
    ]
    rows, seconds = finished_parts(__file__, parts)
    about = (
        "MiniLM on film reviews, 200 labels, ten draws: a linear probe, and one on the network "
        "with random weights. And six words with two meanings each."
    )
    print(keep_study(__file__, about, rows, seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
