import keras
import numpy as np
import pytest
from keras import ops

from keras_genzoo import backends, layers
from tests import support


class TestImageHistory:
    """Images are told apart by their one value."""

    def test_until_the_pool_is_full_images_pass_and_are_stored(self):
        history = layers.ImageHistory(6, seed=0)
        for first in (0, 2, 4):
            np.testing.assert_array_equal(_values(history(_images(first, first + 2))), [first, first + 1])
        np.testing.assert_array_equal(_pool(history), range(6))

    def test_every_image_is_in_the_batch_or_in_the_pool(self):
        """Nothing is lost and nothing doubled: what is returned and what is stored are what came in."""
        history = layers.ImageHistory(8, seed=0)
        history(_images(0, 8))
        for step in range(1, 20):
            images = _images(8 * step, 8 * step + 8)
            before = _pool(history)
            returned = _values(history(images))
            assert sorted([*returned, *_pool(history)]) == sorted([*before, *_values(images)])

    def test_exchange_rate(self):
        history = layers.ImageHistory(500, replacement=0.3, seed=0)
        history(_images(0, 500))
        new = _images(1000, 1500)
        returned = _values(history(new))
        exchanged = returned < 1000
        assert exchanged.mean() == pytest.approx(0.3, abs=0.06)
        np.testing.assert_array_equal(returned[~exchanged], _values(new)[~exchanged])  # in their places

    @pytest.mark.parametrize(("replacement", "from_pool"), [(0.0, False), (1.0, True)])
    def test_extreme_rates(self, replacement, from_pool):
        history = layers.ImageHistory(4, replacement, seed=0)
        history(_images(0, 4))
        returned = _values(history(_images(10, 14)))
        assert sorted(returned) == ([0, 1, 2, 3] if from_pool else [10, 11, 12, 13])

    def test_a_batch_that_overfills_the_pool_fills_it_and_exchanges_the_rest(self):
        history = layers.ImageHistory(5, replacement=1.0, seed=0)
        history(_images(10, 13))
        returned = _values(history(_images(20, 23)))
        np.testing.assert_array_equal(returned[:2], [20, 21])
        assert returned[2] in (10, 11, 12)
        assert int(history.stored) == 5
        assert sorted(_values(history.pool)) == sorted({10, 11, 12, 20, 21, 22} - {returned[2]})

    def test_pool_is_saved_with_the_weights_and_not_trained(self):
        history = layers.ImageHistory(4, seed=0)
        history(_images(0, 4))
        assert not history.trainable_variables
        assert [weight.shape for weight in history.get_weights()] == [(4, 1, 1, 1), ()]

    def test_no_gradient_passes(self):
        history = layers.ImageHistory(4, seed=0)
        history.build((None, 1, 1, 1))
        _, gradient = backends.input_value_and_grad(
            lambda images: images + history(images), ops.convert_to_tensor(_images(0, 4))
        )
        np.testing.assert_array_equal(_values(gradient), np.ones(4))

    def test_batch_larger_than_the_pool_is_refused(self):
        with pytest.raises(
            ValueError, match=r"has size 3, less than the batch size 4. Increase `history_size`"
        ):
            layers.ImageHistory(3)(_images(0, 4))
        with pytest.raises(ValueError, match=r"`size` must be at least 1. Received: size=0"):
            layers.ImageHistory(0)

    @pytest.mark.slow
    @pytest.mark.tensorflow
    def test_each_replica_has_its_own(self):
        """Replica 0 sees even images and replica 1 odd ones, two and two, into pools of four."""
        returned, pools = support.fresh_process(_histories_of_two_replicas)
        for replica in range(2):
            assert returned[replica][:4] == [*range(replica, 8, 2)]  # and stored
            assert sorted([*returned[replica][4:], *pools[replica]]) == [*range(replica, 16, 2)]
        # They draw apart: what one exchanges, the other need not.
        assert (np.array(returned[1]) != np.array(returned[0]) + 1).any()

    def test_config(self):
        config = layers.ImageHistory(3, 0.2, seed=4).get_config()
        again = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(layers.ImageHistory.from_config(config))
        )
        assert (again.size, again.replacement, again.seed) == (3, 0.2, 4)


def _histories_of_two_replicas():
    """What two replicas' histories return, and what they hold at last."""
    import tensorflow as tf

    strategy = support.two_logical_devices()
    with strategy.scope():
        history = layers.ImageHistory(4, seed=0)
        history.build((None, 1, 1, 1))

    @tf.function
    def step(first):
        def on_replica():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            values = first + 2 * tf.range(2) + replica
            return history(tf.cast(values, "float32")[:, None, None, None])

        return strategy.experimental_local_results(strategy.run(on_replica))

    returned = [[], []]
    for first in range(0, 16, 4):
        for replica, images in enumerate(step(tf.constant(first))):
            returned[replica] += _values(images).tolist()
    pools = strategy.experimental_local_results(history.pool.value)
    return returned, [_values(pool.numpy()).tolist() for pool in pools]


def _images(start, stop):
    return np.arange(start, stop, dtype="float32")[:, None, None, None]


def _values(images):
    return ops.convert_to_numpy(images)[:, 0, 0, 0]


def _pool(history):
    return _values(history.pool.value)
