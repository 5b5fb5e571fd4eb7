"""The projector of CUT, which maps features of patches to vectors (Park et al. 2020)."""

import keras
from keras import layers

from keras_genzoo.arguments import PositiveInt, PositiveInts, checked
from keras_genzoo.networks.configurable import ConfigurableNetwork
from keras_genzoo.networks.initialization import kernel_initializer


@keras.saving.register_keras_serializable(package="keras_genzoo")
class PatchProjector(ConfigurableNetwork):
    """Projector of CUT: maps features of patches to vectors.

    It has two dense layers with a ReLU in between for each feature map.

    For the maps of `ResNetTranslator` (3, 128, 256, 256 and 256 channels) it has 560,384 parameters.

    Args:
        channels: Tuple of positive ints, channels of each feature map.
        width: Positive int, units of the dense layers.

    Call arguments:
        features: List of float tensors `(batch, patches, channels)`, one per feature map.

    Returns:
        List of float32 tensors `(batch, patches, width)`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    projector = kg.networks.PatchProjector((3, 8), width=16)
    vectors = projector([keras.ops.ones((2, 5, 3)), keras.ops.ones((2, 5, 8))])  # (2, 5, 16) each
    ```

    Reference: Park et al., "Contrastive learning for unpaired image-to-image translation", 2020,
    arXiv:2007.15651, section 3. Initialization as in the authors' PyTorch code: Xavier's normal distribution
    times 0.02.
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
                    # Initial vectors are so short that the gradient of their direction overflows in float16.
                    dtype="float32",
                    name=f"{step}_{index}",
                )(x)
            vectors.append(x)
        super().__init__(features, vectors, name=name)
