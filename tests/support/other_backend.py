"""The same training on both backends."""

import importlib.util

import keras
import numpy as np
import pytest
from keras import ops

from tests.support.processes import fresh_process
from tests.support.toys import toy_data
from tests.support.training import with_sgd


def check_other_backend(make_model, rate=1e-2):
    """Two steps of plain gradient descent end with the same weights on TensorFlow and on JAX.

    Args:
        make_model: See `tests.support`. A model whose step draws nothing but latents, which are given.
        rate: Float, learning rate.
    """
    other = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]
    if importlib.util.find_spec(other) is None:
        pytest.skip(f"the other backend, {other}, is not installed")
    initial = weights_of(make_model())
    here = _two_steps(make_model, initial, rate)
    there = fresh_process(_two_steps, make_model, initial, rate, backend=other)
    for ours, theirs, start in zip(here, there, initial, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        assert (ours != start).any()


def weights_of(model):
    """The weights of the networks that are trained."""
    return [weight for network in model.networks.values() for weight in network.get_weights()]


def _two_steps(make_model, initial, rate):
    model = with_sgd(make_model, rate)
    rest = iter(initial)
    for network in model.networks.values():
        network.set_weights([next(rest) for _ in network.weights])
    if model.latent:
        latents = ops.convert_to_numpy(model.latent.from_seed(64, seed=2))
        model.draw_latents = lambda num: ops.convert_to_tensor(latents[:num])
    for _ in range(2):
        model.train_on_batch(*toy_data(model))
    return weights_of(model)
