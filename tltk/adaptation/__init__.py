"""Between domains: features, instances and relations carried from a source to a target."""

from tltk.adaptation.batch_norm import adapt_batch_norm
from tltk.adaptation.colours import RandomColours
from tltk.adaptation.deep import adapt_domains
from tltk.adaptation.relations import (
    mean_over_neighbours,
    message_passing_network,
    structural_features,
)
from tltk.adaptation.reversal import reverse_gradient, rising_strength
from tltk.adaptation.source_free import adapt_without_source, pseudo_labels

__all__ = [
    "RandomColours",
    "adapt_batch_norm",
    "adapt_domains",
    "adapt_without_source",
    "mean_over_neighbours",
    "message_passing_network",
    "pseudo_labels",
    "reverse_gradient",
    "rising_strength",
    "structural_features",
]
