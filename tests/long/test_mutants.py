"""Faults in the numeric core are noticed: one round of them, run by `make test-long`."""

import importlib
import sys
from pathlib import Path

FILE = Path(__file__).with_name("mutants.py")
SHARE = 0.92
SEED = 1


def helper():
    """mutants.py under its own name, which the processes it starts import it by."""
    sys.path.insert(0, str(FILE.parent))
    return importlib.import_module("mutants")


def test_the_tests_of_the_numeric_core_notice_most_faults():
    mutants = helper()
    drawn = mutants.drawn(SEED)
    lived = [each for each in mutants.survivors(drawn) if not mutants.is_equivalent(each)]
    noticed = 1 - len(lived) / len(drawn)
    assert noticed >= SHARE, "\n".join(["Not noticed:", *map(str, lived)])


def test_every_equivalent_fault_is_still_there():
    mutants = helper()
    every = {
        (found.module, found.before, found.after)
        for module in {each[0] for each in mutants.KNOWN_EQUIVALENT}
        for found in mutants.every_fault(module)
    }
    assert {each[:3] for each in mutants.KNOWN_EQUIVALENT} <= every
