#!/usr/bin/env python3
"""Turns a screen dumped as text with SGR colours into a PNG.

    render.py SCREEN.ansi PICTURE.png [--size 16] [--light]

Reads one row a line, as `lathe open --dump FILE.ansi` writes them: attributes bold, dim, underline and
reverse, colours 38;5;n and 48;5;n, also 30-37, 40-47, 90-97, 100-107 and 38;2;r;g;b. Boxes and blocks
(U+2500 to U+259F) and braille are drawn here as rectangles, so that they join whatever the font does.
Needs Pillow, and DejaVu Sans Mono (Debian: fonts-dejavu-core).
"""

import argparse
import re
import unicodedata

from PIL import Image, ImageDraw, ImageFont

FONTS = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono{}.ttf",
    "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono{}.ttf",
    "/Library/Fonts/DejaVuSansMono{}.ttf",
    "DejaVuSansMono{}.ttf",
]
BASIC = [
    (0x1E, 0x1E, 0x1E), (0xCD, 0x31, 0x31), (0x0D, 0xBC, 0x79), (0xE5, 0xE5, 0x10),
    (0x24, 0x72, 0xC8), (0xBC, 0x3F, 0xBC), (0x11, 0xA8, 0xCD), (0xE5, 0xE5, 0xE5),
    (0x66, 0x66, 0x66), (0xF1, 0x4C, 0x4C), (0x23, 0xD1, 0x8B), (0xF5, 0xF5, 0x43),
    (0x3B, 0x8E, 0xEA), (0xD6, 0x70, 0xD6), (0x29, 0xB8, 0xDB), (0xFF, 0xFF, 0xFF),
]
# Arms of the light, heavy and double box characters that we draw: left, right, up, down;
# 1 light, 2 heavy.
ARMS = {
    "─": (1, 1, 0, 0), "━": (2, 2, 0, 0), "│": (0, 0, 1, 1), "┃": (0, 0, 2, 2),
    "┌": (0, 1, 0, 1), "┐": (1, 0, 0, 1), "└": (0, 1, 1, 0), "┘": (1, 0, 1, 0),
    "├": (0, 1, 1, 1), "┤": (1, 0, 1, 1), "┬": (1, 1, 0, 1), "┴": (1, 1, 1, 0),
    "┼": (1, 1, 1, 1), "╭": (0, 1, 0, 1), "╮": (1, 0, 0, 1), "╰": (0, 1, 1, 0),
    "╯": (1, 0, 1, 0), "╴": (1, 0, 0, 0), "╵": (0, 0, 1, 0), "╶": (0, 1, 0, 0),
    "╷": (0, 0, 0, 1), "┏": (0, 2, 0, 2), "┓": (2, 0, 0, 2), "┗": (0, 2, 2, 0),
    "┛": (2, 0, 2, 0), "┣": (0, 2, 2, 2), "┫": (2, 0, 2, 2), "┳": (2, 2, 0, 2),
    "┻": (2, 2, 2, 0), "╋": (2, 2, 2, 2),
}
# Quadrants: bits upper left 1, upper right 2, lower left 4, lower right 8.
QUADRANTS = dict(zip("▘▝▖▞▛▗▚▜▙▟", (1, 2, 4, 6, 7, 8, 9, 11, 13, 14)))


def colour(index):
    """The terminal colour `index` of 256 as red, green, blue."""
    if index < 16:
        return BASIC[index]
    if index >= 232:
        return (8 + 10 * (index - 232),) * 3
    steps = (0, 95, 135, 175, 215, 255)
    index -= 16
    return steps[index // 36], steps[index // 6 % 6], steps[index % 6]


def mix(a, b, share):
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b))


class Pen:
    """The state that SGR sequences change."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.foreground = self.background = None
        self.bold = self.dim = self.underline = self.reverse = False

    def apply(self, parameters):
        codes = [int(p or 0) for p in parameters.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 4:
                self.underline = True
            elif code == 7:
                self.reverse = True
            elif code == 22:
                self.bold = self.dim = False
            elif code == 24:
                self.underline = False
            elif code == 27:
                self.reverse = False
            elif code in (38, 48):
                kind = codes.pop(0)
                if kind == 5:
                    value = colour(codes.pop(0))
                else:
                    value = tuple(codes.pop(0) for _ in range(3))
                if code == 38:
                    self.foreground = value
                else:
                    self.background = value
            elif code == 39:
                self.foreground = None
            elif code == 49:
                self.background = None
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.foreground = colour(code - 30 if code < 90 else code - 82)
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.background = colour(code - 40 if code < 100 else code - 92)

    def colours(self, paper, ink):
        front, back = self.foreground or ink, self.background or paper
        if self.reverse:
            front, back = back, front
        if self.dim:
            front = mix(front, back, 0.4)
        return front, back


def parse(text):
    """Rows of (characters with their combining marks, width, a copy of the pen)."""
    rows = []
    pen = Pen()
    for line in text.split("\n"):
        row = []
        for part in re.split(r"(\x1b\[[0-9;]*m)", line):
            if part.startswith("\x1b["):
                pen.apply(part[2:-1])
                continue
            for character in part:
                if unicodedata.combining(character) and row:
                    row[-1] = (row[-1][0] + character,) + row[-1][1:]
                    continue
                width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
                copy = Pen()
                copy.__dict__.update(pen.__dict__)
                row.append((character, width, copy))
        rows.append(row)
    while rows and not rows[-1]:
        rows.pop()
    return rows


def draw_block(draw, character, x, y, w, h, front, back):
    """Draws a box, block or braille character as rectangles; False for any other."""

    def box(left, top, right, bottom, ink=front):
        x0, x1 = x + round(left * w), x + round(right * w)
        y0, y1 = y + round(top * h), y + round(bottom * h)
        if x1 > x0 and y1 > y0:
            draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=ink)

    code = ord(character[0])
    if 0x2581 <= code <= 0x2588:
        box(0, 1 - (code - 0x2580) / 8, 1, 1)
    elif 0x2589 <= code <= 0x258F:
        box(0, 0, (0x2590 - code) / 8, 1)
    elif character == "▀":
        box(0, 0, 1, 0.5)
    elif character == "▐":
        box(0.5, 0, 1, 1)
    elif character == "▔":
        box(0, 0, 1, 1 / 8)
    elif character == "▕":
        box(7 / 8, 0, 1, 1)
    elif character in "░▒▓":
        box(0, 0, 1, 1, mix(back, front, {"░": 0.25, "▒": 0.5, "▓": 0.75}[character]))
    elif character in QUADRANTS:
        bits = QUADRANTS[character]
        for place, (left, top) in enumerate(((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5))):
            if bits >> place & 1:
                box(left, top, left + 0.5, top + 0.5)
    elif character in ARMS:
        middle_x, middle_y = x + w // 2, y + h // 2
        thin = max(1, round(w / 9))
        half = [thin * arm // 2 for arm in ARMS[character]]
        left, right, up, down = ARMS[character]
        if left:
            draw.rectangle((x, middle_y - half[0], middle_x + thin - 1, middle_y - half[0] + thin * left - 1), fill=front)
        if right:
            draw.rectangle((middle_x, middle_y - half[1], x + w - 1, middle_y - half[1] + thin * right - 1), fill=front)
        if up:
            draw.rectangle((middle_x - half[2], y, middle_x - half[2] + thin * up - 1, middle_y + thin - 1), fill=front)
        if down:
            draw.rectangle((middle_x - half[3], middle_y, middle_x - half[3] + thin * down - 1, y + h - 1), fill=front)
    elif 0x2800 <= code <= 0x28FF:
        places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
        radius = max(1, round(w / 5.5))
        for bit, (column, row) in enumerate(places):
            if (code - 0x2800) >> bit & 1:
                cx, cy = x + w * (1 + 2 * column) // 4, y + h * (1 + 2 * row) // 8
                draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=front)
    else:
        return False
    return True


def font(name, size):
    for pattern in FONTS:
        try:
            return ImageFont.truetype(pattern.format(name), size)
        except OSError:
            continue
    raise SystemExit("render.py: DejaVu Sans Mono is not installed (Debian: fonts-dejavu-core)")


def render(text, size=16, light=False):
    paper, ink = ((0xFA, 0xFA, 0xFA), (0x20, 0x20, 0x20)) if light else ((0x14, 0x16, 0x1A), (0xD8, 0xDA, 0xDC))
    plain, bold = font("", size), font("-Bold", size)
    w = round(plain.getlength("M"))
    ascent, descent = plain.getmetrics()
    h = ascent + descent
    rows = parse(text)
    columns = max((sum(cell[1] for cell in row) for row in rows), default=1)
    margin = size // 2
    picture = Image.new("RGB", (columns * w + 2 * margin, len(rows) * h + 2 * margin), paper)
    draw = ImageDraw.Draw(picture)
    # All backgrounds first: a glyph may reach into its neighbour's cell.
    for behind in (True, False):
        for line, row in enumerate(rows):
            x, y = margin, margin + line * h
            for character, width, pen in row:
                front, back = pen.colours(paper, ink)
                if behind:
                    if back != paper:
                        draw.rectangle((x, y, x + width * w - 1, y + h - 1), fill=back)
                elif not draw_block(draw, character, x, y, w, h, front, back) and character != " ":
                    draw.text((x, y), character, font=bold if pen.bold else plain, fill=front)
                if not behind and pen.underline:
                    draw.line((x, y + h - 2, x + width * w - 1, y + h - 2), fill=front)
                x += width * w
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("screen")
    parser.add_argument("picture")
    parser.add_argument("--size", type=int, default=16, help="of the font, in pixels")
    parser.add_argument("--light", action="store_true", help="on a light background")
    options = parser.parse_args()
    with open(options.screen, encoding="utf-8") as file:
        render(file.read(), options.size, options.light).save(options.picture, optimize=True)


if __name__ == "__main__":
    main()
