"""Data parallel training on JAX by `keras.distribution`, on two devices that are made of one CPU."""

import keras
import numpy as np
import pytest

from keras_genzoo import callbacks
from tests import support
from tests.models import toy_gans
from tests.support.toys import toy_batches

pytest.importorskip("jax")
pytestmark = [pytest.mark.slow, pytest.mark.any_backend]

TWO_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


def on_two_devices(function, *arguments):
    return support.fresh_process(function, *arguments, backend="jax", environment=TWO_DEVICES)


def make_gan():
    """Batch normalization, dropout, noise, and an average of the generator."""
    sgd = {f"{player}_optimizer": keras.optimizers.SGD(0.1) for player in ("generator", "discriminator")}
    return toy_gans.make_gan(sgd, instance_noise=0.1, average_decay=0.9)


def _train_on_one_and_on_two(data):
    one = make_gan()
    before = support.state_of(one)
    one.fit(*data, batch_size=8, epochs=2, shuffle=False, verbose=0)
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    two = make_gan()
    two.fit(*data, batch_size=8, epochs=2, shuffle=False, verbose=0)
    devices = {len(variable.value.sharding.device_set) for variable in two.variables}
    return (
        before,
        support.state_of(one),
        support.state_of(two),
        devices,
        one.sample(4, seed=0),
        two.sample(4, seed=0),
    )


def test_two_devices_end_with_the_weights_of_one():
    data = (support.toy_images(16, toy_gans.SHAPE),)
    before, one, two, devices, samples, samples_of_two = on_two_devices(_train_on_one_and_on_two, data)
    assert devices == {2}
    support.assert_same_state(two, one, atol=1e-4)
    assert any((value != before[name]).any() for name, value in one.items() if "generator" in name)
    np.testing.assert_allclose(samples_of_two, samples, atol=1e-3)


def _train_and_continue(data, folder):
    keras.distribution.set_distribution(keras.distribution.DataParallel())

    def make_batches(step):
        return toy_batches(data, batch_size=8, initial_step=step)

    states = []
    for name, epochs in (("whole", (2,)), ("parts", (1, 2))):
        for last_epoch in epochs:
            gan = make_gan()
            callbacks.Backup(folder / name).fit(gan, make_batches, 2, last_epoch, verbose=0)
        states.append(support.state_of(gan))
    return states


def test_two_devices_continue_from_a_backup(tmp_path):
    data = (support.toy_images(16, toy_gans.SHAPE),)
    whole, parts = on_two_devices(_train_and_continue, data, tmp_path)
    compared = [name for name in whole if "loss_trackers" not in name]
    assert len(compared) > 10
    for name, other in zip(whole, parts, strict=True):
        if name in compared:
            np.testing.assert_array_equal(parts[other], whole[name], err_msg=name)
