import hashlib
import os
import re
import shutil
import urllib.error
from pathlib import Path

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from tltk._cache import bundle_folder
from tltk.backbones import find_weights, load_backbone
from tltk.backbones import weights as lookup
from tltk.backbones.registry import ARCHITECTURES
from tltk.backbones.weights import check_sum, known_sums

KERNELS = "_weights_tf_dim_ordering_tf_kernels"
OFFICIAL = {
    "vgg16": f"vgg16{KERNELS}_notop.h5",
    "resnet50": f"resnet50{KERNELS}_notop.h5",
    "resnet101_v2": f"resnet101v2{KERNELS}_notop.h5",
    "inception_v3": f"inception_v3{KERNELS}_notop.h5",
    "mobilenet_v2_keras": f"mobilenet_v2{KERNELS}_1.0_224_no_top.h5",
    "densenet121": f"densenet121{KERNELS}_notop.h5",
    "efficientnet_b0": "efficientnetb0_notop.h5",
    "efficientnet_v2_b0": "efficientnetv2-b0_notop.h5",
    "convnext_tiny": "convnext_tiny_notop.h5",
}


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(lookup.urllib.request, "urlopen", refuse)


@pytest.fixture
def online(monkeypatch):
    class Answer:
        def close(self):
            pass

    monkeypatch.setattr(lookup.urllib.request, "urlopen", lambda *_, **__: Answer())


def test_the_bundle_serves_mobilenet_v2():
    expected = bundle_folder() / "mobilenet_v2.keras"
    assert find_weights("mobilenet_v2") == expected
    assert find_weights("mobilenet_v2", include_top=True) == expected


def test_places_are_searched_in_order(no_places):
    assert find_weights("resnet50") is None
    cached = no_places / "keras" / "models" / OFFICIAL["resnet50"]
    cached.touch()
    assert find_weights("resnet50") == cached
    whole = no_places / "home" / "models" / "resnet50.weights.h5"
    whole.touch()
    assert find_weights("resnet50") == whole
    headless = whole.with_name("resnet50_notop.weights.h5")
    headless.touch()
    assert find_weights("resnet50") == headless
    assert find_weights("resnet50", include_top=True) == whole


def test_whole_models_of_our_own_networks_are_found(no_places):
    path = no_places / "home" / "models" / "resnet18.keras"
    path.touch()
    assert find_weights("resnet18") == find_weights("resnet18", include_top=True) == path
    (path.parent / "resnet50.keras").touch()
    assert find_weights("resnet50") is None


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("place", ["home", "keras"])
def test_official_file_names_are_found(name, place, no_places):
    path = no_places / place / "models" / OFFICIAL[name]
    path.touch()
    assert find_weights(name) == path
    assert find_weights(name, include_top=True) is None


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2_keras", "efficientnet_v2_b0"])
def test_keras_asks_for_the_official_name(name, no_places, online, monkeypatch):
    asked = []

    def get_file(file_name, *_, **__):
        asked.append(file_name)
        raise OSError("the request is as far as this test goes")

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(FileNotFoundError, match="the request is as far as this test goes"):
        lookup.obtain_weights(name)
    assert asked == [OFFICIAL[name]]


def test_a_download_is_used(no_places, online, pair, monkeypatch):
    def download(row, include_top):
        assert (row.keras_class, include_top) == ("VGG16", False)
        pair("vgg16").stock.save(no_places / "keras" / "models" / OFFICIAL["vgg16"])
        return ""

    monkeypatch.setattr(lookup, "download", download)
    monkeypatch.setattr(lookup, "published_sums", lambda row: set())
    model = load_backbone("vgg16", input_shape=(32, 32, 3))
    expected = pair("vgg16").ours.get_weights()
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_without_a_network_one_error_names_every_place(no_places, offline):
    with pytest.raises(FileNotFoundError) as caught:
        load_backbone("resnet50", input_shape=(32, 32, 3))
    message = str(caught.value)
    for part in (
        "resnet50_notop.weights.h5",
        "resnet50.weights.h5",
        OFFICIAL["resnet50"],
        str(bundle_folder()),
        str(no_places / "home" / "models"),
        str(no_places / "keras" / "models"),
        "no route",
        "weights=PATH",
        "go online once",
        "load_backbone('mobilenet_v2')",
    ):
        assert part in message


def test_the_error_says_that_no_classroom_folder_is_set(no_places, offline, monkeypatch):
    monkeypatch.delenv("TLTK_HOME")
    with pytest.raises(FileNotFoundError, match="TLTK_HOME is not set"):
        load_backbone("vgg19", input_shape=(32, 32, 3))


def test_resnet18_has_nothing_to_download(no_places):
    with pytest.raises(
        FileNotFoundError, match=r"resnet18.safetensors in any of .*nobody publishes"
    ) as caught:
        load_backbone("resnet18", input_shape=(32, 32, 3))
    assert "online" not in str(caught.value)


def test_small_cnn_is_looked_for_nowhere(no_places):
    (no_places / "home" / "models" / "small_cnn.weights.h5").touch()
    assert find_weights("small_cnn") is None


def test_a_damaged_file_in_the_cache_is_reported_and_kept(no_places, monkeypatch):
    path = no_places / "keras" / "models" / OFFICIAL["vgg16"]
    path.write_bytes(b"half a download")
    with pytest.raises(ValueError, match=rf"Received: {path}.*not whole. Delete it, and") as raised:
        load_backbone("vgg16", input_shape=(32, 32, 3))
    assert "architecture" not in str(raised.value)
    assert path.read_bytes() == b"half a download"


def test_a_server_that_answers_with_an_error_counts_as_a_connection(monkeypatch):
    def answer(*_, **__):
        raise urllib.error.HTTPError(lookup.HOST, 400, "bad request", None, None)

    monkeypatch.setattr(lookup.urllib.request, "urlopen", answer)
    monkeypatch.setattr(keras.applications, "VGG16", lambda **_: None)
    assert lookup.download(lookup.architecture("vgg16"), False) == "the download left no file"


def test_a_classroom_folder_may_be_read_only(no_places, fresh):
    folder = no_places / "home" / "models"
    fresh("resnet18").save_weights(folder / "resnet18.weights.h5")
    folder.chmod(0o555)
    try:
        model = load_backbone("resnet18", input_shape=(32, 32, 3))
    finally:
        folder.chmod(0o755)
    np.testing.assert_array_equal(model.get_weights()[0], fresh("resnet18").get_weights()[0])
    shutil.rmtree(folder)


SUMS = re.compile(r"[0-9a-f]{32}|[0-9a-f]{64}")


@pytest.mark.parametrize("name", [n for n in ARCHITECTURES if ARCHITECTURES[n].official])
def test_keras_tells_the_sums_of_what_it_publishes(name):
    """Two for each file with a classifier and without; none of MobileNetV2, as Keras has none."""
    row = ARCHITECTURES[name]
    sums = known_sums(Path(f"{row.official}{row.headless}.h5"))
    assert all(SUMS.fullmatch(each) for each in sums)
    assert (len(sums) >= 2) == (name != "mobilenet_v2_keras")


def test_sums_of_keras_are_those_in_its_source():
    assert "6d6bbae143d832006294945121d1f1fc" in known_sums(Path(OFFICIAL["vgg16"]))
    assert known_sums(Path("vgg16_notop.weights.h5")) == set()


def test_a_list_of_sums_beside_the_files_is_kept_to(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    path, other = tmp_path / "vgg16_notop.weights.h5", tmp_path / "mine.weights.h5"
    path.write_bytes(b"weights")
    other.write_bytes(b"others")
    true = hashlib.sha256(b"weights").hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{true}  {path.name}\n{true} *another.h5\n")
    check_sum(path)
    check_sum(other)
    path.write_bytes(b"weighty")
    with pytest.raises(ValueError, match=rf"Received: {path}, of 7 bytes, whose checksum"):
        check_sum(path)


def test_the_bundle_is_checked_by_its_own_list(tmp_path, monkeypatch):
    true = bundle_folder() / "mobilenet_v2.keras"
    check_sum(true)
    row = next(line for line in (bundle_folder() / "SOURCES.md").read_text().splitlines()
               if line.startswith("| `mobilenet_v2.keras`"))  # fmt: skip
    (tmp_path / "SOURCES.md").write_text(row)
    content = bytearray(true.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / true.name).write_bytes(content)
    monkeypatch.setattr(lookup, "bundle_folder", lambda: tmp_path)
    with pytest.raises(ValueError, match="whose checksum is another"):
        load_backbone("mobilenet_v2", input_shape=(32, 32, 3))


def test_a_sum_is_taken_once(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "a.h5"
    path.write_bytes(b"weights")
    os.utime(path, (1, 1))
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'weights').hexdigest()}  a.h5\n")
    check_sum(path)
    monkeypatch.setattr(lookup, "sums_of", lambda path: pytest.fail("taken again"))
    check_sum(path)
