"""The difference of images as a network sees them that was trained on ImageNet."""

import keras
from keras import ops


class PerceptualFeatures:
    """Maps of EfficientNet-Lite0, which comes with the package, in the place of the papers' VGG19.

    The maps of 1/2, 1/4, 1/8 and 1/16 of the side, each the sum at the end of a stage, where no ReLU follows: as
    ESRGAN takes features before their activation. Weights are fixed, and the network runs as in inference.

    Source: Johnson et al. 2016, section 3.2; Wang et al. 2018, section 3.3.
    """

    def __init__(self):
        # Here, since the measures import the models.
        from keras_genzoo.metrics.efficientnet import efficientnet_lite0

        network = efficientnet_lite0()
        # What enters the first block of the next stage.
        maps = [network.get_layer(f"blocks.{block}.expand").input for block in (1, 3, 5, 11)]
        self._network = keras.Model(network.inputs, maps)
        self._network.trainable = False

    def difference(self, images, others):
        """Mean absolute difference of the maps of two batches, the mean over the maps, in standard deviations.

        Args:
            images, others: Float tensors in [-1, 1], `(batch, height, width, 1 or 3)`.

        Returns:
            Float32 scalar tensor.
        """
        pairs = zip(self._maps(images), self._maps(others), strict=True)
        return sum(ops.mean(ops.abs(first - second)) for first, second in pairs) / 4.0 / _DEVIATION

    def distances(self, images, others):
        """Distance of each pair of images, `(batch,)`: LPIPS, with these maps and without learned weights.

        The mean over the positions of a map of `|u - v|^2`, u and v the features of the position divided by their
        length, and the sum over the maps.

        Args:
            images, others: As for `difference`.

        Source: Zhang et al. 2018, "The unreasonable effectiveness of deep features as a perceptual metric"
        (arXiv:1801.03924), equation 1 with weights of 1.
        """
        pairs = zip(self._maps(images), self._maps(others), strict=True)
        return sum(
            ops.mean(
                ops.sum(ops.square(_of_unit_length(first) - _of_unit_length(second)), axis=-1), axis=(1, 2)
            )
            for first, second in pairs
        )

    def _maps(self, images):
        images = ops.cast(images, "float32")
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        # Grey levels as (level - 127) / 128.
        maps = self._network((127.5 * images + 0.5) / 128.0, training=False)
        return [ops.cast(each, "float32") for each in maps]


def _of_unit_length(features):
    return features * ops.rsqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + 1e-10)


# Of the maps of photographs, about the same in all four: with it the papers' weights fit.
_DEVIATION = 8.0
