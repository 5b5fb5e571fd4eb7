"""One-hot encoding of label maps."""

import keras
from keras import ops

from keras_genzoo.arguments import PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class LabelMapEncoding(keras.layers.Layer):
    """Encodes the labels of a label map as one-hot vectors, followed by its other channels.

    Args:
        num_labels: Positive int, number of labels.

    Call arguments:
        label_maps: Tensor `(batch, height, width, channels)`. The first channel contains labels from 0 to
            `num_labels - 1`. Other channels, such as the edges between objects, are not changed.

    Returns:
        Tensor `(batch, height, width, num_labels + channels - 1)` in the compute dtype.

    Raises:
        ValueError: If `num_labels` is not a positive int.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.LabelMapEncoding(num_labels=5)
    outputs = layer(keras.ops.zeros((2, 8, 8, 1)))  # (2, 8, 8, 5)
    ```
    """

    @checked
    def __init__(self, num_labels: PositiveInt, **kwargs):
        super().__init__(**kwargs)
        self.num_labels = num_labels

    def call(self, label_maps):
        labels = ops.cast(ops.round(label_maps[..., 0]), "int32")
        encoded = ops.one_hot(labels, self.num_labels, dtype=self.compute_dtype)
        return ops.concatenate([encoded, ops.cast(label_maps[..., 1:], self.compute_dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.num_labels + input_shape[-1] - 1)

    def get_config(self):
        return {**super().get_config(), "num_labels": self.num_labels}
