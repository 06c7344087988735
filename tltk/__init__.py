"""Transfer learning in Keras 3: pretrained networks on your own data, with honest numbers."""

from importlib import import_module

from tltk._start import start_program

start_program()

# fmt: off
from tltk.backbones import (
    block_names, list_backbones, load_audio_backbone, load_backbone, load_hub_backbone,
    load_text_backbone, load_word_vectors, series_encoder,
)
from tltk.evaluation import (
    calibrate, check_splits, choose_threshold, classification_table, compare_transfer,
    corruption_table, domain_distance, kept_study, mase, mean_interval, naive_forecast, predict,
    predict_split, rank_backbones, seasonal_naive_forecast,
)
from tltk.inputs import (
    audio_folder, image_folder, list_datasets, load_dataset, series_file, series_windows, text_file,
    text_folder, vibration_windows,
)
from tltk.tuning import (
    build_classifier, extract_features, find_learning_rate, fine_tune, fit_linear_head, freeze,
    in_own_units, load_model, metadata, pretrain_contrastive, pretrain_masked, save_model,
    trainable_table, unfreeze,
)
from tltk.viewing import (
    format_table, plot_confusion_matrix, plot_history, plot_learning_curves, plot_mistakes,
    plot_pictures, plot_predictions, plot_ranking, plot_series, plot_transfer_gains, write_report,
)

__version__ = "0.2.0"
__all__ = [
    "audio_folder", "block_names", "build_classifier", "calibrate", "check_splits",
    "choose_threshold", "classification_table", "compare_transfer", "corruption_table",
    "domain_distance", "extract_features", "find_learning_rate", "fine_tune", "fit_linear_head",
    "format_table", "freeze", "image_folder", "in_own_units", "kept_study", "list_backbones",
    "list_datasets", "load_audio_backbone", "load_backbone", "load_dataset", "load_hub_backbone",
    "load_model", "load_text_backbone", "load_word_vectors", "mase", "mean_interval", "metadata",
    "naive_forecast", "plot_confusion_matrix", "plot_history", "plot_learning_curves",
    "plot_mistakes", "plot_pictures", "plot_predictions", "plot_ranking", "plot_series",
    "plot_transfer_gains", "predict", "predict_split", "pretrain_contrastive", "pretrain_masked",
    "rank_backbones", "save_model", "seasonal_naive_forecast", "series_encoder", "series_file",
    "series_windows", "text_file", "text_folder", "trainable_table", "unfreeze",
    "vibration_windows", "write_report",
]


def __getattr__(name):
    """Load what stands on scikit-learn when it is first asked for."""
    if name in ("adaptation", "few_labels"):
        return import_module(f"tltk.{name}")
    raise AttributeError(f"module 'tltk' has no attribute {name!r}")
