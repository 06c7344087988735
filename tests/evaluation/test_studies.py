import pytest

from tltk.evaluation import keep_study, kept_study, studies


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
