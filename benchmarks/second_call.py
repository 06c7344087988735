"""The second call with everything in the cache against the first, from files on disk.

Both calls load the same folder of JPEG files with `tltk.image_folder`, which reads and decodes each
file once, and run `extract_features` on it; ResNet50 at 224 pixels on Keras. The cache is empty
before the first. Counted twice: the whole, and `extract_features` alone. Imports and loading the
network count nowhere; the first call's tracing does.
"""

import time

import common

import tltk

FULL = {"network": "resnet50", "side": 224, "count": 500, "repeats": 1}
QUICK = {"network": "small_cnn", "side": 32, "count": 20, "repeats": 1}


def call(folder, network, side):
    """Seconds of the whole call, and of its `extract_features`."""
    began = time.perf_counter()
    photos = tltk.image_folder(folder, image_size=side, val=0, test=0)
    loaded = time.perf_counter()
    tltk.extract_features(network, photos.train)
    ended = time.perf_counter()
    return ended - began, ended - loaded


def main(arguments=None):
    chosen = common.options(__doc__, arguments)
    settings = QUICK if chosen.quick else FULL
    began = common.start()
    name, side = settings["network"], settings["side"]
    weights = common.weights_of(name, chosen.quick)
    parts = ("files and features", "features alone")
    measured = {f"{which} call, {part}": [] for part in parts for which in ("first", "second")}
    with common.picture_folder(settings["count"]) as folder:
        for _ in range(settings["repeats"]):
            network = common.fresh_network(name, weights, side)
            with common.fresh_cache():
                for which in ("first", "second"):
                    for part, seconds in zip(parts, call(folder, network, side), strict=True):
                        measured[f"{which} call, {part}"].append(seconds)
                        print(f"  {which} call, {part}: {seconds:.3f}", flush=True)
    rows = [{"side": side, "seconds": common.spread(each)} for side, each in measured.items()]
    findings = [
        common.finding(
            f"second call, everything cached, against the first: {part}",
            common.ratios(measured[f"first call, {part}"], measured[f"second call, {part}"]),
            50,
        )
        for part in parts
    ]
    remarks = [f"{each['what']}: {1 / each['median']:.1%} of its time." for each in findings]
    facts = {"weights": weights, "settings": settings}
    return common.report(__file__, __doc__, began, chosen, rows, findings, remarks, **facts)


if __name__ == "__main__":
    main()
