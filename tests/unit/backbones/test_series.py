import keras
import numpy as np
import pytest

from tltk.backbones import block_names, layers_by_block, series_encoder


@pytest.mark.parametrize("kind", ["conv", "gru"])
def test_blocks_are_named_and_hold_all_layers(kind):
    encoder = series_encoder((None, 2), filters=4, blocks=3, kind=kind)
    assert block_names(encoder) == ["block1", "block2", "block3"]
    assert sum(map(len, layers_by_block(encoder).values())) == len(encoder.layers)
    assert encoder.output_shape == (None, None, 4)


@pytest.mark.parametrize("kind", ["conv", "gru"])
def test_causal_features_do_not_know_the_future(kind):
    encoder = series_encoder((12, 1), filters=4, blocks=2, kind=kind)
    x = np.random.default_rng(0).normal(size=(1, 12, 1)).astype("float32")
    changed = x.copy()
    changed[:, 8:] += 5
    one, other = encoder(x), encoder(changed)
    np.testing.assert_allclose(one[:, :8], other[:, :8], atol=1e-6)
    assert not np.allclose(one[:, 8:], other[:, 8:])


def test_others_look_both_ways():
    encoder = series_encoder((12, 1), filters=4, blocks=2, causal=False)
    x = np.zeros((1, 12, 1), "float32")
    changed = x.copy()
    changed[:, 8:] += 5
    assert not np.allclose(encoder(x)[:, :8], encoder(changed)[:, :8])


@pytest.mark.parametrize(("blocks", "kernel_size"), [(1, 3), (3, 2), (4, 3)])
def test_a_step_sees_as_far_back_as_documented(blocks, kernel_size):
    encoder = series_encoder((64, 1), 8, blocks, kernel_size, last_step=True)
    encoder.set_weights([np.ones_like(weight) for weight in encoder.get_weights()])
    still = encoder(np.ones((1, 64, 1), "float32"))
    seen = []
    for step in range(64):
        x = np.ones((1, 64, 1), "float32")
        x[0, step] = 2
        seen.append(not np.allclose(encoder(x), still))
    assert sum(seen) == (kernel_size - 1) * (2**blocks - 1) + 1
    assert all(seen[-sum(seen) :])


def test_one_block_equals_a_convolution_by_hand():
    encoder = series_encoder((5, 2), filters=3, blocks=1, kernel_size=2)
    kernel, bias = encoder.get_weights()
    x = np.random.default_rng(0).normal(size=(1, 5, 2)).astype("float32")
    before = np.concatenate([np.zeros((1, 1, 2)), x[:, :-1]], axis=1)
    expected = np.maximum(before @ kernel[0] + x @ kernel[1] + bias, 0)
    np.testing.assert_allclose(encoder(x), expected, atol=1e-5)


def test_both_forms_share_their_weights():
    whole, last = (series_encoder((9, 1), 4, 2, last_step=last) for last in (False, True))
    last.set_weights(whole.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 9, 1)).astype("float32")
    np.testing.assert_allclose(whole(x)[:, -1], last(x), atol=1e-6)


@pytest.mark.parametrize("kind", ["conv", "gru"])
def test_reloads_in_safe_mode(tmp_path, kind):
    encoder = series_encoder((None, 1), 4, 2, kind=kind, last_step=True)
    encoder.save(tmp_path / "encoder.keras")
    x = np.random.default_rng(0).normal(size=(2, 9, 1)).astype("float32")
    again = keras.models.load_model(tmp_path / "encoder.keras", safe_mode=True)
    np.testing.assert_allclose(again(x), encoder(x), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((9, 1), {"kind": "lstm"}, "kind='lstm'"),
        ((9, 1), {"kind": "gru", "causal": False}, "causal=False"),
        ((9,), {}, r"input_shape=\(9,\)"),
        ((9, None), {}, r"input_shape=\(9, None\)"),
    ],
)
def test_impossible_encoders_are_refused(shape, settings, message):
    with pytest.raises(ValueError, match=message):
        series_encoder(shape, **settings)
