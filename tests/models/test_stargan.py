"""StarGAN: exact counts, a step restated in NumPy, translations by the domain alone, and every family's promises."""

from functools import partial
from itertools import cycle

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_domains import NUM_DOMAINS, SHAPE, make_exact_first_stargan, make_first_stargan
from toy_translators import flat_weights, make_discriminator, make_generator, numerical_gradient

from keras_genzoo import models, networks, penalties
from keras_genzoo.optimizers import Adam
from tests import support


class TestContract(Contract):
    family = Family(
        models.StarGAN,
        make_first_stargan,
        exact=make_exact_first_stargan,
        random=partial(make_first_stargan, average_decay=0.9, discriminator_steps=2, split_batches=True),
        at_full_size=lambda: models.StarGAN((128, 128, 3), 5),
        counts={"generator": 8_430_528, "discriminator": 44_762_048},
        optimizers=dict.fromkeys(
            models.StarGAN.players, (Adam, {"learning_rate": 1e-4, "beta_1": 0.5, "beta_2": 0.999})
        ),
        adversarial_log="adversarial_loss",
    )


@pytest.mark.any_backend
def test_constants_of_the_paper():
    model = make_first_stargan(discriminator_steps=5)
    assert (model.domain_weight, model.cycle_weight, model.discriminator_steps) == (1, 10, 5)
    assert (model.penalty.weight, model.penalty.target) == (10, 1)
    assert not model.averages
    generator = networks.StarGANGenerator(8)
    assert generator.count_params() == 8_439_936
    deviation = np.std(ops.convert_to_numpy(generator.get_layer("block_1_first_conv").kernel))
    # Of PyTorch's default, uniform up to 1 / sqrt(fan_in).
    assert deviation == pytest.approx((3 * 256 * 9) ** -0.5, rel=0.01)


class TestAlgorithm:
    """One step restated in NumPy for linear networks of 4x4 images and two domains, gradients by differences."""

    rate = 0.05
    # No batch is as large as a side: Keras' `+` on TensorFlow adds (4, 1, 1, 1) to (4, 4, 4, 1) as a bias per row.
    images = support.toy_images(6, (4, 4, 1), seed=3)
    domains = np.array([0, 1, 1, 0, 1, 1], "int32")
    drawn = ([1, 0, 1, 0, 1, 1], [0, 1, 0, 1, 1, 1])

    def make(self, split_batches):
        x, vectors = keras.Input((4, 4, 1)), keras.Input((2,))
        moved = keras.layers.Reshape((1, 1, 1))(keras.layers.Dense(1, use_bias=False)(vectors))
        generator = keras.Model([x, vectors], keras.layers.Conv2D(1, 1)(x) + moved)
        logits = keras.layers.Dense(2)(keras.layers.Flatten()(x))
        discriminator = keras.Model(x, [keras.layers.Conv2D(1, 1)(x), logits])
        rng = np.random.default_rng(1)
        for network in (generator, discriminator):
            network.set_weights([rng.normal(0, 0.5, weight.shape) for weight in network.weights])
        model = models.StarGAN(
            (4, 4, 1),
            2,
            generator=generator,
            discriminator=discriminator,
            domain_weight=0.7,
            cycle_weight=1.3,
            # With the weight of the paper plain gradient descent would diverge, and rounding with it.
            penalty=penalties.WassersteinGradientPenalty(0.3),
            discriminator_steps=2,
            split_batches=split_batches,
        )
        model.compile(*(keras.optimizers.SGD(self.rate) for _ in model.players))
        targets = cycle(self.drawn)
        model.draw_targets = lambda domains: ops.convert_to_tensor(
            np.array(next(targets)[: domains.shape[0]], "int32")
        )
        return model

    @pytest.mark.parametrize("split_batches", [False, True])
    def test_step_is_that_of_the_paper(self, split_batches):
        model = self.make(split_batches)
        generator, discriminator = (flat_weights(each) for each in model.networks.values())
        logs = model.train_on_batch(self.images, self.domains, return_dict=True)

        def made(generator, images, targets):
            *of_domains, kernel, bias = generator
            return kernel * images + bias + np.array(of_domains)[targets].reshape(-1, 1, 1, 1)

        def judged(discriminator, images, domains):
            kernel, bias = discriminator[:2]
            logits = images.reshape(len(images), -1) @ discriminator[2:-2].reshape(16, 2) + discriminator[-2:]
            likelihoods = np.log(np.exp(logits).sum(axis=1)) - logits[range(len(images)), domains]
            return (kernel * images + bias).mean(), likelihoods.mean()

        def discriminator_losses(discriminator):
            value, domain_loss = judged(discriminator, images, domains)
            difference = judged(discriminator, fakes, targets)[0] - value
            # The gradient of the sum over the patches: the kernel at each of 16 pixels.
            penalty = 0.3 * (4 * np.abs(discriminator[0]) - 1) ** 2
            return difference + penalty + 0.7 * domain_loss, penalty, domain_loss

        def generator_losses(generator):
            fakes = made(generator, images, targets)
            value, domain_loss = judged(discriminator, fakes, targets)
            cycle_loss = np.abs(made(generator, fakes, domains) - images).mean()
            return -value + 0.7 * domain_loss + 1.3 * cycle_loss, -value, domain_loss, cycle_loss

        parts = [slice(0, 3), slice(3, 6)] if split_batches else [slice(None)] * 2
        losses = []
        for part, drawn in zip(parts, self.drawn, strict=True):
            images, domains = self.images[part], self.domains[part]
            targets = np.array(drawn[: len(images)])
            fakes = made(generator, images, targets)
            losses.append(discriminator_losses(discriminator))
            gradient = numerical_gradient(lambda x: discriminator_losses(x)[0], discriminator)
            discriminator = discriminator - self.rate * gradient
        # By the last part and its targets, against the updated discriminator.
        expected = [*np.mean(losses, axis=0), *generator_losses(generator)]
        gradient = numerical_gradient(lambda x: generator_losses(x)[0], generator)
        np.testing.assert_allclose(flat_weights(model.generator), generator - self.rate * gradient, atol=1e-5)
        np.testing.assert_allclose(flat_weights(model.discriminator), discriminator, atol=1e-5)
        assert logs == pytest.approx(dict(zip(model.loss_names, expected, strict=True)), rel=1e-4)

    def test_targets_are_the_domains_in_another_order(self):
        model = make_first_stargan()
        domains = ops.convert_to_tensor(np.array([0, 0, 1, 1, 2, 2], "int32"))
        draws = [support.to_numpy(model.draw_targets(domains)) for _ in range(5)]
        assert all(sorted(draw) == [0, 0, 1, 1, 2, 2] for draw in draws)
        assert len({tuple(draw) for draw in draws}) > 1


class TestTranslation:
    def test_is_that_of_the_network_for_a_domain(self):
        model = support.as_if_trained(make_first_stargan(domain_names=["cat", "dog", "wild"]))
        images = support.toy_images(3, SHAPE)
        vectors = np.eye(NUM_DOMAINS, dtype="float32")[[2, 0, 1]]
        expected = support.output_of(model.generator, images, vectors)
        for domain in ([2, 0, 1], ["wild", "cat", "dog"]):
            np.testing.assert_allclose(model.translate(images, domain=domain), expected, atol=1e-5)
        first = model.translate(images)
        assert np.abs(first - expected)[[0, 2]].max() > 1e-3
        np.testing.assert_allclose(first[1], expected[1], atol=1e-5)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"seed": 1}, "`seed` was given, but translations of this model are not random"),
            ({"styles": np.zeros(3)}, "`styles` was given, but this model has no styles"),
            ({"domain": "bird"}, "`domain` must be a number from 0 to 2. Received: domain='bird'"),
        ],
    )
    def test_what_it_does_not_take_is_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_first_stargan().translate(support.toy_images(1, SHAPE), **arguments)

    def test_signatures_take_domains_alone(self):
        model = make_first_stargan()
        assert {name: {*inputs} for name, (_, inputs) in model.signatures().items()} == {
            "translate": {"images", "domains"},
            "translate_float32": {"images", "domains"},
        }
        assert "--seed" not in model.preset_usage["shell"] and "seed" not in model.preset_usage["python"]


@pytest.mark.any_backend
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "`num_classes` must be .*at least 2"),
        ({"image_shape": (10, 10, 3)}, "`image_shape` must have .* multiples of 4"),
        ({"generator": make_generator(3, 3)}, "`generator` must take a list of images and one-hot domains"),
        ({"discriminator": make_discriminator(3)}, "`discriminator` must output a list of values of patches"),
        ({"generator": networks.StarGANGenerator(4, width=2)}, "`num_classes` is 3, but the network"),
        ({"domain_names": ["a", "b"]}, "`domain_names` must contain 3 names"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.StarGAN(**{"image_shape": SHAPE, "num_classes": NUM_DOMAINS, "width": 2, **arguments})


def test_a_batch_that_cannot_be_split_is_refused():
    model = make_first_stargan(discriminator_steps=2, split_batches=True)
    with pytest.raises(ValueError, match="batch size must be a multiple of 2, the number of parts"):
        model.fit(*support.toy_data(model, 3), batch_size=3, verbose=0)
