"""pix2pixHD: exact counts, its losses restated, both generators, and every family's promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_label_maps import NUM_LABELS, SHAPE, make_pix2pixhd

from keras_genzoo import models, networks
from tests import support


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


class TestLocalEnhancer:
    def test_adds_detail_to_the_features_of_a_trained_global_generator(self):
        trained = networks.ResNetTranslator(
            1, 3, width=4, num_blocks=1, num_downsamplings=1, num_labels=NUM_LABELS
        )
        trained = support.as_if_trained(trained)
        enhancer = networks.LocalEnhancer(
            NUM_LABELS, width=2, num_blocks=1, num_local_blocks=1, num_downsamplings=1
        )
        enhancer.load_global(trained)
        # Two by two pixels of a label, so that half the size of its borders' inside is the map itself.
        labels = np.zeros((1, 16, 16, 1), "float32")
        labels[:, 8:] = 2
        features = keras.Model(enhancer.inputs, enhancer.get_layer("sum").input[1])([labels])
        of_global = keras.Model(trained.inputs, trained.get_layer("up_1_norm").output)
        assert features.shape == (1, 8, 8, 4)
        plain = np.zeros_like(labels)
        found, expected = (
            support.to_numpy(each)
            for each in (
                keras.Model(enhancer.inputs, enhancer.get_layer("sum").input[1])([plain]),
                ops.relu(of_global([plain[:, ::2, ::2]])),
            )
        )
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert support.output_of(enhancer, labels).shape == (1, 16, 16, 3)

    def test_another_generator_is_refused(self):
        other = networks.ResNetTranslator(3, width=4, num_blocks=1)
        enhancer = networks.LocalEnhancer(
            NUM_LABELS, width=2, num_blocks=1, num_local_blocks=1, num_downsamplings=1
        )
        with pytest.raises(ValueError, match="`generator` must be a `ResNetTranslator` of the same labels"):
            enhancer.load_global(other)
