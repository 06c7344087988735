import pytest

from tltk.evaluation import finished_part, keep_study, kept_study, studies


def test_what_is_kept_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "notebooks_folder", lambda: tmp_path)
    rows = [{"method": "frozen", "accuracy": 0.8}]
    path = keep_study("studies/07_voices.py", "Voices by labels.", rows, 12.4)
    assert path == tmp_path / "results" / "07_voices.json"
    kept = kept_study("07_voices")
    assert kept["rows"] == rows
    assert kept["seconds"] == 12
    assert kept["script"] == "studies/07_voices.py"
    with pytest.raises(FileNotFoundError, match=r"Received: '08_x'. The studies are 07_voices"):
        kept_study("08_x")


def test_a_finished_part_is_not_run_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TLTK_CACHE", str(tmp_path))
    rows, seconds = finished_part("studies/07_voices.py", "a, b 0", lambda: iter([{"score": 1}]))
    assert rows == [{"score": 1}]
    [path] = tmp_path.rglob("*.json")
    assert path.name.startswith("a_b_0")
    assert "a, b 0: " in capsys.readouterr().out
    again = finished_part("studies/07_voices.py", "a, b 0", lambda: pytest.fail("run twice"))
    assert again == (rows, seconds)
    other, _ = finished_part("studies/07_voices.py", "a_b 0", lambda: [{"score": 2}])
    assert other == [{"score": 2}]
    path.write_text(path.read_text()[:-9])
    assert finished_part("studies/07_voices.py", "a, b 0", lambda: rows)[0] == rows
