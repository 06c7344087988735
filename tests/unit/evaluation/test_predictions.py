import keras
import numpy as np
import pytest
from PIL import Image

from tltk.backbones import series_encoder
from tltk.evaluation import classification_table, predict, predict_split
from tltk.inputs.decoding import resize_images
from tltk.inputs.examples import Splits, examples_of
from tltk.tuning import build_classifier, save_model
from tltk.tuning.saving import attach_metadata

NAMES = ("red", "green", "blue")
COLOURS = 200 * np.eye(3, dtype="uint8")


def colour_classifier(size=(4, 4), activation="softmax", **facts):
    """Answers with the channel that is brightest on average."""
    pixels = keras.Input((*size, 3))
    mean = keras.layers.GlobalAveragePooling2D()(pixels)
    answers = keras.layers.Activation(activation)(keras.layers.Rescaling(1 / 50)(mean))
    model = keras.Model(pixels, answers)
    return attach_metadata(model, **{"resize": "bicubic", **facts})


def pictures_of(labels, size=(4, 4)):
    return np.broadcast_to(COLOURS[labels][:, None, None], (len(labels), *size, 3)).copy()


LABELS = np.array([2, 0, 1, 1, 0, 2, 2])


def test_labels_and_answers_are_aligned_over_uneven_batches():
    split = examples_of((pictures_of(LABELS), LABELS)).batched(3)
    predictions = predict_split(colour_classifier(), split, NAMES)
    np.testing.assert_array_equal(predictions.labels, LABELS)
    np.testing.assert_array_equal(predictions.probabilities.argmax(axis=1), LABELS)
    assert (predictions.class_names, predictions.kind) == (NAMES, "one_label")


def test_answers_equal_those_of_keras():
    model, pictures = colour_classifier(), pictures_of(LABELS)
    answers = predict_split(model, (pictures, LABELS)).probabilities
    np.testing.assert_allclose(answers, model.predict(pictures, verbose=0), rtol=1e-6)


def test_shuffled_split_cannot_mix_up_labels():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((pictures_of(LABELS), LABELS))
    predictions = predict_split(colour_classifier(), data.shuffle(7, seed=1).batch(2))
    np.testing.assert_array_equal(predictions.probabilities.argmax(axis=1), predictions.labels)
    assert classification_table(predictions)[-1]["recall"] == 1


def test_file_names_follow_the_rows():
    examples = examples_of((pictures_of(LABELS), LABELS))
    names = tuple(f"{i}.jpg" for i in range(7))
    predictions = predict_split(colour_classifier(), examples.replace(names=names))
    assert predictions.names == names


def test_class_names_come_from_the_argument_then_the_model_then_numbers():
    split = (pictures_of(LABELS), LABELS)
    named = colour_classifier(class_names=NAMES)
    assert predict_split(named, split).class_names == NAMES
    assert predict_split(named, split, list("abc")).class_names == ("a", "b", "c")
    assert predict_split(colour_classifier(), split).class_names[2] == "class 2"
    with pytest.raises(ValueError, match=r"one name per output.*2 class_names for 3"):
        predict_split(named, split, list("ab"))
    with pytest.raises(ValueError, match="must be different names. Received: class_names='ab'"):
        predict_split(named, split, "ab")


def test_many_labels_keep_their_shape():
    labels = np.array([[1, 0, 0], [0, 1, 1]], "float32")
    split = (pictures_of(np.array([0, 1])), labels)
    predictions = predict_split(colour_classifier(activation="sigmoid"), split)
    assert predictions.kind == "many_labels"
    np.testing.assert_array_equal(predictions.labels, labels)


def test_one_sigmoid_unit_is_two_classes():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid")])
    x, labels = np.array([[-9.0], [9.0], [9.0]], "float32"), np.array([0, 1, 1])
    predictions = predict_split(model, (x, labels), ("no", "yes"))
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(predictions.probabilities.argmax(axis=1), labels)


def test_a_classifier_inside_another_model_is_still_a_classifier():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Softmax()])
    outer = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0), inner])
    assert predict_split(outer, (np.eye(3), np.arange(3))).kind == "one_label"


def test_regression_keeps_numbers():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Rescaling(2.0)])
    predictions = predict_split(model, (np.array([[1.0], [2.0]]), np.array([2.5, 4.5])))
    assert predictions.kind == "regression"
    np.testing.assert_array_equal(predictions.labels, [[2.5], [4.5]])
    np.testing.assert_array_equal(predictions.probabilities, [[2.0], [4.0]])


def test_one_hot_labels_are_read_as_classes():
    split = (pictures_of(LABELS), np.eye(3, dtype="float32")[LABELS])
    np.testing.assert_array_equal(predict_split(colour_classifier(), split).labels, LABELS)


def test_labels_beyond_the_outputs_are_refused():
    with pytest.raises(ValueError, match=r"Labels must fit.*from 0 to 3"):
        predict_split(colour_classifier(), (pictures_of(LABELS[:2]), np.array([0, 3])))


def test_logits_are_refused():
    with pytest.raises(ValueError, match=r"probabilities.*3 outputs without softmax"):
        predict_split(colour_classifier(activation="linear"), (pictures_of(LABELS), LABELS))


def test_endless_empty_and_unlabelled_splits_are_refused():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((pictures_of(LABELS), LABELS)).batch(2)
    model = colour_classifier()
    with pytest.raises(ValueError, match="must have an end"):
        predict_split(model, data.repeat())
    with pytest.raises(ValueError, match="at least one row"):
        predict_split(model, data.take(0))
    with pytest.raises(ValueError, match=r"and so does testing. Received: inputs without labels"):
        predict_split(model, data.map(lambda x, y: x))
    with pytest.raises(ValueError, match=r"one split.*Received: None.*fraction of 0"):
        predict_split(model, None)


def test_scaled_pictures_are_warned_about():
    scaled = pictures_of(LABELS).astype("float32") / 255
    with pytest.warns(UserWarning, match="raw"):
        predict_split(colour_classifier(), (scaled, LABELS))
    with pytest.warns(UserWarning, match="raw"):
        predict(colour_classifier(), scaled)


@pytest.fixture
def files(tmp_path):
    """One large picture per colour, named after it."""
    paths = []
    for name, colour in zip(NAMES, COLOURS, strict=True):
        paths.append(tmp_path / f"{name}.png")
        Image.new("RGB", (30, 20), tuple(map(int, colour))).save(paths[-1])
    return paths


def test_one_path_many_paths_and_a_saved_model_agree(files, tmp_path):
    model = colour_classifier(class_names=NAMES)
    save_model(model, tmp_path / "colours.keras")
    answers = predict(model, files, top=1)
    assert [answer[0][0] for answer in answers] == list(NAMES)
    assert predict(tmp_path / "colours.keras", [str(path) for path in files], top=1) == answers
    assert predict(str(tmp_path / "colours.keras"), files[1], top=1) == answers[1:2]


def test_top_names_are_sorted_and_limited():
    picture = np.full((4, 4, 3), (10, 90, 50), "uint8")
    (answer,) = predict(colour_classifier(), picture, top=2, class_names=NAMES)
    expected = np.exp([1.8, 1.0]) / np.exp([0.2, 1.8, 1.0]).sum()
    assert [name for name, _ in answer] == ["green", "blue"]
    assert [p for _, p in answer] == pytest.approx(list(expected), rel=1e-5)
    assert len(predict(colour_classifier(), picture, top=9)[0]) == 3


def test_a_file_uint8_and_float_pixels_give_the_same_answer(files):
    model, pixels = colour_classifier((20, 30)), np.asarray(Image.open(files[2]))
    answer = predict(model, files[2])
    assert predict(model, pixels) == answer
    assert predict(model, pixels.astype("float32")) == answer
    assert predict(model, pixels[None]) == answer


def test_more_pictures_than_one_batch_keep_their_order():
    labels = np.arange(70) % 3
    answers = predict(colour_classifier(), pictures_of(labels), top=1, class_names=NAMES)
    assert [answer[0][0] for answer in answers] == [NAMES[label] for label in labels]


def test_arrays_of_other_sizes_are_resized_if_they_are_uint8():
    pictures = [pictures_of([0], (9, 7))[0], pictures_of([1], (4, 4))[0]]
    answers = predict(colour_classifier(), pictures, top=1, class_names=NAMES)
    assert [answer[0][0] for answer in answers] == ["red", "green"]
    with pytest.raises(ValueError, match="Float pictures must have"):
        predict(colour_classifier(), pictures[0].astype("float32"))


def test_a_model_without_a_fixed_size_sees_each_picture_at_its_own(files):
    model = colour_classifier((None, None))
    answers = predict(model, [*files, pictures_of([2], (5, 6))[0]], top=1, class_names=NAMES)
    assert [answer[0][0] for answer in answers] == [*NAMES, "blue"]


def test_corrupt_files_are_skipped_by_name_or_refused(files, tmp_path):
    bad = tmp_path / "text.jpg"
    bad.write_text("not a picture")
    mixed = [files[0], bad, files[2]]
    with pytest.warns(UserWarning, match=r"Skipped 1 .*text\.jpg"):
        answers = predict(colour_classifier(), mixed, top=1, class_names=NAMES)
    assert [answer and answer[0][0] for answer in answers] == ["red", [], "blue"]
    with pytest.raises(ValueError, match=r"text\.jpg"):
        predict(colour_classifier(), mixed, on_error="raise")


def test_nothing_but_corrupt_files_gives_nothing_but_empty_answers(tmp_path):
    bad = tmp_path / "empty.jpg"
    bad.touch()
    with pytest.warns(UserWarning, match=r"empty\.jpg"):
        assert predict(colour_classifier(), bad) == [[]]


def test_folders_missing_files_and_other_shapes_are_refused(tmp_path):
    model = colour_classifier()
    with pytest.raises(FileNotFoundError, match="For a folder, list its files"):
        predict(model, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        predict(model, [tmp_path / "gone.jpg"])
    with pytest.raises(ValueError, match=r"array \(height, width, 3\)"):
        predict(model, np.zeros((4, 4, 2), "uint8")[None])
    with pytest.raises(ValueError, match="on_error='ignore'"):
        predict(model, np.zeros((4, 4, 3), "uint8"), on_error="ignore")


def test_data_sets_are_sent_to_predict_split():
    split = examples_of((pictures_of(LABELS), LABELS))
    splits = Splits(split, None, None, NAMES, {})
    for wrong in (split, split.to_tf(), splits, None):
        with pytest.raises(
            ValueError, match=r"Received: .*Use predict_split\(model, photos.test\)"
        ):
            predict(colour_classifier(), wrong)


@pytest.mark.parametrize("top", [0, -1, 1.5])
def test_there_must_be_a_name_to_give(top):
    with pytest.raises(ValueError, match=f"top must be a whole number.*Received: top={top}"):
        predict(colour_classifier(), np.zeros((4, 4, 3), "uint8"), top=top)


def test_pillow_images_are_read_as_their_files_are(files):
    model = colour_classifier(class_names=NAMES)
    images = [Image.open(path) for path in files]
    assert predict(model, images) == predict(model, files)
    assert predict(model, images[1]) == predict(model, files[1])
    clear = Image.new("RGBA", (4, 4), (200, 0, 0, 0))
    white = np.full((4, 4, 3), 255, "uint8")
    assert predict(model, clear) == predict(model, white)


def test_pictures_are_resized_as_the_model_says(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (9, 13, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "noise.png")
    answers = {}
    for resize in ("nearest", "bicubic"):
        model = colour_classifier(resize=resize)
        answers[resize] = predict(model, resize_images(noise[None], 4, resize), class_names=NAMES)
        assert predict(model, noise, class_names=NAMES) == answers[resize]
        assert predict(model, tmp_path / "noise.png", class_names=NAMES) == answers[resize]
    assert predict(colour_classifier(), noise, class_names=NAMES) == answers["bicubic"]
    assert answers["nearest"] != answers["bicubic"]


def test_regression_gives_every_output():
    pixels = keras.Input((2, 2, 3))
    model = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(pixels))
    picture = np.full((2, 2, 3), (1, 2, 3), "uint8")
    (answer,) = predict(model, picture, top=1, class_names=["a", "b", "c"])
    assert answer == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def forecaster(kind="regression", length=6):
    keras.utils.set_random_seed(0)
    encoder = series_encoder((length, 2), filters=4, blocks=1, last_step=True)
    return build_classifier(encoder, ["+1", "+2", "+3"], kind=kind)


@pytest.mark.parametrize("kind", ["regression", "one_label"])
def test_windows_of_a_series_are_answered_in_order(kind, tmp_path):
    windows = np.random.default_rng(0).normal(size=(40, 6, 2)).astype("float32")
    model = forecaster(kind)
    save_model(model, tmp_path / "series.keras")
    expected = model.predict(windows, verbose=0)
    for given in (windows, list(windows)):
        answers = predict(tmp_path / "series.keras", given)
        for answer, row in zip(answers, expected, strict=True):
            found = [dict(answer)[name] for name in ("+1", "+2", "+3")]
            np.testing.assert_allclose(found, row, atol=1e-5)
    assert predict(model, windows[3]) == predict(model, windows[3:4])


def test_windows_of_any_length_are_taken_one_by_one():
    model = forecaster(length=None)
    rows = [np.ones((length, 2), "float32") for length in (3, 9)]
    for answer, row in zip(predict(model, rows), rows, strict=True):
        np.testing.assert_allclose(
            [value for _, value in answer], model.predict(row[None], verbose=0)[0], atol=1e-5
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "series.csv",
            "windows of a series as arrays. Received: str 'series.csv'. Read a file with series_f",
        ),
        (np.zeros((5, 2)), r"shape \(6, 2\), None being free. Received: \(5, 2\)"),
        (np.zeros((6, 3)), r"shape \(6, 2\), None being free. Received: \(3,\)"),
        (np.full((6, 2), np.nan), "inputs must be finite"),
    ],
)
def test_what_is_no_window_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        predict(forecaster(), given)
