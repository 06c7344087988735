import os
import subprocess
import sys

import pytest

from tltk._start import start_up_messages_dropped

NOISE = b"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795873320.365536    6704 port.cc:153] oneDNN custom operations are on.
To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.
"""


def test_only_start_up_messages_are_dropped(capfd):
    with start_up_messages_dropped():
        os.write(2, b"before\n" + NOISE + b"F0000 fatal: this matters\n")
        os.write(1, b"answer\n")
    os.write(2, b"after\n")
    assert capfd.readouterr() == ("answer\n", "before\nF0000 fatal: this matters\nafter\n")


@pytest.mark.parametrize(
    ("setting", "settings", "received"),
    [
        ("torch_of_no_one", "{}", "torch_of_no_one, which cannot be imported: Unable to import"),
        ("numpy", "{}", "numpy"),
        (None, '{"backend": "theano"}', "a backend of keras.json, which cannot be imported"),
    ],
)
def test_a_backend_that_cannot_serve_is_named_with_the_setting(
    tmp_path, setting, settings, received
):
    (tmp_path / "keras.json").write_text(settings)
    known = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    known |= {"KERAS_HOME": str(tmp_path)} | ({} if setting is None else {"KERAS_BACKEND": setting})
    ended = subprocess.run(
        [sys.executable, "-c", "import tltk"], env=known, capture_output=True, text=True
    )
    *_, error = ended.stderr.splitlines()
    rule = "ImportError: tltk runs on Keras with tensorflow or jax as its backend. Received: "
    assert error.startswith(rule + received)
