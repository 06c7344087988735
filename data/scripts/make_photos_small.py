"""Make data/photos_small: photographs of eight subjects, and who took them.

Usage: python data/scripts/make_photos_small.py FOLDER

FOLDER holds the photographs in folders by subject, and CREDITS.csv with the columns file, licence,
author and source. Those of 320 pixels are copied byte by byte; those of 1024, all animals and 33
monuments, are made as small, or sharpness would tell an animal. Which of them are taken,
what they are called here, and in which part each is, stands in photos_small/split.tsv, which is
kept by hand and only read here. The contact sheet goes to docs/photos_small.webp.
"""

import csv
import shutil
import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parents[1] / "photos_small"
SHEET = Path(__file__).parents[2] / "docs" / "photos_small.webp"
FREE = {"Public Domain", "CC0-1.0"}
SIDE = 320
ACROSS, TILE = 22, 60


def copy_small(source: Path, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with Image.open(source) as photo:
        if max(photo.size) > SIDE:
            photo.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            photo.save(path, quality=85, method=6)
            return
    shutil.copyfile(source, path)


def write_sheet(paths: list[Path]) -> None:
    """Squares from the middle of the pictures, class by class."""
    sheet = Image.new("RGB", (ACROSS * TILE, -(-len(paths) // ACROSS) * TILE), "white")
    for number, path in enumerate(paths):
        with Image.open(path) as picture:
            side = min(picture.size)
            left, top = ((length - side) // 2 for length in picture.size)
            square = picture.convert("RGB").crop((left, top, left + side, top + side))
        row, column = divmod(number, ACROSS)
        square = square.resize((TILE, TILE), Image.Resampling.LANCZOS)
        sheet.paste(square, (column * TILE, row * TILE))
    sheet.save(SHEET, quality=70, method=6)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    with open(source / "CREDITS.csv", encoding="utf-8", newline="") as file:
        credits = {row.pop("file"): row for row in csv.DictReader(file)}
    with open(HERE / "split.tsv", encoding="utf-8", newline="") as file:
        chosen = list(csv.DictReader(file, delimiter="\t"))
    paths = [HERE / row["file"] for row in chosen]
    with open(HERE / "CREDITS.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file", "licence", "author", "source"])
        for row, path in zip(chosen, paths, strict=True):
            credit = credits[row["source"]]
            assert credit["licence"] in FREE, row["source"]
            copy_small(source / row["source"], path)
            table.writerow([row["file"], *credit.values()])
    write_sheet(paths)
    print(
        f"{len(paths)} photographs,", sum(path.stat().st_size for path in paths), "bytes in", HERE
    )
