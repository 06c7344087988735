"""Transfer learning in Keras 3: pretrained networks on your own data, with honest numbers."""

from importlib import import_module

from tltk._start import start_program

start_program()

__version__ = "0.2.0"
_AREAS = (
    "adaptation",
    "backbones",
    "datasets",
    "evaluation",
    "few_labels",
    "inputs",
    "plotting",
    "shipping",
    "tuning",
)
_DOOR = {
    "inputs": [
        "image_folder",
        "image_table",
        "text_file",
        "text_folder",
        "text_table",
        "audio_folder",
        "audio_table",
        "series_file",
        "series_windows",
    ],
    "datasets": ["load_dataset", "list_datasets"],
    "backbones": ["load_backbone", "load_text_backbone", "load_audio_backbone", "list_backbones"],
    "tuning": [
        "build_classifier",
        "freeze",
        "unfreeze",
        "trainable_table",
        "fit_linear_head",
        "fine_tune",
        "extract_features",
        "save_model",
        "load_model",
    ],
    "evaluation": [
        "predict",
        "predict_split",
        "compare_transfer",
        "rank_backbones",
        "check_splits",
    ],
}
_AREA_OF = {name: area for area, names in _DOOR.items() for name in names}
__all__ = sorted(_AREA_OF)


def __getattr__(name):
    """Load an area, or a name's area, when it is first asked for."""
    if name in _AREAS:
        return import_module(f"tltk.{name}")
    if name not in _AREA_OF:
        raise AttributeError(f"module 'tltk' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"tltk.{_AREA_OF[name]}"), name)
    return found


def __dir__():
    return sorted({*globals(), *_AREAS, *__all__})


# Registers the layers that saved models of texts, sounds and TF-Hub name
import_module("tltk.backbones")
