"""Peak memory while extracting features of ten times as many pictures: it should not grow.

Each size runs in a process of its own: a folder of small JPEG files is loaded with
`tltk.image_folder` and goes through the bundled mobilenet_v2 at 96 pixels by `extract_features`,
with an empty cache; decoded rows and features are kept on disk. The peak memory of the whole
process counts, Keras included. Anonymous memory is what cannot be given back to a file: the
largest RssAnon of Linux, asked for every 20 ms. Resident memory, which holds mapped files too, is
the kernel's VmHWM on Linux, `ru_maxrss` elsewhere (which on Linux would carry over the parent's).
"""

import json
import subprocess
import sys
import threading
from pathlib import Path

import common

FULL = {"few": 2000, "many": 20_000, "side": 64, "network": "mobilenet_v2", "repeats": 1}
QUICK = {"few": 40, "many": 80, "side": 32, "network": "small_cnn", "repeats": 1}


STATUS = Path("/proc/self/status")
ANONYMOUS, RESIDENT = "anonymous", "resident"


def megabytes_of(entry):
    """An entry of Linux's status of this process."""
    [line] = [x for x in STATUS.read_text().splitlines() if x.startswith(f"{entry}:")]
    return int(line.split()[1]) / 1024


def anonymous_peak(function):
    """The largest anonymous memory while a function runs; None where the system does not tell."""
    if not STATUS.exists():
        return function()
    found, ended = [megabytes_of("RssAnon")], threading.Event()

    def watch():
        while not ended.wait(0.02):
            found.append(megabytes_of("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        function()
    finally:
        ended.set()
        watcher.join()
    return max(found)


def peak_megabytes():
    """This process's largest resident memory so far."""
    if STATUS.exists():
        return megabytes_of("VmHWM")
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def extract(folder, side, network):
    """The child's work: print the number of features and the peaks, as JSON."""
    import tltk

    counts = []

    def work():
        photos = tltk.image_folder(folder, image_size=side, val=0, test=0)
        weights = "imagenet" if network == "mobilenet_v2" else None
        backbone = tltk.load_backbone(network, weights=weights, input_shape=side)
        counts.append(len(tltk.extract_features(backbone, photos.train, engine="auto")[0]))

    anonymous = anonymous_peak(work)
    print(json.dumps({"count": counts[0], ANONYMOUS: anonymous, RESIDENT: peak_megabytes()}))


def peaks_of_child(count, side, network):
    with common.picture_folder(count, side=32) as folder, common.fresh_cache():
        command = [sys.executable, __file__, "--child", str(folder), str(side), network]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["count"] == count, answer
    return answer


def main(arguments=None):
    chosen = common.options(__doc__, arguments, child={"nargs": 3, "help": "(used by itself)"})
    if chosen.child:
        folder, side, network = chosen.child
        return extract(folder, int(side), network)
    settings = QUICK if chosen.quick else FULL
    began = common.start()
    counts, network = [settings["few"], settings["many"]], settings["network"]
    peaks = {count: [] for count in counts}

    def resident(count):
        peaks[count].append(peaks_of_child(count, settings["side"], network))
        return peaks[count][-1][RESIDENT]

    sides = {f"{count:,} pictures": lambda count=count: resident(count) for count in counts}
    common.interleaved(sides, settings["repeats"])
    kinds = [kind for kind in (ANONYMOUS, RESIDENT) if peaks[counts[0]][0][kind] is not None]
    few, many = (
        {kind: [each[kind] for each in peaks[count]] for kind in kinds} for count in counts
    )
    rows = [
        {"side": name} | {f"{kind} megabytes": common.spread(each[kind]) for kind in kinds}
        for name, each in zip(sides, (few, many), strict=True)
    ]
    findings = [
        common.finding(
            f"peak {kind} memory, {counts[1]:,} pictures against {counts[0]:,}",
            common.ratios(many[kind], few[kind]),
            1.1 if kind == kinds[0] else None,
            unit="share",
            at_most=True,
        )
        for kind in kinds
    ]
    facts = {"weights": "imagenet" if network == "mobilenet_v2" else None, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, **facts)


if __name__ == "__main__":
    main()
