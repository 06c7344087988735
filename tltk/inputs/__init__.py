"""Raw data in: pictures, texts, sound and series from files and folders, named sets, arrays."""

from tltk._cache import bundle_folder, cache_folder, home_folder, notebooks_folder
from tltk.inputs.audio import audio_folder
from tltk.inputs.blending import blend_with_photos, blended_splits
from tltk.inputs.catalog import list_datasets, load_dataset
from tltk.inputs.clips import read_clip
from tltk.inputs.decoding import read_image, resize_images
from tltk.inputs.examples import Examples, Splits, examples_of, splits_of, warn_if_scaled
from tltk.inputs.gaps import pair_by_class, rows_with_gaps
from tltk.inputs.glyphs import Glyphs, glyph_alphabets
from tltk.inputs.images import image_folder
from tltk.inputs.organisations import Organisation, organisation_network
from tltk.inputs.series import Series, series_file
from tltk.inputs.shifts import Shift, shifted_domains
from tltk.inputs.sinusoids import sinusoid_tasks
from tltk.inputs.splits import split_rows
from tltk.inputs.texts import text_file, text_folder
from tltk.inputs.vibration import Vibration, vibration_windows
from tltk.inputs.windows import (
    Scaling,
    SeriesWindows,
    cut_windows,
    learn_scaling,
    scale_windows,
    series_windows,
)
from tltk.inputs.word_categories import word_categories

__all__ = [
    "Examples",
    "Glyphs",
    "Organisation",
    "Scaling",
    "Series",
    "SeriesWindows",
    "Shift",
    "Splits",
    "Vibration",
    "audio_folder",
    "blend_with_photos",
    "blended_splits",
    "bundle_folder",
    "cache_folder",
    "cut_windows",
    "examples_of",
    "glyph_alphabets",
    "home_folder",
    "image_folder",
    "learn_scaling",
    "list_datasets",
    "load_dataset",
    "notebooks_folder",
    "organisation_network",
    "pair_by_class",
    "read_clip",
    "read_image",
    "resize_images",
    "rows_with_gaps",
    "scale_windows",
    "series_file",
    "series_windows",
    "shifted_domains",
    "sinusoid_tasks",
    "split_rows",
    "splits_of",
    "text_file",
    "text_folder",
    "vibration_windows",
    "warn_if_scaled",
    "word_categories",
]
