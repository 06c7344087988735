"""`import tltk` against `import keras`, each in a fresh process.

The time of the import statement alone counts, not that of starting Python. One process of each goes
first uncounted, so that files are in memory and bytecode is written.
"""

import os
import subprocess
import sys

import common

FULL, QUICK = {"repeats": 4}, {"repeats": 1}
STATEMENT = (
    "import time; began = time.perf_counter(); import {}; print(time.perf_counter() - began)"
)


def import_seconds(module):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", STATEMENT.format(module)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(ran.stdout.splitlines()[-1])


def main(arguments=None):
    chosen = common.options(__doc__, arguments)
    settings = QUICK if chosen.quick else FULL
    began = common.start()
    sides = {
        f"import {module}": lambda module=module: import_seconds(module)
        for module in ("keras", "tltk")
    }
    for side in () if chosen.quick else sides.values():
        side()
    measured = common.interleaved(sides, settings["repeats"])
    found = common.ratios(measured["import tltk"], measured["import keras"])
    findings = [
        common.finding("import tltk against import keras", found, 1.1, unit="share", at_most=True)
    ]
    rows = [{"side": name, "seconds": common.spread(each)} for name, each in measured.items()]
    facts = {"weights": None, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, **facts)


if __name__ == "__main__":
    main()
