"""Make data/sweets: drawings of six sweets and of 24 other things, in two styles.

Usage: python data/scripts/make_sweet_drawings.py NOTO_DEB_FOLDER FLUENT_PACKAGE_FOLDER

The first folder holds what `dpkg -x` unpacks of Debian's fonts-noto-color-emoji, the second what
`npm pack @lobehub/fluent-emoji-3d` gives, unpacked. Pillow draws the font at the one size that it
has. Lossless WebP, cut to what is drawn, at most SIDE pixels a side. `drawings.tsv` says what each
is: a sweet, or another thing to be pasted into training or into test pictures.
"""

import csv
import re
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

OUT = Path(__file__).parents[1] / "sweets"
SIDE, FONT_SIZE = 120, 109
DRAWN = {
    "sweet": "candy 1f36c chocolate 1f36b cookie 1f36a cupcake 1f9c1 doughnut 1f369 lollipop 1f36d",
    "train": "apple 1f34e ball 26bd book 1f4d5 car 1f697 cat 1f431 coffee 2615 crown 1f451 "
    "guitar 1f3b8 key 1f511 lemon 1f34b shirt 1f455 sunflower 1f33b",
    "test": "balloon 1f388 bell 1f514 cactus 1f335 camera 1f4f7 carrot 1f955 fish 1f41f hat 1f3a9 "
    "mushroom 1f344 rocket 1f680 strawberry 1f353 teddy 1f9f8 turtle 1f422",
}

MIT = """MIT License

Copyright (c) Microsoft Corporation (the drawings, Fluent Emoji)
Copyright (c) 2023 LobeHub (the package that they are from)

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


def noto(folder: Path, code: str) -> Image.Image:
    path = folder / "usr" / "share" / "fonts" / "truetype" / "noto" / "NotoColorEmoji.ttf"
    drawing = Image.new("RGBA", (160, 160))
    font = ImageFont.truetype(path, FONT_SIZE)
    ImageDraw.Draw(drawing).text((8, 8), chr(int(code, 16)), font=font, embedded_color=True)
    return drawing


def fluent(folder: Path, code: str) -> Image.Image:
    return Image.open(folder / "assets" / f"{code}.webp").convert("RGBA")


def open_font_licence(folder: Path) -> str:
    """The copyright and the licence of the font, as Debian gives them."""
    path = folder / "usr" / "share" / "doc" / "fonts-noto-color-emoji" / "copyright"
    text = path.read_text("utf-8")
    owners = text[text.index("Copyright", text.index("fonts/*\nCopyright")) :].split("License:")[0]
    body = text[text.index(" SIL OPEN FONT LICENSE") :]
    lines = [re.sub(r"^ \.?", "", line) for line in body.splitlines()]
    return "\n".join([re.sub(r"\n +", "\n", owners.strip()), "", *lines]).rstrip() + "\n"


if __name__ == "__main__":
    folders = {"noto": Path(sys.argv[1]), "fluent": Path(sys.argv[2])}
    rows = []
    for role, text in DRAWN.items():
        words = text.split()
        rows += [(name, role, code) for name, code in zip(words[::2], words[1::2], strict=True)]
    for style, draw in (("noto", noto), ("fluent", fluent)):
        (OUT / style).mkdir(parents=True, exist_ok=True)
        for name, _, code in rows:
            drawing = draw(folders[style], code)
            drawing = drawing.crop(drawing.getchannel("A").getbbox())
            drawing.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            path = OUT / style / f"{name}.webp"
            drawing.save(path, lossless=True, quality=100, method=6)
    with open(OUT / "drawings.tsv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, "excel-tab", lineterminator="\n")
        table.writerow(["name", "role", "code"])
        table.writerows(rows)
    licence = open_font_licence(folders["noto"])
    (OUT / "noto" / "LICENSE.txt").write_text(licence, "utf-8", newline="\n")
    (OUT / "fluent" / "LICENSE.txt").write_text(MIT, "utf-8", newline="\n")
    print(sum(path.stat().st_size for path in OUT.rglob("*") if path.is_file()), "bytes in", OUT)
