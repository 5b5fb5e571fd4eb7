"""CUT: its numbers, PatchNCE and the step restated in NumPy, mirrored batches, and every family's promises."""

from functools import partial

import keras
import numpy as np
import pytest
from contract import Contract, Family
from keras import ops
from toy_translators import (
    SHAPE,
    flat_weights,
    make_cut,
    make_cut_of_the_paper,
    make_discriminator,
    make_generator,
    make_random_cut,
    numerical_gradient,
)

from keras_genzoo import losses, models
from keras_genzoo.models.cut import patch_nce
from keras_genzoo.networks import PatchGANDiscriminator, PatchProjector, ResNetTranslator
from tests import support

DOMAINS = (support.toy_images(4, SHAPE), support.toy_images(4, SHAPE, seed=1))


class TestContract(Contract):
    family = Family(
        models.CUT,
        make_cut,
        random=partial(make_random_cut, average_decay=0.9),
        variants={"of_the_paper": make_cut_of_the_paper},
        at_full_size=partial(models.CUT, (256, 256, 3)),
        counts={"generator": 11_378_179, "discriminator": 2_764_737, "projector": 560_384},
        optimizers=dict.fromkeys(
            ("generator", "discriminator", "projector"),
            (keras.optimizers.Adam, {"learning_rate": 2e-4, "beta_1": 0.5, "beta_2": 0.999}),
        ),
        chance_level=0.25,
    )


class TestNumbersOfThePaper:
    def test_constants(self):
        model = make_cut()
        assert (model.nce_weight, model.temperature, model.num_patches) == (1, 0.07, 256)
        assert model.identity_nce and not model.flip_equivariance
        assert isinstance(model.adversarial_loss, losses.LeastSquares)
        assert model.adversarial_loss.coefficient == 1

    def test_settings(self):
        config = make_cut().get_config()
        assert models.CUT.CONFIGS["cut"].items() <= config.items()
        model = make_cut(**models.CUT.CONFIGS["fastcut"])
        assert (model.nce_weight, model.identity_nce, model.flip_equivariance) == (10, False, True)

    def test_default_networks(self):
        model = make_cut_of_the_paper()
        for network in (model.generator, model.discriminator):
            config = network.get_config()
            assert (config["antialias"], config["initialization"]) == (True, "xavier")
            assert config["normalization"] == "instance"

    @pytest.mark.parametrize(
        ("num_blocks", "blocks"), [(9, ["block_1", "block_5"]), (3, ["block_1", "block_3"]), (1, ["block_1"])]
    )
    def test_maps_that_are_compared(self, num_blocks, blocks):
        generator = ResNetTranslator(3, width=1, num_blocks=num_blocks)
        assert generator.feature_layers == ["padded_images", "down_1_conv", "down_2_conv", *blocks]
        channels = [generator.get_layer(name).output.shape[-1] for name in generator.feature_layers]
        assert channels == [3, 2, 4, *[4] * len(blocks)]


def numpy_nce(queries, keys, temperature):
    """As the authors have it: the own key's logit beside those of the others, one image after the other."""
    values = []
    for query, key in zip(unit(queries), unit(keys), strict=True):
        for index, vector in enumerate(query):
            others = [vector @ other / temperature for place, other in enumerate(key) if place != index]
            own = vector @ key[index] / temperature
            values.append(np.log(np.exp([own, *others]).sum()) - own)
    return np.reshape(values, queries.shape[:2]).mean(axis=1)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.any_backend
class TestPatchNCE:
    queries, keys = np.random.default_rng(0).normal(size=(2, 3, 7, 5)).astype("float32")

    def test_is_the_cross_entropy_of_the_own_patch(self):
        for temperature in (0.07, 1.0):
            given = ops.convert_to_numpy(patch_nce(self.queries, self.keys, temperature))
            np.testing.assert_allclose(given, numpy_nce(self.queries, self.keys, temperature), rtol=1e-4)

    def test_of_equal_patches(self):
        equal = np.ones((2, 256, 4), "float32")
        given = ops.convert_to_numpy(patch_nce(equal, 3 * equal, 0.07))
        np.testing.assert_allclose(given, np.log(256), rtol=1e-5)

    def test_of_patches_that_have_nothing_in_common(self):
        """Cosines of 1 for the own and of 0 for the others."""
        axes = np.eye(8, dtype="float32")[None]
        given = ops.convert_to_numpy(patch_nce(axes, axes, 0.5))
        np.testing.assert_allclose(given, np.log(np.exp(2) + 7) - 2, rtol=1e-5)

    def test_has_no_gradient_to_the_keys(self):
        from keras_genzoo import backends

        _, (to_queries, to_keys) = backends.input_value_and_grad(
            lambda both: patch_nce(*both, 0.07), [self.queries, 1.0 * self.keys]
        )
        assert np.abs(ops.convert_to_numpy(to_queries)).min(axis=-1).max() > 0
        assert to_keys is None or not ops.convert_to_numpy(to_keys).any()

    def test_of_vectors_of_zeros_has_a_finite_gradient(self):
        from keras_genzoo import backends

        zeros = np.zeros((1, 4, 3), "float32")
        value, gradient = backends.input_value_and_grad(
            lambda x: patch_nce(x, self.keys[:1, :4, :3], 0.07), zeros
        )
        assert np.isfinite(ops.convert_to_numpy(gradient)).all()
        np.testing.assert_allclose(ops.convert_to_numpy(value), np.log(4), rtol=1e-5)


class TestAlgorithm:
    """One step restated in NumPy for linear networks, gradients by differences."""

    rate = 0.1

    def make(self, **arguments):
        """`G(x) = v (w x + b) + c`, whose inner map is compared, `D(x) = v x + c`, and a dense layer with a tanh."""
        rng = np.random.default_rng(1)
        images = keras.Input((None, None, 1))
        inner = keras.layers.Conv2D(2, 1, name="inner")
        generator = keras.Model(images, keras.layers.Conv2D(1, 1)(inner(images)))
        discriminator = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
        features = keras.Input((None, 2))
        projector = keras.Model([features], [keras.layers.Dense(3, activation="tanh")(features)])
        for network in (generator, discriminator, projector):
            network.set_weights([rng.normal(0, 0.7, weight.shape) for weight in network.weights])
        model = models.CUT(
            (2, 2, 1),
            generator=generator,
            discriminator=discriminator,
            projector=projector,
            feature_layers=["inner"],
            temperature=0.3,
            nce_weight=2.0,
            seed=1,
            **arguments,
        )
        model.compile(*(keras.optimizers.SGD(self.rate) for _ in range(3)))
        return model

    @pytest.mark.parametrize("identity_nce", [True, False])
    def test_step_is_that_of_the_paper(self, identity_nce):
        model = self.make(identity_nce=identity_nce)
        networks = (model.generator, model.discriminator, model.projector)
        generator, discriminator, projector = (flat_weights(network) for network in networks)
        rng = np.random.default_rng(3)
        sources, targets = rng.uniform(-1, 1, (2, 3, 2, 2, 1)).astype("float32")
        logs = model.train_on_batch(sources, targets, return_dict=True)

        def inner(generator, images):
            return images * generator[:2] + generator[2:4]

        def translate(generator, images):
            return inner(generator, images) @ generator[4:6, None] + generator[6]

        def judge(discriminator, images):
            return discriminator[0] * images + discriminator[1]

        def project(projector, maps):
            features = maps.reshape(len(maps), -1, 2)
            return np.tanh(features @ projector[:6].reshape(2, 3) + projector[6:])

        def nce(of_queries, images):
            queries = project(of_queries[7:], inner(of_queries[:7], translate(of_queries[:7], images)))
            # The keys are constants: those of the weights before the step.
            return numpy_nce(queries, project(projector, inner(generator, images)), 0.3).mean()

        def generator_loss(parameters, discriminator):
            fakes = translate(parameters[:7], sources)
            adversarial = ((judge(discriminator, fakes) - 1) ** 2).mean()
            contrast = nce(parameters, sources)
            if identity_nce:
                contrast = (contrast + nce(parameters, targets)) / 2
            return adversarial + 2 * contrast

        def discriminator_loss(discriminator):
            fakes = translate(generator, sources)
            real = ((judge(discriminator, targets) - 1) ** 2).mean()
            return (real + (judge(discriminator, fakes) ** 2).mean()) / 2

        # The discriminator first; then generator and projector by one loss, against the new discriminator.
        both = np.concatenate([generator, projector])
        new_discriminator = discriminator - self.rate * numerical_gradient(discriminator_loss, discriminator)
        gradient = numerical_gradient(lambda parameters: generator_loss(parameters, new_discriminator), both)
        expected = {
            "discriminator_loss": discriminator_loss(discriminator),
            "generator_loss": generator_loss(both, new_discriminator),
            "nce_loss": nce(both, sources),
            "identity_nce_loss": nce(both, targets) if identity_nce else 0.0,
        }
        assert logs == pytest.approx(expected, rel=1e-4, abs=1e-6)
        np.testing.assert_allclose(flat_weights(model.discriminator), new_discriminator, atol=1e-5)
        np.testing.assert_allclose(
            flat_weights(model.generator, model.projector), both - self.rate * gradient, atol=1e-5
        )
        assert np.abs(self.rate * gradient).max() > 1e-3 < np.abs(self.rate * gradient[7:]).max()

    def test_optimizers_may_scale_the_loss_by_factors_of_their_own(self):
        plain, scaled = self.make(), self.make()
        scaled.compile(
            *(
                keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(self.rate), initial_scale=scale)
                for scale in (2.0, 4.0, 64.0)
            )
        )
        for model in (plain, scaled):
            model.train_on_batch(*(images[:, :2, :2] for images in DOMAINS))
        np.testing.assert_allclose(
            flat_weights(*scaled.networks.values()), flat_weights(*plain.networks.values()), atol=1e-5
        )

    def test_each_optimizer_trains_its_own_network(self):
        model = self.make()
        model.compile(*(keras.optimizers.SGD(rate) for rate in (0.0, 0.0, self.rate)))
        before = {name: flat_weights(network) for name, network in model.networks.items()}
        model.train_on_batch(*(images[:, :2, :2] for images in DOMAINS))
        changed = {
            name for name, network in model.networks.items() if (flat_weights(network) != before[name]).any()
        }
        assert changed == {"projector"}


class TestPatches:
    def test_are_drawn_anew_and_differ_from_map_to_map(self):
        model = make_cut(num_patches=16)
        draws = [
            set(ops.convert_to_numpy(model._draw_positions(np.zeros((1, 8, 8, 1)))).tolist())
            for _ in range(2)
        ]
        assert all(len(draw) == 16 and draw <= {*range(64)} for draw in draws) and draws[0] != draws[1]

    def test_of_a_small_map_are_all(self):
        positions = make_cut()._draw_positions(np.zeros((1, 3, 5, 1)))
        assert sorted(ops.convert_to_numpy(positions).tolist()) == list(range(15))

    def test_of_queries_and_keys_are_of_one_place(self, monkeypatch):
        model = make_cut()
        drawn = {8: [3, 60, 9, 17, 22], 4: [15, 0, 7]}
        monkeypatch.setattr(model, "_draw_positions", lambda maps: np.array(drawn[maps.shape[1]]))
        queries, keys = (
            [support.toy_images(2, (side, side, 3), seed=seed + side) for side in drawn] for seed in (0, 1)
        )
        vectors = [
            model.projector(
                [maps.reshape(2, -1, 3)[:, places] for maps, places in zip(each, drawn.values(), strict=True)]
            )
            for each in (queries, keys)
        ]
        losses = [
            numpy_nce(*map(ops.convert_to_numpy, pair), model.temperature)
            for pair in zip(*vectors, strict=True)
        ]
        given = ops.convert_to_numpy(model.nce_losses(queries, keys))
        np.testing.assert_allclose(given, np.mean(losses, axis=0), rtol=1e-4)


class TestMirroredBatches:
    def translated(self, is_flipped):
        model = make_cut(**models.CUT.CONFIGS["fastcut"])
        mirror = (lambda maps: ops.flip(maps, axis=2)) if is_flipped else (lambda maps: maps)
        model.flip_drawn = lambda: mirror
        return model, model.translated(model.generator, *DOMAINS, training=True)

    def test_translations_are_those_of_the_mirrored_sources(self):
        for is_flipped in (True, False):
            model, (fakes, *_) = self.translated(is_flipped)
            sources = DOMAINS[0][:, :, ::-1] if is_flipped else DOMAINS[0]
            np.testing.assert_allclose(ops.convert_to_numpy(fakes), model.translate(sources), atol=1e-5)

    def test_features_are_compared_at_the_places_of_the_source(self):
        model, (_, loss, identity) = self.translated(True)
        encoder = keras.Model(
            model.generator.input, [model.generator.get_layer(n).output for n in ("first", "second")]
        )
        queries = [ops.flip(maps, axis=2) for maps in encoder(model.translate(DOMAINS[0][:, :, ::-1]))]
        expected = ops.mean(model.nce_losses(queries, encoder(DOMAINS[0])))
        assert float(loss) == pytest.approx(float(expected), rel=1e-5) and float(identity) == 0
        _, (_, other, _) = self.translated(False)
        assert float(loss) != pytest.approx(float(other), rel=1e-4)

    def test_half_of_the_batches_are_mirrored_in_training_alone(self):
        model = make_random_cut()
        images = np.arange(4.0).reshape(1, 1, 4, 1)
        firsts = [float(model.flip_drawn()(images)[0, 0, 0, 0]) for _ in range(40)]
        assert {*firsts} == {0, 3} and 8 <= firsts.count(3) <= 32
        fakes, *_ = model.translated(model.generator, *DOMAINS)
        np.testing.assert_allclose(ops.convert_to_numpy(fakes), model.translate(DOMAINS[0]), atol=1e-5)


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"nce_weight": -1}, "`nce_weight` must be at least 0"),
            ({"temperature": 0}, "`temperature` must be above 0"),
            ({"num_patches": 0}, "`num_patches` must be at least 1"),
            ({"identity_nce": "yes"}, "`identity_nce` must be"),
            ({"feature_layers": "first"}, "`feature_layers` must be a list of layer names. Received"),
            ({"feature_layers": ["third"]}, "must name layers of the generator 'generator'.*first, second"),
            ({"feature_layers": None}, "It is required for networks without.*feature_layers=None"),
            (
                {"feature_layers": ["first"]},
                r"`projector` must take features with \[3\] channels.*takes \[3, 3\]",
            ),
            (
                {"projector": PatchProjector((3, 4))},
                r"with \[3, 3\] channels, those of the layers first, second",
            ),
            ({"generator": make_generator(1, 3)}, "is 1, but the network"),
            ({"discriminator": make_discriminator(2)}, "is 1, but the network"),
            (
                {"discriminator": PatchGANDiscriminator(1, 2, antialias=True)},
                r"`discriminator` needs images of at least 24x24 .* Received: image_shape=\(8, 8, 1\)",
            ),
        ],
    )
    def test_bad_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            make_cut(**arguments)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_an_export_of_the_networks_of_the_paper_takes_any_size(tmp_path):
    import tensorflow as tf

    model = make_cut_of_the_paper()
    model.export(tmp_path / "model")
    translate = tf.saved_model.load(str(tmp_path / "model")).signatures["translate_float32"]
    for size in ((32, 32), (20, 44)):
        images = support.toy_images(2, (*size, 1))
        served = translate(images=tf.constant(images))["images"]
        np.testing.assert_allclose(served, model.translate(images), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_networks_of_the_paper_train_in_mixed_precision(policy):
    support.check_mixed_precision(make_cut_of_the_paper, policy)
