"""Archives of data sets from their sources: which files they have, and that nothing else changes their bytes."""

import zipfile

import pytest
from PIL import Image

from tests.support import ROOT


@pytest.fixture(scope="module")
def program():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tools"))
        import make_archives
    return make_archives


def write(folder, colors, size=(32, 32)):
    """Writes pictures from a dict of path -> color; the same color gives the same bytes."""
    for name, color in colors.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, color).save(path)


# Pictures of the source -> names in the archive. Of repeated pictures, the first is kept.
SOURCES = {
    "flowers128": (
        {"roses/b.jpg": "red", "roses/c.jpg": "red", "daisy/a.jpg": "white"},
        ["daisy/a.webp", "roses/b.webp"],
    ),
    "emoji": (
        {
            "noto/1f600.png": 0,
            "twemoji/1f600.png": 1,
            "noto/1f44b-1f3fd.png": 0,
            "twemoji/1f44b-1f3fd.png": 1,
            "noto/1f601.png": 0,
        },
        ["noto/1f600.png", "twemoji/1f600.png"],
    ),
    "dcss_tiles": (
        {
            "releases/Nov-2015/mon/a.png": "red",
            "releases/Nov-2015/mon/b.png": "red",
            "releases/Nov-2015/UNUSED/c.png": "blue",
            "releases/Nov-2015/item/d.png": "green",
        },
        ["item/d.png", "mon/a.png"],
    ),
    "facades": ({"facades/image_001.jpg": 0, "assets/image_002.jpg": 0}, ["image_001.jpg"]),
    # Every third one of those that no other folder has.
    "summer2winter_yosemite": (
        {f"data/trainA/{number}.jpg": (40 * number,) * 3 for number in range(6)}
        | {"data/testA/x.jpg": "black", "data/testA/y.jpg": "red"},
        ["testA/y.jpg", "trainA/1.jpg", "trainA/4.jpg"],
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_an_archive_has_the_files_of_its_data_set(program, name, tmp_path):
    pictures, expected = SOURCES[name]
    write(tmp_path, pictures)
    assert set(SOURCES) == set(program.FILES)
    assert sorted(program.FILES[name](tmp_path)) == expected


def test_flowers_are_center_squares(program, tmp_path):
    picture = Image.new("RGB", (300, 100), "black")
    picture.paste("white", (100, 0, 200, 100))
    picture.save(tmp_path / "a.jpg", quality=100)
    [content] = program.flowers(tmp_path).values()
    (tmp_path / "a.webp").write_bytes(content)
    with Image.open(tmp_path / "a.webp") as square:
        assert square.size == (128, 128) and square.format == "WEBP"
        assert square.convert("L").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) > 250


def test_the_bytes_of_an_archive_depend_on_its_files_only(program, tmp_path):
    files = {"b": b"1" * 1000, "a/c": b"2"}
    program.pack(files, tmp_path / "one.zip")
    program.pack(dict(reversed(files.items())), tmp_path / "below" / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "below" / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["a/c", "b"]
        assert {(entry.date_time, entry.compress_type) for entry in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED)
        }


def test_another_source_is_refused(program, tmp_path, capsys):
    arguments = ["facades", str(tmp_path / "source"), "--output", str(tmp_path / "data")]
    (tmp_path / "source").mkdir()
    assert program.main(arguments) == 1
    assert "does not contain the pictures of facades" in capsys.readouterr().err
    write(tmp_path / "source", {"facades/image_001.jpg": 0})
    assert program.main(arguments) == 1
    assert "is not the expected file" in capsys.readouterr().err
