import warnings

import pytest
import sklearn


@pytest.fixture(scope="session")
def skada():
    """The library we compare with; it routes metadata in all of scikit-learn, which we undo."""
    settings = sklearn.get_config()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("skada")
    sklearn.set_config(enable_metadata_routing=settings["enable_metadata_routing"])
    return library
