"""Grids of images and scattered points, in memory and as files."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_genzoo import visualization
from keras_genzoo.modalities import Images
from keras_genzoo.models import TranslationModel
from keras_genzoo.models.translation_model import Task


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


class TestSaveTranslations:
    class Model:
        """Adds ten to every value from A to B, and takes twenty away on the way back."""

        def __init__(self, *directions):
            images = Images((3, 2, 1))
            self.tasks = dict.fromkeys(directions, Task("generator", images, images))

        in_direction = TranslationModel.in_direction
        task = TranslationModel.task

        def draws(self, direction):
            return True

        def translate(self, images, direction, seed):
            assert seed == 0  # so that the same weights draw the same picture
            return images + 10 if direction == "a_to_b" else images - 20

    def _shown(self, tmp_path, *arguments, directions=("a_to_b", "b_to_a"), **keywords):
        """The values shown, row by row."""
        path = tmp_path / "shown.png"
        visualization.save_translations(self.Model(*directions), *arguments, path, **keywords, padding=0)
        return np.asarray(Image.open(path))[::3, ::2].tolist()

    def test_a_row_an_image(self, tmp_path):
        shown = self._shown(tmp_path, _flat(1, 2), targets=_flat(101, 102), directions=("a_to_b",))
        assert shown == [[1, 11, 101], [2, 12, 102]]

    def test_without_targets(self, tmp_path):
        assert self._shown(tmp_path, _flat(1, 2)) == [[1, 11], [2, 12]]

    def test_both_directions(self, tmp_path):
        assert self._shown(tmp_path, _flat(1), targets=_flat(101)) == [[1, 11, 101, 81]]

    def test_one_direction_of_two(self, tmp_path):
        shown = self._shown(tmp_path, _flat(1), targets=_flat(101), direction="b_to_a")
        assert shown == [[101, 81, 1]]

    def test_grey_images_beside_colour_ones_are_grey(self, tmp_path):
        colour = np.broadcast_to(np.uint8([7, 8, 9]), (1, 3, 2, 3))
        assert self._shown(tmp_path, _flat(1), targets=colour, direction="a_to_b") == [
            [[1, 1, 1], [11, 11, 11], [7, 8, 9]]
        ]

    def test_images_that_cannot_be_drawn_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="images with 2 channels"):
            self._shown(tmp_path, _flat(1, channels=2), directions=("a_to_b",))

    def test_a_direction_without_its_images_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="`targets` is missing: it is the input of `direction` 'b_to_a'"):
            self._shown(tmp_path, _flat(1), direction="b_to_a")


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
        with pytest.raises(
            ValueError, match=r"`path` must end with \.png, \.jpg, \.jpeg or \.webp.*grid\.bmp"
        ):
            visualization.save_grid(np.zeros((1, 2, 2, 1)), tmp_path / "grid.bmp")
        assert not list(tmp_path.iterdir())

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch):
        path = tmp_path / "grid.png"
        visualization.save_grid(_flat(1), path)
        old = path.read_bytes()

        def write_half(picture, file, **arguments):
            Path(file).write_bytes(b"half")
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


def _orange(picture):
    red, _, blue = np.asarray(picture.convert("RGB"), "int32").transpose(2, 0, 1)
    return red - blue > 120


def _blue(picture):
    red, _, blue = np.asarray(picture.convert("RGB"), "int32").transpose(2, 0, 1)
    return blue - red > 60


class TestSaveScatter:
    SQUARE = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])

    @pytest.fixture(autouse=True)
    def _needs_matplotlib(self):
        pytest.importorskip("matplotlib")

    def many(self, corners):
        """Enough points at some of the corners to be opaque."""
        return np.repeat(self.SQUARE[:corners], 20, axis=0)

    def draw(self, path, *arguments, **options):
        visualization.save_scatter(*arguments, path=path, **options)
        picture = Image.open(path)
        assert picture.format == "PNG"
        return picture

    def test_samples_in_blue_before_real_points_in_orange(self, tmp_path):
        without = self.draw(tmp_path / "without.png", self.SQUARE)
        assert _blue(without).any() and not _orange(without).any()
        covered = self.draw(tmp_path / "covered.png", self.many(4), real=self.SQUARE)
        missed = self.draw(tmp_path / "missed.png", self.many(2), real=self.SQUARE)
        # A sample hides the middle of the real point that it lies on.
        assert 0 < _orange(covered).sum() < _orange(missed).sum()
        assert 0 < _blue(missed).sum() < _blue(covered).sum()

    def test_a_sequence_makes_a_row_of_panels(self, tmp_path):
        one = self.draw(tmp_path / "one.png", self.SQUARE, titles=["step 1"], real=self.SQUARE)
        three = self.draw(
            tmp_path / "new" / "three.png",
            [self.many(4), self.many(3), self.many(1)],
            titles=["step 1", "step 2", "step 3"],
            real=self.SQUARE,
        )
        assert three.size == (3 * one.width, one.height)
        left, middle, right = np.array_split(_blue(three), 3, axis=1)
        assert left.sum() > middle.sum() > right.sum() > 0

    def test_all_panels_show_what_the_real_points_span_and_count_the_rest(self, tmp_path, monkeypatch):
        from matplotlib.axes import Axes

        limits, counts = [], []

        def record(axes, xlim=None, ylim=None, xlabel=None, **settings):
            if xlabel is None:
                limits.append((xlim, ylim))
            else:
                counts.append(xlabel)

        monkeypatch.setattr(Axes, "set", record)
        far = np.array([[0.0, 0.0], [1.4, -1.4], [50.0, 0.0], [0.0, -50.0]])
        visualization.save_scatter([self.SQUARE, far], tmp_path / "a.png", real=self.SQUARE)
        assert limits == [((-1.5, 1.5), (-1.5, 1.5))] * 2
        assert counts == ["", "2 of 4 outside"]
        visualization.save_scatter(far, tmp_path / "a.png")
        (_, right), (bottom, _) = limits[-1]
        assert right > 50 and bottom < -50 and counts[-1] == ""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"points": np.zeros((4, 3))},
                r"`points` must contain at least one point in the plane.*\(4, 3\)",
            ),
            (
                {"points": np.zeros((0, 2))},
                r"`points` must contain at least one point in the plane.*\(0, 2\)",
            ),
            ({"points": []}, "`points` must contain at least one array.*0 arrays"),
            ({"real": np.zeros((2, 1))}, r"`real` must contain at least one point in the plane.*\(2, 1\)"),
            ({"points": np.array([[0.0, np.nan]])}, "`points` contains NaN"),
            ({"titles": ["a", "b"]}, "one title per array.*1 arrays and 2 titles"),
            ({"path": "points.svg"}, r"`path` must end with .png.*points\.svg"),
        ],
    )
    def test_what_cannot_be_drawn_is_refused_and_nothing_written(self, tmp_path, arguments, message):
        arguments = {"points": self.SQUARE, "path": "points.png", **arguments}
        arguments["path"] = tmp_path / arguments["path"]
        with pytest.raises(ValueError, match=message):
            visualization.save_scatter(**arguments)
        assert not list(tmp_path.iterdir())

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path, monkeypatch):
        path = tmp_path / "points.png"
        self.draw(path, self.SQUARE)
        old = path.read_bytes()

        def write_half(picture, file, **arguments):
            Path(file).write_bytes(b"half")
            raise OSError("the disk is full")

        monkeypatch.setattr(Image.Image, "save", write_half)
        with pytest.raises(OSError, match="the disk is full"):
            visualization.save_scatter(self.SQUARE, path)
        assert path.read_bytes() == old
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_figures_are_written_by_suffix(tmp_path, suffix):
    pytest.importorskip("matplotlib")
    shown = {}
    for kind in ("png", suffix):
        visualization.save_scatter(np.eye(2), tmp_path / f"points.{kind}")
        shown[kind] = Image.open(tmp_path / f"points.{kind}").convert("RGB")
    assert Image.open(tmp_path / f"points.{suffix}").format == {"jpg": "JPEG", "webp": "WEBP"}[suffix]
    np.testing.assert_allclose(
        np.asarray(shown[suffix], int), np.asarray(shown["png"], int), atol=0 if suffix == "webp" else 60
    )


def test_save_scatter_without_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "keras_genzoo\[plots\]"'):
        visualization.save_scatter(np.zeros((1, 2)), tmp_path / "points.png")
    assert not list(tmp_path.iterdir())


class TestMesh:
    @staticmethod
    def _read(path):
        header, _, body = path.read_bytes().partition(b"end_header\n")
        lines = header.decode().splitlines()
        assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
        num_vertices, num_faces = (int(line.split()[-1]) for line in lines if line.startswith("element"))
        vertices = np.frombuffer(body, [("place", "<f4", 3), ("color", "u1", 3)], num_vertices)
        rest = body[vertices.nbytes :]
        faces = np.frombuffer(rest, [("num", "u1"), ("corners", "<i4", 3)], num_faces)
        assert len(rest) == faces.nbytes and (faces["num"] == 3).all()
        return vertices, faces["corners"]

    def test_vertices_are_pixels(self, tmp_path):
        heights = np.array([[0, 255, 51], [102, 0, 0]], "uint8")
        texture = np.arange(18, dtype="uint8").reshape(2, 3, 3)
        visualization.save_mesh(heights, texture, tmp_path / "new" / "a.ply", relief=2.0)
        vertices, _ = self._read(tmp_path / "new" / "a.ply")
        expected = [(0, 0, 0), (1, 0, 6), (2, 0, 1.2), (0, -1, 2.4), (1, -1, 0), (2, -1, 0)]
        np.testing.assert_allclose(vertices["place"], expected, atol=1e-5)
        np.testing.assert_array_equal(vertices["color"], texture.reshape(6, 3))
        visualization.save_mesh(heights[..., None] / 127.5 - 1, texture, str(tmp_path / "b.ply"), relief=2.0)
        np.testing.assert_allclose(self._read(tmp_path / "b.ply")[0]["place"], expected, atol=1e-5)
        visualization.save_mesh(heights, texture[..., :1], tmp_path / "c.ply")
        grey = self._read(tmp_path / "c.ply")[0]["color"]
        np.testing.assert_array_equal(grey, texture[..., :1].reshape(6, 1).repeat(3, axis=1))

    def test_triangles_cover_the_ground_and_face_upwards(self, tmp_path):
        visualization.save_mesh(np.zeros((4, 5), "uint8"), np.zeros((4, 5, 3), "uint8"), tmp_path / "a.ply")
        vertices, corners = self._read(tmp_path / "a.ply")
        a, b, c = np.moveaxis(vertices["place"][corners], 1, 0)
        normals = np.cross(b - a, c - a)
        np.testing.assert_allclose(normals, [(0, 0, 1)] * 24, atol=1e-6)
        centers = {tuple(np.round(3 * center).astype(int)) for center in (a + b + c) / 3}
        assert len(centers) == 24

    @pytest.mark.parametrize(
        ("heights", "texture", "path", "message"),
        [
            (np.zeros((4, 4)), np.zeros((4, 4, 3)), "a.obj", "must end with .ply"),
            (np.zeros((4, 5)), np.zeros((4, 4, 3)), "a.ply", r"Received: \(4, 5\) and \(4, 4, 3\)"),
            (np.zeros((4, 4)), np.zeros((4, 4, 4)), "a.ply", r"texture` \(height, width, 1 or 3\)"),
            (np.zeros((1, 4)), np.zeros((1, 4, 3)), "a.ply", "at least 2x2"),
        ],
    )
    def test_bad_arguments_are_refused(self, heights, texture, path, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            visualization.save_mesh(heights, texture, tmp_path / path)
        assert not list(tmp_path.iterdir())
