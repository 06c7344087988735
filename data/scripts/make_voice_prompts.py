"""Make data/voice_prompts: telephone prompts in three languages, recorded by two people.

Usage: python data/scripts/make_voice_prompts.py FOLDER

FOLDER holds what `dpkg -x` unpacks of asterisk-core-sounds-en-wav, -es-wav and -fr-wav. The same
prompts of each: the digits, and sentences of the voice mail and of the conference room. One FLAC
file a language, samples as they were, one prompt after the other; the index says where each begins.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import soundfile

SOURCES = {
    "english": "en_US_f_Allison",
    "spanish": "es_MX_f_Allison",
    "french": "fr_CA_f_June",
}
VOICE_MAIL = (
    "calldiffnum deleted dialout isonphone leavemsg msgsaved passchanged savefolder savemessage "
    "sorry tempremoved theperson tocancel undeleted"
)
CONFERENCE = (
    "enteringno extended hasjoin hasleft invalidpin leaderhasleft locked lockednow noempty "
    "otherinparty placeintoconf thereare unlockednow userswilljoin"
)
PROMPTS = [
    *(f"digits/{digit}" for digit in range(10)),
    *(f"vm-{name}" for name in VOICE_MAIL.split()),
    *(f"conf-{name}" for name in CONFERENCE.split()),
]
COLUMNS = ["start", "length", "label", "speaker", "prompt"]

if __name__ == "__main__":
    out = Path(__file__).parents[1] / "voice_prompts"
    out.mkdir(exist_ok=True)
    for language, voice in SOURCES.items():
        folder = Path(sys.argv[1], "usr", "share", "asterisk", "sounds", voice)
        signals = []
        for prompt in PROMPTS:
            signal, rate = soundfile.read(folder / f"{prompt}.wav", dtype="int16")
            assert (signal.ndim, rate) == (1, 8000), prompt
            signals.append(signal)
        lengths = [len(signal) for signal in signals]
        soundfile.write(out / f"{language}.flac", np.concatenate(signals), 8000,
                        compression_level=1.0)  # fmt: skip
        with open(out / f"{language}.tsv", "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, "excel-tab", lineterminator="\n")
            table.writerow(COLUMNS)
            speaker = voice.rpartition("_")[2].lower()
            starts = np.cumsum([0, *lengths[:-1]])
            for start, length, prompt in zip(starts, lengths, PROMPTS, strict=True):
                table.writerow([start, length, language, speaker, prompt])
        print(f"{language}: {len(PROMPTS)} prompts, {sum(lengths) / 8000:.0f} s,",
              (out / f"{language}.flac").stat().st_size, "bytes")  # fmt: skip
