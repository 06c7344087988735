"""The start: Keras on a backend that is there, without TensorFlow's messages in a program."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # silences what comes after the start
BACKENDS = ("tensorflow", "jax")
MESSAGE = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]0000 |To enable the following instr).*\n?", re.M
)


def start_program() -> None:
    """Import Keras, quietly where tltk is the program that runs; imported, tltk changes nothing.

    While Python looks for the module of `python -m tltk`, `sys.argv[0]` is "-m".

    Raises:
        ImportError: where Keras cannot run on the backend that it was told to take.
    """
    if "keras" in sys.modules or (sys.argv[0] != "-m" and Path(sys.argv[0]).stem != "tltk"):
        import_keras()
        return
    os.environ.update(QUIET | os.environ)
    with start_up_messages_dropped():
        import_keras()


def import_keras() -> None:
    """Import Keras on one of our backends.

    Raises:
        ImportError: where another one is set, or one that is not installed.
    """
    try:
        import keras

        backend, problem = keras.backend.backend(), None
    except (ImportError, ValueError) as error:
        missing, problem = getattr(error, "name", None), error
        backend = os.environ.get("KERAS_BACKEND") or missing
        if missing in ("keras", "tensorflow") or not (backend or "backend" in str(error)):
            raise
    if problem is not None or backend not in BACKENDS:
        reason = f", which cannot be imported: {problem}" if problem else ""
        raise ImportError(
            f"tltk runs on Keras with {' or '.join(BACKENDS)} as its backend. Received: "
            f"{backend or 'a backend of keras.json'}{reason}. Set KERAS_BACKEND=tensorflow in the "
            "environment before Keras is imported (in a notebook: restart it first), or correct "
            "~/.keras/keras.json."
        ) from problem


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
