"""Parameter transfer: heads, freezing, frozen features and fine-tuning."""

from tltk._cache import clear_cache, list_cache
from tltk.tuning.adapters import add_lora, merge_lora
from tltk.tuning.augmentation import RandomColours, default_augmentation
from tltk.tuning.features import extract_features
from tltk.tuning.fine_tuning import fine_tune
from tltk.tuning.freezing import freeze, trainable_table, unfreeze
from tltk.tuning.heads import build_classifier, unscale_forecaster
from tltk.tuning.learning_rates import LearningRates, find_learning_rate
from tltk.tuning.linear_head import fit_linear_head
from tltk.tuning.modalities import build_multimodal, modality_examples
from tltk.tuning.pretraining import pretrain_contrastive, pretrain_masked
from tltk.tuning.retraining import compiled_trainer
from tltk.tuning.saving import load_model, metadata, save_model
from tltk.tuning.task_training import fine_tune_tasks
from tltk.tuning.tasks import Task, build_multitask, tasks_of

__all__ = [
    "LearningRates",
    "RandomColours",
    "Task",
    "add_lora",
    "build_classifier",
    "build_multimodal",
    "build_multitask",
    "clear_cache",
    "compiled_trainer",
    "default_augmentation",
    "extract_features",
    "find_learning_rate",
    "fine_tune",
    "fine_tune_tasks",
    "fit_linear_head",
    "freeze",
    "list_cache",
    "load_model",
    "merge_lora",
    "metadata",
    "modality_examples",
    "pretrain_contrastive",
    "pretrain_masked",
    "save_model",
    "tasks_of",
    "trainable_table",
    "unfreeze",
    "unscale_forecaster",
]
