"""What a user would write with fastai; photographs.py starts it in a Python that has fastai."""

import json
import sys
import warnings
from pathlib import Path

from clock import Clock, laps, plus


def seconds(clock, folder, settings):
    """A frozen `vision_learner` from a folder; one epoch stands for all."""
    from fastai.callback.schedule import fit_one_cycle  # noqa: F401  (patches Learner)
    from fastai.callback.training import ShortEpochCallback
    from fastai.vision.all import ImageDataLoaders, Resize, accuracy, resnet50, vision_learner

    loaders = ImageDataLoaders.from_folder(
        folder, train="train", valid="val", item_tfms=Resize(settings["side"]), bs=32
    )
    learner = vision_learner(loaders, resnet50, metrics=accuracy, pretrained=False)
    learner.freeze()
    with learner.no_bar(), learner.no_logging():
        learner.fit(1, cbs=[ShortEpochCallback(0.01, short_valid=True)])
        once = clock()
        first = laps(clock, learner.fit_one_cycle, 1)
    return {"fastai": plus(once, first, settings["epochs"])}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder, settings = sys.argv[1:]
    print("\n" + json.dumps(seconds(Clock(), Path(folder), json.loads(settings))))
