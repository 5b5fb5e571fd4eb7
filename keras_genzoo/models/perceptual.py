"""Perceptual losses with a network that was trained on ImageNet."""

import keras
from keras import ops


class PerceptualFeatures:
    """Feature maps of EfficientNet-Lite0, which the package includes, instead of VGG19 in the papers.

    The maps have 1/2, 1/4, 1/8 and 1/16 of the side. Each is the output of a stage, which has no ReLU, as
    ESRGAN uses features before the activation. The weights are fixed, and the network runs in inference mode.

    Reference: Johnson et al., "Perceptual losses for real-time style transfer and super-resolution", 2016,
    arXiv:1603.08155, section 3.2. Wang et al., "ESRGAN: Enhanced super-resolution generative adversarial
    networks", 2018, arXiv:1809.00219, section 3.3.
    """

    def __init__(self):
        # Imported here, because the metrics import the models.
        from keras_genzoo.metrics.efficientnet import efficientnet_lite0

        network = efficientnet_lite0()
        # The inputs of the first block of the next stage.
        maps = [network.get_layer(f"blocks.{block}.expand").input for block in (1, 3, 5, 11)]
        self._network = keras.Model(network.inputs, maps)
        self._network.trainable = False

    def difference(self, images, others):
        """Computes the mean absolute difference of the maps of two batches, averaged over the maps, in
        standard deviations.

        Args:
            images, others: Float tensors in [-1, 1], `(batch, height, width, 1 or 3)`.

        Returns:
            Float32 scalar tensor.
        """
        pairs = zip(self._maps(images), self._maps(others), strict=True)
        return sum(ops.mean(ops.abs(first - second)) for first, second in pairs) / 4.0 / _DEVIATION

    def distances(self, images, others):
        """Computes the distance of each pair of images: LPIPS with these maps and without learned weights.

        It is the mean of `|u - v|^2` over the positions of a map, with `u` and `v` the features divided by
        their length, summed over the maps.

        Args:
            images, others: As for `difference`.

        Returns:
            Float32 tensor `(batch,)`.

        Reference: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric",
        2018, arXiv:1801.03924, equation 1 with weights of 1.
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
        # The network expects (level - 127) / 128.
        maps = self._network((127.5 * images + 0.5) / 128.0, training=False)
        return [ops.cast(each, "float32") for each in maps]


def _of_unit_length(features):
    return features * ops.rsqrt(ops.sum(ops.square(features), axis=-1, keepdims=True) + 1e-10)


# Standard deviation of the maps for photographs, similar for all four maps. With it, the weights of the papers apply.
_DEVIATION = 8.0
