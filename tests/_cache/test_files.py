"""Files of ours are whole, whatever happens while they are written."""

import os
import threading

import pytest

from tltk._cache import locked, whole_file


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
