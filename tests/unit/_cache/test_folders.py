import sys
from pathlib import Path

import pytest

from tltk._cache import folders as places


def package_at(folder, monkeypatch):
    monkeypatch.setattr(places, "PACKAGE", folder / "tltk")
    return folder


def touch_sources(folder):
    folder.mkdir(parents=True)
    (folder / "SOURCES.md").touch()
    return folder


def test_the_bundle_of_this_clone_is_found():
    assert places.bundle_folder() == Path(places.__file__).resolve().parents[2] / "data"


def test_a_wheel_has_the_bundle_inside_the_package(tmp_path, monkeypatch):
    package_at(tmp_path, monkeypatch)
    touch_sources(tmp_path / "data")
    inside = touch_sources(tmp_path / "tltk" / "data")
    assert places.bundle_folder() == inside


def test_a_clone_has_the_bundle_beside_the_package(tmp_path, monkeypatch):
    package_at(tmp_path, monkeypatch)
    beside = touch_sources(tmp_path / "data")
    (tmp_path / "tltk" / "data").mkdir(parents=True)
    assert places.bundle_folder() == beside


def test_a_missing_bundle_names_both_places(tmp_path, monkeypatch):
    package_at(tmp_path, monkeypatch)
    with pytest.raises(
        FileNotFoundError, match=r"Received: no SOURCES.md in .*tltk.data or .*data"
    ):
        places.bundle_folder()


def test_home_is_none_unless_it_is_set(monkeypatch):
    monkeypatch.delenv("TLTK_HOME", raising=False)
    assert places.home_folder() is None
    monkeypatch.setenv("TLTK_HOME", "~/lessons")
    assert places.home_folder() == Path.home() / "lessons"


def test_cache_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path / "new"))
    assert places.cache_folder() == tmp_path / "new"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "set/tltk"),
        ("win32", "LOCALAPPDATA", "set/tltk"),
        ("darwin", None, "Library/Caches/tltk"),
    ],
)
def test_cache_follows_the_platform(platform, variable, expected, tmp_path, monkeypatch):
    monkeypatch.delenv("TLTK_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "set"))
    assert places.cache_folder() == tmp_path / expected
