"""Packages that only some uses need, and the one error that names the extra which brings them."""

from importlib import import_module, metadata

DISTRIBUTION = "keras-tltk"  # on the package index, `tltk` is the Thai Language Toolkit


def require(extra: str, *modules: str) -> None:
    """Refuse to go on without the packages of an extra.

    Raises:
        ImportError: naming the extra and the command that installs it.

    Example:
        >>> require("course", "json")
        >>> require("course", "no_such_module")
        Traceback (most recent call last):
        ...
        ImportError: This needs the packages of the extra 'course'. Received: No module named ...
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError as error:
            raise ImportError(
                f"This needs the packages of the extra {extra!r}. Received: {error}. "
                f"Run: {install_command(extra)}"
            ) from error


def install_command(extra: str) -> str:
    """What installs an extra: by name where tltk is installed, else from the clone it runs from."""
    try:
        metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return f'pip install ".[{extra}]", in the clone of tltk'
    return f'pip install "{DISTRIBUTION}[{extra}]"'
