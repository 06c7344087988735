"""Parameter transfer: heads, freezing, frozen features and fine-tuning."""

from tltk._cache import clear_cache, list_cache
from tltk.tuning.adapters import add_lora, merge_lora
from tltk.tuning.augmentation import default_augmentation
from tltk.tuning.contrastive import contrastive_augmentation, nt_xent, pretrain_contrastive
from tltk.tuning.features import extract_features
from tltk.tuning.fine_tuning import fine_tune
from tltk.tuning.freezing import freeze, trainable_table, unfreeze
from tltk.tuning.heads import build_classifier
from tltk.tuning.learning_rates import find_learning_rate
from tltk.tuning.masked import pretrain_masked
from tltk.tuning.metadata import load_model, metadata, save_model
from tltk.tuning.modalities import modality_examples
from tltk.tuning.multimodal import build_multimodal
from tltk.tuning.multitask import build_multitask, tasks_of
from tltk.tuning.own_units import in_own_units
from tltk.tuning.probe import fit_linear_head
from tltk.tuning.retraining import retrainer
from tltk.tuning.task_losses import best_log_variance
from tltk.tuning.task_training import fine_tune_tasks

__all__ = [
    "add_lora",
    "best_log_variance",
    "build_classifier",
    "build_multimodal",
    "build_multitask",
    "clear_cache",
    "contrastive_augmentation",
    "default_augmentation",
    "extract_features",
    "find_learning_rate",
    "fine_tune",
    "fine_tune_tasks",
    "fit_linear_head",
    "freeze",
    "in_own_units",
    "list_cache",
    "load_model",
    "merge_lora",
    "metadata",
    "modality_examples",
    "nt_xent",
    "pretrain_contrastive",
    "pretrain_masked",
    "retrainer",
    "save_model",
    "tasks_of",
    "trainable_table",
    "unfreeze",
]
