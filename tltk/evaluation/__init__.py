"""How good is a model, how sure are we, and what does it take to break it?"""

from tltk.evaluation.calibration import calibrate, expected_calibration_error, reliability_table
from tltk.evaluation.classification import choose_threshold, classification_table, threshold_table
from tltk.evaluation.comparison import compare_transfer
from tltk.evaluation.distances import ben_david_bound, domain_distance
from tltk.evaluation.episodes import episode_accuracies, evaluate_episodes
from tltk.evaluation.forecasting import mase, naive_forecast, seasonal_naive_forecast
from tltk.evaluation.leakage import check_splits
from tltk.evaluation.predictions import Predictions, predict, predict_split
from tltk.evaluation.ranking import rank_backbones
from tltk.evaluation.robustness import corrupt_images, corruption_table
from tltk.evaluation.statistics import mean_interval, paired_interval, rank_agreement
from tltk.evaluation.studies import finished_parts, keep_study, kept_study, study_folder
from tltk.evaluation.tasks import TaskGains, late_fusion, task_gains, task_scores
from tltk.evaluation.transferability import (
    h_score,
    leep,
    linear_probe_accuracy,
    logme,
    nce,
    neighbour_accuracy,
    nleep,
)
from tltk.evaluation.verdicts import (
    Comparison,
    label_efficiency,
    summarise_runs,
    transfer_gains,
    transfer_verdict,
)

__all__ = [
    "Comparison",
    "Predictions",
    "TaskGains",
    "ben_david_bound",
    "calibrate",
    "check_splits",
    "choose_threshold",
    "classification_table",
    "compare_transfer",
    "corrupt_images",
    "corruption_table",
    "domain_distance",
    "episode_accuracies",
    "evaluate_episodes",
    "expected_calibration_error",
    "finished_parts",
    "h_score",
    "keep_study",
    "kept_study",
    "label_efficiency",
    "late_fusion",
    "leep",
    "linear_probe_accuracy",
    "logme",
    "mase",
    "mean_interval",
    "naive_forecast",
    "nce",
    "neighbour_accuracy",
    "nleep",
    "paired_interval",
    "predict",
    "predict_split",
    "rank_agreement",
    "rank_backbones",
    "reliability_table",
    "seasonal_naive_forecast",
    "study_folder",
    "summarise_runs",
    "task_gains",
    "task_scores",
    "threshold_table",
    "transfer_gains",
    "transfer_verdict",
]
