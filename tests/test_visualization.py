"""Grids of images, in memory and as files."""

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import visualization


def _flat(*values, channels=1):
    """Images of 3x2 pixels, each of one value."""
    return np.stack([np.full((3, 2, channels), value, "uint8") for value in values])


class TestImageGrid:
    def test_geometry(self):
        grid = visualization.image_grid(_flat(10, 20, 30, 40, 50), columns=3, padding=1)
        assert grid.shape == (2 * 4 + 1, 3 * 3 + 1, 1) and grid.dtype == np.uint8
        for index, value in enumerate((10, 20, 30, 40, 50)):
            row, column = divmod(index, 3)
            cell = grid[1 + 4 * row : 4 + 4 * row, 1 + 3 * column : 3 + 3 * column]
            assert cell.shape == (3, 2, 1) and (cell == value).all()
        # Margins and the empty place are white.
        assert (grid == 255).sum() == grid.size - 5 * 3 * 2

    @pytest.mark.parametrize(("num", "columns"), [(1, 1), (4, 2), (5, 3), (9, 3), (10, 4)])
    def test_the_nearest_square_by_default(self, num, columns):
        grid = visualization.image_grid(_flat(*[0] * num), padding=0)
        assert grid.shape[1] == columns * 2

    def test_float_images_are_in_minus_one_to_one(self):
        grid = visualization.image_grid(np.array([-1, 0.2, 1], "float32").reshape(3, 1, 1, 1), 3, padding=0)
        np.testing.assert_array_equal(grid[0, :, 0], [0, 153, 255])

    @pytest.mark.parametrize("shape", [(3, 2, 1), (0, 3, 2, 1), (4, 3, 2, 2)])
    def test_what_cannot_be_laid_out_is_refused(self, shape):
        with pytest.raises(ValueError, match=r"`images` must have the shape \(num, height, width, 1 or 3\)"):
            visualization.image_grid(np.zeros(shape, "uint8"))


class TestSaveGrid:
    @pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
    def test_file_is_a_png_of_the_grid(self, tmp_path, channels, mode):
        images = np.random.default_rng(0).integers(0, 256, (4, 3, 2, channels), "uint8")
        visualization.save_grid(images, tmp_path / "new" / "grid.png", columns=2, scale=3)
        picture = Image.open(tmp_path / "new" / "grid.png")
        assert (picture.format, picture.mode) == ("PNG", mode)
        expected = np.kron(visualization.image_grid(images, 2), np.ones((3, 3, 1), "uint8"))
        np.testing.assert_array_equal(np.asarray(picture).reshape(expected.shape), expected)

    def test_another_extension_is_refused_and_nothing_written(self, tmp_path):
        with pytest.raises(ValueError, match=r"`path` must end with .png"):
            visualization.save_grid(np.zeros((1, 2, 2, 1)), tmp_path / "grid.jpg")
        assert not list(tmp_path.iterdir())

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch):
        path = tmp_path / "grid.png"
        visualization.save_grid(_flat(1), path)
        old = path.read_bytes()

        def write_half(picture, file, **arguments):
            file.write_bytes(b"half")
            raise OSError("the disk is full")

        monkeypatch.setattr(Image.Image, "save", write_half)
        with pytest.raises(OSError, match="the disk is full"):
            visualization.save_grid(_flat(2), path)
        assert path.read_bytes() == old
        assert list(tmp_path.iterdir()) == [path]

    def test_a_path_that_cannot_be_written_is_an_os_error(self, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        with pytest.raises(OSError):
            visualization.save_grid(_flat(1), tmp_path / "file" / "grid.png")
