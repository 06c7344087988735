"""Clips are steps of a height that tells their number, so that a window tells where it is from."""

import os
from collections import Counter

import numpy as np
import pytest
import soundfile

from tltk.inputs import audio_folder
from tltk.tuning import extract_features

RATE = 1000


def write(path, number, seconds=1.0, rate=RATE, suffix="wav"):
    """A clip of one height, but for its first sample: `number` hundredths."""
    samples = np.full(round(seconds * rate), number / 100)
    samples[0] = -0.5
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_suffix(f".{suffix}")
    soundfile.write(file, samples, rate)
    return file


@pytest.fixture
def folder(tmp_path):
    for number in range(20):
        write(tmp_path / ("yes" if number % 2 else "no") / f"{number:02}", number, 1 + number / 10)
    return tmp_path


def loaded(path, **settings):
    return audio_folder(path, **{"rate": RATE, "seconds": 0.5, **settings})


def rows_of(split):
    examples = split
    return examples.fetch(np.arange(examples.count))


def numbers_of(split):
    return np.rint(100 * np.median(rows_of(split), axis=1)).astype(int)


def test_every_clip_is_on_one_side_with_its_label(folder):
    splits = loaded(folder, batch_size=7)
    assert splits.class_names == ("no", "yes")
    sides = []
    for part in ("train", "val", "test"):
        split = getattr(splits, part)
        waveforms = np.concatenate([x for x, _ in split])
        np.testing.assert_array_equal(waveforms, rows_of(split))
        assert (waveforms.dtype, waveforms.shape[1]) == (np.float32, 500)
        numbers = numbers_of(split)
        np.testing.assert_array_equal(numbers % 2, split.labels)
        stems = [int(name.split("/")[1][:2]) for name in splits.files[part]]
        assert stems == numbers.tolist()
        sides.append(set(stems))
    assert [len(side) for side in sides] == [12, 4, 4]
    assert set.union(*sides) == set(range(20))


def test_names_tell_the_clip_and_the_second(folder):
    files = loaded(folder, val=0, test=0).files["train"]
    assert sum(name.startswith("no/00.wav") for name in files) == 2
    assert {"yes/09.wav@0.000", "yes/09.wav@0.500", "yes/09.wav@1.000"} <= set(files)
    assert {"yes/09.wav@1.400"} <= set(files)
    assert Counter(name.split("@")[0] for name in files)["yes/09.wav"] == 4


def test_windows_may_overlap(folder):
    splits = loaded(folder, hop=0.25, val=0, test=0)
    starts = [n.split("@")[1] for n in splits.files["train"] if n.startswith("no/00.wav")]
    assert starts == ["0.000", "0.250", "0.500"]


def test_a_short_clip_stands_between_zeros(tmp_path):
    for number in (1, 2, 3, 4):
        write(tmp_path / ("a" if number % 2 else "b") / f"{number}", number, 0.1)
    rows = rows_of(loaded(tmp_path, val=0, test=0).train)
    assert rows.shape == (4, 500)
    assert not rows[:, :200].any()
    assert not rows[:, 300:].any()
    np.testing.assert_allclose(rows[:, 200], -0.5, atol=1e-3)


def test_other_rates_formats_and_depths_mix(tmp_path):
    for number, (rate, suffix) in enumerate([(8000, "wav"), (44100, "flac"), (16000, "ogg")] * 2):
        write(tmp_path / ("a" if number % 2 else "b") / f"{number}", 10 + number, 1, rate, suffix)
    splits = loaded(tmp_path, seconds=1.0, val=0, test=0)
    numbers = [int(name.split("/")[1][0]) + 10 for name in splits.files["train"]]
    np.testing.assert_allclose(np.median(rows_of(splits.train), 1) * 100, numbers, atol=0.5)


def test_groups_stay_on_one_side(folder):
    def by(path):
        return int(path.stem) // 4

    splits = loaded(folder, groups=by)
    sides = [{number // 4 for number in numbers_of(split)} for split in splits[:3]]
    assert sum(map(len, sides)) == 5
    names = {f"{'yes' if n % 2 else 'no'}/{n:02}.wav": n // 4 for n in range(20)}
    assert loaded(folder, groups=names).files == splits.files


def test_a_clip_without_a_group(folder):
    with pytest.raises(ValueError, match="Every clip needs a group. Received: 20 groups for 20 cl"):
        loaded(folder, groups={"no/00.wav": 1})


def test_identical_clips_stay_on_one_side(folder):
    for number in (1, 3, 5):
        content = (folder / "yes" / f"{number:02}.wav").read_bytes()
        (folder / "yes" / f"{number + 50}.wav").write_bytes(content)
    with pytest.warns(UserWarning, match="Every clip should be there once.*6 byte-identical"):
        splits = loaded(folder)
    sides = [set(numbers_of(split)) for split in splits[:3]]
    assert sum(map(len, sides)) == 20


def test_existing_parts_are_kept(tmp_path):
    for part, numbers in (("train", range(12)), ("test", range(12, 16))):
        for number in numbers:
            write(tmp_path / part / ("yes" if number % 2 else "no") / f"{number:02}", number)
    splits = loaded(tmp_path)
    assert set(numbers_of(splits.test)) == {12, 13, 14, 15}
    assert set(numbers_of(splits.train)) | set(numbers_of(splits.val)) == set(range(12))


def test_the_seed_decides(folder):
    files = [loaded(folder, seed=seed).files["test"] for seed in (0, 0, 1)]
    assert files[0] == files[1] != files[2]


def test_the_digest_is_that_of_clips_and_settings(folder):
    def digest(**settings):
        return loaded(folder, **settings).train.digest

    assert digest() == digest()
    assert len({digest(), digest(hop=0.25), digest(seconds=0.4), digest(rate=800)}) == 4
    before = digest()
    write(folder / "no" / "00", 50)
    assert digest() != before


def test_bad_clips_are_named_and_left_out(folder):
    soundfile.write(folder / "yes" / "nan.wav", np.full(900, np.nan), RATE, "FLOAT")
    soundfile.write(folder / "yes" / "silent.flac", np.zeros(900), RATE)
    (folder / "no" / "empty.wav").write_bytes(b"")
    cut = (folder / "no" / "00.wav").read_bytes()[:1000]
    (folder / "no" / "cut.wav").write_bytes(cut)
    with pytest.warns(UserWarning, match="are left out") as seen:
        splits = loaded(folder)
    bad, silent = (str(warning.message) for warning in seen)
    assert bad.startswith("3 of 24 clips cannot be read and are left out: ")
    assert all(name in bad for name in ("no/empty.wav", "no/cut.wav", "yes/nan.wav"))
    assert silent.startswith("1 of 21 clips are silent and are left out: yes/silent.flac")
    assert sum(len(set(numbers_of(split))) for split in splits[:3]) == 20
    with pytest.raises(ValueError, match="must be a whole WAV, FLAC, OGG, .* file"):
        loaded(folder, on_error="raise")


def test_silence_may_be_a_class(folder):
    for number in range(5):
        (folder / "silence").mkdir(exist_ok=True)
        soundfile.write(folder / "silence" / f"{number}.wav", np.zeros(900), RATE)
    with pytest.warns(UserWarning, match="only silent clips in silence, which are kept"):
        splits = loaded(folder)
    assert splits.class_names == ("no", "silence", "yes")
    examples = splits.train
    assert not rows_of(splits.train)[examples.labels == 1].any()
    assert examples.reread().digest == examples.digest
    for path in folder.rglob("*.wav"):
        os.utime(path, (1, 1))
    for _ in range(2):  # the second time from the table of digests
        with pytest.warns(UserWarning, match="only silent clips in silence, which are kept"):
            assert loaded(folder).files == splits.files
    soundfile.write(folder / "yes" / "mute.wav", np.zeros(900), RATE)
    with (
        pytest.warns(UserWarning, match="only silent clips"),
        pytest.raises(ValueError, match=r"mute\.wav \(it is silent\)"),
    ):
        loaded(folder, on_error="raise")


def test_every_format_of_libsndfile_is_read_by_content(tmp_path):
    noise = np.random.default_rng(0).normal(size=16000) * 0.1
    kinds = [("MP3", "mp3"), ("AIFF", "aiff"), ("AU", "au"), ("CAF", "caf"), ("W64", "W64")]
    for number, (kind, suffix) in enumerate([*kinds, ("OGG", "oga"), ("FLAC", "bak"), ("MP3", "")]):
        for name in "ab":
            (tmp_path / name).mkdir(exist_ok=True)
            file = (tmp_path / name / f"{number}").with_suffix(f".{suffix}" if suffix else "")
            soundfile.write(
                file, noise * (1 - number / 20 - (name == "a") / 50), 16000, format=kind
            )
    soundfile.write(tmp_path / "a" / "9.opus", noise, 48000, format="OGG", subtype="OPUS")
    (tmp_path / "b" / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    (tmp_path / "b" / "notes.txt").write_text("quiet")
    with pytest.warns(UserWarning, match=r"no clips by their content.*2 in .*1 \.txt, 1 \.m4a"):
        splits = audio_folder(tmp_path, seconds=0.25, val=0, test=0)
    assert len({name.split("@")[0] for name in splits.files["train"]}) == 17
    assert np.isfinite(rows_of(splits.train)).all()


def test_the_reader_tells_how_it_prepared_the_clips(folder):
    splits = loaded(folder, hop=0.25)
    expected = {"kind": "sounds", "seconds": 0.5, "hop": 0.25, "rate": RATE}
    assert splits.train.preparation == expected
    assert splits.val.preparation == expected


def test_strays_are_named(folder):
    write(folder / "lost", 1)
    with pytest.warns(UserWarning, match="Clips must lie in a class's subfolder.*lost.wav"):
        loaded(folder)


def test_a_class_without_clips(folder):
    (folder / "maybe").mkdir()
    (folder / "maybe" / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(
        ValueError, match=r"none in maybe of .* none: \.m4a. Add WAV, FLAC, OGG, .* clips"
    ):
        loaded(folder)


def test_one_class(tmp_path):
    write(tmp_path / "yes" / "1", 1)
    with pytest.raises(ValueError, match="at least two. Received: .* with yes and 0 files"):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seconds": 0}, "seconds must be a finite number above 0. Received: seconds=0"),
        ({"hop": -1.0}, "hop must be a finite number above 0. Received: hop=-1.0"),
        ({"seconds": float("nan")}, "above 0. Received: seconds=nan"),
        ({"seconds": float("inf")}, "above 0. Received: seconds=inf"),
        ({"seconds": "1"}, "above 0. Received: seconds='1'"),
        (
            {"hop": None, "seconds": 1e9},
            "At most 134,217,728 samples.*seconds=1000000000.0 at rate",
        ),
        ({"rate": 10**6}, "rate is at most 768000 samples a second. Received: rate=1000000"),
        ({"rate": 16000.0}, "rate must be a whole number"),
        ({"batch_size": 0}, "batch_size must be a whole number"),
        ({"on_error": "stop"}, "on_error"),
        ({"val": 1.0}, "val"),
    ],
)
def test_settings_that_make_no_sense(folder, settings, message):
    with pytest.raises(ValueError, match=message):
        loaded(folder, **settings)


def test_a_clip_that_changes_while_it_is_in_use(folder):
    splits = loaded(folder, val=0, test=0)
    write(folder / "no" / "00", 60, 3.0)
    with pytest.raises(ValueError, match="must stay as it was while it is in use.*00.wav"):
        rows_of(splits.train)


@pytest.mark.skipif(os.name == "nt", reason="has no time of change")
def test_a_clip_whose_size_and_time_stay_is_compared_by_content(folder):
    clip = folder / "no" / "00.wav"
    os.utime(clip, (1, 1))
    splits = loaded(folder, val=0, test=0)
    before = rows_of(splits.train)
    os.chmod(clip, 0o600)
    np.testing.assert_array_equal(rows_of(splits.train), before)
    content = bytearray(clip.read_bytes())
    content[-1] ^= 1
    clip.write_bytes(content)
    os.utime(clip, (1, 1))
    with pytest.raises(ValueError, match="must stay as it was while it is in use.*00.wav"):
        rows_of(splits.train)


def test_a_second_call_reads_no_clip_and_verify_all(folder, monkeypatch):
    import tltk.inputs.audio as audio

    for path in folder.rglob("*.wav"):
        os.utime(path, (1, 1))
    first = loaded(folder)
    read = []
    whole = audio.whole_sound
    monkeypatch.setattr(audio, "whole_sound", lambda path: read.append(path) or whole(path))
    assert loaded(folder).train.digest == first.train.digest
    assert not read
    loaded(folder, verify=True)
    assert len(read) == 20
    assert first.train.reread().digest == first.train.digest


def test_features_are_kept_by_content(folder):
    import keras

    model = keras.Sequential([keras.Input((500,)), keras.layers.Rescaling(2.0)])
    splits = loaded(folder, val=0, test=0)
    features, labels = extract_features(model, splits.train)
    np.testing.assert_allclose(features, 2 * rows_of(splits.train))
    np.testing.assert_array_equal(labels, splits.train.labels)
