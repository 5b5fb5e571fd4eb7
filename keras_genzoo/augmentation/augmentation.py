"""The base class of augmentations."""

import keras
from keras import ops, tree


class Augmentation(keras.layers.Layer):
    """Base class for random changes of the images that a discriminator sees, real and generated ones alike.

    Gradients pass through the augmentation to the generator. The random values do not depend on the image
    size, so that one image at several sizes is changed in the same way at each size. An augmentation is a
    layer: weights created in `build` are saved with the model.

    Subclasses implement `draw` and `augment`, `move` if they change colors, and `update` if they adapt during
    training.

    Call arguments:
        images: Float tensor `(batch, height, width, channels)` in [-1, 1], or a list of such tensors: the
            same images at several sizes.
        seed: `keras.random.SeedGenerator`, source of the random values.
        beside: Tensor `(batch, height, width, channels)` that the discriminator sees beside the images, such as
            their sources, or None. It is moved like the images, but its values are not changed otherwise.

    Returns:
        Float32 images of the same shape, or a list of them. Values may be outside of [-1, 1]. With `beside`, a
        pair of the images and of `beside`.

    Example:

    ```python
    import keras
    from keras import ops
    import keras_genzoo as kg

    @keras.saving.register_keras_serializable(package="my_package")
    class Flip(kg.augmentation.Augmentation):
        def draw(self, num, seed):
            return keras.random.uniform((num, 1, 1, 1), seed=seed) < 0.5

        def augment(self, images, drawn):
            return ops.where(drawn, ops.flip(images, axis=2), images)

    gan = kg.models.GAN(image_shape=(8, 8, 1), width=4, augmentation=Flip())
    ```
    """

    # Whether the augmentation relies on `update`, which needs a discriminator with logits.
    is_adaptive = False

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})

    def call(self, images, seed, beside=None):
        drawn = self.draw(ops.shape(tree.flatten(images)[0])[0], seed)
        images = tree.map_structure(lambda images: self.augment(images, drawn), images)
        return images if beside is None else (images, self.move(beside, drawn))

    def draw(self, num, seed):
        """Draws the random values for a batch.

        Args:
            num: Int or scalar tensor, number of images.
            seed: `keras.random.SeedGenerator`.

        Returns:
            The second argument of `augment`.
        """
        raise NotImplementedError

    def augment(self, images, drawn):
        """Changes images.

        Args:
            images: Float32 tensor `(batch, height, width, channels)`.
            drawn: Random values returned by `draw`.

        Returns:
            Tensor of the same shape.
        """
        raise NotImplementedError

    def move(self, beside, drawn):
        """Changes what belongs to the pixels of images in the way in which `augment` moves these pixels.

        The default implementation is `augment`.

        Args:
            beside: Tensor `(batch, height, width, channels)`. Ints are labels: they are not interpolated, and 0
                where there is no pixel.
            drawn: Random values returned by `draw`.

        Returns:
            Tensor of the same shape and dtype.
        """
        return self.augment(beside, drawn)

    def update(self, real_logits):
        """Called once per update of the discriminator; the default implementation does nothing.

        Args:
            real_logits: Float tensor, the discriminator's logits of augmented real images, one row per image,
                of one or of several patches.
        """
