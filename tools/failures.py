"""Creates checkpoints/esrgan_flowers_x4/failure.png: pictures that the model, trained on flowers, enlarges badly.

Usage:
    python tools/failures.py
    python tools/publish.py card esrgan_flowers_x4
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_genzoo import models, pictures, pixels

CHECKPOINT = Path(__file__).resolve().parents[1] / "checkpoints" / "esrgan_flowers_x4"
SIDE, GAP = 128, 4
LINES = ("Small print is", "not a flower:", "letters of few", "pixels become", "blots, 0123456")


def main():
    model = models.load(CHECKPOINT)
    originals = np.stack([text(), drawing()])
    small = pictures.bicubic(originals, (SIDE // model.scale, SIDE // model.scale))
    columns = [
        small.repeat(model.scale, axis=1).repeat(model.scale, axis=2),
        pictures.bicubic(small, (SIDE, SIDE)),
        pixels.to_uint8(model.upscale(small)),
        originals,
    ]
    padded = [np.pad(each, [(0, 0), (0, GAP), (0, GAP), (0, 0)], constant_values=255) for each in columns]
    rows = np.concatenate(padded, axis=2)
    Image.fromarray(np.concatenate(rows)[:-GAP, :-GAP]).save(CHECKPOINT / "failure.png", optimize=True)


def text():
    """Draws small print."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    font = ImageFont.load_default(size=17)
    for number, line in enumerate(LINES):
        ImageDraw.Draw(picture).text((4, 4 + 24 * number), line, fill="black", font=font)
    return np.asarray(picture)


def drawing():
    """Draws thin lines on a regular ground: a house behind a fence."""
    picture = Image.new("RGB", (4 * SIDE, 4 * SIDE), "#cfe8ff")
    draw = ImageDraw.Draw(picture)
    for row in range(14):
        for column in range(14):
            left, top = 84 + 26 * column + 13 * (row % 2), 232 + 14 * row
            draw.rectangle([left, top, left + 23, top + 11], fill="#b5503c")
    draw.polygon([(60, 232), (270, 70), (480, 232)], outline="#333333", width=8)
    for left in range(0, 512, 22):
        draw.rectangle([left, 400, left + 9, 512], fill="white", outline="#333333", width=3)
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))


if __name__ == "__main__":
    main()
