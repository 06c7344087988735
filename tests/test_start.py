import os

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
