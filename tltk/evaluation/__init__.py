"""How good is a model, how sure are we, and what does it take to break it?"""

from tltk.evaluation.classification import classification_table
from tltk.evaluation.forecasting import mase, naive_forecast, seasonal_naive_forecast
from tltk.evaluation.predictions import Predictions, predict, predict_split
from tltk.evaluation.robustness import CORRUPTIONS, corrupt_images, corruption_table
from tltk.evaluation.statistics import mean_interval, paired_interval
from tltk.evaluation.studies import keep_study, kept_study

__all__ = [
    "CORRUPTIONS",
    "Predictions",
    "classification_table",
    "corrupt_images",
    "corruption_table",
    "keep_study",
    "kept_study",
    "mase",
    "mean_interval",
    "naive_forecast",
    "paired_interval",
    "predict",
    "predict_split",
    "seasonal_naive_forecast",
]
