"""`import tltk` against `import keras`, each repeat in a fresh process.

tltk imports Keras first of all, so one process times both: it imports Keras, and then tltk, whose
time is that of the two together. Starting Python counts nowhere. One process goes first uncounted,
so that files are in memory and bytecode is written.
"""

import os
import subprocess
import sys

import common

FULL, QUICK = {"repeats": 5}, {"repeats": 1}
MODULES = ("keras", "tltk")
STATEMENT = "import time; began = time.perf_counter()" + "".join(
    f"; import {module}; print(time.perf_counter() - began)" for module in MODULES
)


def import_seconds():
    """Seconds until Keras is there, and until tltk is, in one new process."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", STATEMENT]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [float(line) for line in ran.stdout.splitlines()[-2:]]


def main(arguments=None):
    chosen = common.options(__doc__, arguments)
    settings = QUICK if chosen.quick else FULL
    began = common.start()
    if not chosen.quick:
        import_seconds()
    both = [import_seconds() for _ in range(settings["repeats"])]
    measured = {
        f"import {module}": seconds
        for module, seconds in zip(MODULES, zip(*both, strict=True), strict=True)
    }
    found = common.ratios(measured["import tltk"], measured["import keras"])
    findings = [
        common.finding("import tltk against import keras", found, 1.1, unit="share", at_most=True)
    ]
    rows = [{"side": name, "seconds": common.spread(each)} for name, each in measured.items()]
    facts = {"weights": None, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, **facts)


if __name__ == "__main__":
    main()
