"""Between domains: features, instances and relations carried from a source to a target."""

from tltk.adaptation.alignment import CORAL, DomainScaler, SubspaceAlignment
from tltk.adaptation.batch_norm import adapt_batch_norm
from tltk.adaptation.colours import RandomColours
from tltk.adaptation.deep import adapt_domains
from tltk.adaptation.density_ratio import DensityRatio, effective_sample_size
from tltk.adaptation.domains import DomainTransformer, stack_domains
from tltk.adaptation.kmm import KMM
from tltk.adaptation.label_shift import LabelShift, correct_label_shift
from tltk.adaptation.losses import coral_loss, mmd_loss
from tltk.adaptation.optimal_transport import OptimalTransport
from tltk.adaptation.paired import PairedAlignment
from tltk.adaptation.relations import (
    mean_over_neighbours,
    message_passing_network,
    structural_features,
)
from tltk.adaptation.reversal import reverse_gradient, rising_strength
from tltk.adaptation.reweighted import Reweighted
from tltk.adaptation.selection import (
    compare_criteria,
    importance_weighted_risk,
    infomax,
    select_without_labels,
    soft_neighbourhood_density,
    target_entropy,
)
from tltk.adaptation.source_free import adapt_without_source, pseudo_labels
from tltk.adaptation.source_only import SourceOnly
from tltk.adaptation.tables import stack_tables
from tltk.adaptation.tca import TCA
from tltk.adaptation.tradaboost import TrAdaBoost
from tltk.adaptation.tradaboost_r2 import TrAdaBoostR2
from tltk.adaptation.weight_sweep import WeightSweep

__all__ = [
    "CORAL",
    "KMM",
    "TCA",
    "DensityRatio",
    "DomainScaler",
    "DomainTransformer",
    "LabelShift",
    "OptimalTransport",
    "PairedAlignment",
    "RandomColours",
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
    "pseudo_labels",
    "reverse_gradient",
    "rising_strength",
    "select_without_labels",
    "soft_neighbourhood_density",
    "stack_domains",
    "stack_tables",
    "structural_features",
    "target_entropy",
]
