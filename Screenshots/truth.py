#!/usr/bin/env python3
"""Draws Screenshots/truth.png from Screenshots/truth.csv, which `swift run -c release benchmarks truth` writes.

MiniLM's points come of `benchmarks truth MODEL LINES LINES` and are added to the file by hand.

A panel a model: across what was estimated, upwards what was measured, both logarithmic; on the diagonal they agree. Grey:
60 recipes from two bits to eight; colours: 20 each within two percent of 3, 4 and 5 bits per weight; bars: the 90 %
intervals of 50 further recipes, at what was measured.

    python3 Screenshots/truth.py            needs Pillow and DejaVu Sans (Debian: python3-pil fonts-dejavu-core)
"""
import csv
import math
import pathlib

from PIL import Image, ImageDraw, ImageFont

here = pathlib.Path(__file__).parent
rows = list(csv.DictReader(open(here / "truth.csv")))
models = list(dict.fromkeys(row["model"] for row in rows))
colours = {
    "wide": (150, 150, 150), "3 bpw": (230, 126, 34), "4 bpw": (46, 134, 222), "5 bpw": (39, 174, 96),
    "random": (90, 90, 90), "front": (155, 89, 182),
}
size, margin, head = 460, 64, 44
columns = min(3, len(models))
lines = -(-len(models) // columns)
image = Image.new("RGB", (columns * size, lines * (size + head) + 40), "white")
draw = ImageDraw.Draw(image)


def font(points):
    for name in ("DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"):
        try:
            return ImageFont.truetype(name, points)
        except OSError:
            continue
    return ImageFont.load_default()


for place, model in enumerate(models):
    own = [row for row in rows if row["model"] == model and float(row["measured"]) > 0 and float(row["estimate"]) > 0]
    left = place % columns * size + margin
    top = place // columns * (size + head) + head
    side = size - margin - 20
    values = [float(row[key]) for row in own for key in ("measured", "estimate")]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def at(x, y):
        def share(value):
            return (math.log10(max(value, 10.0**low)) - low) / (high - low)

        return left + share(x) * side, top + side - share(y) * side

    draw.text((left, top - 30), model, fill="black", font=font(18))
    draw.rectangle([left, top, left + side, top + side], outline=(120, 120, 120))
    for power in range(low, high + 1):
        x, _ = at(10.0**power, 10.0**low)
        _, y = at(10.0**low, 10.0**power)
        draw.line([x, top, x, top + side], fill=(230, 230, 230))
        draw.line([left, y, left + side, y], fill=(230, 230, 230))
        draw.text((x - 14, top + side + 4), f"1e{power}", fill=(80, 80, 80), font=font(11))
        draw.text((left - 34, y - 7), f"1e{power}", fill=(80, 80, 80), font=font(11))
    draw.line([*at(10.0**low, 10.0**low), *at(10.0**high, 10.0**high)], fill=(0, 0, 0))
    for row in own:
        kind, measured = row["kind"], float(row["measured"])
        x, y = at(float(row["estimate"]), measured)
        colour = colours.get(kind, (0, 0, 0))
        if kind in ("random", "front"):
            x0, _ = at(float(row["low"]), measured)
            x1, _ = at(float(row["high"]), measured)
            draw.line([x0, y, x1, y], fill=colour)
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)
    draw.text((left + side - 150, top + side + 20), "estimated →  measured ↑", fill=(80, 80, 80), font=font(12))
x = margin
for kind, colour in colours.items():
    draw.ellipse([x, image.height - 26, x + 8, image.height - 18], fill=colour)
    text = kind + (" (90 % interval)" if kind in ("random", "front") else "")
    draw.text((x + 14, image.height - 30), text, fill="black", font=font(13))
    x += 30 + int(draw.textlength(text, font=font(13)))
image.save(here / "truth.png", optimize=True)
print(here / "truth.png")
