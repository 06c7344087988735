"""Make data/sentiment: clearly positive and clearly negative snippets of four domains.

Usage: python data/scripts/make_sentiment.py FOLDER_OF_TSV_GZ

A snippet is positive above a mean human score of .5, negative below -.5, else left out, and so are
repeated texts. A quarter of the documents (of the films and tweets: of the snippets) is the test
part.
"""

import csv
import gzip
import html
import io
import lzma
import sys
from pathlib import Path

import numpy as np

FILES = {
    "films": "movieReviewSnippets.tsv.gz",
    "products": "amazonReviewSnippets.tsv.gz",
    "editorials": "nytEditorialSnippets.tsv.gz",
    "tweets": "tweets.tsv.gz",
}
TEST_SHARE = 0.25


def labelled_snippets(path: Path) -> list[tuple[str, str, str]]:
    """Document, label and text of each clear snippet, every text once."""
    rows = {}
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    for line in filter(None, lines):
        number, score, text = line.rstrip("\r").split("\t")
        text = " ".join(html.unescape(text).split())
        if text and abs(float(score)) > 0.5:
            label = "positive" if float(score) > 0 else "negative"
            rows.setdefault(text, (number.split("_")[0], label, text))
    return list(rows.values())


def test_documents(documents: list[str]) -> set[str]:
    """Documents drawn at random until they hold a quarter of the snippets."""
    names, counts = np.unique(documents, return_counts=True)
    order = np.random.default_rng(0).permutation(len(names))
    drawn = np.cumsum(counts[order]) <= TEST_SHARE * len(documents)
    return set(names[order[drawn]].tolist())


if __name__ == "__main__":
    out = Path(__file__).parents[1] / "sentiment"
    out.mkdir(exist_ok=True)
    for name, file in FILES.items():
        snippets = labelled_snippets(Path(sys.argv[1], file))
        test = test_documents([document for document, _, _ in snippets])
        table = io.StringIO(newline="")
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(["part", "document", "label", "text"])
        writer.writerows(("test" if row[0] in test else "train", *row) for row in snippets)
        content = lzma.compress(table.getvalue().encode(), preset=9 | lzma.PRESET_EXTREME)
        (out / f"{name}.tsv.xz").write_bytes(content)
        print(name, len(snippets), "snippets,", len(content), "bytes")
