"""Between domains: features, instances and relations carried from a source to a target."""

from tltk.adaptation.domains import DomainTransformer, stack_domains
from tltk.adaptation.source_only import SourceOnly

__all__ = [
    "DomainTransformer",
    "SourceOnly",
    "stack_domains",
]
