"""What a sample is: images and points check, scale, serve, show and save themselves."""

import numpy as np
import pytest

from keras_genzoo import conditions, modalities, pictures
from keras_genzoo.modalities import Images, LabelMaps, Points, Summary

IMAGES = Images((2, 3, 1))
MAPS = LabelMaps((2, 3, 1), 4)
EDGED = LabelMaps((2, 3, 2), 4)
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


class TestLabelMaps:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (((2, 3, 3), 4), r"`shape` of label maps must be .* Received: shape=\(2, 3, 3\)"),
            (((2,), 4), r"`shape` of label maps must be .* Received: shape=\(2,\)"),
            (((2, 3, 1), 1), "`num_labels` must be an int from 2 to 256. Received: num_labels=1"),
            (((2, 3, 1), 257), "`num_labels` must be an int from 2 to 256. Received: num_labels=257"),
            (((2, 3, 1), "5"), "`num_labels` must be an int from 2 to 256. Received: num_labels='5'"),
            (((2, 3, 1), 5.0), "`num_labels` must be an int from 2 to 256. Received: num_labels=5.0"),
        ],
    )
    def test_of_another_shape_or_number_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            LabelMaps(*arguments)

    @pytest.mark.parametrize(
        ("maps", "shape", "message"),
        [
            (
                MAPS,
                (5, 2, 3),
                r"contain label maps of shape \(batch, 2, 3, 1\). Received: \(5, 2, 3\). Add a channel axis",
            ),
            (MAPS, (5, 4, 6, 1), r"Received: \(5, 4, 6, 1\). Resize them to that size"),
            (MAPS, (2, 3), r"Received: \(2, 3\). Resize them"),
            (MAPS, (5, 2, 3, 2), "create the model with `has_edges=True`"),
            (MAPS, (5, 2, 3, 4), "not as colors or one-hot"),
            (
                EDGED,
                (5, 2, 3),
                r"label maps with edges of shape \(batch, 2, 3, 2\).*channel with the edges.*instance_edges",
            ),
            (EDGED, (5, 2, 3, 1), "Add a channel with the edges.*has_edges=False"),
            (EDGED, (5, 2, 3, 3), "not as colors or one-hot"),
            (MAPS, (0, 2, 3, 1), "`x` is empty"),
        ],
    )
    def test_shapes_are_refused_with_a_remedy(self, maps, shape, message):
        with pytest.raises(ValueError, match=f"`x` .*{message}" if "`x`" not in message else message):
            maps.check(Summary(shape, "uint8", 0, 0), "x")

    @pytest.mark.parametrize(
        ("maps", "values", "message"),
        [
            (MAPS, np.float32([0, 1]), "`x` must contain int labels from 0 to 3. Received dtype float32"),
            (MAPS, np.array([True, False]), "`x` must contain int labels from 0 to 3. Received dtype bool"),
            (MAPS, np.int64([-1, 1]), "`x` must contain labels from 0 to 3. Received labels from -1 to 1"),
            (MAPS, np.uint8([0, 4]), "`x` must contain labels from 0 to 3. Received labels from 0 to 4"),
            (EDGED, np.uint8([3, 2]), "The second channel of `x` must be 1 at the edges .* Received: 2"),
        ],
    )
    def test_values_are_refused_by_what_they_are(self, maps, values, message):
        channels = maps.shape[-1]
        with pytest.raises(ValueError, match=message):
            maps.check_values(values.reshape(1, 2 // channels, 1, channels), "x")

    def test_edges_of_one_are_taken(self):
        EDGED.check_values(np.uint8([[[[3, 1], [0, 0]]]]), "x")

    def test_with_edges_are_not_read_from_a_picture(self):
        with pytest.raises(
            ValueError, match="takes label maps with edges, but an image file contains labels only"
        ):
            EDGED.read("labels.png")

    def test_say_what_they_are(self):
        assert (MAPS.described, EDGED.described) == (
            "label maps of 4 labels",
            "label maps with edges of 4 labels",
        )
        colors = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
        assert MAPS.serving_description() == {"label_colors": colors}
        assert EDGED.serving_description() == {"label_colors": colors, "has_edges": True}

    def test_are_coloured_with_black_edges(self):
        colored = EDGED.colored(np.uint8([[[[3, 0], [3, 1]]]]))
        np.testing.assert_array_equal(colored, [[[[128, 128, 0], [0, 0, 0]]]])


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
        with pytest.raises(ValueError, match="Only points in the plane"):
            Points((3,)).check_drawable()
        IMAGES.check_drawable()
        with pytest.raises(
            ValueError, match=r"1 or 3 channels can be drawn. Received: images of shape \(4, 4, 2\)"
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
