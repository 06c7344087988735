import os
import sys
from pathlib import Path

import pytest

from tltk._cache import cache_folder, remembered_digests
from tltk._paths import existing_file, unreadable, user_path
from tltk.inputs import read_clip, read_image

MISSING = {"nt": "The system cannot find the file specified"}.get(os.name, os.strerror(2))


def no_home(*_):
    raise RuntimeError("Could not determine home directory.")


def test_a_user_without_home_is_told_what_to_set(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(FileNotFoundError, match="needs a home folder. Received: ~/a.*Set HOME"):
        user_path("~/a")
    monkeypatch.setattr(Path, "home", no_home)
    for variable in ("TLTK_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(FileNotFoundError, match="without home folder. Set TLTK_CACHE"):
        cache_folder()
    (tmp_path / "a").write_text("1")
    read = {"a": "digest"}
    assert remembered_digests(tmp_path, {"a": tmp_path / "a"}, lambda names: read) == read


@pytest.mark.parametrize("read", [read_image, read_clip])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone.file", rf"Received: gone.file \({MISSING}\). Check the spelling"),
        (".", r"Received: \. \(a folder\). For a folder, list its files"),
        ("https://example.org/a", "on this machine. Received: https://example.org/a. Download it"),
        ("x" * 5000, "Check the disk or the connection to it, and the name"),
    ],
)
def test_what_is_no_file_is_told(read, path, message):
    with pytest.raises(FileNotFoundError, match=message):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("read", [read_image, read_clip])
def test_pipes_and_devices_are_not_opened(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(FileNotFoundError, match="a pipe or a device"):
            read(path)


@pytest.mark.parametrize("read", [read_image, read_clip])
def test_a_file_that_may_not_be_read_is_told(read, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"fLaC")

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refused)
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(PermissionError, match=r"a \(Permission denied\). Change its permissions"):
        read(tmp_path / "a")


def test_paths_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "a.txt").touch()
    assert existing_file("~/a.txt", "text") == tmp_path / "a.txt"


def test_errors_of_the_disk_are_told():
    error = unreadable(Path("a"), "picture", OSError(5, "Input/output error"))
    assert "a (Input/output error). Check the disk" in str(error)


def test_a_name_that_is_too_long_is_not_called_missing():
    """As Windows raises it."""
    error = FileNotFoundError(2, "The filename or extension is too long")
    error.winerror = 206
    assert "too long). Check the disk or the connection" in str(
        unreadable(Path("a"), "text", error)
    )


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("birds:v1", "birds:v1"),
        ("out/nul", "nul"),
        ("out/Aux.tar.npz", "Aux.tar.npz"),
        ("com1 .keras", "com1 .keras"),
        (r"C:\run 1.\a.npz", "run 1."),
        (r"\\server\share\what?.keras", "what?.keras"),
        ("tab\there", "tab\there"),
        ("blank ", "blank "),
    ],
)
def test_names_that_windows_keeps_are_refused_there(path, part, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert user_path(path) == Path(path)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ValueError, match="On Windows the names of files.*Received: out=") as raised:
        user_path(path, "out")
    assert f"another name than {part!r}." in str(raised.value)


@pytest.mark.parametrize(
    "path",
    [
        ".",
        "../up",
        "~/photos",
        "C:/photos/a.jpg",
        r"C:\Users\Ana\a b.keras",
        "C:relative",
        r"\\?\C:\far\down",
        r"\\server\share\a",
        "console/auxiliary.npz",
        "com10",
        ".cache",
        "https://example.org/a?b",
    ],
)
def test_other_names_are_taken_on_windows(path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert user_path(path) == Path(path).expanduser()
