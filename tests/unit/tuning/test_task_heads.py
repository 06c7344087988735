import keras
import numpy as np
import pytest

from tltk.tuning import build_classifier, build_multitask, fit_linear_head
from tltk.tuning.tasks import has_task_heads, joined_model, solve_task_heads, task_examples

RNG = np.random.default_rng(1)
X = RNG.normal(size=(60, 5)).astype("float32")
KIND = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
SIZE = X.sum(axis=1) + 3


def body():
    return keras.Sequential([keras.Input((5,)), keras.layers.Rescaling(2.0)], name="body")


def joined_of(model):
    names = list(model.output)
    return joined_model(model, {}, dict.fromkeys(names, 1.0), False)


@pytest.mark.parametrize("with_val", [False, True])
def test_each_head_is_the_probe_of_its_own_labels(with_val):
    model = build_multitask(body(), {"kind": 3, "size": "regression"})
    known = np.arange(60) % 3 != 0
    labels = {"kind": np.where(known, KIND, -1), "size": np.where(known, np.nan, SIZE)}
    joined, parts = joined_of(model), [task_examples(model, (X, labels))]
    parts += [task_examples(model, (X, {"kind": KIND, "size": SIZE})) if with_val else None]
    chosen = solve_task_heads(joined, *parts, batch_size=32, cache=False)
    for name, kind, rows, y in (
        ("kind", "one_label", known, KIND),
        ("size", "regression", ~known, SIZE),
    ):
        plain = build_classifier(body(), 3 if name == "kind" else ["size"], kind)
        val = (X, y) if with_val else None
        strength = fit_linear_head(plain, (X[rows], y[rows]), val, cache=False)
        assert chosen[name] == strength
        own = model.get_layer(f"head_output_{name}").get_weights()
        for one, other in zip(own, plain.get_layer("head_output").get_weights(), strict=True):
            assert np.allclose(one, other, rtol=1e-4, atol=1e-5)


def test_heads_behind_a_hidden_layer_are_trained():
    assert has_task_heads(joined_of(build_multitask(body(), {"kind": 3})))
    assert not has_task_heads(joined_of(build_multitask(body(), {"kind": 3}, hidden=4)))
    assert not has_task_heads(build_classifier(body(), 3))


def test_a_class_without_example_is_named():
    model = build_multitask(body(), {"kind": 4})
    with pytest.raises(ValueError, match=r"class number 3 of 'kind'\. Pass head_epochs=10"):
        solve_task_heads(joined_of(model), task_examples(model, (X, {"kind": KIND})), None)
