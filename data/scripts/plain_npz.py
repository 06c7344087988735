"""An .npz file whose bytes depend on its arrays alone, not on the day it was written."""

import io
import zipfile
from pathlib import Path

import numpy as np


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays, deflated as far as it goes, without times."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as members:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            members.writestr(
                zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED
            )
