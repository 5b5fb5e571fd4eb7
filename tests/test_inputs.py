"""Arguments that make no sense, in what users call: each is refused by a ValueError that names it."""

import math

import numpy as np
import pytest

from keras_genzoo import (
    arguments,
    callbacks,
    datasets,
    growth,
    latent,
    layers,
    metrics,
    models,
    networks,
    optimizers,
    pixels,
    visualization,
)
from tests.models.toy_autoencoders import make_autoencoder
from tests.models.toy_gans import make_gan
from tests.models.toy_translators import make_pix2pix

NAN, INF, HUGE = math.nan, math.inf, 10**30
NO_NUMBERS = ["many", True, NAN, INF, [1, 2], {}, HUGE, object(), b"2"]
OPTIONAL_COUNT = [*NO_NUMBERS, -1, 0, 2.5]
COUNT = [*OPTIONAL_COUNT, None]
NUMBER_FROM_0 = [*OPTIONAL_COUNT[:6], -1, None, object()]
OPTIONAL_SEED = [*NO_NUMBERS, -1, 2.5, 2**32]
SEED = [*OPTIONAL_SEED, None]
FLAG = ["yes", None, NAN, 0, 2, []]
PATH = [None, True, NAN, 3, [], b"x", ""]
NETWORK = ["conv", True, 0, NAN, [], object()]
NAME = [True, NAN, 3, [], {}, b"x", "?"]
SHAPE = ["28", None, True, NAN, 28, {}, [0, 0, 3], (8, 8, -1), (8, 8, 2.5), (8, HUGE, 1)]
ARRAY = ["pictures", None, {}, object(), [[1], [1, 2]]]

FEATURES = np.random.default_rng(0).normal(size=(10, 4))
IMAGES = np.zeros((2, 8, 8, 1), "float32") - 1.0


@pytest.fixture(scope="module")
def made():
    """The models that are called, and what is called without one."""
    gan, conditional = make_gan(), make_gan(num_classes=3)
    vae, pix2pix = make_autoencoder("VAE"), make_pix2pix()
    points = models.GAN(image_shape=(2,), latent_dim=2)
    pictures = np.zeros((2, *pix2pix.source_shape), "float32") - 1.0
    return {
        "sample": (gan.sample, {"num": 2}),
        "sample of a class": (conditional.sample, {"num": 2, "labels": 0}),
        "preview": (gan.preview, {}),
        "export": (gan.export, {"filepath": "unused"}),
        "save_to_preset": (gan.save_to_preset, {"path": "unused"}),
        "encode": (vae.encode, {"images": IMAGES}),
        "decode": (vae.decode, {"latents": np.zeros((2, vae.latent_dim))}),
        "reconstruct": (vae.reconstruct, {"images": IMAGES}),
        "log_likelihood": (vae.log_likelihood, {"images": IMAGES, "num_samples": 1}),
        "fit_prior": (vae.fit_prior, {"images": IMAGES}),
        "translate": (pix2pix.translate, {"images": pictures}),
        "evaluate": (metrics.evaluate, {"model": points, "dataset": "ring"}),
    }


MODELS = {
    "sample": {"num": OPTIONAL_COUNT, "seed": OPTIONAL_SEED, "batch_size": COUNT, "latents": ARRAY[2:]},
    "sample of a class": {"labels": ["three", {}, True, NAN, -1, 3, HUGE, object()]},
    "preview": {"num": OPTIONAL_COUNT, "seed": SEED},
    "export": {"filepath": PATH, "format": NAME},
    "save_to_preset": {"path": PATH},
    "encode": {"images": ARRAY, "batch_size": COUNT},
    "decode": {"latents": ARRAY, "batch_size": COUNT},
    "reconstruct": {"images": ARRAY, "batch_size": COUNT},
    "log_likelihood": {"num_samples": COUNT, "samples_at_once": COUNT, "seed": SEED},
    "fit_prior": {"num_components": COUNT, "seed": SEED},
    "translate": {
        "images": ARRAY[1:],
        "seed": OPTIONAL_SEED,
        "batch_size": COUNT,
        "fit": NAME,
        "direction": NAME,
    },
    "evaluate": {
        "model": ["dcgan", None, 3],
        "dataset": [*NAME, None],
        "measures": ["modes", True, 3, {}, [[]], ["?"]],
        "num_samples": COUNT,
        "importance_samples": COUNT,
        "seed": SEED,
        "split": NAME,
        "prior": NAME,
    },
}

# Callable -> the arguments that it needs, and argument -> values that it must refuse.
SHAPED = {"image_shape": (8, 8, 1)}
FUNCTIONS = [
    (
        make_gan,
        {},
        {
            "image_shape": SHAPE,
            "latent_dim": OPTIONAL_COUNT,
            "width": COUNT,
            "num_classes": [*OPTIONAL_COUNT, 1],
            "seed": OPTIONAL_SEED,
            "separate_batches": FLAG,
            "generator": NETWORK,
            "discriminator": NETWORK,
            "loss": [*NAME, None],
            "penalty": NAME,
            "average_half_life": OPTIONAL_COUNT[:6],
        },
    ),
    (models.VAE, SHAPED, {"encoder": NETWORK, "num_components": OPTIONAL_COUNT, "likelihood": [*NAME, None]}),
    (models.WAEMMD, SHAPED, {"kernel_scales": [None, True, 1.0, "1", {}, [0]]}),
    (models.BEGAN, {"image_shape": (16, 16, 1)}, {"width": COUNT, "generator": NETWORK}),
    (models.EBGAN, {"image_shape": (16, 16, 1)}, {"width": COUNT, "encoder": NETWORK}),
    (
        models.SNGAN,
        {"image_shape": (16, 16, 1), "width": 2},
        {"discriminator": NETWORK, "generator_batches": COUNT, "split_batches": FLAG, "loss": [*NAME, None]},
    ),
    (
        models.BigGAN,
        {"image_shape": (16, 16, 1), "width": 2},
        {"truncation": OPTIONAL_COUNT[:6], "generator": NETWORK},
    ),
    (
        models.StyleGAN2,
        {"image_shape": (8, 8, 1), "latent_dim": 4, "style_dim": 4, "channel_base": 32},
        {
            "generator": NETWORK,
            "channel_base": COUNT,
            "r1_interval": COUNT,
            "r1_weight": NUMBER_FROM_0,
            "style_mixing": [*NUMBER_FROM_0, 2],
            "augmentation": NAME,
            "directions": [3, {"up": 3}],
        },
    ),
    (
        models.FastGAN,
        {"image_shape": (32, 32, 1), "width": 2},
        {
            "discriminator": NETWORK,
            "width": COUNT,
            "reconstruction_weight": NUMBER_FROM_0,
            "margins": [None, "1"],
        },
    ),
    (
        models.ACGAN,
        {"image_shape": (8, 8, 1), "width": 2, "num_classes": 3},
        {"num_classes": COUNT, "discriminator": NETWORK, "real_class_weight": NUMBER_FROM_0},
    ),
    (
        models.InfoGAN,
        SHAPED,
        {"latent_dim": OPTIONAL_COUNT, "num_categories": COUNT, "information_weight": NUMBER_FROM_0},
    ),
    (
        models.SemiSupervisedGAN,
        {**SHAPED, "num_classes": 3},
        {"num_classes": COUNT, "objective": NAME, "unlabeled_weight": NUMBER_FROM_0},
    ),
    (models.WGANGP, SHAPED, {"critic": NETWORK, "split_batches": FLAG, "critic_steps": COUNT}),
    (models.ProgressiveGAN, {**SHAPED, "latent_dim": 2}, {"schedule": ["long", 3, []]}),
    (
        models.Pix2Pix,
        {"image_shape": (32, 32, 3), "width": 2},
        {"source_channels": OPTIONAL_COUNT, "width": COUNT, "sampling_dropout": FLAG, "generator": NETWORK},
    ),
    (models.CycleGAN, {"image_shape": (32, 32, 3)}, {"num_blocks": [*NO_NUMBERS, -1, 2.5], "width": COUNT}),
    (
        models.Classifier,
        {**SHAPED, "num_classes": 3},
        {"num_classes": COUNT, "filters": SHAPE, "feature_dim": COUNT},
    ),
    *(
        (network, {"image_shape": (32, 32, 3)}, {"image_shape": SHAPE, "width": COUNT})
        for network in (
            networks.DCGANGenerator,
            networks.DCGANDiscriminator,
            networks.ResNetGenerator,
            networks.ResNetCritic,
            networks.UpsamplingGenerator,
            networks.StridedCritic,
            networks.UNetGenerator,
        )
    ),
    (
        networks.DCGANGenerator,
        SHAPED,
        {"latent_dim": COUNT, "num_classes": OPTIONAL_COUNT, "synchronized": FLAG},
    ),
    (
        networks.ConvEncoder,
        SHAPED,
        {
            "hidden": SHAPE,
            "kernel_size": COUNT[:3],
            "activation": ["?", 3, []],
            "padding": NAME,
            "stochastic": FLAG,
        },
    ),
    (
        networks.ConvGenerator,
        {},
        {"initial_shape": [*SHAPE, (7, 7)], "batch_norm_momentum": ["1", True, NAN, 2]},
    ),
    (
        networks.MLPDecoder,
        {**SHAPED, "latent_dim": 2},
        {"output_bias": [None, "x", [], True, NAN], "latent_dim": COUNT},
    ),
    (networks.MLPEncoder, SHAPED, {"value_range": [None, 1, "01", (1, 0), (0, NAN)], "image_shape": SHAPE}),
    (networks.ProgressiveGenerator, SHAPED, {"latent_dim": COUNT, "fmap_base": COUNT, "pixel_bias": FLAG}),
    (
        networks.PatchGANDiscriminator,
        {"channels": 3},
        {"num_layers": [*NO_NUMBERS, None, -1], "width": COUNT},
    ),
    (layers.Dropout, {"rate": 0.5}, {"rate": [*NUMBER_FROM_0, 1], "seed": OPTIONAL_SEED, "sampling": FLAG}),
    (
        layers.ImageHistory,
        {"size": 4},
        {"size": COUNT, "replacement": [*NUMBER_FROM_0, 1.5], "seed": OPTIONAL_SEED},
    ),
    (layers.Pack, {}, {"num": COUNT}),
    (layers.MinibatchStandardDeviation, {}, {"group_size": COUNT}),
    (layers.BatchNormalization, {}, {"momentum": [*NUMBER_FROM_0, 2], "epsilon": [*NUMBER_FROM_0, 0]}),
    (layers.GaussianMixture, {"num_components": 2, "dim": 2}, {"num_components": COUNT, "dim": COUNT}),
    (
        optimizers.Adam,
        {},
        {
            "learning_rate": ["fast", None, True, NAN, -1, []],
            "beta_1": [*NUMBER_FROM_0, 1],
            "epsilon": [*NUMBER_FROM_0, 0],
        },
    ),
    (growth.GrowthSchedule, {"num_levels": 2}, {"num_levels": [*COUNT, 32], "batch_size": COUNT[:3]}),
    (
        latent.normal,
        {"num": 2, "latent_dim": 2, "seed": 0},
        {"num": [*NO_NUMBERS, None], "latent_dim": COUNT, "seed": SEED},
    ),
    (
        latent.slerp,
        {"start": np.ones(3), "end": np.arange(3.0), "num": 2},
        {"start": [*ARRAY, 3, [1, 2]], "end": [*ARRAY, 3, [1, 2]], "num": COUNT},
    ),
    (
        datasets.load,
        {"name": "ring"},
        {
            "name": [*NAME, None],
            "split": [*NAME, None],
            "batch_size": [*COUNT, 10**9],
            "seed": [*NO_NUMBERS, None, 2.5],
            "initial_step": [*NO_NUMBERS, -1, 2.5],
            "data_dir": PATH[1:],
            "shuffle": FLAG,
            "augment": FLAG,
            "image_size": ["8", 0, -1, 2.5, (1, 2, 3), HUGE],
        },
    ),
    (
        datasets.from_arrays,
        {"images": IMAGES, "batch_size": 2},
        {"images": ARRAY, "labels": ARRAY[2:], "value_range": [True, 1, "01", (1, 0)], "flip": FLAG},
    ),
    (
        datasets.image_folder,
        {"path": ".", "image_size": 8},
        {"path": PATH, "channels": COUNT, "batch_size": COUNT},
    ),
    (
        datasets.unpaired_folders,
        {"path_a": ".", "path_b": ".", "image_size": 8},
        {"path_a": PATH, "path_b": PATH},
    ),
    (
        datasets.edges,
        {"images": IMAGES},
        {"images": ARRAY, "sigma": [*NUMBER_FROM_0, 0, 10**9], "threshold": NUMBER_FROM_0},
    ),
    (callbacks.SampleGrid, {"directory": "unused"}, {"directory": PATH, "num": OPTIONAL_COUNT, "seed": SEED}),
    (callbacks.Backup, {"directory": "unused"}, {"directory": PATH, "every": COUNT}),
    (
        callbacks.Evaluate,
        {"dataset": "ring"},
        {
            "every": COUNT,
            "dataset": [*NAME, None],
            "measures": ["modes", 3, ["?"]],
            "split": NAME,
            "num_samples": COUNT,
            "seed": SEED,
        },
    ),
    (
        callbacks.KeepBest,
        {"path": "unused", "monitor": "loss"},
        {"path": PATH, "monitor": [None, 3, []], "mode": [*NAME, None]},
    ),
    (callbacks.JSONLines, {}, {"path": PATH}),
    *(
        (
            measure,
            {"real": FEATURES, "fake": FEATURES},
            {"real": ["x", None, [[NAN, 1.0]]], "num_neighbours": [*COUNT, 10]},
        )
        for measure in (metrics.precision_recall, metrics.density_coverage)
    ),
    (
        metrics.class_statistics,
        {"labels": [0, 1], "num_classes": 2},
        {"labels": ["x", None, [], [2], [-1]], "num_classes": COUNT},
    ),
    (pixels.normalize, {"images": IMAGES}, {"value_range": [None, "x", -1, NAN, [], (1, 0)]}),
    (
        visualization.image_grid,
        {"images": IMAGES},
        {"images": ARRAY, "columns": OPTIONAL_COUNT, "padding": [*NO_NUMBERS, None, -1]},
    ),
]


def assert_refused(function, needed, argument, bad):
    for value in bad:
        with pytest.raises(ValueError) as refusal:
            function(**{**needed, argument: value})
        assert f"`{argument}" in str(refusal.value), (value, refusal.value)


@pytest.mark.parametrize(
    ("function", "needed", "argument", "bad"),
    [(*call, argument, bad) for *call, table in FUNCTIONS for argument, bad in table.items()],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_arguments_that_make_no_sense_are_refused_by_name(function, needed, argument, bad):
    assert_refused(function, needed, argument, bad)


@pytest.mark.parametrize(
    ("call", "argument", "bad"),
    [(call, argument, bad) for call, table in MODELS.items() for argument, bad in table.items()],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_model_refuses_what_makes_no_sense_by_name(made, call, argument, bad):
    function, needed = made[call]
    assert_refused(function, needed, argument, bad)


@pytest.mark.parametrize(
    "arguments", [{"batch_size": 10**9}, {"split": "?"}, {"image_size": 0}, {"seed": "x"}]
)
def test_data_are_not_prepared_for_what_is_refused(monkeypatch, arguments):
    def make(*args):
        raise AssertionError("the data were prepared")

    monkeypatch.setattr(datasets.named, "_made", make)
    for name in ("mnist", "facades", "ring"):
        (argument,) = arguments
        with pytest.raises(ValueError, match=f"`{argument}`"):
            datasets.load(name, **arguments)


class TestChecked:
    @staticmethod
    @arguments.checked
    def function(num: arguments.PositiveInt, seed: arguments.Seed = None, other=None):
        return num, seed, other

    def test_values_come_back_as_those_of_python(self):
        num, seed, other = self.function(np.int64(3), seed=np.uint32(4), other="x")
        assert (num, seed, other) == (3, 4, "x") and type(num) is type(seed) is int

    def test_defaults_are_not_checked(self):
        assert self.function(1) == (1, None, None)

    def test_python_says_what_is_missing_or_unknown(self):
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'num'"):
            self.function()
        with pytest.raises(TypeError, match="unexpected keyword argument 'sede'"):
            self.function(1, sede=0)

    def test_a_call_is_checked_without_being_made(self):
        arguments.check_call(self.function, 1, seed=0)
        with pytest.raises(ValueError, match="`seed` must be an integer from 0"):
            arguments.check_call(self.function, 1, seed=-1)
