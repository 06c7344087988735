"""Named sets, bundled or of TensorFlow Datasets, and sets that are made on purpose."""

from tltk.datasets.made_domains import Shift, make_shifted_domains
from tltk.datasets.made_modalities import make_rows_with_gaps, pair_by_class
from tltk.datasets.made_networks import Organisation, make_organisation
from tltk.datasets.made_pictures import Glyphs, blend_with_photos, make_blended_splits, make_glyphs
from tltk.datasets.made_series import Vibration, make_sinusoid_tasks, make_vibration_windows
from tltk.datasets.made_sweets import Sweets, make_sweets
from tltk.datasets.named import list_datasets, load_dataset, word_categories

__all__ = [
    "Glyphs",
    "Organisation",
    "Shift",
    "Sweets",
    "Vibration",
    "blend_with_photos",
    "list_datasets",
    "load_dataset",
    "make_blended_splits",
    "make_glyphs",
    "make_organisation",
    "make_rows_with_gaps",
    "make_shifted_domains",
    "make_sinusoid_tasks",
    "make_sweets",
    "make_vibration_windows",
    "pair_by_class",
    "word_categories",
]
