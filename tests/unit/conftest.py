"""One process with Keras and without tltk, for all tests that ask what a saved file needs."""

import json
import os
import subprocess
import sys

import pytest

SERVER = """
import json, os, sys, traceback
import keras, numpy as np
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    script, folder = json.loads(line)
    os.chdir(folder)
    error = None
    try:
        exec(script, {"keras": keras, "np": np})
        assert "tltk" not in sys.modules
    except BaseException:
        error = traceback.format_exc()
    print(json.dumps(error), file=answers, flush=True)
"""


@pytest.fixture(scope="session")
def without_tltk(tmp_path_factory):
    """A function that runs a script in a folder, where `keras` and `np` are there and tltk not."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip

    def run(script, folder):
        print(json.dumps([script, str(folder)]), file=process.stdin, flush=True)
        error = json.loads(process.stdout.readline())
        assert error is None, error

    yield run
    process.stdin.close()
    process.wait()
    process.stdout.close()
