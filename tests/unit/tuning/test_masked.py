import keras
import numpy as np
import pytest

from tltk.backbones import series_encoder
from tltk.tuning import freeze, pretrain_masked
from tltk.tuning.pretraining import hidden_steps


def encoder_of(seed=0, **settings):
    keras.utils.set_random_seed(seed)
    return series_encoder((12, 1), **{"filters": 4, "blocks": 2, "causal": False, **settings})


@pytest.fixture(scope="module")
def waves():
    phases = np.random.default_rng(0).random((64, 1)) * 6.28
    return np.sin(phases + np.arange(12) * 0.5)[..., None].astype("float32")


def test_pretraining_moves_every_weight_and_lowers_the_loss(waves):
    encoder = encoder_of()
    freeze(encoder)
    before = encoder.get_weights()
    history = pretrain_masked(encoder, waves, stretch=2, epochs=12, lr=2e-2, batch_size=8)
    assert history.history["loss"][-1] < 0.5 * waves.var()
    moved = [(a != b).any() for a, b in zip(before, encoder.get_weights(), strict=True)]
    assert all(moved)
    assert encoder.output_shape == (None, 12, 4)


def test_the_same_seed_gives_the_same_weights(waves):
    runs = []
    for seed in (0, 0, 1):
        encoder = encoder_of()
        pretrain_masked(encoder, waves, epochs=1, seed=seed)
        runs.append(encoder.get_weights()[0])
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_loss_counts_hidden_steps_only():
    """Of windows of ones, a network of zeros gets each hidden step wrong by one."""
    encoder = encoder_of()
    encoder.set_weights([np.zeros_like(weight) for weight in encoder.get_weights()])
    history = pretrain_masked(encoder, np.ones((4, 12, 1), "float32"), epochs=1)
    assert history.history["loss"] == pytest.approx([1.0])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("stretch", [1, 3, 5])
def test_stretches_are_hidden_whole(share, stretch):
    hidden = hidden_steps((50, 30), share, stretch, np.random.default_rng(0))
    pieces = hidden.reshape(50, -1, stretch)
    assert (pieces.all(axis=2) == pieces.any(axis=2)).all()
    assert (pieces.any(axis=2).sum(axis=1) == max(1, round(share * 30 / stretch))).all()


@pytest.mark.parametrize(
    ("settings", "share", "message"),
    [({"last_step": True}, 0.3, "features of every step"), ({}, 1.0, "share=1.0")],
)
def test_what_cannot_be_reconstructed_is_refused(waves, settings, share, message):
    with pytest.raises(ValueError, match=message):
        pretrain_masked(encoder_of(**settings), waves, share=share)
