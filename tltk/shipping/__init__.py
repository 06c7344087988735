"""Out to people: the course as web pages, a check-up of the machine, training without code."""

from tltk.shipping.course import demo, run_notebooks
from tltk.shipping.doctor import doctor
from tltk.shipping.train import train_folder

__all__ = [
    "demo",
    "doctor",
    "run_notebooks",
    "train_folder",
]
