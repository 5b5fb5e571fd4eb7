"""A pool of earlier generated images for the discriminator."""

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import OptionalSeed, PositiveInt, Probability, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ImageHistory(keras.layers.Layer):
    """A pool of earlier generated images, mixed into the batch that the discriminator sees.

    Until the pool is full every image is stored and returned as it is. From then on each image is, with
    probability `replacement`, exchanged for one drawn from the pool, whose place it takes. The pool is
    ordinary layer state: it is saved with the weights, and works in a compiled step. Under `tf.distribute`
    each replica has its own.

    Args:
        size: Int, number of images in the pool, at least the batch size.
        replacement: Float in [0, 1], probability of the exchange.
        seed: Int or None, seed of the draws.

    Call arguments:
        images: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape; no gradient passes.

    Source: Shrivastava et al. 2017, section 2.3; with the constants 50 and 0.5 Zhu et al. 2017, section 4.
    """

    @checked
    def __init__(
        self, size: PositiveInt, replacement: Probability = 0.5, seed: OptionalSeed = None, **kwargs
    ):
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.size = size
        self.replacement = replacement
        self.seed = seed
        self.seed_generator = backends.SeedGenerator(seed)

    def build(self, input_shape):
        self.pool = self.add_weight(
            name="pool", shape=(self.size, *input_shape[1:]), initializer="zeros", trainable=False
        )
        self.stored = self.add_weight(
            name="stored", shape=(), dtype="int32", initializer="zeros", trainable=False
        )

    def call(self, images):
        images = ops.stop_gradient(images)
        batch = images.shape[0] if images.shape[0] is not None else ops.shape(images)[0]
        if isinstance(batch, int) and batch > self.size:
            raise ValueError(
                f"The history of generated images holds {self.size}, fewer than the batch of {batch}. "
                "Raise `history_size` to the batch size or more."
            )
        stored = self.stored.value
        index = ops.arange(batch)
        filling = index < self.size - stored
        # The stored places in random order: each image of the batch meets a place of its own.
        chance = keras.random.uniform((self.size,), seed=self.seed_generator)
        order = ops.argsort(ops.where(ops.arange(self.size) < stored, chance, 2.0))
        met = ops.take(order, ops.maximum(index - (self.size - stored), 0))
        places = ops.where(filling, stored + index, ops.cast(met, "int32"))
        old = ops.take(self.pool.value, places, axis=0)
        filling = filling[:, None, None, None]
        exchanged = keras.random.uniform((batch, 1, 1, 1), seed=self.seed_generator) < self.replacement
        exchanged = ops.logical_and(ops.logical_not(filling), exchanged)
        written = ops.where(ops.logical_or(filling, exchanged), images, old)
        self.pool.assign(ops.scatter_update(self.pool.value, places[:, None], written))
        self.stored.assign(ops.minimum(stored + batch, self.size))
        return ops.where(exchanged, old, images)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "replacement": self.replacement,
            "seed": self.seed,
        }
