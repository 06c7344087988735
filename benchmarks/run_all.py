"""Run every benchmark in a process of its own, then draw the figure of all kept results.

python benchmarks/run_all.py            # results/*.json and docs/benchmarks.png
python benchmarks/run_all.py --quick --out build/benchmarks
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import common
from figure import draw

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "photographs head_only last_stage extraction second_call memory imports input_pipeline "
    "domain_step"
).split()


def read(folder):
    """The kept results, in the order of the scripts."""
    paths = [folder / f"{name}.json" for name in SCRIPTS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def main(arguments=None):
    chosen = common.options(__doc__, arguments)
    if chosen.out is None:
        sys.exit("--quick must say where its results go. Received: no --out. Pass --out FOLDER.")
    began, failed = time.perf_counter(), []
    for number, name in enumerate(SCRIPTS, start=1):
        print(f"[{number}/{len(SCRIPTS)}] {name}, {time.perf_counter() - began:.0f} s", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), "--out", str(chosen.out)]
        if subprocess.run(command + ["--quick"] * chosen.quick).returncode:
            failed.append(name)
    kept = chosen.out == common.RESULTS
    path = (HERE.parent / "docs" if kept else chosen.out) / "benchmarks.png"
    draw(read(chosen.out)).savefig(path)
    print(f"All of it took {time.perf_counter() - began:.0f} s; the figure is {path}.")
    if failed:
        sys.exit(f"These did not finish: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
