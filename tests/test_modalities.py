"""What a sample is: images and points check, scale, serve, show and save themselves."""

import numpy as np
import pytest

from keras_genzoo import conditions, modalities, pictures
from keras_genzoo.modalities import Images, Points, Summary

IMAGES = Images((2, 3, 1))
POINTS = Points((2,))


class TestShapes:
    def test_of_three_sides_are_images_and_of_one_points(self):
        assert modalities.of_shape([4, 4, 3]) == Images((4, 4, 3))
        assert modalities.of_shape((np.int64(2),)) == Points((2,))

    @pytest.mark.parametrize("shape", [(4, 4), (4, 4, 0), (4.0, 4, 1), "4", None])
    def test_others_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"`image_shape` must be a tuple \(height, width, channels\)"):
            modalities.of_shape(shape)

    def test_data_fit_a_model_where_the_modalities_are_equal(self):
        assert Images((4, 4, 1), may_be_bright=True) == Images((4, 4, 1))
        assert Images((4, 4, 1)) != Images((4, 4, 3))
        assert Images((4, 4, 1)) != Points((4,))


class TestImages:
    def test_are_scaled_to_the_range_of_networks_and_back(self):
        values = np.uint8([0, 51, 255]).reshape(1, 1, 3, 1)
        scaled = np.asarray(IMAGES.scale(values))
        np.testing.assert_allclose(scaled.ravel(), [-1.0, -0.6, 1.0], atol=1e-6)
        np.testing.assert_array_equal(np.asarray(IMAGES.serve(scaled)), values)

    def test_are_shown_as_a_grid_and_saved_as_that_picture(self, tmp_path):
        images = np.linspace(-1, 1, 4 * 6).reshape(4, 2, 3, 1).astype("float32")
        shown = IMAGES.show(images, columns=4, scale=2)
        # A white line of 2 pixels around each, and every pixel twice as large.
        assert shown.shape == (2 * (2 + 4), 2 * (4 * (3 + 2) + 2), 1)
        IMAGES.save(images, tmp_path / "grid.png", columns=4, scale=2)
        np.testing.assert_array_equal(pictures.read(tmp_path / "grid.png", 1), shown)

    def test_name_their_measures_by_what_was_asked_for(self):
        assert IMAGES.default_measures(None)[-1] == "classes_seen"
        assert IMAGES.default_measures(conditions.Labels(10))[-1] == "label_agreement"


class TestPoints:
    def test_keep_their_values(self):
        points = np.float32([[-7.0, 9.0]])
        np.testing.assert_array_equal(np.asarray(POINTS.scale(points)), points)
        np.testing.assert_array_equal(POINTS.serve(points), points)
        assert POINTS.default_measures(None) == ("modes",)

    def test_are_drawn_with_the_examples_behind_in_orange(self):
        pytest.importorskip("matplotlib")
        points = np.zeros((5, 2), "float32")
        behind = np.float32([[-1.0, -1.0], [1.0, 1.0]])

        def orange(picture):
            red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
            return ((red > 200) & (green < 180) & (blue < 90)).sum()

        assert orange(POINTS.show(points)) == 0
        assert orange(POINTS.show(points, examples=behind)) > 50

    def test_of_more_than_a_plane_are_refused_before_any_work(self):
        with pytest.raises(ValueError, match="Only points of the plane"):
            Points((3,)).check_drawable()
        IMAGES.check_drawable()
        with pytest.raises(
            ValueError, match=r"1 or 3 channels can be drawn. Received: images of \(4, 4, 2\)"
        ):
            Images((4, 4, 2)).check_drawable()


class TestLabels:
    LABELS = conditions.Labels(3)

    def test_come_in_turn(self):
        assert self.LABELS.in_turn(5).tolist() == [0, 1, 2, 0, 1]

    @pytest.mark.parametrize(("num", "columns"), [(2, None), (3, 3), (100, 9), (1000, 33)])
    def test_in_turn_make_columns_of_one_class_each(self, num, columns):
        assert self.LABELS.columns(num) == columns

    def test_are_declared_as_networks_take_them(self):
        assert (self.LABELS.spec.shape, self.LABELS.spec.dtype) == ((None,), "int32")

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (None, "`y` is missing: this model has 3 classes"),
            (np.zeros((2, 1), "int32"), "shape \\(batch,\\)"),
            (np.zeros(2), "one int label"),
            (np.int32([0, 3]), "from 0 to 2. Received labels from 0 to 3"),
        ],
    )
    def test_that_cannot_be_used_are_refused(self, labels, message):
        with pytest.raises(ValueError, match=message):
            self.LABELS.check(Summary.of(labels), "y")
