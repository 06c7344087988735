"""Make data/spoken_words: the digits zero to nine in six languages, spoken by espeak-ng.

Usage: python data/scripts/make_spoken_words.py

A speaker is a voice variant of espeak-ng at one of two pitches; both pitches of a variant are in
the same part, so that test voices are new. The same speakers speak all languages: English three
times at three speeds, the others once. Speed and loudness are drawn. Silence at both ends is cut
off. One Ogg Vorbis file a language, 8 kHz, one word after the other; the index says where each
begins.
"""

import csv
import io
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from ogg_pages import with_serial_number
from scipy.signal import resample_poly

WORDS = {
    "english": "zero one two three four five six seven eight nine",
    "german": "null eins zwei drei vier fünf sechs sieben acht neun",
    "spanish": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "french": "zéro un deux trois quatre cinq six sept huit neuf",
    "turkish": "sıfır bir iki üç dört beş altı yedi sekiz dokuz",  # noqa: RUF001
    "swahili": "sifuri moja mbili tatu nne tano sita saba nane tisa",
}
CODES = {
    "english": "en-us",
    "german": "de",
    "spanish": "es",
    "french": "fr",
    "turkish": "tr",
    "swahili": "sw",
}
VARIANTS = {
    "train": "m1 m3 m5 m8 f1 f3 f5 whisper klatt2 Andy linda Gene".split(),
    "val": "m4 f4".split(),
    "test": "m2 m7 f2 croak whisperf Annie steph".split(),
}
PITCHES, TAKES = (35, 65), {"english": 3}
SPEEDS, PEAKS = (140, 200), (0.2, 0.9)
RATE, LONGEST, QUALITY = 8000, 1.0, 0.2


def spoken(word: str, code: str, variant: str, pitch: int, speed: int) -> np.ndarray:
    """One word by espeak-ng, at 8 kHz, without the silence around it."""
    voice = ["-v", f"{code}+{variant}", "-p", str(pitch), "-s", str(speed)]
    command = ["espeak-ng", *voice, "--stdout", word]
    wave = subprocess.run(command, capture_output=True, check=True).stdout
    signal, rate = soundfile.read(io.BytesIO(wave))
    signal = resample_poly(signal, RATE, rate)
    window = np.ones(RATE // 100) / (RATE // 100)
    loudness = np.sqrt(np.convolve(signal**2, window, "same"))
    loud = np.flatnonzero(loudness > 0.01 * loudness.max())
    margin = RATE // 50
    return signal[max(loud[0] - margin, 0) : loud[-1] + margin]


def recordings(language: str) -> list[dict]:
    """Who says what, how fast and how loud; the same at every call."""
    draw = np.random.default_rng([ord(letter) for letter in language])
    rows = []
    for part, variants in VARIANTS.items():
        for variant in variants:
            for pitch in PITCHES:
                for digit, word in enumerate(WORDS[language].split()):
                    for take in range(TAKES.get(language, 1)):
                        speed = int(draw.integers(*SPEEDS))
                        rows.append({"label": digit, "word": word, "speaker": f"{variant}-{pitch}",
                                     "take": take, "part": part, "speed": speed,
                                     "peak": draw.uniform(*PEAKS)})  # fmt: skip
    return rows


def write(language: str, folder: Path) -> None:
    """Speak all the words of a language into one file, and index them."""

    def speak(row):
        variant, _, pitch = row["speaker"].rpartition("-")
        signal = spoken(row["word"], CODES[language], variant, int(pitch), row["speed"])
        assert len(signal) <= LONGEST * RATE, row
        return signal * row["peak"] / np.abs(signal).max()

    rows = recordings(language)
    with ThreadPoolExecutor() as threads:
        signals = list(threads.map(speak, rows))
    lengths = [len(signal) for signal in signals]
    content = io.BytesIO()
    settings = {"format": "OGG", "subtype": "VORBIS", "compression_level": 1 - QUALITY}
    with soundfile.SoundFile(content, "w", RATE, 1, **settings) as file:
        for signal in signals:
            file.write(signal)
    content = with_serial_number(content.getvalue(), 1)
    (folder / f"{language}.ogg").write_bytes(content)
    columns = ["start", "length", "label", "word", "speaker", "take", "part"]
    with open(folder / f"{language}.tsv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, "", "ignore", "excel-tab", lineterminator="\n")
        table.writeheader()
        for row, start, length in zip(rows, np.cumsum([0, *lengths[:-1]]), lengths, strict=True):
            table.writerow(row | {"start": start, "length": length})
    seconds = np.array(lengths) / RATE
    print(f"{language}: {len(rows)} words, {seconds.min():.2f} to {seconds.max():.2f} s each,",
          f"{seconds.sum():.0f} s in all, {len(content)} bytes")  # fmt: skip


if __name__ == "__main__":
    out = Path(__file__).parents[1] / "spoken_words"
    out.mkdir(exist_ok=True)
    for language in WORDS:
        write(language, out)
