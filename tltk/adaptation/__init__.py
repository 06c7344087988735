"""Between domains: features, instances and relations carried from a source to a target."""

from tltk.adaptation.alignment import CORAL, DomainScaler, SubspaceAlignment
from tltk.adaptation.domains import DomainTransformer, stack_domains
from tltk.adaptation.label_shift import LabelShift, correct_label_shift
from tltk.adaptation.losses import coral_loss, mmd_loss
from tltk.adaptation.source_only import SourceOnly
from tltk.adaptation.tca import TCA

__all__ = [
    "CORAL",
    "TCA",
    "DomainScaler",
    "DomainTransformer",
    "LabelShift",
    "SourceOnly",
    "SubspaceAlignment",
    "coral_loss",
    "correct_label_shift",
    "mmd_loss",
    "stack_domains",
]
