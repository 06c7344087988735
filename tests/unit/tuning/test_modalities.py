import keras
import numpy as np
import pytest

from tltk.evaluation import predict_split
from tltk.inputs.examples import examples_of
from tltk.tuning import build_classifier, build_multimodal, modality_examples

X = np.arange(12.0).reshape(6, 2)


def body():
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])


@pytest.fixture(scope="module")
def model():
    return build_multimodal({"sound": body(), "sight": body()}, 2, width=3)


def test_rows_come_together_and_missing_ones_as_zeros(model):
    here = np.array([True, False] * 3)
    rows = modality_examples(model, {"sound": X, "sight": X + 1}, present={"sound": here})
    found = rows.fetch([1, 2])
    assert found["sound"].tolist() == [[0, 0], X[2].tolist()]
    assert found["sight"].tolist() == (X[[1, 2]] + 1).tolist()
    assert found["present"].tolist() == [[0, 1], [1, 1]]


def test_the_digest_knows_what_is_missing(model):
    given = {"sound": X, "sight": X}
    digests = [
        modality_examples(model, given).digest,
        modality_examples(model, given, present={"sound": np.arange(6) != 5}).digest,
        modality_examples(model, {"sound": X}).digest,
        modality_examples(model, {"sight": X}).digest,
    ]
    assert len(set(digests)) == 4


def test_splits_bring_their_labels(model):
    labels = [0, 1, 0, 1, 0, 1]
    rows = modality_examples(model, {"sound": examples_of((X, labels)), "sight": X})
    assert rows.labels.tolist() == labels
    assert predict_split(model, rows).labels.tolist() == labels


def test_labels_that_disagree_are_refused(model):
    given = {"sound": examples_of((X, [0] * 6)), "sight": examples_of((X, [1] * 6))}
    with pytest.raises(ValueError, match="labels disagree"):
        modality_examples(model, given)
    assert modality_examples(model, given, [0] * 6).labels.tolist() == [0] * 6


@pytest.mark.parametrize(
    ("inputs", "present", "says"),
    [
        ({"sound": X, "sight": X[:4]}, None, "'sound': 6, 'sight': 4"),
        ({"sound": X}, {"sound": [1]}, "'present of sound': 1"),
        ({"smell": X}, None, "are sound, sight, and at least one is given. Received: smell"),
        ({"sound": None}, None, "Received: none"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(model, inputs, present, says):
    with pytest.raises(ValueError, match=says):
        modality_examples(model, inputs, present=present)


def test_a_classifier_has_no_modalities():
    with pytest.raises(ValueError, match="takes a dict of inputs with 'present'"):
        modality_examples(build_classifier(body(), 2), {"sound": X})
