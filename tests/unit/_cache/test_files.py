"""Files of ours are whole, whatever happens while they are written."""

import contextlib
import errno
import os
import stat
import sys
import threading
import types

import pytest

from tltk._cache import (
    files,
    flush,
    locked,
    made_folder,
    whole_file,
    whole_folder,
    write_text,
    writing,
)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "deep" / "facts.v1.json"
    for content in ("first", "second"):
        with whole_file(file) as scratch:
            scratch.write_text(content)
            assert scratch.suffix == ".json"
            assert scratch.parent == file.parent
            assert not file.exists() or file.read_text() == "first"
    assert file.read_text() == "second"
    assert os.listdir(file.parent) == ["facts.v1.json"]


def test_a_failed_write_leaves_the_old_file_and_no_scrap(tmp_path):
    file = tmp_path / "facts.json"
    file.write_text("old")

    def stopped():
        with whole_file(file) as scratch:
            scratch.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["facts.json"]


def test_content_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (events.append("flush"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *a: (events.append("rename"), replace(*a)))
    with whole_file(tmp_path / "a") as scratch:
        scratch.write_text("x")
    assert events[:2] == ["flush", "rename"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_says_where_and_what_helps(tmp_path, monkeypatch, moment):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, moment, full)
    told = r"Files are kept.*Received: .*deep/a.txt \(No space left on device\), .* MB free. Free"
    with pytest.raises(OSError, match=told):
        write_text(tmp_path / "deep" / "a.txt", "x")
    with (
        pytest.raises(OSError, match=r"Models are kept.*\(No space left on device\).*free. Less!$"),
        writing("Models", tmp_path / "a", "Less!"),
    ):
        write_text(tmp_path / "a", "x")
    assert os.listdir(tmp_path / "deep") == []


def test_a_folder_that_cannot_be_made_is_named_before_any_work(tmp_path):
    assert made_folder(tmp_path / "one" / "two").is_dir()
    assert os.listdir(tmp_path / "one" / "two") == []
    (tmp_path / "file").write_text("")
    told = r"Results are kept.*Received: .*file/out \(Not a directory\).*Choose another folder"
    with pytest.raises(OSError, match=told):
        made_folder(tmp_path / "file" / "out")


def test_what_a_killed_process_left_goes_with_the_next_write_an_hour_later(tmp_path):
    with contextlib.suppress(KeyboardInterrupt), whole_file(tmp_path / "a.npz") as scratch:
        names = [scratch.name, scratch.name.replace("a.", "b.", 1), "notes.npz", ".a.original.npz"]
        raise KeyboardInterrupt
    for name in [*names, f"{scratch.name[:-12]}12345678.npz"]:
        (tmp_path / name).write_text("")
        if not name.endswith("12345678.npz"):
            os.utime(tmp_path / name, (1e9, 1e9))
    with whole_file(tmp_path / "a.npz") as written:
        written.write_text("x")
    left = {*names[1:], f"{scratch.name[:-12]}12345678.npz", "a.npz"}
    assert set(os.listdir(tmp_path)) == left
    with whole_file(tmp_path / "a.npz", alone=True) as written:
        written.write_text("x")
    assert set(os.listdir(tmp_path)) == {*names[1:], "a.npz"}


@pytest.mark.skipif(os.name != "posix", reason="other systems have no mask")
def test_files_have_the_mode_of_any_other_file(tmp_path):
    (tmp_path / "plain").write_text("")
    with whole_file(tmp_path / "ours") as scratch:
        scratch.write_text("")
    modes = [(tmp_path / name).stat().st_mode for name in ("plain", "ours")]
    assert modes[0] == modes[1]


def test_one_holds_the_lock_and_the_other_is_told(tmp_path):
    with locked(tmp_path / "run"):
        found = []

        def second():
            try:
                with locked(tmp_path / "run"):
                    found.append("in")
            except TimeoutError:
                found.append("told")

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert found == ["told"]


def test_the_other_waits_where_it_may(tmp_path):
    order, told = [], threading.Event()

    def second():
        with locked(tmp_path / "run", wait=told.set):
            order.append("second")

    with locked(tmp_path / "run"):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(10)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def refusing(times, error):
    """A renaming that the system refuses so many times."""
    left, replace = [times], os.replace

    def renamed(*paths):
        left[0] -= 1
        if left[0] >= 0:
            raise error
        replace(*paths)

    return renamed


def write(path, text):
    with whole_file(path) as scratch:
        scratch.write_text(text)


def test_windows_is_asked_again_while_a_scanner_has_the_file_open(tmp_path, monkeypatch):
    in_use = PermissionError(errno.EACCES, "in use by another process")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "replace", refusing(3, in_use))
    write(tmp_path / "a", "first")
    assert (tmp_path / "a").read_text() == "first"
    monkeypatch.setattr(files, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(os, "replace", refusing(10**9, in_use))
    with pytest.raises(OSError, match="in use"):
        write(tmp_path / "a", "second")
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "first"


def test_elsewhere_a_refused_name_is_an_error_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "replace", refusing(1, PermissionError(errno.EPERM, "not yours")))
    with pytest.raises(OSError, match="not yours"):
        write(tmp_path / "a", "first")


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for number in range(2):
        with whole_folder(tmp_path / "run") as scratch:
            (scratch / f"{number}").write_text("")
            assert os.listdir(tmp_path / "run") == ["0"] if number else True
        assert os.listdir(tmp_path / "run") == [f"{number}"]
        assert os.listdir(tmp_path) == ["run"]


def test_a_folder_in_use_stays_whole(tmp_path, monkeypatch):
    """Windows neither deletes nor renames a folder one of whose files is open."""

    def replace_folder():
        with whole_folder(tmp_path / "run") as scratch:
            (scratch / "new").write_text("")

    (tmp_path / "run").mkdir()
    for name in ("a", "b"):
        (tmp_path / "run" / name).write_text("old")
    monkeypatch.setattr(os, "replace", refusing(1, PermissionError(errno.EACCES, "in use")))
    with pytest.raises(OSError, match="in use"):
        replace_folder()
    assert os.listdir(tmp_path) == ["run"]
    assert sorted(os.listdir(tmp_path / "run")) == ["a", "b"]


def test_what_a_killed_process_left_of_a_folder_is_cleared_away(tmp_path):
    for leftover in (".run.new", ".run.old"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / "scrap").write_text("")
    with whole_folder(tmp_path / "run") as scratch:
        assert os.listdir(scratch) == []
    assert os.listdir(tmp_path) == ["run"]


def refuse_folders(monkeypatch, number):
    """A file system that answers a request to write a folder's list with an error."""
    fsync = os.fsync

    def refused(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", refused)


@pytest.mark.skipif(os.name != "posix", reason="other systems open no folders")
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_that_writes_folders_when_it_sees_fit_is_no_error(
    tmp_path, monkeypatch, number
):
    refuse_folders(monkeypatch, number)
    write(tmp_path / "a", "whole")
    assert (tmp_path / "a").read_text() == "whole"


@pytest.mark.skipif(os.name != "posix", reason="other systems open no folders")
def test_a_broken_disk_is_an_error(tmp_path, monkeypatch):
    refuse_folders(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        write(tmp_path / "a", "whole")


def test_macos_writes_through_the_disks_own_memory(tmp_path, monkeypatch):
    asked = []
    fcntl = types.SimpleNamespace(F_FULLFSYNC=51, fcntl=lambda handle, what: asked.append(what))
    monkeypatch.setitem(sys.modules, "fcntl", fcntl)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "fsync", lambda handle: asked.append("fsync"))
    (tmp_path / "a").write_text("")
    flush(tmp_path / "a")
    assert asked == [51]

    def refused(handle, what):
        raise OSError(errno.ENOTSUP, "a disk that does not know it")

    fcntl.fcntl = refused
    flush(tmp_path / "a")
    assert asked == [51, "fsync"]
