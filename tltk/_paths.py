"""Paths as users write them: `~`, and what is there instead of the file or folder asked for."""

import os
import re
import stat
import sys
from pathlib import Path, PureWindowsPath

_KEPT_BY_WINDOWS = re.compile(
    r"(con|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])[ .]*(\..*)?|.*[<>:\"|?*\x01-\x1f].*|.*[. ]",
    re.I | re.S,
)


def user_path(path: str | os.PathLike, name: str = "path") -> Path:
    """Expand `~`, and refuse what is no path.

    Args:
        path: as a user wrote it.
        name: the argument's.

    Returns:
        The path, whether it exists or not.

    Raises:
        ValueError: for an empty string, or another type; on Windows, for a name that it keeps for
            a device or a part of a file, where what is written would be lost.
        FileNotFoundError: for a `~` where there is no home folder.

    Example:
        >>> user_path("~/photos") == Path.home() / "photos"
        True
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ValueError(
            "A path is a string or a pathlib.Path, and not empty. "
            f'Received: {name}={path!r}. Pass one, such as "photos".'
        )
    if sys.platform == "win32" and "://" not in text:
        _check_names(text, name)
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise FileNotFoundError(
            "A path that begins with ~ needs a home folder. "
            f"Received: {text}, while this user has none. Set HOME, or pass the whole path."
        ) from None


def _check_names(text, name) -> None:
    """Refuse what Windows would write elsewhere: to a device, a hidden part, another name."""
    path = PureWindowsPath(text)
    for part in path.parts[bool(path.anchor) :]:
        if part not in (".", "..") and _KEPT_BY_WINDOWS.fullmatch(part):
            raise ValueError(
                'On Windows the names of files have none of <>:"|?*, do not end in a dot or a '
                "blank, and are not those of devices, such as NUL and COM1. "
                f"Received: {name}={text!r}. Choose another name than {part!r}."
            )


def check_folder(name: str, path: str | os.PathLike) -> None:
    """Refuse what is no path, and what is a file."""
    if user_path(path, name).is_file():
        raise FileExistsError(
            f"{name} must be a folder. Received: {name}={str(path)!r}, which is a file. "
            "Name another one."
        )


def existing_file(path: str | os.PathLike, what: str) -> Path:
    """Find a regular file, or say what is there instead; pipes and devices are never opened.

    Args:
        path: as a user wrote it.
        what: what the file should hold, for the error: "picture".

    Returns:
        The path.

    Raises:
        FileNotFoundError: if there is none, or something else.

    Example:
        >>> existing_file("gone.jpg", "picture")
        Traceback (most recent call last):
        FileNotFoundError: A picture must be a file that can be read. ...
    """
    file = user_path(path)
    if re.match(r"\w[\w+.-]+://", os.fspath(path)):
        raise FileNotFoundError(
            f"A {what} must be a file on this machine. Received: {path}. Download it first."
        )
    try:
        mode = os.stat(file).st_mode
    except OSError as error:
        raise unreadable(file, what, error) from error
    if not stat.S_ISREG(mode):
        found, cure = "a pipe or a device", "Pass a file."
        if stat.S_ISDIR(mode):
            found, cure = (
                "a folder",
                "For a folder, list its files: sorted(Path(folder).iterdir()).",
            )
        raise FileNotFoundError(
            f"A {what} must be a file that can be read. Received: {file} ({found}). {cure}"
        )
    return file


def unreadable(file: Path, what: str, error: OSError) -> OSError:
    """The error for a file that the system refuses, of the type that the system raised."""
    if isinstance(error, PermissionError):
        cure = "Change its permissions, or ask its owner."
    elif _is_missing(error):
        cure = "Check the spelling, put it back, or load the data again."
    else:
        cure = "Check the disk or the connection to it, and the name."
    kind = PermissionError if isinstance(error, PermissionError) else FileNotFoundError
    return kind(
        f"A {what} must be a file that can be read. "
        f"Received: {file} ({error.strerror or error}). {cure}"
    )


def _is_missing(error) -> bool:
    """Windows calls a file missing, too, whose name is too long for it (its error 206)."""
    return isinstance(error, FileNotFoundError) and getattr(error, "winerror", None) != 206


def existing_folder(path: str | os.PathLike) -> Path:
    """Find a folder, or say what is there instead.

    Example:
        >>> existing_folder(".").is_dir()
        True
    """
    folder = user_path(path)
    try:
        if stat.S_ISDIR(os.stat(folder).st_mode):
            return folder
        found = "a file"
    except PermissionError as error:
        raise no_entry(folder) from error
    except OSError as error:
        found = "not there" if _is_missing(error) else f"out of reach ({error.strerror or error})"
    raise FileNotFoundError(
        f"The path must be a folder. Received: {folder}, which is {found}. Check the spelling."
    )


def no_entry(folder: Path) -> PermissionError:
    """The error for a folder that may not be read."""
    return PermissionError(
        f"A folder must be one that you may read. Received: {folder} (Permission denied). "
        "Change its permissions (chmod u+rx), or ask its owner."
    )
