"""The projector of CUT: from features of patches to vectors that are compared (Park et al. 2020)."""

import keras
from keras import layers

from keras_genzoo.arguments import PositiveInt, PositiveInts, checked
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import kernel_initializer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class PatchProjector(ConfigurableNetwork):
    """Features of patches to vectors, by two dense layers with a ReLU between them for each map.

    For the maps of `ResNetTranslator` (3, 128, 256, 256 and 256 channels) it has 560,384 parameters.

    Args:
        channels: Tuple of ints, the channels of the features of each map.
        width: Int, units of the dense layers.

    Call arguments:
        features: List of float tensors `(batch, patches, channels)`, one for each map.

    Returns:
        List of float32 tensors `(batch, patches, width)`.

    Source: Park et al. 2020, section 3. Initialization as the authors' PyTorch code has it: Xavier's normal
    distribution times 0.02.
    """

    @checked
    def __init__(self, channels: PositiveInts, width: PositiveInt = 256, name="projector"):
        features = [
            keras.Input((None, count), name=f"features_{index}")
            for index, count in enumerate(channels, start=1)
        ]
        vectors = []
        for index, x in enumerate(features, start=1):
            for step, activation in (("hidden", "relu"), ("vectors", None)):
                x = layers.Dense(
                    width,
                    kernel_initializer=kernel_initializer("xavier"),
                    activation=activation,
                    # Vectors begin so short that the gradient of their direction overflows in float16.
                    dtype="float32",
                    name=f"{step}_{index}",
                )(x)
            vectors.append(x)
        super().__init__(features, vectors, name=name)
