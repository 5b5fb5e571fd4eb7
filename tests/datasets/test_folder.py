import itertools
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import datasets

ROOT = pathlib.Path(__file__).resolve().parents[2]


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, "uint8")).save(path, **options)


def plain(value, side=4):
    return np.full((side, side, 3), value, "uint8")


def pixels_of(path, **arguments):
    """The only picture of a folder, back in [0, 255]."""
    (batch,) = datasets.image_folder(path, batch_size=1, shuffle=False, **arguments)
    return (batch.numpy()[0] + 1) * 127.5


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.bmp", "a.gif", "a.webp", "a.jpg", "b/c/a.jpeg"])
def test_reads_the_format(tmp_path, name):
    array = plain((200, 100, 50))
    options = {"lossless": True} if name.endswith("webp") else {}
    save(tmp_path / name, array, **options)
    tolerance = 3 if name.endswith(("jpg", "jpeg", "gif")) else 1e-3
    np.testing.assert_allclose(pixels_of(tmp_path, image_size=4), array, atol=tolerance)


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((1, 3, 4))
    rgba[0, :, 0] = 255  # red: transparent, 40 %, opaque
    rgba[0, :, 3] = [0, 102, 255]
    save(tmp_path / "a.png", rgba)
    np.testing.assert_allclose(
        pixels_of(tmp_path, image_size=(1, 3)),
        [[[255, 255, 255], [255, 153, 153], [255, 0, 0]]],
        atol=1e-3,
    )


def test_palette_with_a_transparent_entry(tmp_path):
    image = Image.fromarray(np.uint8([[0, 1]]), "P")
    image.putpalette([10, 20, 30, 0, 0, 0])
    image.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_allclose(
        pixels_of(tmp_path, image_size=(1, 2)), [[[10, 20, 30], [255, 255, 255]]], atol=1e-3
    )


def test_grey(tmp_path):
    save(tmp_path / "grey" / "a.png", [[0, 128, 255]])
    colour = pixels_of(tmp_path / "grey", image_size=(1, 3))
    np.testing.assert_allclose(colour, [[[v, v, v] for v in (0, 128, 255)]], atol=1e-3)
    grey = pixels_of(tmp_path / "grey", image_size=(1, 3), channels=1)
    np.testing.assert_allclose(grey, [[[0], [128], [255]]], atol=1e-3)
    save(tmp_path / "colour" / "a.png", [[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
    grey = pixels_of(tmp_path / "colour", image_size=(1, 3), channels=1)
    np.testing.assert_allclose(grey, [[[76.245], [149.685], [29.07]]], atol=1e-3)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    Image.fromarray(np.uint16([[0, 32768, 65535]])).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        pixels_of(tmp_path, image_size=(1, 3), channels=1), [[[0], [128], [255]]], atol=1e-3
    )


@pytest.mark.parametrize("transpose", [False, True])
def test_crop_keeps_the_middle_square_and_squashing_keeps_all(tmp_path, transpose):
    picture = np.zeros((6, 12, 3), "uint8")  # blue, two halves of the middle square, blue
    picture[:, :3] = picture[:, 9:] = (0, 0, 255)
    picture[:, 3:6] = (255, 0, 0)
    picture[:, 6:9] = (0, 255, 0)
    turn = (lambda image: image.swapaxes(0, 1)) if transpose else (lambda image: image)
    save(tmp_path / "a.png", turn(picture))
    cropped = turn(pixels_of(tmp_path, image_size=6))
    np.testing.assert_allclose(cropped, picture[:, 3:9], atol=1e-3)
    halved = turn(pixels_of(tmp_path, image_size=2))
    assert halved[..., 0].argmax(1).tolist() == [0, 0] and halved[..., 2].max() < 1e-3
    squashed = turn(pixels_of(tmp_path, image_size=(12, 6) if transpose else (6, 12), crop=None))
    np.testing.assert_allclose(squashed, picture, atol=1e-3)
    assert turn(pixels_of(tmp_path, image_size=4, crop=None))[:, 0, 2].min() > 200


def test_extreme_proportions_leave_at_least_one_pixel(tmp_path):
    save(tmp_path / "a.png", np.full((1, 40, 3), 9))
    np.testing.assert_allclose(pixels_of(tmp_path, image_size=(8, 2)), np.full((8, 2, 3), 9), atol=1e-3)


def test_labels_by_folder(tmp_path):
    for name, value in (("dog/1.png", 30), ("cat/2.png", 10), ("cat/deep/1.png", 20), (".hidden/1.png", 99)):
        save(tmp_path / name, plain(value))
    dataset = datasets.image_folder(tmp_path, 4, batch_size=1, labels="folder", shuffle=False)
    found = {round((float(x[0, 0, 0, 0]) + 1) * 127.5): int(y[0]) for x, y in dataset}
    assert found == {10: 0, 20: 0, 30: 1}
    assert dataset.element_spec[1].dtype == "int32"


def test_labels_need_sub_folders(tmp_path):
    save(tmp_path / "stray.png", plain(0))
    with pytest.raises(ValueError, match=r"sub-folder.*stray\.png.*labels=None"):
        datasets.image_folder(tmp_path, 4, batch_size=1, labels="folder")


def test_resumes_in_order(tmp_path):
    for number in range(7):
        picture = plain(number * 10)
        picture[:, 0] = 255
        save(tmp_path / f"{number}.png", picture)
    arguments = {"image_size": 4, "batch_size": 2, "flip": True, "seed": 3}
    batches = [
        x.numpy() for x in itertools.islice(datasets.image_folder(tmp_path, **arguments, initial_step=0), 9)
    ]
    resumed = datasets.image_folder(tmp_path, **arguments, initial_step=4)
    np.testing.assert_array_equal([x.numpy() for x in itertools.islice(resumed, 5)], batches[4:])
    assert len(datasets.image_folder(tmp_path, **arguments)) == 3


def truncated_jpeg(path):
    save(path, np.random.default_rng(0).integers(0, 256, (32, 32, 3)))
    path.write_bytes(path.read_bytes()[:-200])


def not_a_picture(path):
    path.write_bytes(b"<html>404</html>")


def empty(path):
    path.write_bytes(b"")


def palette_bmp(path):
    Image.new("P", (4, 4)).save(path)


@pytest.mark.parametrize(
    "name, damage",
    [("x.jpg", truncated_jpeg), ("x.png", not_a_picture), ("x.gif", empty), ("x.bmp", palette_bmp)],
)
def test_damaged_file_is_named_or_skipped(tmp_path, name, damage):
    save(tmp_path / "good.png", plain(50))
    damage(tmp_path / name)
    with pytest.raises(ValueError, match=r"1 of 2 pictures.*x\.(jpg|png|gif|bmp).*on_error='skip'"):
        datasets.image_folder(tmp_path, 4, batch_size=1)
    with pytest.warns(UserWarning, match=r"1 of 2 pictures.*x\."):
        dataset = datasets.image_folder(tmp_path, 4, batch_size=1, on_error="skip")
    assert len(list(dataset)) == 1


BAD = {
    "channels": ({"channels": 4}, "`channels` must be 1 or 3.*channels=4"),
    "crop": ({"crop": "random"}, "`crop` must be 'center' or None.*'random'"),
    "labels": ({"labels": "file"}, "`labels` must be 'folder' or None"),
    "on_error": ({"on_error": "ignore"}, "`on_error` must be 'raise' or 'skip'"),
    "image_size": ({"image_size": None}, "`image_size` must be an integer"),
    "too few": ({"batch_size": 2}, "number of images, 1.*batch_size=2"),
    "missing": ({"path": "no/such/folder"}, "existing folder.*no/such/folder"),
}


@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_arguments_are_refused_with_the_fix(tmp_path, arguments, message):
    save(tmp_path / "a.png", plain(0))
    with pytest.raises(ValueError, match=message):
        datasets.image_folder(**{"path": tmp_path, "image_size": 4, "batch_size": 1, **arguments})


def test_empty_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(ValueError, match=r"must hold pictures \(\.bmp.*holds none"):
        datasets.image_folder(tmp_path, 4)


def test_process_ends_while_an_endless_dataset_is_being_read(tmp_path):
    save(tmp_path / "a.png", plain(0, side=64))
    code = f"""
from keras_genzoo import datasets
batches = iter(datasets.image_folder({str(tmp_path)!r}, 64, batch_size=1, initial_step=0))
print(next(batches).shape)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)
