"""Between domains: features, instances and relations carried from a source to a target."""

from tltk.adaptation.relations import (
    mean_over_neighbours,
    message_passing_network,
    structural_features,
)

__all__ = ["mean_over_neighbours", "message_passing_network", "structural_features"]
