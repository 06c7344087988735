"""What predict is given, in every form, is prepared as training did."""

import io
import itertools
import os

import keras
import numpy as np
import pytest
import soundfile
from PIL import Image

from tltk.backbones import LogMel, load_text_backbone
from tltk.backbones.text import WordVectors
from tltk.evaluation import predict, predict_split
from tltk.inputs import image_folder
from tltk.inputs.decoding import read_image
from tltk.tuning import build_classifier, save_model
from tltk.tuning.saving import attach_metadata, load_model

TINY = WordVectors(("good", "bad", "film"), np.array([[3.0, 0], [0, 3], [0, 0]], "float32"))


@pytest.fixture
def model():
    model = build_classifier(load_text_backbone(TINY, length=3), ["fine", "poor"])
    model.get_layer("head_output").set_weights([np.eye(2), np.zeros(2)])
    return model


def test_one_text_or_many(model):
    [[(name, probability)]] = predict(model, "a good film", top=1)
    assert name == "fine"
    assert probability == pytest.approx(np.exp(1) / (1 + np.exp(1)))
    texts = ["bad", "good"] * 40
    names = [answer[0][0] for answer in predict(model, np.array(texts), top=1)]
    assert names == ["poor", "fine"] * 40


def test_a_saved_text_model_is_asked_by_its_path(model, tmp_path):
    save_model(model, tmp_path / "reviews.keras")
    assert predict(tmp_path / "reviews.keras", ["bad"], top=1)[0][0][0] == "poor"


def test_a_split_of_texts(model):
    answers = predict_split(model, (["bad", "good"], [1, 0]))
    assert answers.probabilities.argmax(axis=1).tolist() == [1, 0]


def test_texts_in_another_normal_form_are_the_same_texts(model):
    vectors = WordVectors(("café", "bad"), np.array([[3.0, 0], [0, 3]], "float32"))
    model = build_classifier(load_text_backbone(vectors, length=3), ["fine", "poor"])
    model.get_layer("head_output").set_weights([np.eye(2), np.zeros(2)])
    assert predict(model, ["cafe\u0301"], top=1) == predict(model, ["CAFÉ"], top=1)
    answers = predict_split(model, (["cafe\u0301", "bad"], [0, 1]))
    assert answers.probabilities.argmax(axis=1).tolist() == [0, 1]


def test_a_text_of_unknown_words_is_told(model):
    with pytest.warns(UserWarning, match="67% of the words unknown in the first 1 texts.*'ein gut"):
        predict(model, "ein guter film")


def test_class_names_that_are_not_distinct(model):
    with pytest.raises(ValueError, match="class_names must be different names"):
        predict(model, "good", class_names=["fine", "fine"])


def test_what_is_no_text(model):
    with pytest.raises(ValueError, match="a string or a sequence of strings. Received: int"):
        predict(model, [3])


@pytest.fixture
def loudness():
    """Says "high" where the mean of a window of 1,024 samples is above 0."""
    waveform = keras.Input((1024,))
    silent = keras.ops.mean(LogMel(rate=16000, relative=True)(waveform), axis=(1, 2))[:, None]
    level = 9 * keras.ops.mean(waveform, axis=1, keepdims=True) + 0 * silent
    return keras.Model(waveform, keras.layers.Softmax()(keras.ops.concatenate([level, -level], 1)))


def test_a_clip_is_cut_and_its_answers_averaged(loudness):
    names = ["high", "low"]
    clip = np.repeat([0.5, -0.5, 0.5], 1024).astype("float32")
    high = 1 / (1 + np.exp(-9))
    [answer] = predict(loudness, clip, class_names=names)
    assert dict(answer)["high"] == pytest.approx((high + (1 - high) + high) / 3, abs=1e-5)
    [short, long] = predict(loudness, [clip[:1024], clip], class_names=names)
    assert dict(short)["high"] == pytest.approx(high, abs=1e-5)
    assert long == answer


def test_what_is_no_clip(loudness, tmp_path):
    with pytest.raises(ValueError, match="A clip is a path, or samples.*ndarray of shape"):
        predict(loudness, [np.zeros((2, 1024))])
    with pytest.raises(ValueError, match="Samples must be finite"):
        predict(loudness, np.full(1024, np.nan))
    with pytest.raises(ValueError, match="predict takes paths or samples. Received: NoneType"):
        predict(loudness, None)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.warns(UserWarning, match="Skipped 1 unreadable clips.*the file is empty"):
        assert predict(loudness, tmp_path / "a.wav") == [[]]
    with pytest.raises(ValueError, match="the file is empty"):
        predict(loudness, tmp_path / "a.wav", on_error="raise")
    with pytest.raises(FileNotFoundError, match="must be a file that can be read"):
        predict(loudness, tmp_path / "none.wav")
    with pytest.warns(UserWarning, match="Waveforms must lie between -1 and 1"):
        predict(loudness, np.full(1024, 900.0))


NOISE = np.random.default_rng(0).integers(0, 256, (9, 13, 3), "uint8")


def network(shape=(4, 4, 3), **facts):
    """Answers with all its pixels, scaled down."""
    pixels = keras.Input(shape)
    if None in shape:
        flat = keras.layers.GlobalAveragePooling2D()(pixels)
    else:
        flat = keras.layers.Flatten()(pixels)
    return attach_metadata(keras.Model(pixels, flat), kind="regression", **facts)


def answers_of(*arguments, **settings):
    return [[value for _, value in answer] for answer in predict(*arguments, **settings)]


@pytest.fixture
def file(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


class Upload(io.BytesIO):
    name = "noise.png"


def test_every_form_of_a_file_gives_the_same_answer(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.setenv("USERPROFILE", str(file.parent))
    model, content = network(resize="bicubic"), file.read_bytes()
    expected = [read_image(file, 4).ravel().tolist()]
    with open(file, "rb") as opened:
        forms = [str(file), file, "~/noise.png", content, bytearray(content), Upload(content)]
        for given in (*forms, opened, io.BytesIO(content), Image.open(file), NOISE):
            assert answers_of(model, given) == expected
            assert answers_of(model, [given, given]) == expected * 2
    assert answers_of(model, list(file.parent.glob("*.png"))) == expected
    assert answers_of(model, np.array([str(file)])) == expected


@pytest.mark.parametrize("resize", ["nearest", "bilinear", "lanczos"])
def test_what_the_split_did_is_done_again(file, resize):
    for label in ("a", "b"):
        (file.parent / "photos" / label).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(NOISE + number).save(file.parent / "photos" / label / f"{number}.png")
    folder = file.parent / "photos"
    with pytest.warns(UserWarning, match="byte-identical"):
        splits = image_folder(folder, image_size=4, resize=resize, val=0, test=0)
    examples = splits.train
    model = network(preparation=examples.preparation)
    save_model(model, file.parent / "model.keras")
    given = [folder / name for name in examples.names]
    expected = examples.fetch(np.arange(4)).reshape(4, -1)
    np.testing.assert_array_equal(answers_of(file.parent / "model.keras", given), expected)
    free = network((None, None, 3), preparation=examples.preparation)
    means = examples.fetch(np.arange(4)).mean(axis=(1, 2))
    np.testing.assert_allclose(answers_of(free, given), means, rtol=1e-5)


@pytest.mark.parametrize("resize", ["crop", "pad"])
def test_pixels_and_pillow_images_are_cropped_and_padded_too(file, resize):
    expected = read_image(file, (4, 6), resize).ravel().tolist()
    told, asked = network((4, 6, 3), preparation={"resize": resize}), network((4, 6, 3))
    for given in (file, NOISE, Image.open(file)):
        assert answers_of(told, given) == [expected]
        assert answers_of(asked, given, resize=resize) == [expected]


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("resize", ["bicubic", "crop", "pad"])
def test_jpegs_are_decoded_as_the_split_did(tmp_path, resize, exact):
    for number in range(6):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 13, 3), "uint8")
        image = Image.fromarray(pixels).resize((130 + number, 90))
        (tmp_path / "photos" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg")
    photos = tmp_path / "photos"
    examples = image_folder(photos, 8, resize=resize, exact=exact, val=0, test=0).train
    expected = examples.fetch(np.arange(6)).reshape(6, -1)
    given = [photos / name for name in examples.names]
    save_model(network((8, 8, 3), preparation=examples.preparation), tmp_path / "model.keras")
    np.testing.assert_array_equal(answers_of(tmp_path / "model.keras", given), expected)
    contents = [path.read_bytes() for path in given]
    np.testing.assert_array_equal(answers_of(tmp_path / "model.keras", contents), expected)
    old = {key: examples.preparation[key] for key in ("kind", "size", "channels", "resize")}
    in_full = [read_image(path, 8, resize, exact=True).ravel() for path in given]
    for facts in ({"preparation": old}, {"resize": resize}):
        np.testing.assert_array_equal(answers_of(network((8, 8, 3), **facts), given), in_full)
    assert np.array_equal(in_full, expected) == exact


def test_a_model_that_does_not_tell_is_asked_for_the_resize_method(file):
    bicubic, nearest = (read_image(file, 4, how).ravel().tolist() for how in ("bicubic", "nearest"))
    with pytest.warns(
        UserWarning, match="raw values from 0 to 255, resized by bicubic. Pass resize"
    ):
        assert answers_of(network(), file) == [bicubic]
    assert answers_of(network(), file, resize="nearest") == [nearest]
    assert answers_of(network(resize="bilinear"), file, resize="nearest") == [nearest]
    assert answers_of(network(), NOISE) == [bicubic]
    with pytest.raises(ValueError, match="resize must be one of .* Received: resize='area'"):
        predict(network(), file, resize="area")


def test_grey_networks_are_asked_with_every_form(file):
    model = network((4, 4, 1), resize="bicubic")
    [expected] = answers_of(model, file)
    assert expected == read_image(file, 4, channels=1).ravel().tolist()
    assert answers_of(model, [NOISE, Image.open(file), file.read_bytes()]) == [expected] * 3
    grey = np.asarray(Image.fromarray(NOISE).convert("L"))
    assert answers_of(model, grey) == answers_of(model, grey[..., None]) == [expected]
    assert answers_of(model, grey[:4, :4].astype("float32")) == [grey[:4, :4].ravel().tolist()]
    many = np.stack([grey[:6, :5]] * 7)
    assert answers_of(network((6, 5, 1)), many) == [grey[:6, :5].ravel().tolist()] * 7


def test_arrays_of_grey_alpha_and_wide_numbers_are_read_as_their_files_are():
    model, grey = network(), NOISE[:4, :4, 0]
    coloured = [np.stack([grey] * 3, axis=-1).ravel().tolist()]
    for given in (grey, grey[..., None], grey.astype("int64"), Image.fromarray(grey)):
        assert answers_of(model, given) == coloured
    clear = np.dstack([NOISE[:4, :4], np.zeros((4, 4), "uint8")])
    assert answers_of(model, clear) == [[255.0] * 48]
    assert answers_of(model, NOISE.astype("int32")) == answers_of(model, NOISE)


def test_numbers_above_255_are_told(tmp_path):
    deep = np.full((4, 4, 3), 4095, "uint16")
    with pytest.warns(UserWarning, match="Received: whole numbers from 4095 to 4095. Bring them"):
        predict(network(), deep)
    with pytest.warns(UserWarning, match="Received: floats from 4095 to 4095. Bring them"):
        predict(network(), deep.astype("float32"))
    with pytest.raises(ValueError, match="values beyond 0 to 255 must have .* up to 4095"):
        predict(network((5, 5, 3)), deep)
    Image.fromarray(deep[..., 0]).save(tmp_path / "deep.png")
    with pytest.warns(UserWarning, match=r"deep\.png, whose values reach 4095 of 65535"):
        predict(network(), tmp_path / "deep.png", resize="bicubic")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 4, 4), "input shape .None, 3, 4, 4.. Make it with data_format=.channels_last"),
        ((4, 4, 7), "input shape .None, 4, 4, 7.. Call its own predict with arrays"),
    ],
)
def test_networks_that_take_no_pictures_are_told(file, shape, message):
    with pytest.raises(ValueError, match=message):
        predict(network(shape), file, resize="bicubic")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("https://example.org/cat.jpg", FileNotFoundError, "on this machine.*Download it first"),
        ("", ValueError, "A path is a string or a pathlib.Path, and not empty. Received: path=''"),
        (io.StringIO("text"), ValueError, "open file in binary mode"),
        (b"no picture", ValueError, r"Received: bytes \(not a JPEG"),
        (Upload(), ValueError, r"Received: noise.png \(the file is empty\)"),
    ],
)
def test_what_is_no_picture_is_told(given, error, message):
    with pytest.raises(error, match=message):
        predict(network(), given, resize="bicubic", on_error="raise")


def test_a_picture_that_is_deleted_meanwhile_is_skipped_or_refused(file, monkeypatch):
    import tltk.evaluation.predictions as reading

    monkeypatch.setattr(reading, "existing_file", lambda *_: None)
    file.unlink()
    with pytest.warns(
        UserWarning, match=r"Skipped 1 unreadable pictures.*noise\.png \(No such file"
    ):
        assert predict(network(), file, resize="bicubic") == [[]]
    with pytest.raises(FileNotFoundError, match=r"noise\.png \(No such file.*put it back"):
        predict(network(), file, resize="bicubic", on_error="raise")


def test_a_model_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save_model(network(), tmp_path / "model.keras")
    assert predict("~/model.keras", NOISE) == predict(load_model(tmp_path / "model.keras"), NOISE)


def listener(length, **facts):
    """Answers with the mean and the spread of a window."""
    waveform = keras.Input((length,))
    silent = keras.ops.mean(LogMel(rate=8000, relative=True)(waveform), axis=(1, 2))[:, None]
    level = keras.ops.mean(waveform, axis=1, keepdims=True) + 0 * silent
    spread = keras.ops.std(waveform, axis=1, keepdims=True)
    model = keras.Model(waveform, keras.ops.concatenate([level, spread], 1))
    return attach_metadata(model, kind="regression", **facts)


def test_every_form_of_a_clip_gives_the_same_answer(tmp_path):
    noise = np.random.default_rng(0).normal(size=2048) * 0.1
    soundfile.write(tmp_path / "a.flac", noise, 8000)
    model, content = listener(1024), (tmp_path / "a.flac").read_bytes()
    expected = predict(model, tmp_path / "a.flac")
    with open(tmp_path / "a.flac", "rb") as opened:
        for given in (str(tmp_path / "a.flac"), content, io.BytesIO(content), opened):
            assert predict(model, given) == expected
            assert predict(model, [given] * 2) == expected * 2
    assert predict(model, np.array([str(tmp_path / "a.flac")])) == expected
    with pytest.raises(FileNotFoundError, match="A recording must be a file on this machine"):
        predict(model, "https://example.org/a.wav")


def test_a_network_of_free_length_hears_windows_as_long_as_in_training(tmp_path):
    clip = np.concatenate([np.full(1024, 0.5), np.full(1024, -0.5)]).astype("float32")
    prepared = {"kind": "sounds", "seconds": 1024 / 8000, "hop": 1024 / 8000, "rate": 8000}
    [[_, (_, spread)]] = predict(listener(None, preparation=prepared), clip)
    assert spread == pytest.approx(0, abs=1e-6)
    [[_, (_, spread)]] = predict(listener(None), clip)
    assert spread == pytest.approx(0.5)


def test_a_silent_clip_is_answered_and_told(tmp_path):
    soundfile.write(tmp_path / "mute.wav", np.zeros(2048), 8000)
    with pytest.warns(UserWarning, match=r"should hold sound. Received: .*mute\.wav, which is sil"):
        [[(_, level), _]] = predict(listener(1024), os.fspath(tmp_path / "mute.wav"))
    assert level == 0


def test_inputs_with_labels_are_no_two_inputs():
    pairs = {
        (2, 2, 3): np.zeros((2, 2, 2, 3), "uint8"),
        (4, 1): np.zeros((2, 4, 1)),
    }
    for shape, inputs in pairs.items():
        with pytest.raises(ValueError, match="without labels. Received: .*Pass x alone, or use pr"):
            predict(network(shape), (inputs, np.array([0, 1])))
    with pytest.raises(ValueError, match="without labels. Received: .*Pass x alone, or use pr"):
        predict(listener(1024), (np.zeros((2, 1024)), np.array([0, 1])))
    assert len(predict(network(), (NOISE, NOISE))) == 2


def test_an_iterator_is_refused():
    for given in (itertools.repeat(NOISE), iter([NOISE])):
        with pytest.raises(
            ValueError, match=r"(?s)one or a list. Received: inputs=.* Pass one, or"
        ):
            predict(network(), given)
