"""Make data/series: one clean CSV file each of temperatures, employment and stock prices.

Usage: python data/scripts/make_series.py FOLDER

FOLDER holds seattle-temps.csv, sf-temps.csv, us-employment.csv and stocks.csv as in vega_datasets.
"""

import csv
import sys
from datetime import datetime
from pathlib import Path

SECTORS = (
    "construction manufacturing retail_trade information financial_activities "
    "education_and_health_services leisure_and_hospitality government"
).split()


def read(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, names: list[str], rows: list) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *rows])
    print(path.stat().st_size, "bytes in", path)


def temperatures(folder: Path) -> list:
    cities = []
    for name in ("sf-temps.csv", "seattle-temps.csv"):
        rows = read(folder / name)
        cities.append({row["date"][:16].replace("/", "-"): row["temp"] for row in rows})
    times = sorted(set(cities[0]) | set(cities[1]))
    return [[time, *(city.get(time, "") for city in cities)] for time in times]


def stocks(folder: Path) -> tuple[list[str], list]:
    rows = read(folder / "stocks.csv")
    symbols = sorted({row["symbol"] for row in rows})
    prices = {(row["symbol"], month(row["date"])): row["price"] for row in rows}
    months = sorted({when for _, when in prices})
    return symbols, [[when, *(prices.get((each, when), "") for each in symbols)] for when in months]


def month(text: str) -> str:
    return datetime.strptime(text, "%b %d %Y").date().isoformat()


def main(source: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    write(folder / "temperatures.csv", ["time", "san_francisco", "seattle"], temperatures(source))
    employed = [
        [row["month"], *(row[each] for each in SECTORS)]
        for row in read(source / "us-employment.csv")
    ]
    write(folder / "employment.csv", ["month", *SECTORS], employed)
    symbols, prices = stocks(source)
    write(folder / "stocks.csv", ["month", *symbols], prices)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parents[1] / "series")
