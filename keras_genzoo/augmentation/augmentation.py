"""The base of augmentations."""

import keras
from keras import ops, tree


class Augmentation(keras.layers.Layer):
    """Base class: random changes of the images that a discriminator sees, real and generated ones alike.

    Gradients pass through it to the generator. What is drawn does not depend on the size of an image, so that one
    image at several sizes is changed in the same way at each. It is a layer: weights that it makes in `build` are
    saved with the model, and are those of its `tf.distribute` strategy.

    Subclasses implement `draw` and `augment`, and `update` where they adapt.

    Call arguments:
        images: Float tensor `(batch, height, width, channels)` in [-1, 1], or a list of such tensors: the same images
            at several sizes.
        seed: `keras.random.SeedGenerator` that the draws come from.

    Returns:
        Float32 images of the same shape, or a list of them. Values may leave [-1, 1].
    """

    # Whether `update` must be called for it to work, which takes a discriminator with logits.
    is_adaptive = False

    def __init__(self, **kwargs):
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})

    def call(self, images, seed):
        drawn = self.draw(ops.shape(tree.flatten(images)[0])[0], seed)
        return tree.map_structure(lambda images: self.augment(images, drawn), images)

    def draw(self, num, seed):
        """Draws the changes of a batch.

        Args:
            num: Int or scalar tensor, number of images.
            seed: `keras.random.SeedGenerator`.

        Returns:
            Whatever `augment` takes.
        """
        raise NotImplementedError

    def augment(self, images, drawn):
        """Changes images.

        Args:
            images: Float32 tensor `(batch, height, width, channels)`.
            drawn: What `draw` has returned.

        Returns:
            Tensor of the same shape.
        """
        raise NotImplementedError

    def update(self, real_logits):
        """Called in each update of the discriminator; does nothing where nothing adapts.

        Args:
            real_logits: Float tensor, the discriminator's logits of augmented real images, a row per image.
        """
