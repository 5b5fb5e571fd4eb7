"""SPADE: exact counts, its losses and its normalisation restated, label maps, styles, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from PIL import Image
from toy_label_maps import NUM_LABELS, SHAPE, make_averaged_spade, make_exact_spade, make_spade

from keras_genzoo import datasets, models, networks, visualization
from keras_genzoo.layers import LabelMapEncoding
from tests import support

ADAM = keras.optimizers.Adam


class TestContract(Contract):
    family = Family(
        models.SPADE,
        make_spade,
        exact=make_exact_spade,
        random=make_averaged_spade,
        optimizers={
            "generator": (ADAM, {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.9}),
            "discriminator": (ADAM, {"learning_rate": 4e-4, "beta_1": 0.0, "beta_2": 0.9}),
        },
        chance_level=2.0,
        adversarial_log="adversarial_loss",
    )


def data(num=4):
    return support.toy_data(make_spade(), num)


class TestNumbersOfThePaper:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("network", "count"),
        [
            (lambda: networks.SPADEGenerator(184), 97_480_899),
            (lambda: networks.SPADEGenerator(151), 96_492_483),
            (lambda: networks.SPADEGenerator(35, True, (256, 512, 3), doubles_middle=True), 93_048_003),
            (lambda: networks.SPADEGenerator(184, style_dim=256), 112_626_883),
            (lambda: networks.MultiScalePatchGAN(184, spectral=True), 5_904_514),
            (lambda: networks.MultiScalePatchGAN(35, True, spectral=True), 5_601_410),
            (lambda: networks.MultiScalePatchGAN(35, True), 5_603_202),
            (lambda: networks.MultiScalePatchGAN(35, True, num_scales=3), 8_404_803),
            (networks.StyleEncoder, 10_463_424),
        ],
    )
    def test_parameters(self, network, count):
        assert sum(int(np.prod(variable.shape)) for variable in network().trainable_variables) == count


class TestInitialization:
    """Xavier's normal distribution times 0.02 for SPADE, normal(0, 0.02) for pix2pixHD; no bias at first."""

    @pytest.mark.parametrize("name", ["generator", "discriminator", "encoder", "discriminator of pix2pixHD"])
    def test_weights_begin_as_in_the_authors_code(self, name):
        keras.utils.set_random_seed(0)
        network = {
            "generator": lambda: networks.SPADEGenerator(5, image_shape=(32, 32, 3), width=8, style_dim=64),
            "discriminator": lambda: networks.MultiScalePatchGAN(5, width=16, spectral=True),
            "encoder": lambda: networks.StyleEncoder((32, 32, 3), 64, width=16),
            "discriminator of pix2pixHD": lambda: networks.MultiScalePatchGAN(5, width=16),
        }[name]()
        kernels = 0
        for layer in network.layers:
            if getattr(layer, "use_bias", False):
                assert not support.to_numpy(layer.bias).any()
            if not hasattr(layer, "kernel"):
                continue
            *window, given, made = layer.kernel.shape
            fans = np.prod(window) * (given + made)
            deviation = 0.02 if "pix2pixHD" in name else 0.02 * np.sqrt(2 / fans)
            kernel = support.to_numpy(layer.kernel) / deviation
            # Within five standard errors; a truncated distribution has none beyond two deviations.
            assert np.std(kernel) == pytest.approx(1, abs=5 / np.sqrt(2 * kernel.size))
            assert kernel.size < 1000 or 2.5 < np.abs(kernel).max() < 6
            kernels += 1
        assert kernels == {"generator": 74, "encoder": 5}.get(name, 10)


class TestAlgorithm:
    @pytest.mark.ci
    def test_losses_are_those_of_the_paper(self):
        model = make_spade(feature_matching_weight=7.0, style_weight=0.3)
        sources, targets = (ops.convert_to_tensor(x) for x in model.unpack(data()))
        fakes = ops.convert_to_tensor(support.toy_images(4, SHAPE, seed=5))
        mean, log_variance = (support.toy_images(4, (2,), seed=seed) for seed in (6, 7))
        real, fake = (
            [[support.to_numpy(x) for x in maps] for maps in model.discriminator([sources, images])]
            for images in (targets, fakes)
        )
        hinge = [
            np.maximum(0, 1 - r[-1]).mean() + np.maximum(0, 1 + f[-1]).mean()
            for r, f in zip(real, fake, strict=True)
        ]
        found = model.discriminator_loss(sources, targets, [fakes, mean, log_variance])
        assert float(found) == pytest.approx(np.mean(hinge), rel=1e-5)

        adversarial = np.mean([-f[-1].mean() for f in fake])
        matching = np.mean(
            [
                sum(np.abs(a - b).mean() for a, b in zip(r[:-1], f[:-1], strict=True))
                for r, f in zip(real, fake, strict=True)
            ]
        )
        divergence = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(axis=1).mean()
        loss, logs = model.generator_loss(sources, targets, [fakes, mean, log_variance])
        assert float(loss) == pytest.approx(adversarial + 7 * matching + 0.3 * divergence, rel=1e-4)
        assert float(logs["feature_matching_loss"]) == pytest.approx(matching, rel=1e-4)
        assert float(logs["style_divergence"]) == pytest.approx(divergence, rel=1e-4)

    @pytest.mark.ci
    def test_normalisation_is_scaled_and_moved_by_what_the_label_map_says(self):
        generator = support.as_if_trained(make_exact_spade()).generator
        labels, _ = data()
        names = ("block_2_1_norm", "block_2_1_scale", "block_2_1_offset")
        taps = keras.Model(generator.inputs, [generator.get_layer(name).output for name in names])
        normalized, scale, offset = (support.to_numpy(x) for x in taps([labels.astype("float32")]))
        entering = keras.Model(generator.inputs, generator.get_layer("block_2_conv_1").input)
        found = support.to_numpy(entering([labels.astype("float32")]))
        adapted = normalized * (1 + scale) + offset
        np.testing.assert_allclose(found, np.where(adapted > 0, adapted, 0.2 * adapted), atol=1e-5)

    def test_the_second_scale_sees_means_of_the_pixels_within_the_image(self):
        discriminator = networks.MultiScalePatchGAN(2, width=1, num_layers=0)
        image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1).repeat(3, axis=-1)
        second = next(layer for layer in discriminator.layers if layer.name == "scale_2_conv_1").input
        padded = support.to_numpy(
            keras.Model(discriminator.inputs, second)([np.zeros((1, 4, 4, 1), "float32"), image])
        )
        seen = padded[0, 2:-2, 2:-2, -1]
        expected = [[np.mean([0, 1, 4, 5]), np.mean([1, 2, 3, 5, 6, 7])]]
        expected += [[np.mean([4, 5, 8, 9, 12, 13]), image[0, 1:, 1:, 0].mean()]]
        np.testing.assert_allclose(seen, expected, rtol=1e-6)


class TestStyles:
    @pytest.fixture(scope="class")
    def model(self):
        return support.as_if_trained(make_spade())

    @pytest.mark.ci
    def test_a_seed_draws_a_style_for_each_image_and_none_is_the_mean_style(self, model):
        labels, images = data()
        plain, first, again, other = (model.translate(labels, seed=seed) for seed in (None, 1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-3
        np.testing.assert_array_equal(plain, model.translate(labels, styles=np.zeros((4, 2))))
        # One style of all, and those of images.
        styles = model.styles_of(images)
        assert styles.shape == (4, 2)
        one = model.translate(labels, styles=styles[1])
        np.testing.assert_allclose(one[1], model.translate(labels, styles=styles)[1], atol=1e-5)

    def test_exports_take_styles_too(self, model):
        signatures = model.signatures()
        assert set(signatures["translate"][1]) == {"images"}
        assert signatures["translate_styled"][1]["styles"].shape == (None, 2)
        labels = data()[0]
        network = model.exported_networks()["translate"]
        images = support.to_numpy(network(labels.astype("float32"))["translations"])
        np.testing.assert_allclose(images, model.translate(labels), atol=1e-5)

    @pytest.mark.ci
    def test_without_styles_there_is_no_encoder(self):
        model = make_exact_spade()
        assert set(model.networks) == {"generator", "discriminator"}
        with pytest.raises(ValueError, match=r"has no styles\. Create it with `style_dim`"):
            model.styles_of(data()[1])
        with pytest.raises(ValueError, match="`styles` was given, but this model has no styles"):
            model.translate(data()[0], styles=np.zeros((4, 2)))
        with pytest.raises(
            ValueError, match=r"`seed` was given, but translations of this model are not random.* seed=3"
        ):
            model.translate(data()[0], seed=3)

    def test_a_seed_beside_styles_is_refused(self, model):
        with pytest.raises(ValueError, match=r"`seed` draws styles, but `styles` was also given.* seed=0"):
            model.translate(data()[0], seed=0, styles=np.zeros((4, 2)))

    @pytest.mark.ci
    def test_a_list_of_pictures_takes_a_style_for_each_or_one_of_all(self, model):
        labels = data()[0].astype("uint8")
        painted = [Image.fromarray(each[..., 0]) for each in labels]
        styles = support.toy_images(4, (2,), seed=3)
        for given in (styles, styles[2]):
            found = model.translate(painted, styles=given)
            np.testing.assert_allclose(found, model.translate(labels, styles=given), atol=1e-5)
        with pytest.raises(ValueError, match=r"`styles` must be finite floats of shape \(4, 2\)"):
            model.translate(painted, styles=styles[:3])

    @pytest.mark.parametrize("styles", [np.zeros((3, 2)), np.zeros((4, 5)), np.full((4, 2), np.nan)])
    def test_bad_styles_are_refused(self, model, styles):
        with pytest.raises(ValueError, match=r"`styles` must be finite floats of shape \(4, 2\)"):
            model.translate(data()[0], styles=styles)


class TestEdges:
    """Label maps of two channels, by which two things side by side are told apart."""

    def make(self):
        keras.utils.set_random_seed(0)
        generator = _generator(has_edges=True)
        model = models.SPADE(SHAPE, 3, has_edges=True, style_dim=2, width=1, generator=generator, seed=0)
        model.compile()
        return model

    @pytest.mark.ci
    def test_are_trained_on_and_change_the_image(self):
        model = self.make()
        maps, images = support.toy_data(model, 4)
        maps[..., 1] %= 2
        before = [np.array(weight) for weight in model.trainable_weights]
        history = model.fit(maps, images, verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        moved = [
            not np.array_equal(old, new) for old, new in zip(before, model.trainable_weights, strict=True)
        ]
        assert any(moved)
        support.as_if_trained(model)
        without = maps * [1, 0]
        assert np.abs(model.translate(maps) - model.translate(without)).max() > 1e-3
        again = models.SPADE.from_config(model.get_config())
        again.set_weights(model.get_weights())
        np.testing.assert_allclose(again.translate(maps), model.translate(maps), atol=1e-6)

    def test_the_card_tells_what_label_maps_hold(self):
        usage = self.make().preset_usage
        assert "labels from 0 to 2, and edges, 0 or 1" in usage["python"]
        # `genzoo paint` reads pictures, which have no edges.
        assert usage["shell"] == "genzoo serve {name}"


class TestLabelMaps:
    @pytest.fixture(scope="class")
    def model(self):
        return support.as_if_trained(make_exact_spade())

    def test_each_block_sees_every_second_label_of_the_next(self, model):
        generator = model.generator
        labels = data(1)[0].astype("float32")
        for name, step in (("first_map", 2), ("block_1_1_shared", 2), ("block_2_1_shared", 1)):
            seen = keras.Model(generator.inputs, generator.get_layer(name).input)([labels])
            expected = np.eye(NUM_LABELS)[labels[:, ::step, ::step, 0].astype(int)]
            np.testing.assert_array_equal(support.to_numpy(seen), expected)

    @pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
    def test_256_labels_are_told_apart_in_half_precision(self, dtype):
        labels = np.arange(256, dtype="float32").reshape(1, 16, 16, 1)
        encoded = support.output_of(LabelMapEncoding(256, dtype=dtype), labels).astype("float32")
        np.testing.assert_array_equal(encoded.reshape(256, 256), np.eye(256))

    def test_only_the_nearest_label_is_taken_in_another_size(self, model):
        labels = data(1)[0]
        doubled = labels.repeat(2, axis=1).repeat(2, axis=2)
        np.testing.assert_array_equal(model.source_modality.resize(labels, (16, 16)), doubled)
        np.testing.assert_array_equal(model.source_modality.resize(doubled, (8, 8)), labels)
        assert model.translate(labels[:, :7, :5], fit="resize").shape == (1, 7, 5, 3)

    @pytest.mark.ci
    @pytest.mark.parametrize("kind", ["grey", "palette", "color"])
    def test_pictures_of_label_maps_are_read(self, model, tmp_path, kind):
        labels = data(1)[0].astype("uint8")
        picture = Image.fromarray(labels[0, ..., 0])
        if kind == "palette":
            picture.putpalette(visualization.label_colors(NUM_LABELS).tobytes())
        if kind == "color":
            picture = Image.fromarray(model.source_modality.colored(labels)[0])
        picture.save(tmp_path / "labels.png")
        np.testing.assert_array_equal(model.translate(tmp_path / "labels.png"), model.translate(labels)[0])

    def test_colors_of_no_label_are_refused(self, model, tmp_path):
        Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "photo.png")
        with pytest.raises(ValueError, match="colors that are not those of labels, such as #010203"):
            model.translate(tmp_path / "photo.png")

    def test_edges_are_where_the_numbers_of_neighbours_differ(self):
        numbers = np.array([[1, 1, 2], [1, 1, 2], [1, 1, 1]])
        np.testing.assert_array_equal(datasets.instance_edges(numbers), [[0, 1, 1], [0, 1, 1], [0, 0, 1]])

    def test_labels_are_encoded_and_edges_kept(self):
        maps = np.array([[[[2, 1], [0, 0]]]])
        encoded = support.output_of(LabelMapEncoding(NUM_LABELS), maps)
        np.testing.assert_array_equal(encoded, [[[[0, 0, 1, 1], [1, 0, 0, 0]]]])


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"num_labels": 0}, "`num_labels` must be at least 1"),
            ({"num_labels": 300}, "`num_labels` must be an int from 2 to 256. Received: num_labels=300"),
            ({"style_dim": None, "encoder": networks.StyleEncoder(SHAPE, 2, width=1)}, "without `style_dim`"),
            (
                {
                    "style_dim": 2,
                    "generator": networks.SPADEGenerator(3, image_shape=SHAPE, multiples=(1, 1)),
                },
                "`generator` has 1 inputs",
            ),
            ({"perceptual_weight": 1.0, "image_shape": (8, 8, 2)}, "`perceptual_weight` must be 0"),
        ],
    )
    def test_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            models.SPADE(**{"image_shape": SHAPE, "num_labels": 3, "width": 1, **arguments})

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda: {"generator": _generator(num_labels=5)},
                "`num_labels` is 3, but `generator` encodes 5 labels",
            ),
            (lambda: {"generator": _generator(has_edges=True)}, "`has_edges` is False.* `generator` takes 2"),
            (
                lambda: {"generator": _generator(style_dim=4)},
                "`style_dim` is 2, but `generator` has styles of length 4",
            ),
            (
                lambda: {"generator": _generator(channels=1)},
                "with 3 channels, but the images of `generator` have 1",
            ),
            (
                lambda: {
                    "generator": networks.SPADEGenerator(3, False, (16, 16, 3), 1, (1, 1), 1, style_dim=2)
                },
                r"`image_shape` is \(8, 8, 3\), but `generator` takes label maps of \(16, 16\)",
            ),
            (
                lambda: {"discriminator": networks.MultiScalePatchGAN(7, width=1)},
                "`num_labels` is 3, but `discriminator` encodes 7 labels",
            ),
            (
                lambda: {"discriminator": networks.MultiScalePatchGAN(3, True, width=1)},
                "`has_edges` is False.* `discriminator` takes 2",
            ),
            (
                lambda: {"discriminator": networks.MultiScalePatchGAN(3, channels=1, width=1)},
                "with 3 channels, but the images of `discriminator` have 1",
            ),
            (
                lambda: {"encoder": networks.StyleEncoder(SHAPE, 5, width=1)},
                "`style_dim` is 2, but `encoder` has styles of length 5",
            ),
            (
                lambda: {"encoder": networks.StyleEncoder((16, 16, 3), 2, width=1)},
                r"`image_shape` is \(8, 8, 3\), but `encoder` takes images of \(16, 16, 3\)",
            ),
        ],
    )
    def test_networks_of_others_are_refused(self, make, message):
        with pytest.raises(ValueError, match=message):
            models.SPADE(SHAPE, 3, style_dim=2, width=1, **{"generator": _generator(), **make()})


def _generator(num_labels=3, has_edges=False, style_dim=2, channels=3):
    return networks.SPADEGenerator(
        num_labels, has_edges, (*SHAPE[:2], channels), 1, multiples=(1, 1), hidden=1, style_dim=style_dim
    )
