"""Texts through the same functions: lists and arrays of strings, and a folder of Hugging Face."""

import json

import keras
import numpy as np
import pytest

import tltk
from tltk.backbones.text import WordVectors

TEXTS = ["a good film", "so dull", "good, good!", "dull and bad"] * 4
LABELS = np.array([1, 0, 1, 0] * 4, "int32")
TINY = WordVectors(("good", "bad", "film", "dull"), np.eye(4, dtype="float32"))


@pytest.mark.parametrize("kind", [list, np.array, lambda x: np.array(x, object)])
def test_every_entry_takes_lists_and_arrays_of_strings(kind):
    keras.utils.set_random_seed(0)
    model = tltk.build_classifier(tltk.load_text_backbone(TINY, length=4), ["poor", "fine"])
    texts = kind(TEXTS)
    history = tltk.fine_tune(
        model, (texts, LABELS), (texts, LABELS), unfreeze_blocks=1, epochs=1, verbose=0
    )
    expected = model.predict(np.array(TEXTS, object), verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()
    found = tltk.predict_split(model, (texts, LABELS)).probabilities
    np.testing.assert_allclose(found, expected, atol=1e-6)
    answers = [dict(answer)["fine"] for answer in tltk.predict(model, texts)]
    np.testing.assert_allclose(answers, expected[:, 1], atol=1e-6)
    features, _ = tltk.extract_features(model, texts)
    np.testing.assert_allclose(features, expected, atol=1e-6)


SIZE, HEADS, WORDS, PLACES = 8, 2, 20, 6
NAMES = {
    "embeddings.word_embeddings.weight": (WORDS, SIZE),
    "embeddings.position_embeddings.weight": (PLACES, SIZE),
    "embeddings.token_type_embeddings.weight": (2, SIZE),
    "pooler.dense.weight": (SIZE, SIZE),
    "pooler.dense.bias": (SIZE,),
}
NORMS = ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output")
for norm in NORMS:
    NAMES |= {f"{norm}.LayerNorm.{each}": (SIZE,) for each in ("weight", "bias")}
for dense, (rows, columns) in {
    **{f"attention.self.{each}": (SIZE, SIZE) for each in ("query", "key", "value")},
    "attention.output.dense": (SIZE, SIZE),
    "intermediate.dense": (16, SIZE),
    "output.dense": (SIZE, 16),
}.items():
    NAMES[f"encoder.layer.0.{dense}.weight"] = (rows, columns)
    NAMES[f"encoder.layer.0.{dense}.bias"] = (rows,)


@pytest.fixture
def folder(tmp_path):
    """A transformer of one block, as Hugging Face keeps it, and its weights."""
    safetensors = pytest.importorskip("safetensors.numpy")
    random = np.random.default_rng(0)
    weights = {
        name: random.normal(0, 0.5, shape).astype("float32") for name, shape in NAMES.items()
    }
    safetensors.save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    config = {
        "model_type": "bert", "vocab_size": WORDS, "hidden_size": SIZE, "num_hidden_layers": 1,
        "num_attention_heads": HEADS, "intermediate_size": 16, "max_position_embeddings": PLACES,
        "type_vocab_size": 2, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "architectures": ["BertModel"],
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path, weights


def by_hand(tokens, mask, weights):
    """The block's answer, step by step."""
    from scipy.special import erf, softmax

    def dense(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * weights[f"{name}.LayerNorm.weight"] + weights[f"{name}.LayerNorm.bias"]

    def split(x):
        return x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)

    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings")
    block = "encoder.layer.0"
    q, k, v = (split(dense(x, f"{block}.attention.self.{n}")) for n in ("query", "key", "value"))
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(SIZE / HEADS)
    seen = softmax(np.where(mask[:, None, None], scores, -1e9), axis=-1) @ v
    seen = seen.swapaxes(1, 2).reshape(x.shape)
    out = f"{block}.attention.output"
    x = norm(x + dense(seen, f"{out}.dense"), out)
    hidden = dense(x, f"{block}.intermediate.dense")
    hidden = hidden * (1 + erf(hidden / np.sqrt(2))) / 2
    return norm(x + dense(hidden, f"{block}.output.dense"), f"{block}.output")


def test_a_folder_of_hugging_face_is_a_backbone_like_any_other(folder, tmp_path):
    keras_hub = pytest.importorskip("keras_hub")
    path, weights = folder
    bert = keras_hub.models.BertBackbone.from_preset(str(path))
    random = np.random.default_rng(1)
    mask = np.arange(PLACES) < random.integers(2, PLACES + 1, (12, 1))
    tokens = np.where(mask, random.integers(1, WORDS, mask.shape), 0)
    pieces = {"token_ids": tokens, "padding_mask": mask, "segment_ids": np.zeros_like(tokens)}
    mean = keras.layers.GlobalAveragePooling1D()
    pooled = mean(bert.output["sequence_output"], mask=bert.input["padding_mask"])
    backbone = keras.Model(bert.input, pooled)
    features, _ = tltk.extract_features(backbone, pieces)
    expected = (by_hand(tokens, mask, weights) * mask[..., None]).sum(1) / mask.sum(1)[:, None]
    np.testing.assert_allclose(features, expected, atol=2e-3)

    model = tltk.build_classifier(backbone, 2)
    before = {weight.path: weight.numpy() for weight in model.weights}
    tltk.fine_tune(model, (pieces, np.arange(12) % 2), unfreeze_blocks=0, epochs=1, verbose=0)
    moved = {w.path for w in model.weights if not np.array_equal(w, before[w.path])}
    assert {path.split("/")[0] for path in moved} == {"head_output"}
    tltk.save_model(model, tmp_path / "sentences.keras")
    again = tltk.load_model(tmp_path / "sentences.keras")
    np.testing.assert_allclose(
        again.predict(pieces, verbose=0), model.predict(pieces, verbose=0), atol=1e-6
    )
    before = {weight.path: weight.numpy() for weight in again.weights}
    again.fit(pieces, np.arange(12) % 2, verbose=0)
    moved = {w.path for w in again.weights if not np.array_equal(w, before[w.path])}
    assert {path.split("/")[0] for path in moved} == {"head_output"}
