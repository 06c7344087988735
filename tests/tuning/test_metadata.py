import subprocess
import sys

import keras
import numpy as np
import pytest

from tltk.tuning import build_classifier, freeze, load_model, metadata, unfreeze


def test_saved_model_needs_no_tltk_and_predicts_the_same(body, pictures, tmp_path):
    model = build_classifier(body(), ["cat", "dog", "eel"])
    path = tmp_path / "model.keras"
    model.save(path)
    np.save(tmp_path / "images.npy", pictures[0])
    script = (
        "import sys, keras, numpy as np; sys.modules['tltk'] = None;"
        f"model = keras.models.load_model({str(path)!r});"
        f"images = np.load({str(tmp_path / 'images.npy')!r});"
        f"np.save({str(tmp_path / 'out.npy')!r}, model.predict(images, verbose=0))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    expected = model.predict(pictures[0], verbose=0)
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected)
    as_float = model.predict(pictures[0].astype("float32"), verbose=0)
    assert np.array_equal(as_float, expected)


def test_class_names_survive_two_generations(body, tmp_path):
    model = build_classifier(body(), ["cat", "dog, wet"])
    model.save(tmp_path / "one.keras")
    load_model(tmp_path / "one.keras").save(tmp_path / "two.keras")
    facts = metadata(tmp_path / "two.keras")
    assert facts["class_names"] == ["cat", "dog, wet"]
    assert facts["backbone"] == "tiny"
    assert facts["versions"] == {"keras": keras.__version__}


def test_the_file_holds_the_dropout_of_the_frozen_part(body, tmp_path):
    model = build_classifier(body(dropout=0.5), 2)
    model.save(tmp_path / "model.keras")
    assert model.get_layer("block1_dropout").rate == 0
    loaded = load_model(tmp_path / "model.keras")
    unfreeze(loaded, "all")
    assert loaded.get_layer("block1_dropout").rate == 0.5
    freeze(loaded)
    assert loaded.get_layer("block1_dropout").rate == 0


def test_models_of_others_have_none(body, tmp_path):
    model = body()
    model.save(tmp_path / "plain.keras")
    assert metadata(tmp_path / "plain.keras") == metadata(model) == {}


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: .*no.keras, which does not exist"):
        load_model(tmp_path / "no.keras")
