"""Transfer learning in Keras 3: pretrained networks on your own data, with honest numbers."""

# fmt: off
from tltk.backbones import (
    block_names, list_backbones, load_backbone, load_hub_backbone, load_text_backbone,
    load_word_vectors,
)
from tltk.evaluation import (
    classification_table, corruption_table, kept_study, mean_interval, predict, predict_split,
)
from tltk.inputs import image_folder, list_datasets, load_dataset, text_file, text_folder
from tltk.tuning import (
    build_classifier, extract_features, find_learning_rate, fine_tune, fit_linear_head, freeze,
    load_model, metadata, trainable_table, unfreeze,
)
from tltk.viewing import (
    format_table, plot_confusion_matrix, plot_history, plot_learning_curves, plot_mistakes,
    plot_pictures, plot_predictions, write_report,
)

__version__ = "0.1.0"

__all__ = [
    "block_names", "build_classifier", "classification_table", "corruption_table",
    "extract_features", "find_learning_rate", "fine_tune", "fit_linear_head", "format_table",
    "freeze", "image_folder", "kept_study", "list_backbones", "list_datasets", "load_backbone",
    "load_dataset", "load_hub_backbone", "load_model", "load_text_backbone", "load_word_vectors",
    "mean_interval",
    "metadata", "plot_confusion_matrix", "plot_history", "plot_learning_curves", "plot_mistakes",
    "plot_pictures", "plot_predictions", "predict", "predict_split", "text_file", "text_folder",
    "trainable_table", "unfreeze", "write_report",
]
