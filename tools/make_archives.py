"""Makes the archives of named data sets from their public sources.

Usage:
    python tools/make_archives.py NAME FOLDER --output DIR

FOLDER contains the source of the data set. `genzoo train --data-dir DIR` finds the archive, whose SHA-256 is compared
with the one that the library expects.

    NAME                    FOLDER
    flowers128              the unpacked download.tensorflow.org/example_images/flower_photos.tgz
    emoji                   a checkout of github.com/RealityRipple/emoji at db08071
    dcss_tiles              a checkout of github.com/crawl/tiles at a6ea165
    facades                 a checkout of github.com/AlejandroDopico2/GAN-Facades at b352d59
    summer2winter_yosemite  a checkout of github.com/Edgar454/Summer2Winter at 849fa9e
"""

import argparse
import io
import sys
import tempfile
import zipfile
from pathlib import Path

from PIL import Image

from keras_genzoo import datasets


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=sorted(FILES), help="data set")
    parser.add_argument("folder", type=Path, help="folder of the source")
    parser.add_argument("--output", type=Path, required=True, help="folder for the archive")
    options = parser.parse_args(arguments)
    files = FILES[options.name](options.folder)
    if not files:
        print(f"{options.folder} does not contain the pictures of {options.name}.", file=sys.stderr)
        return 1
    archive = datasets.info(options.name).archive
    path = options.output / archive.folder / archive.file
    path.parent.mkdir(parents=True, exist_ok=True)
    # An archive that is not the expected one replaces nothing.
    with tempfile.TemporaryDirectory(dir=options.output) as made:
        packed = Path(made, archive.folder, archive.file)
        pack(files, packed)
        try:
            archive.find(made)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        packed.replace(path)
    print(f"Wrote {path}.")
    return 0


def pack(files, path):
    """Writes a dict of name -> bytes as a zip file that depends on nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3  # Unix, on every platform.
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])


def flowers(folder):
    """Center squares of the photographs, 128x128, in folders named after the kinds."""
    return {
        f"{path.parent.name}/{path.stem}.webp": _square(path, 128)
        for path in _unique(folder.rglob("*.jpg"), Path.read_bytes)
    }


def emoji(folder):
    """Emoji that both styles have, without those of a skin tone."""
    noto, twemoji = ({path.name for path in (folder / style).glob("*.png")} for style in ("noto", "twemoji"))
    names = [name for name in noto & twemoji if not any(f"1f3f{digit}" in name for digit in "bcdef")]
    return {
        f"{style}/{name}": (folder / style / name).read_bytes()
        for style in ("noto", "twemoji")
        for name in names
    }


def tiles(folder):
    """Tiles of 32x32 pixels, without the unused ones."""
    folder = folder / "releases" / "Nov-2015"
    used = [path for path in folder.rglob("*.png") if "UNUSED" not in path.parts and _size(path) == (32, 32)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _unique(used, _pixels)}


def facades(folder):
    return {path.name: path.read_bytes() for path in (folder / "facades").glob("image_*.jpg")}


def yosemite(folder):
    """Some of the photographs of each folder, without those that another folder has too."""
    folder = folder / "data"
    steps = {"trainA": 3, "trainB": 3, "testA": 5, "testB": 4}
    unique = {part: _unique((folder / part).glob("*.jpg"), Path.read_bytes) for part in steps}
    contents = {part: {path.read_bytes() for path in paths} for part, paths in unique.items()}
    files = {}
    for part, step in steps.items():
        others = set().union(*(contents[other] for other in steps if other != part))
        own = [path for path in unique[part] if path.read_bytes() not in others]
        files |= {f"{part}/{path.name}": path.read_bytes() for path in own[::step]}
    return files


FILES = {
    "dcss_tiles": tiles,
    "emoji": emoji,
    "facades": facades,
    "flowers128": flowers,
    "summer2winter_yosemite": yosemite,
}


def _unique(paths, content):
    """The paths, sorted; of those with the same content, the first."""
    kept = {}
    for path in sorted(paths, key=Path.as_posix):
        kept.setdefault(content(path), path)
    return list(kept.values())


def _size(path):
    with Image.open(path) as picture:
        return picture.size


def _pixels(path):
    with Image.open(path) as picture:
        return picture.convert("RGBA").tobytes()


def _square(path, side):
    """The center square of a picture in a WebP file."""
    with Image.open(path) as picture:
        shorter = min(picture.size)
        left, top = (picture.width - shorter) // 2, (picture.height - shorter) // 2
        square = picture.convert("RGB").crop((left, top, left + shorter, top + shorter))
    file = io.BytesIO()
    square.resize((side, side), Image.Resampling.LANCZOS).save(file, "webp", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
