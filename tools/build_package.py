"""Builds the sdist and the wheel of the library from the tracked files of a checkout.

Usage:
    python tools/build_package.py --output dist

The sdist contains the whole repository. Links and pictures that only work in a checkout are removed from the README,
because a package index shows it without the repository.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, type=Path, help="folder for the two files")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as source:
        write_source(Path(source))
        # The wheel is built from the sdist, to test the sdist.
        command = [sys.executable, "-m", "build", "--outdir", str(options.output.resolve()), source]
        subprocess.run(command, check=True)


def write_source(source):
    """Copies the tracked files, and includes all of them in the sdist."""
    # The maintainer's git.
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)  # nosec B607
    names = [name for name in tracked.split("\0") if (ROOT / name).is_file()]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    readme = source / "README.md"
    readme.write_text(for_index(readme.read_text(encoding="utf-8")), encoding="utf-8")
    (source / "MANIFEST.in").write_text("".join(f"include {name}\n" for name in names), encoding="utf-8")


def for_index(text):
    """Removes relative links (keeping their text) and relative pictures from a Markdown text."""
    text = re.sub(r"^!\[[^\]]*\]\((?!https?://)[^)]*\)\n\n?", "", text, flags=re.MULTILINE)
    return re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?://)[^)]*\)", r"\1", text)


if __name__ == "__main__":
    main()
