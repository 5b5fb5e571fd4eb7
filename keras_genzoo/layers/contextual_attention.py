"""Contextual attention for inpainting."""

import keras
from keras import ops

from keras_genzoo.arguments import Positive, PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class ContextualAttention(keras.layers.Layer):
    """Rebuilds feature maps from patches outside of the holes. It has no weights.

    1. The map is reduced by taking every `rate`-th row and column. Its patches of `kernel_size` are compared:
       the score of a position and a source is the inner product of the patch at the position and the patch at the
       source, divided by the norm of the latter.
    2. Scores are fused: each becomes the sum over the `fuse_size` scores whose position and source move together,
       first along rows, then along columns. Neighboring positions therefore prefer neighboring sources. Positions are
       counted row by row (column by column), so that the end of a row is next to the beginning of the following one.
    3. The softmax over all sources of `scale` times the scores gives weights. Sources whose patch touches a hole have
       a score of 0 and then a weight of 0.
    4. Each position receives the weighted sum of the patches at the sources. These patches are of the full
       map, with sides of `2 * rate`. Four of them overlap at a pixel, which gets a fourth of their sum.

    Scores and weights are computed in float32, also under mixed precision. They take
    `4 * (height / rate * width / rate)**2` bytes per map, 64 MiB for a map of 128x128 with the defaults.

    Args:
        kernel_size: Positive odd int, side of the patches that are compared.
        rate: Positive int, the factor by which maps are reduced for the comparison.
        scale: Positive float, factor of the scores in the softmax.
        fuse_size: Positive odd int, number of scores in a sum; 1 for scores that are not fused.

    Call arguments:
        features: Float tensor `(batch, height, width, channels)`, of any size.
        holes: Tensor `(batch, height, width, 1)` with 1 in the holes and 0 elsewhere. Values above 0.5 are
            holes.

    Returns:
        Tensor of the shape of `features`.

    Raises:
        ValueError: If an argument is out of its range, or `kernel_size` or `fuse_size` is even.

    Example:

    ```python
    import keras
    import keras_genzoo as kg

    layer = kg.layers.ContextualAttention()
    features = keras.random.normal((2, 16, 16, 8))
    outputs = layer(features, keras.ops.zeros((2, 16, 16, 1)))  # (2, 16, 16, 8)
    ```

    Reference: Yu et al., "Generative image inpainting with contextual attention", 2018, arXiv:1801.07892, section
    4.1; scores, fusion and the paste follow the code of arXiv:1806.03589 by the same authors. That code reduces
    maps with aligned corners: it also takes the last row and column, and spaces the others evenly.
    """

    @checked
    def __init__(
        self,
        kernel_size: PositiveInt = 3,
        rate: PositiveInt = 2,
        scale: Positive = 10.0,
        fuse_size: PositiveInt = 3,
        **kwargs,
    ):
        for name, size in (("kernel_size", kernel_size), ("fuse_size", fuse_size)):
            if size % 2 == 0:
                raise ValueError(f"`{name}` must be odd. Received: {name}={size}")
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.rate = rate
        self.scale = scale
        self.fuse_size = fuse_size

    def call(self, features, holes):
        height, width = ops.shape(features)[1:3]
        x = ops.cast(features, "float32")
        reduced = x[:, :: self.rate, :: self.rate]
        known = ops.cast(holes[:, :: self.rate, :: self.rate] <= 0.5, "float32")
        rows, columns = ops.shape(reduced)[1:3]

        patches = self._compared(reduced)
        # Not the root's maximum: its gradient is not finite for patches of zeros.
        norms = ops.sqrt(ops.maximum(ops.sum(ops.square(patches), axis=-1, keepdims=True), 1e-8))
        scores = ops.matmul(patches, ops.transpose(patches / norms, (0, 2, 1)))
        usable = ops.expand_dims(ops.min(self._compared(known, outside=1.0), axis=-1), 1)
        scores = self._fused(scores, rows, columns) * usable
        weights = ops.softmax(self.scale * scores, axis=-1) * usable
        pasted = ops.matmul(weights, self._copied(x, rows, columns))
        return ops.cast(self._joined(pasted, rows, columns)[:, :height, :width], features.dtype)

    def _compared(self, maps, outside=0.0):
        """Returns the patches that are compared, `(batch, rows * columns, values)`."""
        rows, columns = ops.shape(maps)[1:3]
        size = self.kernel_size
        border = (size // 2, size // 2)
        padded = ops.pad(maps, ((0, 0), border, border, (0, 0)), constant_values=outside)
        moved = [padded[:, i : i + rows, j : j + columns] for i in range(size) for j in range(size)]
        return ops.reshape(ops.concatenate(moved, axis=-1), (-1, rows * columns, size**2 * maps.shape[-1]))

    def _fused(self, scores, rows, columns):
        """Adds up scores along rows, then along columns."""

        def transposed(scores, rows, columns):
            split = ops.reshape(scores, (-1, rows, columns, rows, columns))
            num = rows * columns
            return ops.reshape(ops.transpose(split, (0, 2, 1, 4, 3)), (-1, num, num))

        along_rows = transposed(self._added_diagonally(scores), rows, columns)
        return transposed(self._added_diagonally(along_rows), columns, rows)

    def _added_diagonally(self, scores):
        num = ops.shape(scores)[1]
        border = (self.fuse_size // 2, self.fuse_size // 2)
        padded = ops.pad(scores, ((0, 0), border, border))
        return sum(padded[:, i : i + num, i : i + num] for i in range(self.fuse_size))

    def _copied(self, maps, rows, columns):
        """Returns the patches that are copied, `(batch, rows * columns, (2 * rate)**2 * channels)`.

        Each consists of 2x2 blocks with sides of `rate`.
        """
        rate, channels = self.rate, maps.shape[-1]
        border = (rate // 2, 2 * rate - 1 - rate // 2)
        padded = ops.pad(maps, ((0, 0), border, border, (0, 0)))
        padded = padded[:, : (rows + 1) * rate, : (columns + 1) * rate]
        blocks = ops.reshape(padded, (-1, rows + 1, rate, columns + 1, rate, channels))
        blocks = ops.reshape(
            ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, rows + 1, columns + 1, rate**2 * channels)
        )
        moved = [blocks[:, i : i + rows, j : j + columns] for i, j in _CORNERS]
        return ops.reshape(ops.concatenate(moved, axis=-1), (-1, rows * columns, 4 * rate**2 * channels))

    def _joined(self, patches, rows, columns):
        """Adds up patches where they overlap; the inverse of `_copied` but for its counts of 4."""
        rate = self.rate
        channels = patches.shape[-1] // (4 * rate**2)
        maps = ops.reshape(patches, (-1, rows, columns, 4 * rate**2 * channels))
        blocks = sum(
            ops.pad(part, ((0, 0), (i, 1 - i), (j, 1 - j), (0, 0)))
            for (i, j), part in zip(_CORNERS, ops.split(maps, 4, axis=-1), strict=True)
        )
        blocks = ops.reshape(blocks, (-1, rows + 1, columns + 1, rate, rate, channels))
        joined = ops.reshape(
            ops.transpose(blocks, (0, 1, 3, 2, 4, 5)), (-1, (rows + 1) * rate, (columns + 1) * rate, channels)
        )
        return joined[:, rate // 2 :, rate // 2 :] / 4.0

    def compute_output_shape(self, features_shape, holes_shape=None):
        return features_shape

    def get_config(self):
        names = ("kernel_size", "rate", "scale", "fuse_size")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
