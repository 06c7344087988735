"""How good is a model, how sure are we, and what does it take to break it?"""

from tltk.evaluation.calibration import (
    calibrate,
    expected_calibration_error,
    fit_temperature,
    reliability_table,
    tempered,
)
from tltk.evaluation.classification import classification_table
from tltk.evaluation.comparison import compare_transfer
from tltk.evaluation.distances import ben_david_bound, domain_distance
from tltk.evaluation.episodes import episode_accuracies, evaluate_episodes
from tltk.evaluation.forecasting import mase, naive_forecast, seasonal_naive_forecast
from tltk.evaluation.fusion import late_fusion
from tltk.evaluation.guards import check_splits
from tltk.evaluation.predictions import Predictions, predict, predict_split
from tltk.evaluation.probes import linear_probe_accuracy, neighbour_accuracy
from tltk.evaluation.ranking import rank_backbones
from tltk.evaluation.robustness import CORRUPTIONS, corrupt_images, corruption_table
from tltk.evaluation.scores import h_score, leep, logme, nce, nleep
from tltk.evaluation.statistics import mean_interval, paired_interval, rank_agreement
from tltk.evaluation.studies import (
    finished_part,
    keep_study,
    kept_study,
    study_digest,
    study_folder,
    study_state,
)
from tltk.evaluation.task_gains import TaskGains, task_gains, task_scores
from tltk.evaluation.thresholds import choose_threshold, threshold_table
from tltk.evaluation.verdicts import (
    Comparison,
    judge,
    label_worth,
    transfer_gains,
    transfer_verdict,
)

__all__ = [
    "CORRUPTIONS",
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
    "finished_part",
    "fit_temperature",
    "h_score",
    "judge",
    "keep_study",
    "kept_study",
    "label_worth",
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
    "study_digest",
    "study_folder",
    "study_state",
    "task_gains",
    "task_scores",
    "tempered",
    "threshold_table",
    "transfer_gains",
    "transfer_verdict",
]
