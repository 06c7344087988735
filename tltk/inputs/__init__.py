"""Raw data in: pictures, texts, sound and series from files, folders, tables and arrays."""

from tltk._cache import bundle_folder, cache_folder, home_folder, notebooks_folder
from tltk.inputs.audio import audio_folder, audio_table, read_clip
from tltk.inputs.decoding import read_image, resize_images
from tltk.inputs.examples import Data, Examples, Splits, examples_of, splits_of
from tltk.inputs.images import image_folder, image_table
from tltk.inputs.series import Series, series_file
from tltk.inputs.splits import split_rows
from tltk.inputs.texts import text_file, text_folder, text_table
from tltk.inputs.windows import (
    Scaling,
    SeriesWindows,
    cut_windows,
    learn_scaling,
    scale_windows,
    series_windows,
)

__all__ = [
    "Data",
    "Examples",
    "Scaling",
    "Series",
    "SeriesWindows",
    "Splits",
    "audio_folder",
    "audio_table",
    "bundle_folder",
    "cache_folder",
    "cut_windows",
    "examples_of",
    "home_folder",
    "image_folder",
    "image_table",
    "learn_scaling",
    "notebooks_folder",
    "read_clip",
    "read_image",
    "resize_images",
    "scale_windows",
    "series_file",
    "series_windows",
    "split_rows",
    "splits_of",
    "text_file",
    "text_folder",
    "text_table",
]
