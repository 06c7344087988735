"""Seconds and CPU-seconds of a program since it was started by another one."""

import os
import time


class Clock:
    """Seconds and CPU-seconds since this program was started."""

    def __init__(self):
        self.began = float(os.environ["TLTK_BENCH_BEGAN"])

    def __call__(self):
        used = os.times()
        return time.time() - self.began, sum(used[:4])


def laps(clock, function, *arguments, **settings):
    """Call a function: the seconds and CPU-seconds that it took."""
    before = clock()
    function(*arguments, **settings)
    return [after - start for after, start in zip(clock(), before, strict=True)]


def plus(total, part, times):
    return [a + times * b for a, b in zip(total, part, strict=True)]
