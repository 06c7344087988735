from tltk import adaptation as adaptation
from tltk import backbones as backbones
from tltk import datasets as datasets
from tltk import evaluation as evaluation
from tltk import few_labels as few_labels
from tltk import inputs as inputs
from tltk import plotting as plotting
from tltk import shipping as shipping
from tltk import tuning as tuning
from tltk.backbones import list_backbones as list_backbones
from tltk.backbones import load_audio_backbone as load_audio_backbone
from tltk.backbones import load_backbone as load_backbone
from tltk.backbones import load_text_backbone as load_text_backbone
from tltk.datasets import list_datasets as list_datasets
from tltk.datasets import load_dataset as load_dataset
from tltk.evaluation import check_splits as check_splits
from tltk.evaluation import compare_transfer as compare_transfer
from tltk.evaluation import predict as predict
from tltk.evaluation import predict_split as predict_split
from tltk.evaluation import rank_backbones as rank_backbones
from tltk.inputs import audio_folder as audio_folder
from tltk.inputs import image_folder as image_folder
from tltk.inputs import series_file as series_file
from tltk.inputs import series_windows as series_windows
from tltk.inputs import text_file as text_file
from tltk.inputs import text_folder as text_folder
from tltk.tuning import build_classifier as build_classifier
from tltk.tuning import extract_features as extract_features
from tltk.tuning import fine_tune as fine_tune
from tltk.tuning import fit_linear_head as fit_linear_head
from tltk.tuning import freeze as freeze
from tltk.tuning import load_model as load_model
from tltk.tuning import save_model as save_model
from tltk.tuning import trainable_table as trainable_table
from tltk.tuning import unfreeze as unfreeze

__version__: str
__all__: list[str]
