"""Creates docs/pictures/gallery.png, the first picture of the README, from the sample pictures of checkpoints.

Usage:
    python tools/gallery.py
"""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SIDE, GAP = 264, 12
# Checkpoint -> the boxes (left, upper, right, lower) of its picture that are the rows of a tile.
TILES = (
    ("dcgan_fashion_mnist", [(0, 0, 152, 152)]),
    ("spade_avatars_64", [(4, 4, 264, 132), (4, 268, 264, 396)]),
    ("esrgan_flowers_x4", [(2, 132, 260, 260), (2, 782, 260, 910)]),
    ("cgan_mnist", [(0, 0, 152, 152)]),
)


def main():
    picture = Image.new("RGB", (len(TILES) * (SIDE + GAP) - GAP, SIDE), "white")
    for number, (name, boxes) in enumerate(TILES):
        samples = Image.open(ROOT / "checkpoints" / name / "samples.png").convert("RGB")
        height = SIDE // len(boxes)
        for row, box in enumerate(boxes):
            tile = samples.crop(box).resize((SIDE, height), Image.Resampling.NEAREST)
            picture.paste(tile, (number * (SIDE + GAP), row * height))
    picture.save(ROOT / "docs" / "pictures" / "gallery.png", optimize=True)


if __name__ == "__main__":
    main()
