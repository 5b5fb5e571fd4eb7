"""ACGAN: its two losses in closed form, and every family's promises."""

import math

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import layers, ops

from keras_genzoo import models, networks, optimizers
from keras_genzoo.augmentation import Augmentation

SHAPE = (8, 8, 1)


def make_acgan(**arguments):
    """The smallest one of the default networks."""
    keras.utils.set_random_seed(0)
    gan = models.ACGAN(
        **{"image_shape": SHAPE, "latent_dim": 4, "num_classes": 3, "width": 4, "seed": 1, **arguments}
    )
    gan.compile()
    return gan


def make_exact_acgan(**arguments):
    """Without batch normalization."""
    keras.utils.set_random_seed(0)
    return make_acgan(
        generator=networks.ConvGenerator(
            4, (4, 4, 4), (4, 1), (2, 1), 3, batch_norm_momentum=None, num_classes=3
        ),
        discriminator=two_heads(
            [layers.Conv2D(4, 3, 2, "same"), layers.LeakyReLU(0.2), layers.Flatten()], SHAPE, 3
        ),
        **arguments,
    )


def two_heads(parts, shape, num_classes):
    x = images = keras.Input(shape)
    for layer in parts:
        x = layer(x)
    return keras.Model(images, [layers.Dense(1)(x), layers.Dense(num_classes)(x)], name="discriminator")


def make_random_acgan(**arguments):
    return make_acgan(augmentation="diff_augment", average_decay=0.9, **arguments)


def at_full_size():
    return models.ACGAN(image_shape=(64, 64, 3), num_classes=10)


ADAM = (optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999})


class TestContract(Contract):
    family = Family(
        models.ACGAN,
        make_acgan,
        exact=make_exact_acgan,
        random=make_random_acgan,
        at_full_size=at_full_size,
        counts={
            # DCGAN's, its first layer wider by the embedded label, and the embedding.
            "generator": 3_578_624 + 50 * 4 * 4 * 512 + 10 * 50,
            "discriminator": 2_767_360 + 10 * 4 * 4 * 512,
        },
        optimizers={"discriminator": ADAM, "generator": ADAM},
        adversarial_log="adversarial_loss",
    )


def test_losses_are_those_of_the_paper():
    """`-(L_S + L_C)` and `L_S - L_C` of logits that are known, weighted."""
    gan = make_acgan(real_class_weight=2.0, fake_class_weight=0.5, generator_class_weight=0.1)
    gan.discriminator = lambda images, training: [images[:, 0, 0], images[:, 0, 0] * np.float32([1, 0, -1])]
    images = np.ones((2, *SHAPE), "float32") * np.float32([1, 2]).reshape(2, 1, 1, 1)
    fakes, labels = -images, np.array([0, 2])
    loss, logs = gan.discriminator_loss(*map(ops.convert_to_tensor, (images, fakes, labels)))
    total = {logit: math.exp(logit) + 1 + math.exp(-logit) for logit in (1, 2)}
    # The first image has class 0 and the second class 2; a generated one has the opposite logits.
    real_class_loss = (math.log(total[1]) - 1 + math.log(total[2]) + 2) / 2
    fake_class_loss = (math.log(total[1]) + 1 + math.log(total[2]) - 2) / 2
    softplus = (math.log1p(math.exp(-1)) + math.log1p(math.exp(-2))) / 2
    assert float(logs["real_class_loss"]) == pytest.approx(real_class_loss, rel=1e-5)
    assert float(logs["fake_class_loss"]) == pytest.approx(fake_class_loss, rel=1e-5)
    assert float(loss) == pytest.approx(2 * softplus + 2 * real_class_loss + 0.5 * fake_class_loss, rel=1e-5)
    loss, logs = gan.generator_loss(ops.convert_to_tensor(fakes), ops.convert_to_tensor(labels))
    adversarial_loss = (math.log1p(math.exp(1)) + math.log1p(math.exp(2))) / 2
    assert float(logs["adversarial_loss"]) == pytest.approx(adversarial_loss, rel=1e-5)
    assert float(logs["generator_class_loss"]) == pytest.approx(fake_class_loss, rel=1e-5)
    assert float(loss) == pytest.approx(adversarial_loss + 0.1 * fake_class_loss, rel=1e-5)


@pytest.mark.ci
def test_the_class_terms_reach_both_players():
    """Without them a step moves the networks elsewhere."""
    images, labels = np.random.default_rng(0).uniform(-1, 1, (4, *SHAPE)), np.array([0, 1, 2, 0])
    weights = []
    for weight in (0.0, 1.0):
        gan = make_exact_acgan(real_class_weight=0.0, fake_class_weight=weight, generator_class_weight=weight)
        gan.compile(*(keras.optimizers.SGD(0.1) for _ in gan.players))
        gan.train_on_batch(images.astype("float32"), labels)
        weights.append([gan.discriminator.weights[0], gan.generator.weights[0]])
    for without, with_terms in zip(*weights, strict=True):
        assert np.abs(ops.convert_to_numpy(without - with_terms)).max() > 1e-6


def test_the_discriminator_sees_augmented_images_alone():
    """Where the augmentation shows nothing, no gradient reaches the generator."""
    gan = make_exact_acgan(augmentation=Blank(), average_decay=None)
    before = [ops.convert_to_numpy(variable.value) for variable in gan.generator.trainable_variables]
    gan.train_on_batch(np.ones((4, *SHAPE), "float32"), np.array([0, 1, 2, 0]))
    for variable, old in zip(gan.generator.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), old)


class Blank(Augmentation):
    def draw(self, num, seed):
        return None

    def augment(self, images, drawn):
        return 0.0 * images


@pytest.mark.any_backend
class TestRefusals:
    def test_no_classes(self):
        with pytest.raises(ValueError, match="`num_classes` is required"):
            models.ACGAN(image_shape=SHAPE)

    def test_a_discriminator_of_one_head(self):
        with pytest.raises(
            ValueError, match=r"`discriminator` must return a list of .*class logits \(batch, 3\)"
        ):
            make_acgan(discriminator=networks.DCGANDiscriminator(SHAPE, 4))

    def test_a_discriminator_of_other_classes(self):
        with pytest.raises(ValueError, match=r"\(batch, 3\).*shapes \[\(1,\), \(4,\)\]"):
            make_acgan(discriminator=networks.DCGANAuxiliaryDiscriminator(SHAPE, 4, 4))

    def test_a_discriminator_that_takes_labels(self):
        with pytest.raises(ValueError, match="has 2 inputs"):
            make_acgan(discriminator=networks.DCGANDiscriminator(SHAPE, 4, 3))
