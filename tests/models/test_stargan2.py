"""StarGAN v2: exact counts, its losses and draws restated, domains and styles, and every family's promises."""

import math
import shlex
from typing import ClassVar

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from PIL import Image
from toy_domains import NUM_DOMAINS, SHAPE, make_exact_stargan, make_stargan, make_with_half_life
from toy_translators import flat_weights, make_cut, make_generator, numerical_gradient

from keras_genzoo import models, networks
from keras_genzoo.networks.stargan2 import OfDomain
from keras_genzoo.optimizers import Adam
from tests import support

CONSTANTS = {"learning_rate": 1e-4, "beta_1": 0.0, "beta_2": 0.99, "l2": 1e-4}


def at_full_size():
    return models.StarGANv2((256, 256, 3), 3)


class TestContract(Contract):
    family = Family(
        models.StarGANv2,
        make_stargan,
        exact=make_exact_stargan,
        random=make_with_half_life,
        at_full_size=at_full_size,
        counts={
            "generator": 33_892_995,
            "mapping": 3_259_072,
            "encoder": 20_949_760,
            "discriminator": 20_852_803,
        },
        optimizers={
            player: (Adam, {**CONSTANTS, "learning_rate": 1e-6 if player == "mapping" else 1e-4})
            for player in models.StarGANv2.players
        },
        chance_level=2 * math.log(2),
        adversarial_log="adversarial_loss",
    )


def data(num=8):
    return support.toy_data(make_stargan(), num)


class TestNumbersOfThePaper:
    @pytest.mark.slow
    @pytest.mark.any_backend
    def test_parameters_at_half_the_side(self):
        model = models.StarGANv2((128, 128, 3), 3)
        counts = {name: network.count_params() for name, network in model.networks.items()}
        del counts["mapping"]
        assert counts == {"generator": 33_632_003, "encoder": 20_832_576, "discriminator": 20_735_619}
        faces = networks.StarGANv2Mapping(2)
        assert faces.count_params() == 2_438_272

    @pytest.mark.ci
    @pytest.mark.any_backend
    def test_defaults(self):
        model = make_stargan()
        weights = (model.r1_weight, model.style_weight, model.diversity_weight, model.cycle_weight)
        assert weights == (1, 1, 2, 1)
        assert (model.diversity_steps, model.average_decay) == (100_000, 0.999)
        model = models.StarGANv2((16, 16, 3), 2, width=2, max_width=4)
        assert (model.latent_dim, model.style_dim) == (16, 64)
        assert {*model.averages} == {"generator", "mapping", "encoder"}

    @pytest.mark.any_backend
    def test_kernels_begin_as_he_has_it_and_biases_at_zero(self):
        network = networks.StarGANv2Generator(3, 64, width=64, num_downsamplings=1, num_blocks=1)
        for layer in network.layers:
            if hasattr(layer, "kernel"):
                kernel = ops.convert_to_numpy(layer.kernel)
                inputs = np.prod(kernel.shape[:-1])
                assert kernel.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.1), layer.name
                assert layer.bias is None or not ops.convert_to_numpy(layer.bias).any()

    @pytest.mark.any_backend
    def test_outputs_are_not_rounded_to_half_precision(self):
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            made = [
                networks.StarGANv2Mapping(2, 4, 3, hidden=2),
                networks.StarGANv2StyleEncoder(2, (8, 8, 3), 3, width=2, max_width=2),
                networks.StarGANv2Discriminator(2, (8, 8, 3), width=2, max_width=2),
            ]
        finally:
            keras.config.set_dtype_policy(previous)
        for network in made:
            # In bfloat16 it is 1.
            value = np.float32(1 + 2**-10)
            for weight in network.weights:
                weight.assign(ops.full(weight.shape, value if weight.name == "bias" else 0.0))
            first, _ = network.inputs
            output = network([np.zeros((2, *first.shape[1:]), "float32"), np.array([0, 1], "int32")])
            np.testing.assert_array_equal(ops.convert_to_numpy(output), value)


@pytest.mark.any_backend
class TestNetworksRestated:
    """In PyTorch, with the convolutions, the means and the enlargements in the order of the paper."""

    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch")

    def weights_of(self, network, rng):
        for weight in network.weights:
            weight.assign(rng.normal(0, 0.4, weight.shape))
        found = {}
        for layer in network.layers:
            for weight in layer.weights:
                found[f"{layer.name}.{weight.name}"] = self.torch.tensor(support.to_numpy(weight))
        return found

    def convolved(self, weights, name, x, padding=1):
        kernel = weights[f"{name}.kernel"].permute(3, 2, 0, 1)
        return self.torch.nn.functional.conv2d(x, kernel, weights.get(f"{name}.bias"), padding=padding)

    def activated(self, x):
        return self.torch.nn.functional.leaky_relu(x, 0.2)

    def shortcut(self, weights, name, x):
        if f"{name}_shortcut.kernel" not in weights:
            return x
        return self.convolved(weights, f"{name}_shortcut", x, 0)

    def halving(self, weights, name, x, normalizes=False, halves=True):
        functional = self.torch.nn.functional

        def normalized(x, part):
            if not normalizes:
                return x
            gamma, beta = (weights[f"{name}_norm_{part}.{kind}"] for kind in ("gamma", "beta"))
            return functional.instance_norm(x, weight=gamma, bias=beta, eps=1e-5)

        shortcut = self.shortcut(weights, name, x)
        shortcut = functional.avg_pool2d(shortcut, 2) if halves else shortcut
        x = self.convolved(weights, f"{name}_conv_1", self.activated(normalized(x, 1)))
        x = functional.avg_pool2d(x, 2) if halves else x
        x = self.convolved(weights, f"{name}_conv_2", self.activated(normalized(x, 2)))
        return (shortcut + x) / math.sqrt(2)

    def styled(self, weights, name, x, styles, doubles=True):
        functional = self.torch.nn.functional

        def normalized(x, part):
            made = styles @ weights[f"{name}_norm_{part}.kernel"] + weights[f"{name}_norm_{part}.bias"]
            gamma, beta = made[:, :, None, None].chunk(2, dim=1)
            return (1 + gamma) * functional.instance_norm(x, eps=1e-5) + beta

        def enlarged(x):
            return functional.interpolate(x, scale_factor=2, mode="nearest") if doubles else x

        shortcut = self.shortcut(weights, name, enlarged(x))
        x = self.convolved(weights, f"{name}_conv_1", enlarged(self.activated(normalized(x, 1))))
        x = self.convolved(weights, f"{name}_conv_2", self.activated(normalized(x, 2)))
        return (shortcut + x) / math.sqrt(2)

    def test_generator(self):
        rng = np.random.default_rng(0)
        network = networks.StarGANv2Generator(3, 5, width=4, max_width=8, num_downsamplings=2, num_blocks=1)
        weights = self.weights_of(network, rng)
        images, styles = support.toy_images(2, (16, 12, 3)), support.toy_images(2, (5,))
        x = self.torch.tensor(images).permute(0, 3, 1, 2)
        s = self.torch.tensor(styles)
        x = self.convolved(weights, "input_conv", x)
        x = self.halving(weights, "down_2", self.halving(weights, "down_1", x, True), True)
        x = self.halving(weights, "block_1", x, True, halves=False)
        x = self.styled(weights, "styled_1", x, s, doubles=False)
        x = self.styled(weights, "up_1", self.styled(weights, "up_2", x, s), s)
        gamma, beta = weights["output_norm.gamma"], weights["output_norm.beta"]
        x = self.torch.nn.functional.instance_norm(x, weight=gamma, bias=beta, eps=1e-5)
        expected = self.convolved(weights, "output_conv", self.activated(x), 0)
        found = support.output_of(network, images, styles)
        np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize("kind", ["encoder", "discriminator"])
    def test_encoder_and_discriminator(self, kind):
        rng = np.random.default_rng(0)
        shape = (16, 16, 3)
        if kind == "encoder":
            network, size = networks.StarGANv2StyleEncoder(3, shape, 5, width=4, max_width=6), 5
        else:
            network, size = networks.StarGANv2Discriminator(3, shape, width=4, max_width=6), 1
        weights = self.weights_of(network, rng)
        images, domains = support.toy_images(3, shape), np.array([2, 0, 1], "int32")
        x = self.convolved(weights, "input_conv", self.torch.tensor(images).permute(0, 3, 1, 2))
        x = self.halving(weights, "down_2", self.halving(weights, "down_1", x))
        x = self.activated(self.convolved(weights, "final_conv", self.activated(x), 0))[:, :, 0, 0]
        x = x @ weights["of_domains.kernel"] + weights["of_domains.bias"]
        expected = x.reshape(3, 3, size)[range(3), domains]
        found = support.output_of(network, images, domains)
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-3)

    def test_mapping(self):
        rng = np.random.default_rng(0)
        network = networks.StarGANv2Mapping(3, 4, 5, hidden=6)
        weights = self.weights_of(network, rng)
        latents, domains = support.toy_images(3, (4,)), np.array([2, 0, 1], "int32")

        def dense(name, x):
            return x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]

        x = self.torch.tensor(latents)
        for index in range(4):
            x = dense(f"shared_{index + 1}", x).relu()
        rows = []
        for row, domain in zip(x, domains, strict=True):
            for index in range(3):
                row = dense(f"domain_{domain}_dense_{index + 1}", row).relu()
            rows.append(dense(f"domain_{domain}_styles", row))
        expected = self.torch.stack(rows)
        np.testing.assert_allclose(
            support.output_of(network, latents, domains), expected.numpy(), rtol=1e-4, atol=1e-5
        )


class _Linear:
    """The networks of a step that NumPy can follow, with images of 4x4, one channel and two domains."""

    weights_of = ("generator", "mapping", "encoder", "discriminator")

    @staticmethod
    def networks():
        rng = np.random.default_rng(1)
        images, style = keras.Input((4, 4, 1)), keras.Input((1,))
        latents, domains = keras.Input((2,)), keras.Input((), dtype="int32")

        def of_domain(x):
            values = keras.layers.Reshape((2, 1))(keras.layers.Dense(2)(x))
            return OfDomain()([values, domains])

        moved = keras.layers.Conv2D(1, 1)(images) + keras.layers.Reshape((1, 1, 1))(
            keras.layers.Dense(1, use_bias=False)(style)
        )
        made = {
            "generator": keras.Model([images, style], moved),
            "mapping": keras.Model([latents, domains], of_domain(latents)),
            "encoder": keras.Model([images, domains], of_domain(keras.layers.Flatten()(images))),
            "discriminator": keras.Model([images, domains], of_domain(keras.layers.Flatten()(images))),
        }
        for network in made.values():
            network.set_weights([rng.normal(0, 0.5, weight.shape) for weight in network.weights])
        return made

    @staticmethod
    def generate(parameters, images, styles):
        of_style, kernel, bias = parameters
        return kernel * images + bias + of_style * styles[:, :, None, None]

    @staticmethod
    def of_domain(parameters, inputs, domains):
        inputs = inputs.reshape(len(inputs), -1)
        kernel, bias = parameters[:-2].reshape(-1, 2), parameters[-2:]
        return (inputs @ kernel + bias)[range(len(inputs)), domains][:, None]


class TestAlgorithm:
    """One step restated in NumPy, gradients by differences."""

    rate = 0.1
    weights: ClassVar = {"r1_weight": 0.7, "style_weight": 1.3, "diversity_weight": 0.9, "cycle_weight": 1.7}
    domains = np.array([0, 1, 1])
    targets = np.array([1, 0, 1])
    images = support.toy_images(3, (4, 4, 1), seed=3)
    references = tuple(support.toy_images(3, (4, 4, 1), seed=seed) for seed in (4, 5))
    latents = tuple(support.toy_images(3, (2,), seed=seed) for seed in (6, 7))

    def make(self, **arguments):
        model = models.StarGANv2(
            (4, 4, 1),
            2,
            latent_dim=2,
            style_dim=1,
            **_Linear.networks(),
            **{"seed": 1, "diversity_steps": 10, **self.weights, **arguments},
        )
        model.compile(*(keras.optimizers.SGD(self.rate) for _ in model.players))
        drawn = map(ops.convert_to_tensor, self.latents)
        model.draw_latents = lambda num: next(drawn)
        model.draw_references = lambda images, domains: tuple(
            map(ops.convert_to_tensor, (self.targets.astype("int32"), *self.references))
        )
        return model

    def restated(self, parameters, diversity_weight):
        """The parameters after a step, and the logs."""
        weights, generate, of_domain = self.weights, _Linear.generate, _Linear.of_domain
        logs = {name: [] for name in models.StarGANv2.loss_names}

        def discriminator_losses(discriminator, fakes):
            real = of_domain(discriminator, self.images, self.domains)
            fake = of_domain(discriminator, fakes, self.targets)
            adversarial = np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean()
            # The gradient of a linear discriminator is its kernel.
            kernel = discriminator[:-2].reshape(-1, 2)[:, self.domains]
            return adversarial, weights["r1_weight"] / 2 * (kernel**2).sum(axis=0).mean()

        def generator_losses(generator, encoder, styles):
            fakes = generate(generator, self.images, styles[0])
            judged = of_domain(now["discriminator"], fakes, self.targets)
            # No gradient passes to the second translation.
            others = generate(now["generator"], self.images, styles[1])
            own = of_domain(encoder, self.images, self.domains)
            found = of_domain(encoder, fakes, self.targets)
            return {
                "adversarial_loss": np.log1p(np.exp(-judged)).mean(),
                "style_loss": np.abs(found - styles[0]).mean(),
                "diversity": np.abs(fakes - others).mean(),
                "cycle_loss": np.abs(generate(generator, fakes, own) - self.images).mean(),
            }

        def total(losses):
            return (
                losses["adversarial_loss"]
                + weights["style_weight"] * losses["style_loss"]
                - diversity_weight * losses["diversity"]
                + weights["cycle_weight"] * losses["cycle_loss"]
            )

        def styles_by_latents(mapping):
            # The second style belongs to the translation that gets no gradient.
            return [
                of_domain(mapping, self.latents[0], self.targets),
                of_domain(now["mapping"], self.latents[1], self.targets),
            ]

        def styles_by_references():
            return [of_domain(now["encoder"], each, self.targets) for each in self.references]

        def descend(loss, *names):
            joined = np.concatenate([now[name] for name in names])
            places = np.cumsum([len(now[name]) for name in names])[:-1]
            gradient = numerical_gradient(lambda x: loss(*np.split(x, places)), joined)
            return dict(zip(names, np.split(joined - self.rate * gradient, places), strict=True))

        now = dict(parameters)
        for styles in (styles_by_latents(now["mapping"]), styles_by_references()):
            fakes = generate(now["generator"], self.images, styles[0])
            adversarial, penalty = discriminator_losses(now["discriminator"], fakes)
            logs["discriminator_loss"].append(adversarial)
            logs["gradient_penalty"].append(penalty)
            now.update(descend(lambda d, fakes=fakes: sum(discriminator_losses(d, fakes)), "discriminator"))

        def by_latents(generator, mapping, encoder):
            return generator_losses(generator, encoder, styles_by_latents(mapping))

        losses = by_latents(*(now[name] for name in ("generator", "mapping", "encoder")))
        updated = descend(lambda *x: total(by_latents(*x)), "generator", "mapping", "encoder")
        for name, value in {**losses, "generator_loss": total(losses)}.items():
            logs[name].append(value)
        now.update(updated)

        styles = styles_by_references()
        losses = generator_losses(now["generator"], now["encoder"], styles)
        updated = descend(lambda g: total(generator_losses(g, now["encoder"], styles)), "generator")
        for name, value in {**losses, "generator_loss": total(losses)}.items():
            logs[name].append(value)
        now.update(updated)
        return now, {name: np.mean(values) for name, values in logs.items()}

    @pytest.mark.parametrize("steps", [0, 4])
    def test_step_is_that_of_the_paper(self, steps):
        model = self.make()
        model.steps.assign(steps)
        parameters = {name: flat_weights(network) for name, network in model.networks.items()}
        logs = model.train_on_batch(self.images, self.domains.astype("int32"), return_dict=True)
        expected, expected_logs = self.restated(parameters, 0.9 * (1 - steps / 10))
        assert logs == pytest.approx(expected_logs, rel=1e-4)
        for name, values in expected.items():
            np.testing.assert_allclose(flat_weights(model.networks[name]), values, atol=2e-5, err_msg=name)
            assert np.abs(values - parameters[name]).max() > 1e-3
        assert int(model.steps) == steps + 1

    def test_references_train_the_generator_alone(self):
        model = self.make()
        before = {name: flat_weights(network) for name, network in model.networks.items()}
        zeros = dict.fromkeys(
            ("generator_loss", "adversarial_loss", "style_loss", "diversity", "cycle_loss"), 0.0
        )
        model.minimize_through = lambda *arguments, **options: (0.0, zeros)
        model.train_on_batch(self.images, self.domains.astype("int32"))
        changed = {
            name for name, network in model.networks.items() if (flat_weights(network) != before[name]).any()
        }
        assert changed == {"generator", "discriminator"}


class TestDiversity:
    def test_its_weight_falls_linearly_to_zero(self):
        model = make_stargan(diversity_weight=3.0, diversity_steps=8)
        for steps, expected in ((0, 3.0), (2, 2.25), (8, 0.0), (100, 0.0)):
            model.steps.assign(steps)
            assert float(model.current_diversity_weight()) == pytest.approx(expected)

    @pytest.mark.ci
    def test_the_steps_are_counted_and_kept(self, tmp_path):
        model = make_stargan()
        model.fit(*data(), batch_size=4, verbose=0)
        assert int(model.steps) == int(model.optimizer.iterations) == 2
        model.save_weights(tmp_path / "model.weights.h5")
        other = make_stargan()
        other.load_weights(tmp_path / "model.weights.h5")
        assert int(other.steps) == 2
        # A preset is where a training begins anew.
        model.save_to_preset(tmp_path / "preset")
        assert int(models.load(tmp_path / "preset").steps) == 0


class TestReferences:
    def drawn(self, domains, times=20):
        model = make_stargan()
        domains = np.array(domains, "int32")
        # Each image holds its number.
        images = np.broadcast_to(
            np.arange(len(domains), dtype="float32")[:, None, None, None], (len(domains), *SHAPE)
        )
        found = [model.draw_references(ops.convert_to_tensor(images), domains) for _ in range(times)]
        return domains, [
            [support.to_numpy(targets), *(support.to_numpy(x)[:, 0, 0, 0].astype(int) for x in references)]
            for targets, *references in found
        ]

    def test_are_of_the_domain_and_the_second_is_another(self):
        domains, draws = self.drawn([0, 0, 0, 1, 1, 2, 2, 2])
        for targets, first, second in draws:
            np.testing.assert_array_equal(sorted(first), range(8))
            np.testing.assert_array_equal(domains[first], targets)
            np.testing.assert_array_equal(domains[second], targets)
            assert (first != second).all()
        assert len({tuple(first) for _, first, _ in draws}) > 10
        assert len({tuple(second) for *_, second in draws}) > 10

    def test_of_a_domain_with_one_image_are_that_image(self):
        _, draws = self.drawn([0, 0, 1])
        for targets, first, second in draws:
            assert (second[targets == 1] == 2).all() and (first[targets == 1] == 2).all()


class TestTranslation:
    @pytest.fixture(scope="class")
    def model(self):
        return support.as_if_trained(make_stargan(domain_names=["cat", "dog", "wild"]))

    @pytest.mark.ci
    def test_is_into_a_domain_by_number_or_name(self, model):
        images, _ = data(3)
        first, second, third = (model.translate(images, domain=domain) for domain in range(3))
        assert np.abs(first - second).max() > 1e-3 < np.abs(second - third).max()
        np.testing.assert_array_equal(model.translate(images), first)
        np.testing.assert_array_equal(model.translate(images, domain="dog"), second)
        mixed = model.translate(images, domain=["wild", "cat", "dog"])
        for own, all_of_one in zip(mixed, (third[0], first[1], second[2]), strict=True):
            np.testing.assert_allclose(own, all_of_one, atol=1e-5)
        np.testing.assert_array_equal(model.translate(images, domain=[2, 0, 1]), mixed)
        one = model.translate(images[1], domain="cat")
        np.testing.assert_allclose(one, first[1], atol=1e-5)

    @pytest.mark.ci
    def test_is_in_the_style_of_a_seed_or_of_a_picture(self, model):
        images, _ = data(3)
        plain, first, again, other = (
            model.translate(images, domain=1, seed=seed) for seed in (None, 1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-4 < np.abs(plain - first).max()
        latents = support.to_numpy(model.latent.from_seed(3, 1))
        styles = model.styles_from_latents(latents, 1)
        np.testing.assert_array_equal(model.translate(images, styles=styles), first)
        # The networks that are used are the averages.
        like = model.translate(images, domain=1, styles=model.styles_of(images[::-1], domain=1))
        scaled = images.astype("float32") / 127.5 - 1
        styles = support.output_of(model.averaged_encoder, scaled[::-1], np.ones(3, "int32"))
        expected = np.clip(support.output_of(model.averaged_generator, scaled, styles), -1, 1)
        np.testing.assert_allclose(like, expected, atol=1e-5)
        assert np.abs(like - plain).max() > 1e-3
        assert (model.styles_of(images, domain=0) != model.styles_of(images, domain=1)).any()

    @pytest.mark.ci
    def test_a_list_of_pictures_takes_one_domain_or_one_for_each(self, model):
        images, _ = data(2)
        pictures = [Image.fromarray(image) for image in images]
        of_each = model.translate(pictures, domain=[2, 0])
        np.testing.assert_allclose(of_each, model.translate(images, domain=[2, 0]), atol=1e-5)
        of_all = model.translate(pictures, domain=1)
        np.testing.assert_allclose(of_all, model.translate(images, domain=1), atol=1e-5)
        with pytest.raises(ValueError, match="`domain` must be one domain for all images"):
            model.translate(pictures, domain=[2, 0, 1])

    def test_is_of_other_sizes(self, model):
        assert model.generator.size_multiple == 2
        image = support.toy_images(1, (13, 10, 3))[0]
        assert model.translate(image, domain=1, fit="pad").shape == (13, 10, 3)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"domain": 3}, "`domain` must be from 0 to 2"),
            ({"domain": -1}, "`domain` must be from 0 to 2"),
            ({"domain": 1.5}, "`domain` must have one int label"),
            (
                {"domain": [0, 1]},
                r"`domain` must be one domain for all images, or a sequence of 3 domains. .*: 2",
            ),
            ({"domain": "bird"}, "`domain` must be one of cat, dog, wild, or a number from 0 to 2.*'bird'"),
            ({"styles": np.zeros((2, 3))}, r"`styles` must be finite floats of shape \(3, 3\)"),
            ({"domain": 7, "styles": np.zeros((3, 3))}, "`domain` must be from 0 to 2"),
        ],
    )
    def test_bad_arguments_are_refused(self, model, arguments, message):
        with pytest.raises(ValueError, match=message):
            model.translate(data(3)[0], **arguments)

    def test_the_command_of_the_card_quotes_the_name_of_a_domain(self):
        model = make_stargan(domain_names=("cat", "dog", "Noah's ark"))
        words = shlex.split(model.preset_usage["shell"])
        assert words[words.index("--domain") + 1] == "Noah's ark"

    @pytest.mark.ci
    def test_names_need_names(self):
        with pytest.raises(
            ValueError, match=r"`domain` must be a number from 0 to 2\. Received: domain='cat'"
        ):
            make_stargan().translate(data(3)[0], domain="cat")
        with pytest.raises(ValueError, match="`latents` must have the shape"):
            make_stargan().styles_from_latents(np.zeros((2, 5)), 0)
        with pytest.raises(ValueError, match="`domain` was given, but this model has no domains"):
            make_cut().translate(support.toy_images(1), domain=0)

    def test_domains_out_of_range_are_refused_by_exports(self, model):
        function, inputs = model.signatures()["translate"]
        assert {*inputs} == {"images", "domains", "latents"}
        if keras.backend.backend() == "tensorflow":
            with pytest.raises(Exception, match="`domains` must be from 0 to 2"):
                function(
                    images=data(1)[0],
                    domains=ops.convert_to_tensor(np.array([3], "int32")),
                    latents=np.zeros((1, 4), "float32"),
                )

    def test_one_network_takes_domains_and_latents(self, model):
        network = model.exported_networks()["translate"]
        images, latents = support.toy_images(3, SHAPE), support.to_numpy(model.latent.from_seed(3, 5))
        made = network([images, np.full(3, 2, "int32"), latents])["translations"]
        expected = model.translate(images, domain=2, seed=5)
        np.testing.assert_allclose(support.to_numpy(made), expected, atol=1e-5)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"num_classes": 1}, "`num_classes` must be .*at least 2"),
            ({"num_classes": None}, "`num_classes` must be the number of domains"),
            ({"image_shape": (12, 12, 3)}, r"`image_shape` must be square with a side of 4 \* 2\^k"),
            ({"image_shape": (8, 16, 3)}, r"`image_shape` must be square"),
            ({"domain_names": ["a", "b"]}, "`domain_names` must contain 3 names"),
            ({"domain_names": ["a", "b", "b"]}, "`domain_names` must be a tuple of different strings"),
            ({"r1_weight": -1}, "`r1_weight` must be at least 0"),
            ({"diversity_steps": 0}, "`diversity_steps` must be at least 1"),
            ({"mapping": networks.StarGANv2Mapping(3, 4, 5, hidden=2)}, "`style_dim` is 3, but the network"),
            ({"mapping": networks.StarGANv2Mapping(3, 6, 3, hidden=2)}, "`latent_dim` is 4, but the network"),
            ({"generator": make_generator(3, 3)}, "`generator` must take a list of two inputs"),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            models.StarGANv2(
                **{
                    "image_shape": SHAPE,
                    "num_classes": NUM_DOMAINS,
                    "latent_dim": 4,
                    "style_dim": 3,
                    "width": 2,
                    "max_width": 4,
                    "hidden": 2,
                    **arguments,
                }
            )
