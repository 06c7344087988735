import numpy as np
import pytest

from tltk.backbones import layers_by_block, load_backbone
from tltk.backbones import weights as lookup

SHAPE = (32, 32, 3)


@pytest.fixture(scope="module")
def copied():
    return load_backbone("mobilenet_v2", input_shape=SHAPE)


def equal_blocks(model, other):
    return {
        block: all(
            np.array_equal(found, wanted)
            for ours, theirs in zip(members, layers_by_block(other)[block], strict=True)
            for found, wanted in zip(ours.get_weights(), theirs.get_weights(), strict=True)
        )
        for block, members in layers_by_block(model).items()
    }


@pytest.mark.parametrize("count", [1, 4, 19])
def test_the_first_blocks_are_copied_and_the_others_fresh(count, copied):
    model = load_backbone("mobilenet_v2", input_shape=SHAPE, copy_blocks=count)
    assert list(equal_blocks(model, copied).values()) == [n < count for n in range(19)]


def test_structure_transfer_needs_no_weights(monkeypatch, copied):
    monkeypatch.setattr(lookup, "weight_folders", lambda: pytest.fail("no weights are needed"))
    model = load_backbone("mobilenet_v2", input_shape=SHAPE, copy_blocks=0)
    assert not any(equal_blocks(model, copied).values())


def test_fresh_weights_differ_between_loads(copied):
    first, second = (load_backbone("mobilenet_v2", None, SHAPE) for _ in range(2))
    assert not any(equal_blocks(first, second).values())


def test_a_number_of_blocks_below_zero_is_refused():
    with pytest.raises(ValueError, match="at least 0. Received: copy_blocks=-1"):
        load_backbone("mobilenet_v2", "imagenet", SHAPE, copy_blocks=-1)


@pytest.mark.parametrize(("count", "weights"), [(20, "imagenet"), (2, None)])
def test_a_number_of_blocks_that_does_not_exist_is_refused(count, weights):
    with pytest.raises(ValueError, match=f"19 blocks to copy.*copy_blocks={count}.*stem, expanded"):
        load_backbone("mobilenet_v2", weights, SHAPE, copy_blocks=count)


@pytest.mark.parametrize(
    "settings",
    [{}, {"copy_blocks": 2}, {"weights": None, "include_top": True}],
)
def test_what_small_cnn_never_learned_is_refused(settings):
    with pytest.raises(ValueError, match=r"small_cnn has no ImageNet.*Received: .*weights=None"):
        load_backbone("small_cnn", input_shape=32, **settings)


def test_small_cnn_takes_fresh_weights_or_some_of_a_file(tmp_path):
    first = load_backbone("small_cnn", None, 32)
    first.save_weights(tmp_path / "mine.weights.h5")
    some = load_backbone("small_cnn", tmp_path / "mine.weights.h5", 32, copy_blocks=2)
    assert list(equal_blocks(some, first).values()) == [True, True, False, False]
    structure = load_backbone("small_cnn", input_shape=32, copy_blocks=0)
    assert not any(equal_blocks(structure, first).values())
    with pytest.raises(ValueError, match="4 blocks to copy.*copy_blocks=2, weights=None"):
        load_backbone("small_cnn", None, 32, copy_blocks=2)


def test_an_architecture_has_the_same_size_of_picture_everywhere(copied):
    assert copied.input_shape == (None, *SHAPE)
    assert copied.output_shape == (None, 1, 1, 1280)
    assert copied.count_params() == 2_257_984
