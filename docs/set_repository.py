"""Write the project's public address wherever readers meet it, from one setting.

    make repository URL=https://github.com/OWNER/NAME
    make repository URL=    # take it back
    make repository         # say what it is

The setting is `Repository` of `[project.urls]` in pyproject.toml. From it come the README's line
that installs, the badge of every chapter that opens it in Colab, and the chapters' first cell.
Without it there is no badge, and the first cell takes a wheel from beside the notebook, or says how
to clone. A test compares.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ADDRESS = re.compile(r"https://[\w.-]+(/[\w.-]+)+")
FIRST_CELL = """\
from glob import glob
from importlib import metadata, util

if "tltk" in metadata.packages_distributions().get("tltk", []):
    raise ImportError(
        "This tltk is the Thai Language Toolkit; the course needs keras-tltk. "
        "Run pip uninstall tltk, install keras-tltk again, and restart the kernel."
    )
if util.find_spec("tltk") is None:
"""
WHEEL = """\
    wheels = sorted(glob("keras_tltk-*.whl"))
    if not wheels:
        raise ImportError(
            "keras-tltk is not installed. Put its wheel, keras_tltk-….whl, beside this notebook, "
            "or run pip install -r requirements.txt in a clone of the project."
        )
    %pip install -q {wheels[-1]}"""


def first_cell(url: str) -> str:
    """The code that every chapter begins with."""
    if not url:
        return FIRST_CELL + WHEEL
    return FIRST_CELL.removeprefix("from glob import glob\n") + f"    %pip install -q git+{url}"


def badge(url: str, notebook: str) -> str:
    """The picture that opens a chapter in Colab, which reads from GitHub only."""
    place = url.removeprefix("https://github.com/")
    if place == url:
        return ""
    colab = "https://colab.research.google.com/"
    picture = f"[![Open in Colab]({colab}assets/colab-badge.svg)]"
    return f"{picture}({colab}github/{place}/blob/main/notebooks/{notebook})\n\n"


def install_line(url: str) -> str:
    """The README's command for who has no clone."""
    return f"pip install git+{url} " if url else "pip install keras_tltk-*.whl "


def urls_table(url: str) -> str:
    """The setting, as it stands in pyproject.toml before the scripts."""
    table = f'[project.urls]\nRepository = "{url}"\n\n' if url else ""
    return table + "[project.scripts]\n"


def repository(root: Path) -> str:
    """Read the setting; empty where there is none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "")


def set_repository(root: Path, url: str) -> None:
    """Write an address in place of the one before.

    Args:
        root: of the tree.
        url: https://HOST/OWNER/NAME; empty takes the address back.

    Raises:
        ValueError: for another kind of address, or a file that does not hold what the setting says.
    """
    url = url.strip().rstrip("/").removesuffix(".git")
    if url and not ADDRESS.fullmatch(url):
        raise ValueError(
            "A repository has an address of https. "
            f"Received: {url}. Pass one like https://github.com/OWNER/NAME."
        )
    before, new = repository(root), {}
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        new[path] = _with_address(path, before, url)
    for name, line in {"README.md": install_line, "pyproject.toml": urls_table}.items():
        text = (root / name).read_text(encoding="utf-8")
        new[root / name] = _replaced(root / name, text, line(before), line(url))
    for path, text in new.items():
        path.write_text(text, encoding="utf-8", newline="\n")


def _with_address(path, before, url) -> str:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    front = notebook["cells"][0]
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    heading, blank = front["source"][:2]
    old, new = (heading + blank + badge(address, path.name) for address in (before, url))
    _change(front, path, old, new)
    _change(code, path, first_cell(before), first_cell(url))
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _change(cell, path, old, new) -> None:
    cell["source"] = _replaced(path, "".join(cell["source"]), old, new).splitlines(keepends=True)


def _replaced(path, text, old, new) -> str:
    if text.count(old) != 1:
        raise ValueError(
            "Each file holds once what the present setting says. "
            f"Received: {path}, which holds {text.count(old)} times: {old}"
        )
    return text.replace(old, new)


if __name__ == "__main__":
    if sys.argv[1:]:
        set_repository(ROOT, sys.argv[1])
    print(f"Repository: {repository(ROOT) or 'none yet'}")
