"""Between domains: features, instances and relations carried from a source to a target."""

from tltk.adaptation.alignment import (
    CORAL,
    TCA,
    DomainScaler,
    OptimalTransport,
    PairedAlignment,
    SubspaceAlignment,
)
from tltk.adaptation.boosting import TrAdaBoost, TrAdaBoostR2
from tltk.adaptation.deep import adapt_domains
from tltk.adaptation.density import KMM, DensityRatio, effective_sample_size
from tltk.adaptation.domains import stack_domains, stack_tables
from tltk.adaptation.label_shift import LabelShift, correct_label_shift
from tltk.adaptation.losses import coral_loss, mmd_loss, reverse_gradient
from tltk.adaptation.relations import (
    mean_over_neighbours,
    message_passing_network,
    structural_features,
)
from tltk.adaptation.reweighting import Reweighted, SourceOnly, WeightSweep
from tltk.adaptation.selection import (
    compare_criteria,
    importance_weighted_risk,
    infomax,
    select_without_labels,
    soft_neighbourhood_density,
    target_entropy,
)
from tltk.adaptation.source_free import adapt_batch_norm, adapt_without_source

__all__ = [
    "CORAL",
    "KMM",
    "TCA",
    "DensityRatio",
    "DomainScaler",
    "LabelShift",
    "OptimalTransport",
    "PairedAlignment",
    "Reweighted",
    "SourceOnly",
    "SubspaceAlignment",
    "TrAdaBoost",
    "TrAdaBoostR2",
    "WeightSweep",
    "adapt_batch_norm",
    "adapt_domains",
    "adapt_without_source",
    "compare_criteria",
    "coral_loss",
    "correct_label_shift",
    "effective_sample_size",
    "importance_weighted_risk",
    "infomax",
    "mean_over_neighbours",
    "message_passing_network",
    "mmd_loss",
    "reverse_gradient",
    "select_without_labels",
    "soft_neighbourhood_density",
    "stack_domains",
    "stack_tables",
    "structural_features",
    "target_entropy",
]
