"""A buffer of earlier generated images for the discriminator."""

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import OptionalSeed, PositiveInt, Probability, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ImageHistory(keras.layers.Layer):
    """A buffer of earlier generated images that replace images of the batch for the discriminator.

    Until the buffer is full, images are stored and returned unchanged. After that, each image is replaced
    with probability `replacement` by a random image of the buffer, and stored in its place. The buffer is
    layer state: it is saved with the weights, and works in compiled steps. Under `tf.distribute`, each
    replica has its own buffer.

    Args:
        size: Positive int, number of images in the buffer, at least the batch size.
        replacement: Float from 0 to 1, probability of a replacement.
        seed: Int from 0 to 2**32 - 1, or None.

    Call arguments:
        images: Float tensor `(batch, height, width, channels)`.

    Returns:
        Tensor of the same shape, without gradient.

    Raises:
        ValueError: If an argument is out of its range, or, when the layer is called, if the batch is larger
            than `size`.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    history = kg.layers.ImageHistory(size=4, seed=0)
    for step in range(3):
        images = history(step * keras.ops.ones((2, 8, 8, 1)))  # from the third batch on, some images are replaced
    ```

    Reference: Shrivastava et al., "Learning from simulated and unsupervised images through adversarial
    training", 2017, arXiv:1612.07828, section 2.3. Zhu et al., "Unpaired image-to-image translation using
    cycle-consistent adversarial networks", 2017, arXiv:1703.10593, section 4, for the constants 50 and 0.5.
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
                f"The history of generated images has size {self.size}, less than the batch size {batch}. "
                "Increase `history_size` to at least the batch size."
            )
        stored = self.stored.value
        index = ops.arange(batch)
        filling = index < self.size - stored
        # The stored images in random order: each image of the batch is paired with a different one.
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
