"""Where the bundle, a classroom folder and the cache are."""

import os
import sys
from pathlib import Path

from tltk._paths import user_path

PACKAGE = Path(__file__).resolve().parents[1]


def bundle_folder() -> Path:
    """Find the folder of weights and data that comes with the package.

    An installed wheel holds it as `tltk/data`; a clone and an editable install have it beside
    the package.

    Returns:
        The folder that holds `SOURCES.md`.

    Raises:
        FileNotFoundError: if neither place has it.

    Example:
        >>> (bundle_folder() / "SOURCES.md").is_file()
        True
    """
    places = [PACKAGE / "data", PACKAGE.parent / "data"]
    for place in places:
        if (place / "SOURCES.md").is_file():
            return place
    raise FileNotFoundError(
        "The bundle (weights and data that come with tltk) must be installed with the package. "
        f"Received: no SOURCES.md in {places[0]} or {places[1]}. "
        "Install tltk again, from a complete clone or with pip."
    )


def home_folder() -> Path | None:
    """Find the classroom folder, which may be read-only and shared.

    Its `models/` holds weight files.

    Returns:
        The folder that the environment variable `TLTK_HOME` names, or None where it is not set.

    Example:
        >>> os.environ["TLTK_HOME"] = "classroom"
        >>> home_folder().name
        'classroom'
        >>> del os.environ["TLTK_HOME"]
    """
    return folder_from("TLTK_HOME")


def cache_folder() -> Path:
    """Find the folder for what tltk writes (features, checkpoints); it may not exist yet.

    Returns:
        The folder that the environment variable `TLTK_CACHE` names, else `tltk` in the user's
        cache folder.

    Raises:
        FileNotFoundError: if there is neither that variable nor a home folder.

    Example:
        >>> os.environ["TLTK_CACHE"] = "scratch"
        >>> cache_folder().name
        'scratch'
        >>> del os.environ["TLTK_CACHE"]
    """
    return folder_from("TLTK_CACHE") or user_cache_folder() / "tltk"


def folder_from(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return user_path(value) if value else None


def user_cache_folder() -> Path:
    if sys.platform == "win32":
        return folder_from("LOCALAPPDATA") or _user_home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return _user_home() / "Library" / "Caches"
    return folder_from("XDG_CACHE_HOME") or _user_home() / ".cache"


def _user_home():
    try:
        return Path.home()
    except RuntimeError:
        raise FileNotFoundError(
            "What is kept (features, checkpoints) needs a cache folder, by default the user's. "
            "Received: a user without home folder. "
            "Set TLTK_CACHE to a folder that you may write to, or HOME."
        ) from None


def notebooks_folder() -> Path:
    """Say where the chapters are: inside an installed package, else beside it in a clone.

    Returns:
        The folder that holds `01_….ipynb` and its followers.

    Raises:
        FileNotFoundError: there is no such folder.

    Example:
        >>> notebooks_folder().name
        'notebooks'
    """
    places = [PACKAGE / "notebooks", PACKAGE.parent / "notebooks"]
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        "The chapters come with tltk, in a folder called notebooks. "
        f"Received: nothing at {' or '.join(map(str, places))}. Reinstall tltk or use a full clone."
    )
