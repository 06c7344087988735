"""Peak memory while extracting features of ten times as many pictures: it should not grow.

Each size runs in a process of its own: a folder of small JPEG files is loaded with
`tltk.image_folder` and goes through the bundled mobilenet_v2 at 96 pixels by `extract_features`,
with an empty cache. The peak resident memory of the whole process counts, Keras included. It is
the kernel's VmHWM on Linux, `ru_maxrss` elsewhere (which on Linux would carry over the parent's).
"""

import json
import subprocess
import sys
from pathlib import Path

import common

FULL = {"few": 2000, "many": 20_000, "side": 64, "network": "mobilenet_v2", "repeats": 1}
QUICK = {"few": 40, "many": 80, "side": 32, "network": "small_cnn", "repeats": 1}


def peak_megabytes():
    """This process's largest resident memory so far."""
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [x for x in status.read_text().splitlines() if x.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def extract(folder, side, network):
    """The child's work: print the number of features and the peak, as JSON."""
    import tltk

    photos = tltk.image_folder(folder, image_size=side, val=0, test=0)
    weights = "imagenet" if network == "mobilenet_v2" else None
    backbone = tltk.load_backbone(network, weights=weights, input_shape=side)
    features, _ = tltk.extract_features(backbone, photos.train, engine="auto")
    print(json.dumps({"count": len(features), "megabytes": peak_megabytes()}))


def peak_of_child(count, side, network):
    with common.picture_folder(count, side=32) as folder, common.fresh_cache():
        command = [sys.executable, __file__, "--child", str(folder), str(side), network]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer = json.loads(ran.stdout.splitlines()[-1])
    assert answer["count"] == count, answer
    return answer["megabytes"]


def main(arguments=None):
    chosen = common.options(__doc__, arguments, child={"nargs": 3, "help": "(used by itself)"})
    if chosen.child:
        folder, side, network = chosen.child
        return extract(folder, int(side), network)
    settings = QUICK if chosen.quick else FULL
    began = common.start()
    few, many, network = (settings[each] for each in ("few", "many", "network"))
    sides = {
        f"{count:,} pictures": lambda count=count: peak_of_child(count, settings["side"], network)
        for count in (few, many)
    }
    measured = common.interleaved(sides, settings["repeats"])
    small, large = measured.values()
    rows = [{"side": name, "megabytes": common.spread(each)} for name, each in measured.items()]
    findings = [
        common.finding(
            f"peak memory, {many:,} pictures against {few:,}",
            common.ratios(large, small),
            1.1,
            unit="share",
            at_most=True,
        )
    ]
    facts = {"weights": "imagenet" if network == "mobilenet_v2" else None, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, **facts)


if __name__ == "__main__":
    main()
