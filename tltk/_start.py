"""The start without TensorFlow's start-up messages, most of which no setting silences."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # silences what comes after the start
MESSAGE = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]0000 |To enable the following instr).*\n?", re.M
)


def start_program() -> None:
    """Import Keras quietly where tltk is the program that runs; imported, tltk changes nothing.

    While Python looks for the module of `python -m tltk`, `sys.argv[0]` is "-m".
    """
    if "keras" in sys.modules or (sys.argv[0] != "-m" and Path(sys.argv[0]).stem != "tltk"):
        return
    os.environ.update(QUIET | os.environ)
    with start_up_messages_dropped():
        import keras  # noqa: F401


@contextmanager
def start_up_messages_dropped() -> Iterator[None]:
    """Hold back what is written to the error stream, C++ included; then show all but the noise."""
    with tempfile.TemporaryFile() as held:
        stream = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stream, 2)
            os.close(stream)
            held.seek(0)
            os.write(2, MESSAGE.sub("", held.read().decode(errors="replace")).encode())
