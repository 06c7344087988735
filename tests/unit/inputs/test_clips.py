"""Files are written by soundfile, or byte by byte; the oracle of resampling is a pure tone."""

import io

import numpy as np
import pytest
import soundfile

from tltk.inputs import audio as clips
from tltk.inputs import read_clip
from tltk.inputs.audio import (
    Windows,
    as_waveforms,
    cut_clip,
    read_samples,
    resampled_length,
    warn_if_loud,
    whole_sound,
    window_starts,
)


def tone(rate, seconds=0.5, hertz=300.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def write(path, samples=None, rate=16000, subtype=None, **settings):
    soundfile.write(path, tone(rate) if samples is None else samples, rate, subtype, **settings)
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", "PCM_U8", 1 / 128),
        ("a.wav", "PCM_16", 1 / 32768),
        ("a.wav", "PCM_24", 1 / 2**23),
        ("a.wav", "PCM_32", 1e-7),
        ("a.wav", "FLOAT", 1e-7),
        ("a.wav", "DOUBLE", 1e-7),
        ("a.flac", "PCM_S8", 1 / 128),
        ("a.flac", "PCM_24", 1 / 2**23),
        ("a.ogg", "VORBIS", 0.05),
    ],
)
def test_every_depth_and_format_gives_the_same_samples(tmp_path, name, subtype, step):
    samples = read_clip(write(tmp_path / name, subtype=subtype))
    assert (samples.dtype, samples.shape) == (np.float32, (8000,))
    np.testing.assert_allclose(samples, tone(16000), atol=1.01 * step)


def test_channels_are_averaged(tmp_path):
    channels = tone(16000)[:, None] * [1.0, 0.5, 0.0]
    samples = read_clip(write(tmp_path / "a.wav", channels))
    np.testing.assert_allclose(samples, tone(16000) / 2, atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 32000, 44100, 48000, 96000])
def test_a_tone_stays_the_tone_at_another_rate(tmp_path, rate):
    path = write(tmp_path / "a.wav", tone(rate), rate, "FLOAT")
    samples = read_clip(path, 16000)
    assert abs(len(samples) - 8000) <= 1
    inside = slice(200, 7800)
    np.testing.assert_allclose(samples[inside], tone(16000)[inside], atol=2e-3)


def test_what_the_lower_rate_cannot_hold_is_taken_out(tmp_path):
    high = tone(48000, hertz=11000.0)
    samples = read_clip(write(tmp_path / "a.wav", high, 48000), 16000)
    assert np.abs(samples[200:-200]).max() < 0.5e-2


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_a_part_is_that_part_of_the_whole(tmp_path, rate, suffix):
    noise = np.random.default_rng(0).normal(size=rate) * 0.1
    path = write(tmp_path / f"a.{suffix}", noise, rate)
    whole, sound = read_clip(path), whole_sound(path)
    assert len(whole) == resampled_length(sound, 16000) == 16000
    for start, count in ((0, 16000), (0, 5), (777, 1000), (15990, 10), (8000, 8000)):
        part = read_samples(path, sound, start, count, 16000)
        np.testing.assert_allclose(part, whole[start : start + count], atol=1e-6)
    around = read_samples(path, sound, -100, 16300, 16000)
    np.testing.assert_allclose(around, np.pad(whole, (100, 200)), atol=1e-6)


def test_resampling_is_scipys(tmp_path):
    from scipy.signal import resample_poly

    noise = np.random.default_rng(0).normal(size=4410) * 0.1
    path = write(tmp_path / "a.wav", noise, 44100, "DOUBLE")
    np.testing.assert_allclose(read_clip(path), resample_poly(noise, 160, 441), atol=1e-6)


def test_overshoot_is_cut_off(tmp_path):
    square = np.sign(np.sin(np.arange(8000) / 9 + 0.1))
    samples = read_clip(write(tmp_path / "a.wav", square, 8000, "FLOAT"), 16000)
    assert (samples.min(), samples.max()) == (-1, 1)


def truncated(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    return path


def wav_header(channels=1, samples=b"\0\0" * 100):
    body = b"WAVEfmt " + (16).to_bytes(4, "little") + (1).to_bytes(2, "little")
    body += channels.to_bytes(2, "little") + (16000).to_bytes(4, "little")
    body += (32000).to_bytes(4, "little") + (2).to_bytes(2, "little") + (16).to_bytes(2, "little")
    body += b"data" + len(samples).to_bytes(4, "little") + samples
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def mp3():
    file = io.BytesIO()
    soundfile.write(file, tone(16000), 16000, format="MP3")
    return file.getvalue()


def png():
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"", "the file is empty"),
        (lambda: mp3()[:9], "holds no samples|Error|recogni|malformed"),
        (lambda: b"\0\0\0\x20ftypM4A " + bytes(99), "it is an MP4 or M4A file"),
        (lambda: b"\xff\xfeh\0i\0", "its first bytes are none of these formats'"),
        (png, "it is a PNG picture file"),
        (lambda: b"some text, no sound", "its first bytes are none of these formats'"),
        (lambda: wav_header(channels=0), "hannel"),
        (lambda: wav_header(samples=b""), "it holds no samples"),
        (wav_header, "it is silent"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path, content, reason):
    path = tmp_path / "a.wav"
    path.write_bytes(content())
    with pytest.raises(ValueError, match=f"known by its first bytes.*a.wav.*{reason}"):
        read_clip(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_a_truncated_file_is_named(tmp_path, suffix):
    noise = np.random.default_rng(0).normal(size=30000) * 0.1
    path = write(tmp_path / f"a.{suffix}", noise)
    truncated(path, path.stat().st_size // 2)
    with pytest.raises(ValueError, match="must be a whole WAV, FLAC, OGG, .* file"):
        read_clip(path)


def test_a_wav_of_unknown_length_is_read_to_its_end(tmp_path):
    path = write(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    np.testing.assert_allclose(read_clip(path), tone(16000), atol=1e-4)


@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64", "RF64", "CAF", "MP3"])
def test_other_truncated_files_are_named_too(tmp_path, kind):
    noise = np.random.default_rng(0).normal(size=30000) * 0.1
    path = write(tmp_path / "a", noise, format=kind)
    truncated(path, path.stat().st_size // 2)
    with pytest.raises(ValueError, match="must be a whole WAV"):
        read_clip(path)


@pytest.mark.parametrize(
    ("at", "more"), [(4, 8), (4, 1), (4, -8), (40, 1), (40, 36), (40, 44), (40, 2)]
)
def test_sizes_in_a_header_may_be_off_by_padding(tmp_path, at, more):
    path = write(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    announced = int.from_bytes(content[at : at + 4], "little") + more
    content[at : at + 4] = announced.to_bytes(4, "little")
    path.write_bytes(content)
    np.testing.assert_allclose(read_clip(path), tone(16000), atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "GSM610"), ("WAV", "G721_32"), ("AU", "G723_24"), ("WAV", "NMS_ADPCM_16")],
)
def test_codecs_that_cannot_seek_are_read_from_their_beginning(tmp_path, kind, subtype):
    path = write(tmp_path / "a.wav", tone(8000, 1.0), 8000, subtype, format=kind)
    whole, sound = read_clip(path, 8000), whole_sound(path)
    assert np.corrcoef(whole[:8000], tone(8000, 1.0))[0, 1] > 0.98
    part = read_samples(path, sound, 3333, 1000, 8000)
    np.testing.assert_array_equal(part, whole[3333:4333])


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_rates_that_no_recorder_has_are_refused(tmp_path, rate):
    content = bytearray(wav_header(samples=bytes(range(200))))
    content[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=f"its rate is {rate} Hz, not from 1000 to 768000"):
        read_clip(tmp_path / "a.wav")


def test_what_is_too_long_for_memory_is_refused_by_its_header(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav")
    monkeypatch.setattr(clips, "_MOST_SAMPLES", 8000)
    assert len(read_clip(path)) == 8000
    monkeypatch.setattr(clips, "_mono_blocks", None)
    with pytest.raises(ValueError, match=r"At most 8,000 samples.*8,001 of .*a\.wav \(0 s, rate="):
        read_clip(path, 16001)


def test_a_long_recording_is_decoded_in_parts_that_fit(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).normal(size=44100) * 0.1
    path = write(tmp_path / "a.flac", noise, 44100)
    whole = read_clip(path)
    monkeypatch.setattr(clips, "_RESAMPLED_AT_ONCE", 1234)
    np.testing.assert_allclose(read_clip(path), whole, atol=1e-6)


def test_bytes_and_uploads_are_read(tmp_path):
    path = write(tmp_path / "a.flac")
    with open(path, "rb") as file:
        for given in (path.read_bytes(), io.BytesIO(path.read_bytes()), file):
            np.testing.assert_array_equal(read_clip(given), read_clip(path))
    with pytest.raises(ValueError, match=r"Received: bytes \(its first bytes are none"):
        read_clip(b"no sound")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda samples: samples.__setitem__(4000, np.nan), "NaN or infinity after 0.00 s"),
        (lambda samples: samples.__setitem__(4000, 900.0), "its floats reach 900, where 1 is full"),
        (lambda samples: samples.fill(0.25), "it is silent"),
    ],
)
def test_floats_that_are_no_sound(tmp_path, change, reason):
    samples = tone(16000)
    change(samples)
    with pytest.raises(ValueError, match=reason):
        read_clip(write(tmp_path / "a.wav", samples, subtype="FLOAT"))


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="must be a file that can be read"):
        read_clip(tmp_path / "none.wav")


def test_a_rate_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="rate must be a whole number"):
        read_clip(tmp_path / "none.wav", rate=0.5)


@pytest.mark.parametrize(
    ("samples", "hop", "starts"),
    [
        (3, 10, [-4]),
        (9, 10, [-1]),
        (10, 10, [0]),
        (14, 10, [0]),
        (15, 10, [0, 5]),
        (30, 10, [0, 10, 20]),
        (34, 10, [0, 10, 20]),
        (36, 10, [0, 10, 20, 26]),
        (17, 4, [0, 4, 7]),
        (15, 4, [0, 4]),
        (16, 4, [0, 4, 6]),
        (44, 30, [0, 30]),
        (46, 30, [0, 30]),
        (30, 30, [0, 20]),
    ],
)
def test_where_windows_begin(samples, hop, starts):
    windows = Windows(10, hop, 1)
    assert window_starts(samples, windows).tolist() == starts
    clip = np.arange(1.0, samples + 1)
    cut = cut_clip(clip, windows)
    assert cut.shape == (len(starts), 10)
    for start, window in zip(starts, cut, strict=True):
        inside = np.arange(start, start + 10)
        expected = np.where((inside >= 0) & (inside < samples), inside + 1, 0)
        np.testing.assert_array_equal(window, expected)


def test_whole_numbers_become_shares_of_full_scale():
    assert as_waveforms(np.array([-(2**31), 2**30], "int32")).tolist() == [-1, 0.5]
    assert as_waveforms([0.25]).dtype == np.float32


def test_waveforms_that_are_not_scaled():
    warn_if_loud(np.full((2, 3), 1.5))
    with pytest.warns(UserWarning, match="between -1 and 1. Received: values up to 12000"):
        warn_if_loud(np.array([[3, -12000]], "int16"))
