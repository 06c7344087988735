"""Between domains: features, instances and relations carried from a source to a target."""

from tltk.adaptation.density_ratio import DensityRatio, effective_sample_size
from tltk.adaptation.domains import DomainTransformer, stack_domains
from tltk.adaptation.kmm import KMM
from tltk.adaptation.reweighted import Reweighted
from tltk.adaptation.selection import (
    compare_criteria,
    importance_weighted_risk,
    infomax,
    select_without_labels,
    soft_neighbourhood_density,
    target_entropy,
)
from tltk.adaptation.source_only import SourceOnly
from tltk.adaptation.tables import stack_tables
from tltk.adaptation.tradaboost import TrAdaBoost
from tltk.adaptation.tradaboost_r2 import TrAdaBoostR2
from tltk.adaptation.weight_sweep import WeightSweep

__all__ = [
    "KMM",
    "DensityRatio",
    "DomainTransformer",
    "Reweighted",
    "SourceOnly",
    "TrAdaBoost",
    "TrAdaBoostR2",
    "WeightSweep",
    "compare_criteria",
    "effective_sample_size",
    "importance_weighted_risk",
    "infomax",
    "select_without_labels",
    "soft_neighbourhood_density",
    "stack_domains",
    "stack_tables",
    "target_entropy",
]
