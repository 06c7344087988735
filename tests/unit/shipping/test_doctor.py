import importlib
import socket
import threading
from hashlib import sha256

import pytest

from tltk.shipping.doctor import doctor, reachable, section, size_of, version

MODULE = importlib.import_module("tltk.shipping.doctor")


def without_network(monkeypatch):
    monkeypatch.setattr(MODULE, "reachable", lambda host: False)


def test_report_answers_every_question(monkeypatch, tmp_path):
    without_network(monkeypatch)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "resnet50.weights.h5").write_bytes(b"x" * 300_000)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path))
    report = doctor()
    titles = [line for line in report.splitlines() if line and not line.startswith(" ")]
    assert titles == ["Versions", "Machine", "GPU", "Weights", "Data", "Cache", "Network"]
    assert "could not tell" not in report
    assert "resnet50.weights.h5  0.3 MB" in report
    assert "mobilenet_v2.keras" in report
    assert "cifar10_small" in report
    assert "-> the bundle works offline" in report


def test_a_classroom_folder_without_models_is_pointed_out(monkeypatch, tmp_path):
    monkeypatch.setenv("TLTK_HOME", str(tmp_path / "nowhere"))
    assert f"-> put weight files into {tmp_path / 'nowhere' / 'models'}" in section(
        "Weights", MODULE.weights
    )


def test_damaged_weights_are_pointed_out_and_whole_ones_not(monkeypatch, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "whole.h5").write_bytes(b"whole")
    (models / "cut.h5").write_bytes(b"who")
    sums = "".join(f"{sha256(b'whole').hexdigest()}  {name}.h5\n" for name in ("whole", "cut"))
    (models / "SHA256SUMS").write_text(sums)
    monkeypatch.setenv("TLTK_HOME", str(tmp_path))
    lines = [line for line in MODULE.weights() if "is damaged" in line]
    path = models / "cut.h5"
    assert lines == [f"-> {path} is damaged or not whole: delete it and download it again"]


def test_advice_is_of_use_to_the_network_it_names(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    lines = section("Weights", MODULE.weights).splitlines()
    (online,) = [line for line in lines if "go online once" in line]
    assert "resnet50" in online
    assert "resnet18" not in online
    assert "small_cnn" not in online
    assert any("-> Keras does not publish resnet18" in line for line in lines)
    (small,) = [line for line in lines if "small_cnn" in line]
    assert small.lstrip().startswith("small_cnn needs no weights: it is trained from scratch")


def test_what_cannot_be_found_out_is_one_line(monkeypatch):
    without_network(monkeypatch)
    monkeypatch.setattr(MODULE, "cpu_flags", lambda: 1 / 0)
    report = doctor()
    assert "  could not tell: ZeroDivisionError: division by zero" in report
    assert "Network" in report


def test_too_new_setuptools_is_pointed_out(monkeypatch):
    monkeypatch.setattr(MODULE, "version", lambda name: "82.0.1" if name == "setuptools" else None)
    report = section("Versions", MODULE.versions)
    assert '-> tensorflow-hub needs pkg_resources: pip install "setuptools<81"' in report
    assert "-> pip install keras" in report
    assert "not installed (optional: pip install safetensors)" in report
    assert "not installed (extra 'course')" in report
    assert "-> for the extra 'tfds': pip install" in report


@pytest.mark.parametrize(("here", "told"), [("3.14.1", True), ("3.15.0", False)])
def test_a_keras_too_old_for_kerashub_is_pointed_out(monkeypatch, here, told):
    versions = {"keras-hub": "0.32.0", "keras": here}
    monkeypatch.setattr(MODULE, "version", versions.get)
    monkeypatch.setattr(MODULE.metadata, "requires", lambda name: ["absl-py", "keras>=3.15"])
    report = section("Versions", MODULE.versions)
    assert ('-> keras-hub 0.32.0 needs it: pip install "keras>=3.15"' in report) is told


def test_another_package_of_the_same_name_is_pointed_out(monkeypatch, tmp_path):
    assert "Thai" not in section("Versions", MODULE.versions)
    folder = tmp_path / "tltk-1.11.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: tltk\nVersion: 1.11\n")
    (folder / "RECORD").write_text("tltk/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    report = section("Versions", MODULE.versions)
    assert "1.11, the Thai Language Toolkit: another package" in report
    assert "-> its files lie over ours: pip uninstall tltk, then install keras-tltk again" in report


def test_without_psutil_the_rest_of_the_machine_is_told(monkeypatch):
    monkeypatch.setattr(MODULE, "version", lambda name: None)
    lines = section("Machine", MODULE.machine).splitlines()
    assert lines[2].startswith("  CPU: ")
    assert lines[3:] == ["  Memory: not told without psutil (extra 'course')"]


def test_tfds_that_cannot_be_imported_is_told_with_its_cure(monkeypatch):
    def broken():
        raise ImportError('another protobuf. Run: pip install "tensorflow-metadata<1.18"')

    monkeypatch.setattr(MODULE, "tfds_package", broken)
    lines = section("Data", MODULE.data).splitlines()
    assert any("cifar10_small" in line for line in lines)
    assert lines[-1].startswith("  -> tensorflow-datasets: another protobuf. Run: pip install")


def test_version_of_nothing():
    assert version("no-such-package-here") is None
    assert version("keras")[0] == "3"


def test_a_refused_connection_is_an_answer():
    assert not reachable("192.0.2.1")


def test_a_silent_host_is_given_up_on(monkeypatch):
    end = threading.Event()

    def silent(*_):
        end.wait(60)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", silent)
    assert not reachable("silent.invalid", seconds=0.05)
    end.set()


def test_an_open_port_is_reachable(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_: socket.socket())
    assert reachable("open.invalid", seconds=5)


def test_size_of_folder_file_and_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    (tmp_path / "c").write_bytes(b"67")
    assert [size_of(tmp_path / name) for name in ("", "c", "d")] == [7, 2, 0]
