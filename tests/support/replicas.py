"""Data parallel training on TensorFlow: logical CPU devices, and processes on loopback ports."""

import json
import os
import socket

import keras
import numpy as np

from tests.support.processes import finish, fresh_process, start_process
from tests.support.states import assert_same_state, state_of
from tests.support.toys import toy_batches


def check_replicas_equal_one_device(make_model, data, steps=3, atol=1e-5):
    """Two replicas take the steps that one device takes on the same global batch.

    True of a model without dropout, without history, and with batch normalisation absent or
    `synchronized=True`; latents are given.

    Args:
        make_model: See `tests.support`.
        data: See `tests.support`: the global batch, of even length.
        steps: Int.
        atol: Float, absolute tolerance for every weight, average and optimizer variable.
    """
    before, one, two = fresh_process(_on_one_and_on_two, make_model, data, steps)
    assert_same_state(two, one, atol)
    assert any((value != before[name]).any() for name, value in one.items())


def _on_one_and_on_two(make_model, data, steps):
    strategy = two_logical_devices()
    one = make_model()
    with strategy.scope():
        two = make_model()
        two.set_weights(one.get_weights())
    before = state_of(one)
    for model in (one, two):
        if model.latent:
            give_latents(model, len(data[0]))
        model.fit(*data, batch_size=len(data[0]), epochs=steps, shuffle=False, verbose=0)
    return before, state_of(one), state_of(two)


def give_latents(model, num):
    """Replaces what the model draws by rows of one global array, each replica taking its own."""
    import tensorflow as tf

    latents = np.array(model.latent.from_seed(num, seed=5))

    def draw_latents(num):
        first = tf.distribute.get_replica_context().replica_id_in_sync_group * num
        return tf.constant(latents)[first : first + num]

    model.draw_latents = draw_latents


def check_replica_noise_differs(make_model):
    """The replicas draw different latents in a training step, replica 0 those of a single device."""
    one, replicas = fresh_process(_drawn_latents, make_model)
    np.testing.assert_array_equal(replicas[0], one)
    rows = np.concatenate([*replicas[0], *replicas[1]])
    assert len(np.unique(rows, axis=0)) == len(rows), "two latents are equal"


def _drawn_latents(make_model):
    import tensorflow as tf

    strategy = two_logical_devices()
    one = make_model()
    with strategy.scope():
        two = make_model()

    @tf.function
    def draw_twice():
        drawn = strategy.run(lambda: (two.draw_latents(4), two.draw_latents(4)))
        return [strategy.experimental_local_results(latents) for latents in drawn]

    first, second = draw_twice()
    alone = [one.draw_latents(4).numpy() for _ in range(2)]
    return alone, [[first[replica].numpy(), second[replica].numpy()] for replica in range(2)]


def two_logical_devices():
    """A strategy of two replicas on this machine; only in a process that has not touched a device yet."""
    import tensorflow as tf

    # `tools/check_gpu.py` asks for GPUs.
    kind = os.environ.get("KERAS_GENZOO_TEST_DEVICE", "CPU")
    devices = tf.config.list_physical_devices(kind)
    if len(devices) < 2:
        memory = 4096 if kind == "GPU" else None
        parts = [tf.config.LogicalDeviceConfiguration(memory_limit=memory)] * 2
        tf.config.set_logical_device_configuration(devices[0], parts)
    return tf.distribute.MirroredStrategy([f"{kind}:0", f"{kind}:1"])


def check_two_workers(make_model, data, steps=3):
    """Two worker processes that train together by `fit` end with identical weights.

    Args:
        make_model, data: See `tests.support`. A model without batch normalisation, whose moving statistics
            are each replica's own until they are read.
        steps: Int.
    """
    results = run_as_two_workers(_train_as_worker, make_model, data, steps)
    (before, first, history), (_, second, other_history) = results
    assert_same_state(second, first)
    assert any((value != before[name]).any() for name, value in first.items())
    for name, values in history.items():
        assert np.isfinite(values).all(), name
        np.testing.assert_allclose(np.ravel(values), np.ravel(other_history[name]), rtol=1e-6)


def run_as_two_workers(function, *arguments, **keywords):
    """Calls a function in two processes that are the workers of one cluster; returns what each returns."""
    workers = start_two_workers(function, *arguments, **keywords)
    try:
        return [finish(worker) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()


def start_two_workers(function, *arguments, **keywords):
    """As `run_as_two_workers`, without waiting: returns the processes."""
    cluster = {"worker": [f"127.0.0.1:{port}" for port in _free_ports(2)]}
    workers = []
    for index in range(2):
        task = {"cluster": cluster, "task": {"type": "worker", "index": index}}
        environment = {"TF_CONFIG": json.dumps(task), "no_proxy": "127.0.0.1", "CUDA_VISIBLE_DEVICES": "-1"}
        workers.append(start_process(function, *arguments, environment=environment, **keywords))
    return workers


def _train_as_worker(make_model, data, steps):
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    assert strategy.num_replicas_in_sync == 2
    with strategy.scope():
        model = make_model()
    before = _network_weights(model)
    batches = toy_batches(data, batch_size=len(data[0]), initial_step=0)
    history = model.fit(batches, steps_per_epoch=steps, verbose=0).history
    return before, _network_weights(model), history


def _network_weights(model):
    # With an average in the place of what it averages.
    stored = {f"stored {name}": network for name, network in model.preset_networks.items()}
    return {
        f"{name} {index}": np.array(keras.ops.convert_to_numpy(weight.value))
        for name, network in {**model.networks, **stored}.items()
        for index, weight in enumerate(network.weights)
    }


def _free_ports(num):
    sockets = [socket.socket() for _ in range(num)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
