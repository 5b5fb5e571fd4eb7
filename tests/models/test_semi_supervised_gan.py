"""The semi-supervised GAN: its losses in closed form, its layers, its half labeled batches, and the promises."""

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops

from keras_genzoo import datasets, layers, models, networks, optimizers
from keras_genzoo.models.semi_supervised_gan import SemiSupervisedDiscriminator, SemiSupervisedGenerator
from tests import support

SHAPE = (4, 4, 1)


def make_gan(**arguments):
    """Both networks small, the discriminator with its noise."""
    keras.utils.set_random_seed(0)
    own = {
        "image_shape": SHAPE,
        "num_classes": 3,
        "generator": SemiSupervisedGenerator(SHAPE, 4, (6,)),
        "discriminator": SemiSupervisedDiscriminator(SHAPE, 3, (8, 6)),
    }
    gan = models.SemiSupervisedGAN(**{**own, "seed": 1, **arguments})
    gan.compile()
    return gan


def make_adversarial_gan(**arguments):
    keras.utils.set_random_seed(0)
    discriminator = SemiSupervisedDiscriminator(SHAPE, 3, (8, 6), num_kernels=4)
    return make_gan(discriminator=discriminator, objective="adversarial", **arguments)


def make_exact_gan(**arguments):
    """Without batch normalization and noise, and by a loss of single images."""
    keras.utils.set_random_seed(0)
    images = keras.Input(SHAPE)
    features = keras.layers.Dense(6, "relu")(keras.layers.Flatten()(images))
    return make_gan(
        generator=networks.MLPGenerator(4, SHAPE, (6,)),
        discriminator=keras.Model(images, [features, keras.layers.Dense(3)(features)]),
        **{"objective": "adversarial", **arguments},
    )


def at_full_size():
    return models.SemiSupervisedGAN(image_shape=(28, 28, 1), num_classes=10)


ADAM = (optimizers.Adam, {"learning_rate": 3e-3, "beta_1": 0.5, "beta_2": 0.999})


class TestContract(Contract):
    family = Family(
        models.SemiSupervisedGAN,
        make_gan,
        exact=make_exact_gan,
        variants={"adversarial": make_adversarial_gan, "average": lambda: make_gan(average_decay=0.9)},
        at_full_size=at_full_size,
        counts={
            # The weights and biases; a length per pixel; two moving statistics per unit.
            "generator": 693_784 + 784 + 2 * (500 + 500),
            # The weights and biases; a length per unit.
            "discriminator": 1_538_760 + 1000 + 500 + 3 * 250 + 10,
        },
        optimizers={"discriminator": ADAM, "generator": ADAM},
    )


class TestLosses:
    logits = np.log(np.float32([[1, 2, 3], [4, 4, 2], [0.25, 0.25, 0.5]]))
    fake_logits = np.log(np.float32([[0.5, 1, 1.5], [1, 1, 1], [1, 3, 5]]))

    def gan(self, **arguments):
        """Whose discriminator gives these logits, and twice them as features."""
        gan = make_exact_gan(**arguments)
        answers = {0.0: self.logits, 1.0: self.fake_logits}
        gan.discriminator = lambda images, training: [
            2 * answers[float(images[0, 0, 0, 0])],
            ops.convert_to_tensor(answers[float(images[0, 0, 0, 0])]),
        ]
        return gan

    def arguments(self, labels):
        images = np.zeros((3, *SHAPE), "float32")
        return {"images": images, "labels": np.array(labels), "fakes": ops.convert_to_tensor(images + 1)}

    def test_a_softmax_with_one_more_class(self):
        """Of the logits log 1, log 2, log 3 and 0 "generated" has the probability 1 / 7."""
        loss, logs = self.gan(unlabeled_weight=0.5).discriminator_loss(**self.arguments([2, -1, -1]))
        labeled_loss = -np.log(3 / 6)  # among the classes alone
        of_real = -np.log([10 / 11, 1 / 2]).mean()
        of_fake = -np.log([1 / 4, 1 / 4, 1 / 10]).mean()
        assert float(logs["labeled_loss"]) == pytest.approx(labeled_loss, rel=1e-5)
        assert float(logs["unlabeled_loss"]) == pytest.approx((of_real + of_fake) / 2, rel=1e-5)
        assert float(loss) == pytest.approx(labeled_loss + 0.5 * (of_real + of_fake) / 2, rel=1e-5)

    def test_batches_with_all_labels_or_none(self):
        _, logs = self.gan().discriminator_loss(**self.arguments([-1, -1, -1]))
        assert float(logs["labeled_loss"]) == 0
        _, logs = self.gan().discriminator_loss(**self.arguments([0, 0, 2]))
        assert float(logs["labeled_loss"]) == pytest.approx(-np.log([1 / 6, 4 / 10, 1 / 2]).mean(), rel=1e-5)
        # All of them are real.
        expected = -np.log([6 / 7, 10 / 11, 1 / 2]).mean() - np.log([1 / 4, 1 / 4, 1 / 10]).mean()
        assert float(logs["unlabeled_loss"]) == pytest.approx(expected / 2, rel=1e-5)

    def test_the_generator_matches_features_of_unlabeled_images(self):
        loss = self.gan(objective="feature_matching").generator_loss(**self.arguments([2, -1, -1]))
        difference = 2 * self.logits[1:].mean(0) - 2 * self.fake_logits.mean(0)
        assert float(loss) == pytest.approx(np.square(difference).mean(), rel=1e-5)
        loss = self.gan().generator_loss(**self.arguments([2, -1, -1]))
        assert float(loss) == pytest.approx(-np.log([3 / 4, 3 / 4, 9 / 10]).mean(), rel=1e-5)


def test_minibatch_discrimination():
    """Of a sample that is far from all others the nearness is 0, of two equal ones 1; the offset is -1."""
    layer = layers.MinibatchDiscrimination(1, 2)
    samples = np.float32([[1, 0], [1, 0], [100, 0]])
    layer.build(samples.shape)
    layer.kernel.assign(np.float32([[3, 0], [0, 3]]).reshape(2, 1, 2))
    outputs = ops.convert_to_numpy(layer(samples))
    np.testing.assert_allclose(outputs, np.column_stack([samples, [0, 0, -1]]), atol=1e-6)
    # By the L1 distance, the directions of length 1.
    outputs = ops.convert_to_numpy(layer(np.float32([[0, 0], [0.5, 0.25]])))
    np.testing.assert_allclose(outputs[:, 2], np.exp(-0.75) - 1, rtol=1e-5)


def test_weights_are_a_direction_and_a_length():
    layer = layers.WeightNormalizedDense(1, gain=2.0)
    layer.build((None, 2))
    layer.kernel.assign(np.float32([[30], [40]]))
    assert ops.convert_to_numpy(layer(np.float32([[1, 1]]))) == pytest.approx(2 * (0.6 + 0.8), rel=1e-5)


@pytest.mark.any_backend
class TestHalfLabeledBatches:
    images = np.arange(60, dtype="uint8").reshape(60, 1, 1, 1)
    labels = np.arange(60) % 3

    def test_every_other_label_is_known(self):
        """Those of as many images of each class, the same in every epoch; the others are any of all."""
        batches = datasets.from_arrays(
            self.images, self.labels, batch_size=8, seed=3, labels_per_class=2, initial_step=0
        )
        known, others = set(), set()
        for images, labels in batches.take(60).as_numpy_iterator():
            indices = np.round((images.ravel() + 1) * 127.5).astype(int)
            np.testing.assert_array_equal(labels[::2], self.labels[indices[::2]])
            np.testing.assert_array_equal(labels[1::2], -1)
            known |= {*indices[::2]}
            others |= {*indices[1::2]}
        assert np.bincount(self.labels[sorted(known)]).tolist() == [2, 2, 2]
        assert others == {*range(60)}

    def test_what_cannot_be_halved_is_refused(self):
        for batch_size, num, message in (
            (7, 2, "an even `batch_size`"),
            (8, 21, "not exceed the 20 examples"),
        ):
            with pytest.raises(ValueError, match=message):
                datasets.from_arrays(self.images, self.labels, batch_size=batch_size, labels_per_class=num)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`objective` must be 'feature_matching' or 'adversarial'"):
        make_gan(objective="both")
    with pytest.raises(ValueError, match="`num_classes` is required"):
        make_gan(num_classes=None)
    with pytest.raises(ValueError, match=r"`discriminator` must return a list of features .*\(batch, 4\)"):
        make_gan(num_classes=4)


@pytest.mark.ci
@pytest.mark.compiled
def test_it_learns_to_classify():
    """Two classes, bright to the left and to the right, of each of which one label is known."""
    keras.utils.set_random_seed(0)
    images = support.toy_images(64, SHAPE) * 0.3 - 0.5
    labels = np.arange(64) % 2
    images[labels == 0, :, :2] += 0.9
    images[labels == 1, :, 2:] += 0.9
    gan = make_gan(num_classes=2, discriminator=SemiSupervisedDiscriminator(SHAPE, 2, (8, 6)))
    gan.fit(
        datasets.from_arrays(images, labels, batch_size=32, labels_per_class=1, initial_step=0),
        steps_per_epoch=150,
        verbose=0,
    )
    assert (gan.predict_features(images)[1].argmax(-1) == labels).mean() > 0.9
