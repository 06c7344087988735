import gc
import json
import os
import weakref
import zipfile

import h5py
import keras
import numpy as np
import pytest

from tltk.tuning import (
    build_classifier,
    fine_tune,
    fit_linear_head,
    freeze,
    load_model,
    metadata,
    save_model,
    unfreeze,
)
from tltk.tuning.saving import attach_metadata, note_preparation

NAMES = ["cat", "dog", "eel"]


def rewritten(path, changes):
    """The same file with other members; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return path


@pytest.fixture
def saved(body, tmp_path):
    save_model(build_classifier(body(), NAMES), tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_saved_model_needs_no_tltk_and_predicts_the_same(body, pictures, tmp_path, without_tltk):
    model = build_classifier(body(), NAMES)
    path = tmp_path / "model.keras"
    save_model(model, path)
    np.save(tmp_path / "images.npy", pictures[0])
    script = (
        "model = keras.models.load_model('model.keras');"
        "np.save('out.npy', model.predict(np.load('images.npy'), verbose=0))"
    )
    without_tltk(script, tmp_path)
    expected = model.predict(pictures[0], verbose=0)
    assert np.array_equal(np.load(tmp_path / "out.npy"), expected)
    as_float = model.predict(pictures[0].astype("float32"), verbose=0)
    assert np.array_equal(as_float, expected)


def test_class_names_survive_two_generations(body, tmp_path):
    model = build_classifier(body(), ["cat", "dog, wet"])
    save_model(model, tmp_path / "one.keras")
    save_model(load_model(tmp_path / "one.keras"), tmp_path / "two.keras")
    facts = metadata(tmp_path / "two.keras")
    assert facts["class_names"] == ["cat", "dog, wet"]
    assert facts["backbone"] == "tiny"
    assert facts["versions"] == {"keras": keras.__version__}


def test_the_file_holds_the_dropout_of_the_frozen_part(body, tmp_path):
    model = build_classifier(body(dropout=0.5), 2)
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        assert each.get_layer("block1_dropout").rate == 0.5
    unfreeze(loaded, "all")
    freeze(loaded)
    assert loaded.get_layer("block1_dropout").rate == 0.5


def test_what_keras_saves_has_no_facts_and_that_is_said_once(body, tmp_path):
    model = build_classifier(body(), NAMES)
    model.save(tmp_path / "plain.keras")
    assert metadata(tmp_path / "plain.keras") == metadata(body()) == {}
    with pytest.warns(UserWarning, match=r"class_names=\[…\] to load_model") as said:
        assert metadata(load_model(tmp_path / "plain.keras")) == {}
    assert len(said) == 1
    named = load_model(tmp_path / "plain.keras", class_names=NAMES)
    save_model(named, tmp_path / "named.keras")
    assert metadata(load_model(tmp_path / "named.keras"))["class_names"] == NAMES


def test_names_are_given_on_saving(body, tmp_path):
    model = keras.Sequential([body(), keras.layers.Flatten(), keras.layers.Dense(3)])
    save_model(model, tmp_path / "own.keras", class_names=NAMES, preparation={"kind": "images"})
    facts = metadata(tmp_path / "own.keras")
    assert facts["class_names"] == NAMES
    assert facts["preparation"] == {"kind": "images"}
    unfit = (
        "Every output has a name of its own",
        r"be different names. Received: class_names=\['cat'",
    )
    for wrong, says in zip((["cat", "dog"], ["cat", "cat", "dog"]), unfit, strict=True):
        with pytest.raises(ValueError, match=says):
            save_model(model, tmp_path / "own.keras", class_names=wrong)
    with pytest.raises(ValueError, match=r"Received: .*own.h5. Call it own.keras"):
        save_model(model, tmp_path / "own.h5")


def test_the_preparation_of_the_training_split_is_noted(body, pictures, monkeypatch):
    how = {"kind": "images", "size": [12, 12], "channels": 3, "resize": "bicubic"}

    class Split:
        preparation = how

    model = build_classifier(body(), NAMES)
    note_preparation(model, Split())
    assert metadata(model)["preparation"] == how
    note_preparation(model, pictures)
    assert metadata(model)["preparation"] == how
    seen = []
    for module in ("fine_tuning", "linear_head"):
        patched = f"tltk.tuning.{module}.note_preparation"
        monkeypatch.setattr(patched, lambda model, examples: seen.append(model))
    fit_linear_head(model, pictures)
    fine_tune(model, pictures, unfreeze_blocks=0, verbose=0)
    assert seen == [model, model]


def test_facts_keep_no_model_alive():
    model = attach_metadata(keras.Sequential([keras.layers.Dense(1)]), backbone="tiny")
    kept = weakref.ref(model)
    del model
    gc.collect()
    assert kept() is None


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Received: .*no.keras, which does not exist"):
        load_model(tmp_path / "no.keras")


@pytest.mark.parametrize("wrong", [5, None, ["model.keras"]])
def test_facts_of_something_else(wrong):
    with pytest.raises(ValueError, match=r"a Keras model or of a .keras file. Received"):
        metadata(wrong)


@pytest.mark.parametrize("read", [metadata, load_model])
def test_no_model_file_at_all(read, tmp_path):
    for name, content in {"table.csv": b"a,b\n1,2\n", "empty.keras": b"", "x.keras": b"PK"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"damaged, cut off, or another kind of file"):
            read(tmp_path / name)
    with pytest.raises(ValueError, match="which is a folder. Pass a .keras file in it"):
        read(tmp_path)
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(
        ValueError, match="which is a SavedModel. Load it with tltk.backbones.load_hub_back"
    ):
        read(tmp_path)


def test_a_file_of_keras_2_is_named_as_such(saved, tmp_path):
    with zipfile.ZipFile(saved) as archive:
        config = archive.read("config.json").decode()
    other = {
        "config.json": config.replace('"Functional"', '"Of2"'),
        "metadata.json": json.dumps({"keras_version": "2.15.0"}),
    }
    older = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    older.save(tmp_path / "older.h5")
    with h5py.File(tmp_path / "older.h5", "a") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = file.attrs["model_config"].replace('"units"', '"of_2"')
    for path in (rewritten(saved, other), tmp_path / "older.h5"):
        with pytest.raises(ValueError, match=f"{path.name}, written by Keras 2.15.0, .*load_hub_"):
            load_model(path)


def test_a_damaged_model_is_named(saved):
    whole = saved.read_bytes()
    for content in (whole[: len(whole) // 2], whole[: len(whole) - 9]):
        saved.write_bytes(content)
        with pytest.raises(ValueError, match=r"Received: .*model.keras, which is damaged"):
            load_model(saved)
    place = whole.index(b"HDF") + 3000
    saved.write_bytes(bytes([*whole[:place], whole[place] ^ 8, *whole[place + 1 :]]))
    with pytest.raises(ValueError, match=r"Received: .*model.keras, which is damaged"):
        load_model(saved)
    saved.write_bytes(whole)
    for name in ("config.json", "model.weights.h5"):
        saved.write_bytes(whole)
        with pytest.raises(ValueError, match=r"Received: .*model.keras, which is damaged"):
            load_model(rewritten(saved, {name: None}))


@pytest.mark.parametrize("facts", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_damaged_facts(saved, facts):
    with pytest.raises(ValueError, match=r"Received: .*model.keras, which is damaged"):
        metadata(rewritten(saved, {"tltk.json": facts}))


def test_facts_too_large_to_be_any_are_not_read(saved):
    bomb = rewritten(saved, {"tltk.json": b" " * 2**25})
    assert os.path.getsize(bomb) < 2**20
    with pytest.raises(ValueError, match=r"at most 16,777,216 bytes. Received: .*33,554,432"):
        metadata(bomb)


@pytest.mark.parametrize("change", [("Functional", "functional"), ("DTypePolicy", "Policy")])
def test_a_description_that_keras_cannot_read_is_told(saved, change):
    with zipfile.ZipFile(saved) as archive:
        config = archive.read("config.json").decode().replace(*change)
    path = rewritten(saved, {"config.json": config.encode()})
    with pytest.raises(ValueError, match=r"Received: .*model.keras, which .*\. (Copy it|Load it)"):
        load_model(path)


@pytest.mark.parametrize("said", ["{'class_nam': 1} is unknown", ""])
@pytest.mark.parametrize("kind", [ValueError, TypeError, AttributeError])
def test_whatever_keras_says_of_a_file_it_is_named(saved, monkeypatch, kind, said):
    def fail(*args, **settings):
        raise kind(said)

    monkeypatch.setattr(keras.models, "load_model", fail)
    with pytest.raises(ValueError, match=r"Received: .*model.keras, which is damaged or of ano"):
        load_model(saved)


def test_weights_that_unpack_to_far_more_than_the_file_are_not_read(saved):
    bomb = rewritten(saved, {"model.weights.h5": b" " * 2**25})
    for read in (metadata, load_model):
        with pytest.raises(ValueError, match=r"Received: .*model.keras, which is damaged"):
            read(bomb)


def test_code_in_a_file_runs_only_where_it_is_trusted(tmp_path):
    doubled = keras.layers.Lambda(lambda x: 2 * x)
    model = keras.Sequential([keras.Input((2,)), doubled, keras.layers.Dense(3)])
    save_model(model, tmp_path / "lambda.keras", class_names=NAMES)
    with pytest.raises(ValueError, match=r"only where it is trusted.*Pass trust=True"):
        load_model(tmp_path / "lambda.keras")
    rows = np.ones((1, 2), "float32")
    trusted = load_model(tmp_path / "lambda.keras", trust=True)
    assert np.array_equal(trusted(rows), model(rows))


class Own(keras.layers.Layer):
    def call(self, x):
        return x


def test_layers_of_ones_own_are_asked_for(tmp_path):
    save_model(keras.Sequential([keras.Input((3,)), Own()]), tmp_path / "own.keras", NAMES)
    with pytest.raises(ValueError, match=r"custom_object_scope"):
        load_model(tmp_path / "own.keras")
    with keras.saving.custom_object_scope({"Own": Own}):
        assert metadata(load_model(tmp_path / "own.keras"))["class_names"] == NAMES


def test_a_file_is_written_whole_or_not_at_all(body, tmp_path, monkeypatch):
    model, path = build_classifier(body(), NAMES), tmp_path / "model.keras"
    save_model(model, path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tltk._cache.files.os.fsync", full)
        with pytest.raises(OSError, match=r"Models are kept on disk.*model.keras .*MB free"):
            save_model(model, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["model.keras"]
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("tltk.json"))["class_names"] == NAMES
