"""Write small pictures of one class as one lossless WebP contact sheet."""

from pathlib import Path

import numpy as np
from PIL import Image

TILES_PER_ROW = 20
PER_CLASS = {"train": 300, "test": 100}


def contact_sheet(pictures: np.ndarray) -> np.ndarray:
    """Lay pictures (n, h, w, ...) out row by row, TILES_PER_ROW wide; n must fill the rows."""
    count, height, width, *channels = pictures.shape
    rows = pictures.reshape(count // TILES_PER_ROW, TILES_PER_ROW, height, width, *channels)
    return rows.swapaxes(1, 2).reshape(-1, TILES_PER_ROW * width, *channels)


def write_sheets(archive: str, class_names: list[str], folder: Path) -> None:
    """Write folder/{train,test}/<class>.webp from x_train, y_train, x_test, y_test of an .npz."""
    arrays = np.load(archive)
    for split, per_class in PER_CLASS.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        for label, name in enumerate(class_names):
            rows = np.flatnonzero(arrays[f"y_{split}"].ravel() == label)[:per_class]
            sheet = Image.fromarray(contact_sheet(arrays[f"x_{split}"][rows]))
            sheet.save(folder / split / f"{name}.webp", lossless=True, quality=100, method=6)
    print(sum(file.stat().st_size for file in folder.rglob("*.webp")), "bytes in", folder)
