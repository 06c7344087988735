"""Few labels, no labels, many tasks."""

from tltk.few_labels.anomalies import AnomalyDetector
from tltk.few_labels.bayesian import BayesianPrototype, Prior, learn_prior
from tltk.few_labels.borrowing import borrow_rows
from tltk.few_labels.class_names import class_vectors, known_names
from tltk.few_labels.conse import ConSE
from tltk.few_labels.episodes import Episode, sample_episode, split_classes
from tltk.few_labels.eszsl import ESZSL
from tltk.few_labels.gallery import Gallery, OpenSetCurve
from tltk.few_labels.generalised import CalibratedStacking, GeneralisedAccuracy, harmonic_mean
from tltk.few_labels.inner_loop import adapt, adaptation_curve
from tltk.few_labels.meta_learning import maml, reptile
from tltk.few_labels.metric_learning import (
    prototypical_loss,
    siamese_loss,
    train_prototypical,
    train_siamese,
)
from tltk.few_labels.prototypes import FeatureNormalizer, NearestPrototype
from tltk.few_labels.self_trained_head import self_train_head
from tltk.few_labels.self_training import SelfTraining
from tltk.few_labels.transductive import SinkhornPrototype
from tltk.few_labels.unseen_choice import choose_settings

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
    "borrow_rows",
    "choose_settings",
    "class_vectors",
    "harmonic_mean",
    "known_names",
    "learn_prior",
    "maml",
    "prototypical_loss",
    "reptile",
    "sample_episode",
    "self_train_head",
    "siamese_loss",
    "split_classes",
    "train_prototypical",
    "train_siamese",
]
