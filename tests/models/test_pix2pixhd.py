"""pix2pixHD: exact counts, its losses restated, both generators, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_label_maps import NUM_LABELS, SHAPE, make_pix2pixhd

from keras_genzoo import models, networks
from tests import support
from tests.support.toys import batched, kinds_of_data


class TestContract(Contract):
    family = Family(
        models.Pix2PixHD,
        make_pix2pixhd,
        optimizers=dict.fromkeys(
            ("generator", "discriminator"),
            (keras.optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999}),
        ),
        # Half of (1/2)^2 for each kind of images and of the two scales.
        chance_level=0.5,
        adversarial_log="adversarial_loss",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "labels", "count"),
    [
        (networks.ResNetTranslator, 34, 182_543_619),
        (networks.ResNetTranslator, 35, 182_546_755),
        (networks.LocalEnhancer, 34, 182_852_355),
        (networks.LocalEnhancer, 35, 182_857_059),
        (networks.LocalEnhancer, 38, 182_871_171),
    ],
)
def test_parameters(make, labels, count):
    network = (
        make(2, 3, num_downsamplings=4, num_labels=labels)
        if make is networks.ResNetTranslator
        else make(labels, has_edges=True)
    )
    assert sum(int(np.prod(variable.shape)) for variable in network.trainable_variables) == count


def test_losses_are_those_of_the_paper():
    model = make_pix2pixhd(feature_matching_weight=7.0)
    sources, targets = (ops.convert_to_tensor(x) for x in model.unpack(support.toy_data(model, 4)))
    fakes = ops.convert_to_tensor(support.toy_images(4, SHAPE, seed=5))
    real, fake = (
        [[support.to_numpy(x) for x in maps] for maps in model.discriminator([sources, images])]
        for images in (targets, fakes)
    )
    squares = [((r[-1] - 1) ** 2).mean() + (f[-1] ** 2).mean() for r, f in zip(real, fake, strict=True)]
    found = model.discriminator_loss(sources, targets, fakes)
    assert float(found) == pytest.approx(0.5 * sum(squares), rel=1e-5)
    adversarial = sum(((f[-1] - 1) ** 2).mean() for f in fake)
    # 4 / (layers + 1) of the authors' code is 1 for their three layers; the mean over the scales.
    matching = np.mean(
        [
            sum(np.abs(a - b).mean() for a, b in zip(r[:-1], f[:-1], strict=True))
            for r, f in zip(real, fake, strict=True)
        ]
    )
    loss, logs = model.generator_loss(sources, targets, fakes)
    assert float(loss) == pytest.approx(adversarial + 7 * matching, rel=1e-4)
    assert float(logs["adversarial_loss"]) == pytest.approx(adversarial, rel=1e-4)


def global_generator(num_labels=NUM_LABELS, channels=1, width=4, num_blocks=1, **arguments):
    return networks.ResNetTranslator(
        channels,
        3,
        width=width,
        num_blocks=num_blocks,
        **{"num_downsamplings": 1, "num_labels": num_labels, **arguments},
    )


def local_enhancer(has_edges=False):
    return networks.LocalEnhancer(
        NUM_LABELS, has_edges, width=2, num_blocks=1, num_local_blocks=1, num_downsamplings=1
    )


def mean_of_neighbours(maps):
    """The means of 3x3 pixels at every second one, of those that are within the map."""
    height, width = maps.shape[1:3]
    means = [
        maps[:, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].mean(axis=(1, 2))
        for row in range(0, height, 2)
        for column in range(0, width, 2)
    ]
    return np.stack(means, axis=1).reshape(len(maps), height // 2, width // 2, -1)


class TestEdges:
    """The second channel of label maps is 0 or 1, whatever the data come in."""

    message = "The second channel of `x` must be 1 at the edges between objects and 0 elsewhere. Received: {}"

    def model(self):
        return make_pix2pixhd(
            has_edges=True,
            generator=global_generator(channels=2, width=2),
            discriminator=networks.MultiScalePatchGAN(NUM_LABELS, True, width=2, num_layers=1),
        )

    def batches(self, edge):
        labels = np.random.default_rng(0).integers(0, NUM_LABELS, (8, *SHAPE[:2], 1))
        maps = np.concatenate([labels, labels % 2], axis=-1).astype("int32")
        maps[-1, -1, -1] = [NUM_LABELS - 1, edge]
        return maps, support.toy_images(8, SHAPE)

    @pytest.mark.ci
    @pytest.mark.parametrize("edge", [2, -1])
    def test_others_are_refused_in_an_array(self, edge):
        model, data = self.model(), self.batches(edge)
        for method in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=self.message.format(edge)):
                method(*data, batch_size=4, verbose=0)
        model.fit(*self.batches(1), batch_size=4, verbose=0)

    @pytest.mark.parametrize("kind", kinds_of_data())
    def test_others_are_refused_in_a_later_batch(self, kind):
        model = self.model()
        with pytest.raises(ValueError, match=self.message.format(2)):
            model.evaluate(kinds_of_data()[kind](batched(self.batches(2))), verbose=0)

    def test_labels_out_of_range_are_refused_as_labels(self):
        maps, images = self.batches(1)
        maps[-1, 0, 0, 0] = NUM_LABELS
        batches = kinds_of_data()["tf.data"](batched((maps, images)))
        with pytest.raises(ValueError, match=f"`x` must contain labels from 0 to {NUM_LABELS - 1}"):
            self.model().evaluate(batches, verbose=0)


class TestLocalEnhancer:
    @pytest.mark.parametrize("has_edges", [False, True])
    def test_takes_the_weights_of_a_trained_global_generator_and_adds_detail_to_its_features(self, has_edges):
        keras.utils.set_random_seed(0)
        trained = support.as_if_trained(global_generator(channels=1 + has_edges))
        enhancer = local_enhancer(has_edges)
        own = {layer.name: layer.get_weights() for layer in enhancer.layers if "global_" not in layer.name}
        rng = np.random.default_rng(0)
        labels = rng.integers(0, NUM_LABELS, (2, 16, 16, 1))
        edges = rng.integers(0, 2, (2, 16, 16, int(has_edges)))
        maps = np.concatenate([labels, edges], axis=-1).astype("float32")
        added = keras.Model(enhancer.inputs, enhancer.get_layer("sum").input[1])
        # What the trained generator makes of the encoded map in half the size, before its last convolution.
        encoded = np.concatenate([np.eye(NUM_LABELS)[labels[..., 0]], edges], axis=-1)
        features = keras.Model(trained.get_layer("encoding").output, trained.get_layer("up_1_norm").output)
        expected = np.maximum(support.output_of(features, mean_of_neighbours(encoded).astype("float32")), 0)
        assert expected.shape == (2, 8, 8, 4) and expected.std() > 0.1
        assert np.abs(support.output_of(added, maps) - expected).max() > 0.1

        enhancer.load_global(trained)
        np.testing.assert_allclose(support.output_of(added, maps), expected, atol=1e-4)
        for name, weights in own.items():
            for before, after in zip(weights, enhancer.get_layer(name).get_weights(), strict=True):
                np.testing.assert_array_equal(before, after)
        assert support.output_of(enhancer, maps).shape == (2, 16, 16, 3)

    @pytest.mark.parametrize(
        "make_other",
        [
            lambda: global_generator(width=2),
            lambda: global_generator(num_blocks=2),
            lambda: global_generator(num_downsamplings=2),
            lambda: global_generator(num_labels=NUM_LABELS + 1),
            # As many channels, but not of these labels.
            lambda: global_generator(num_labels=None, channels=NUM_LABELS),
            lambda: global_generator(num_labels=NUM_LABELS - 1, channels=2),
            lambda: global_generator(normalization="batch"),
            local_enhancer,
            lambda: "generator",
        ],
    )
    def test_another_generator_is_refused_and_nothing_taken(self, make_other):
        enhancer, other = local_enhancer(), make_other()
        before = enhancer.get_weights()
        with pytest.raises(ValueError, match="`generator` must be a `ResNetTranslator` with the same labels"):
            enhancer.load_global(other)
        for old, new in zip(before, enhancer.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.ci
def test_the_loss_of_chance_is_that_of_equal_logits():
    """Half of 1/4 for real and fake images at each of the two scales, and of three."""
    for num_scales in (2, 3):
        model = make_pix2pixhd(
            discriminator=networks.MultiScalePatchGAN(
                NUM_LABELS, width=1, num_layers=1, num_scales=num_scales
            )
        )
        assert model.chance_level == pytest.approx(0.25 * num_scales)
