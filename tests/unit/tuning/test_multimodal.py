import re
import zipfile

import keras
import numpy as np
import pytest

from tltk.backbones import load_text_backbone
from tltk.backbones.tables import table_encoder
from tltk.backbones.text import WordVectors
from tltk.datasets.made_modalities import make_rows_with_gaps
from tltk.tuning import build_multimodal, fine_tune, modality_examples, unfreeze

RNG = np.random.default_rng(0)
Y = np.arange(24) % 2
TABLE = RNG.normal(size=(24, 2)) + 2 * Y[:, None]
TABLE[::5, 1] = np.nan
TEXTS = np.array([f"{('good', 'bad')[y]} film" for y in Y], object)
PICTURES = (RNG.integers(0, 90, (24, 6, 6, 3)) + 100 * Y[:, None, None, None]).astype("uint8")
ALL = {"picture": PICTURES, "text": TEXTS, "table": make_rows_with_gaps(TABLE)}


def three_senses(**settings):
    keras.utils.set_random_seed(1)
    words = WordVectors(("good", "bad", "film"), np.eye(3, dtype="float32"))
    picture = [keras.Input((6, 6, 3)), keras.layers.Conv2D(4, 3), keras.layers.Conv2D(4, 3)]
    bodies = {
        "picture": keras.Sequential(picture),
        "text": load_text_backbone(words, length=4),
        "table": table_encoder(TABLE),
    }
    return build_multimodal(bodies, ["no", "yes"], width=6, **settings)


def tensors(inputs):
    return {n: keras.ops.convert_to_tensor(x.tolist() if x.dtype == object else x)
            for n, x in inputs.items()}  # fmt: skip


def answers(model, examples):
    return np.array(model(tensors(examples.fetch(slice(None)))))


def moved(model, before):
    return {w.path.split("/")[0] for w in model.weights if (w.numpy() != before[w.path]).any()}


def test_each_backbone_freezes_and_trains_by_itself():
    model = three_senses()
    assert all(w.path.startswith("head_") for w in model.trainable_weights)
    assert unfreeze(model, ["picture_backbone"]) == 2 * 4 + 3 * 3 * (3 * 4 + 4 * 4)
    assert not model.get_layer("text_backbone").trainable
    before = {w.path: w.numpy() for w in model.weights}
    settings = {"epochs": 1, "head_epochs": 1, "base_lr": 1e-2, "lr_decay": 1.0, "verbose": 0}
    fine_tune(
        model, modality_examples(model, ALL, Y), unfreeze_blocks=["text_backbone"], **settings
    )
    assert {path for path in moved(model, before) if not path.startswith("head_")} == {
        "word_vectors"
    }


def test_frozen_backbones_run_once_and_change_nothing(capsys):
    histories = []
    for cache in (True, False):
        model = three_senses()
        examples = modality_examples(model, ALL, Y)
        settings = {"unfreeze_blocks": 0, "head_epochs": 2, "cache": cache}
        histories.append(fine_tune(model, examples, **settings).history["loss"])
    assert histories[0] == pytest.approx(histories[1], abs=1e-6)
    assert capsys.readouterr().out.count("The whole network runs in every epoch") == 1


@pytest.mark.parametrize("missing", ["learned", "zero"])
def test_what_stands_where_a_modality_is_missing_is_never_looked_at(missing):
    model = three_senses(missing=missing)
    here = Y == 0
    plain = modality_examples(model, ALL, present={"picture": here, "text": here})
    other = {"picture": PICTURES.copy(), "text": TEXTS.copy(), "table": ALL["table"]}
    other["picture"][~here], other["text"][~here] = 7, "bad bad bad"
    changed = modality_examples(model, other, present={"picture": here, "text": here})
    assert np.array_equal(answers(model, plain), answers(model, changed))
    raw = other | {"present": plain.fetch(slice(None))["present"], "table": TABLE}
    assert np.allclose(np.array(model(tensors(raw))), answers(model, plain), atol=1e-6)
    assert not np.allclose(answers(model, plain), answers(model, modality_examples(model, ALL)))


def test_a_modality_left_out_is_missing_everywhere():
    model = three_senses()
    nowhere = {"text": np.zeros(24, bool)}
    without = modality_examples(model, {"picture": PICTURES, "table": ALL["table"]})
    marked = modality_examples(model, ALL, present=nowhere)
    assert np.array_equal(answers(model, without), answers(model, marked))


def test_the_learned_vector_is_what_a_missing_modality_adds():
    model = three_senses(modality_dropout=0)
    vector = RNG.normal(size=(1, 6)).astype("float32")
    model.get_layer("head_text_missing").set_weights([vector])
    inside = keras.Model(model.input, model.get_layer("head_side_by_side").output)
    found = answers(inside, modality_examples(model, {"picture": PICTURES}))
    assert np.allclose(found[:, 6:12], vector, atol=1e-6)
    assert not np.allclose(found[:, :6], model.get_layer("head_picture_missing").kernel)


def test_training_calls_some_modalities_missing():
    model = three_senses(modality_dropout=0.5, dropout=0)
    inside = keras.Model(model.input, model.get_layer("head_modality_dropout").output)
    inputs = modality_examples(model, {"picture": PICTURES, "table": ALL["table"]}).fetch(
        slice(None)
    )
    inputs = tensors(inputs)
    drawn = np.sign(inside(inputs, training=True))
    assert set(np.unique(drawn[:, [0, 2]])) == {0, 1}
    assert not drawn[:, 1].any()
    assert np.array_equal(np.sign(inside(inputs)), inputs["present"])


def test_plain_keras_loads_it_with_the_layer_of_texts_alone(tmp_path):
    model = three_senses()
    model.save(tmp_path / "senses.keras")
    with zipfile.ZipFile(tmp_path / "senses.keras") as archive:
        ours = re.findall(r"tltk>\w+", archive.read("config.json").decode())
    assert set(ours) == {"tltk>TextNormalization"}
    loaded = keras.models.load_model(tmp_path / "senses.keras")
    examples = modality_examples(loaded, ALL)
    assert np.allclose(answers(loaded, examples), answers(model, examples), atol=1e-6)


def body(width=3):
    return keras.Sequential([keras.Input((width,)), keras.layers.Dense(2)])


def test_names_that_cannot_be_blocks_are_refused():
    for name in ("present", "head_a", "a b"):
        with pytest.raises(ValueError, match=f"Received: '{name}'"):
            build_multimodal({name: body(), "b": body()}, 2)


def test_one_backbone_is_not_several():
    with pytest.raises(ValueError, match=r"two or more\. Received: backbones=\['a'\]"):
        build_multimodal({"a": body()}, 2)
    shared = body()
    with pytest.raises(ValueError, match="the same one twice"):
        build_multimodal({"a": shared, "b": shared}, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"missing": "mean"}, "missing must be one of 'learned', 'zero'"),
        ({"modality_dropout": 1.0}, "modality_dropout must be .* below 1. Received: .*=1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build_multimodal({"a": body(), "b": body()}, 2, **settings)


def test_a_modality_has_one_input():
    inputs = [keras.Input((2,)), keras.Input((2,))]
    two = keras.Model(inputs, keras.layers.Concatenate()(inputs))
    with pytest.raises(ValueError, match="2 inputs of 'a'"):
        build_multimodal({"a": two, "b": body()}, 2)
