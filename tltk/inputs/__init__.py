"""Raw data in: pictures and texts from files and folders, named data sets, arrays."""

from tltk.inputs.catalog import list_datasets, load_dataset
from tltk.inputs.decoding import read_image, resize_images
from tltk.inputs.examples import Examples, Splits, batches, examples_of, take, warn_if_scaled
from tltk.inputs.images import image_folder
from tltk.inputs.places import bundle_folder, cache_folder, home_folder, notebooks_folder
from tltk.inputs.splits import split_rows
from tltk.inputs.texts import text_file, text_folder

__all__ = [
    "Examples",
    "Splits",
    "batches",
    "bundle_folder",
    "cache_folder",
    "examples_of",
    "home_folder",
    "image_folder",
    "list_datasets",
    "load_dataset",
    "notebooks_folder",
    "read_image",
    "resize_images",
    "split_rows",
    "take",
    "text_file",
    "text_folder",
    "warn_if_scaled",
]
