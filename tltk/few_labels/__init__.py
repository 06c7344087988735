"""Few labels, no labels, many tasks."""

from tltk.few_labels.anomalies import AnomalyDetector
from tltk.few_labels.borrowing import select_source_rows
from tltk.few_labels.episodes import Episode, sample_episode, split_classes
from tltk.few_labels.gallery import Gallery, OpenSetCurve
from tltk.few_labels.labelling import choose_to_label
from tltk.few_labels.meta_learning import adapt, adaptation_curve, maml, reptile
from tltk.few_labels.metric_learning import train_prototypical, train_siamese
from tltk.few_labels.prototypes import (
    BayesianPrototype,
    FeatureNormalizer,
    NearestPrototype,
    Prior,
    SinkhornPrototype,
    learn_prior,
)
from tltk.few_labels.self_training import SelfTraining, self_train_head
from tltk.few_labels.zero_shot import (
    ESZSL,
    CalibratedStacking,
    ConSE,
    GeneralisedAccuracy,
    choose_settings,
    class_vectors,
    harmonic_mean,
    known_names,
)

__all__ = [
    "ESZSL",
    "AnomalyDetector",
    "BayesianPrototype",
    "CalibratedStacking",
    "ConSE",
    "Episode",
    "FeatureNormalizer",
    "Gallery",
    "GeneralisedAccuracy",
    "NearestPrototype",
    "OpenSetCurve",
    "Prior",
    "SelfTraining",
    "SinkhornPrototype",
    "adapt",
    "adaptation_curve",
    "choose_settings",
    "choose_to_label",
    "class_vectors",
    "harmonic_mean",
    "known_names",
    "learn_prior",
    "maml",
    "reptile",
    "sample_episode",
    "select_source_rows",
    "self_train_head",
    "split_classes",
    "train_prototypical",
    "train_siamese",
]
