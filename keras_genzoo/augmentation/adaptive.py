"""Adaptive discriminator augmentation (Karras et al. 2020)."""

import math

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Finite, PositiveInt, checked
from keras_genzoo.augmentation.augmentation import Augmentation

# The transformations in their order. Each is applied to an image with probability p.
CHANGES = (
    "flip",
    "turn",
    "shift",
    "scale",
    "first_rotation",
    "stretch",
    "second_rotation",
    "fractional_shift",
    "brightness",
    "contrast",
    "luma_flip",
    "hue",
    "saturation",
)


@keras.saving.register_keras_serializable(package="keras_genzoo")
class AdaptiveAugmentation(Augmentation):
    """Adaptive discriminator augmentation: applies transformations with a probability that adapts.

    The probability `p` follows `r = E[sign(D(x))]`, the mean sign of the logits of real images. If `r` is
    above `target`, the discriminator overfits and `p` is increased; otherwise it is decreased. `p` starts at
    0, where images are not changed. It is saved with the model as `augmentation.probability`.

    The transformations are those of the paper's "bgc" pipeline. Geometry: horizontal flip, quarter turns,
    shift by whole pixels (up to an eighth of the sides), isotropic scaling, rotation, anisotropic scaling, a
    second rotation, and shift by fractions of a pixel. Color: brightness, contrast, luma flip, hue, and
    saturation. The geometric transformations are combined into one affine map. Pixels outside the image are
    filled by reflection. Interpolation is bilinear, so that flips, quarter turns and shifts by whole pixels
    are exact; the authors resample with a sym6 wavelet at twice the size.

    Args:
        target: Float, target value of `r`.
        interval: Positive int, number of discriminator updates between two changes of `p`.
        num_images: Positive int, number of real images over which `p` can rise from 0 to 1. Use 100,000 for
            fine-tuning.

    Call arguments:
        images, seed: As for `Augmentation`; square images with 1 or 3 channels.

    Raises:
        ValueError: If an argument is out of its range, or, when the layer is built, if images are not square
            or have neither 1 nor 3 channels.

    Example:

    ```python
    import keras_genzoo as kg

    augmentation = kg.augmentation.AdaptiveAugmentation(target=0.6)
    gan = kg.models.GAN(image_shape=(16, 16, 3), width=4, augmentation=augmentation)
    ```

    Reference: Karras et al., "Training generative adversarial networks with limited data", 2020,
    arXiv:2006.06676, section 3 and appendix B.
    """

    is_adaptive = True

    @checked
    def __init__(
        self,
        target: Finite = 0.6,
        interval: PositiveInt = 4,
        num_images: PositiveInt = 500_000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.target = target
        self.interval = interval
        self.num_images = num_images

    def build(self, input_shape):
        _, height, width, channels = input_shape
        if height != width or channels not in (1, 3):
            raise ValueError(
                "`augmentation` rotates images and changes their hue, which needs square images with 1 or 3 "
                f"channels. Received: {tuple(input_shape[1:])}. Use `DiffAugment`."
            )
        # Under `tf.distribute` these are means over all replicas.
        self.probability = self._number("probability")
        self.sum_of_signs = self._number("sum_of_signs")
        self.num_updates = self._number("num_updates")

    def _number(self, name):
        return self.add_weight((), "zeros", name=name, trainable=False, aggregation="mean")

    def update(self, real_logits):
        """As for `Augmentation`."""
        num = ops.shape(real_logits)[0] * backends.num_replicas()
        signs = ops.sign(ops.stop_gradient(ops.cast(real_logits, "float32")))
        self.sum_of_signs.assign(self.sum_of_signs.value + ops.mean(signs))
        self.num_updates.assign(self.num_updates.value + 1.0)
        num_updates, sum_of_signs = (
            ops.convert_to_tensor(each) for each in (self.num_updates, self.sum_of_signs)
        )
        is_due = ops.cast(num_updates >= self.interval, "float32")
        step = ops.cast(num, "float32") * self.interval / self.num_images
        step = is_due * step * ops.sign(sum_of_signs / self.interval - self.target)
        self.probability.assign(ops.clip(self.probability.value + step, 0.0, 1.0))
        self.sum_of_signs.assign((1.0 - is_due) * sum_of_signs)
        self.num_updates.assign((1.0 - is_due) * num_updates)

    def draw(self, num, seed):
        """As for `Augmentation`: uniform values in [0, 1) that select the transformations, further uniform
        values, and normal values.
        """
        return (
            keras.random.uniform((len(CHANGES), num), seed=seed),
            keras.random.uniform((8, num), seed=seed),
            keras.random.normal((7, num), seed=seed),
        )

    def augment(self, images, drawn):
        """As for `Augmentation`."""
        made, uniform, normal = self._made(drawn)
        *_, luma_flip, hue = ops.unstack(uniform)
        *_, brightness, contrast, saturation = ops.unstack(normal)
        return _recolored(
            self._moved(images, made, uniform, normal),
            brightness=0.2 * made["brightness"] * brightness,
            contrast=_power(made["contrast"], 0.5 * contrast),
            luma_flip=made["luma_flip"] * ops.floor(2.0 * luma_flip),
            hue=_angle(made["hue"], hue),
            saturation=_power(made["saturation"], saturation),
        )

    def move(self, beside, drawn):
        """As for `Augmentation`."""
        return self._moved(beside, *self._made(drawn))

    def _moved(self, images, made, uniform, normal):
        flip, turn, right, down, first, second, *_ = ops.unstack(uniform)
        scale, stretch, fraction_right, fraction_down, *_ = ops.unstack(normal)
        side = images.shape[1]

        def whole(share):
            return made["shift"] * ops.round(side / 8 * (2.0 * share - 1.0))

        scale, stretch = _power(made["scale"], 0.2 * scale), _power(made["stretch"], 0.2 * stretch)
        fraction = side / 8 * made["fractional_shift"]
        return _mapped(
            images,
            [
                _scaling(1.0 - 2.0 * made["flip"] * ops.floor(2.0 * flip), ops.ones_like(flip)),
                ops.round(_rotation(math.pi / 2 * made["turn"] * ops.floor(4.0 * turn))),
                _shift(whole(right), whole(down)),
                _scaling(1.0 / scale, 1.0 / scale),
                _rotation(_angle(made["first_rotation"], first)),
                _scaling(1.0 / stretch, stretch),
                _rotation(_angle(made["second_rotation"], second)),
                _shift(fraction * fraction_right, fraction * fraction_down),
            ],
        )

    def _made(self, drawn):
        """Returns which changes are made, a dict of float tensors of zeros and ones, and the other values."""
        decisions, uniform, normal = drawn
        p = ops.convert_to_tensor(self.probability)
        # There are two rotations; with this probability each, at least one is applied with probability p.
        of_rotation = 1.0 - ops.sqrt(1.0 - p)
        made = {
            change: ops.cast(decision < (of_rotation if "rotation" in change else p), "float32")
            for change, decision in zip(CHANGES, ops.unstack(decisions), strict=True)
        }
        return made, uniform, normal

    def get_config(self):
        return {
            **super().get_config(),
            "target": self.target,
            "interval": self.interval,
            "num_images": self.num_images,
        }


def _angle(is_made, share):
    return is_made * math.pi * (2.0 * share - 1.0)


def _power(is_made, exponent):
    return ops.exp(math.log(2.0) * is_made * exponent)


def _mapped(images, maps):
    """Resamples images by a product of affine maps about the center; ints by the nearest pixel."""
    num, side, channels = ops.shape(images)[0], images.shape[1], images.shape[3]
    product = maps[0]
    for affine in maps[1:]:
        product = ops.matmul(product, affine)
    offsets = ops.arange(side, dtype="float32") - (side - 1) / 2
    x, y = ops.meshgrid(offsets, offsets)
    positions = ops.reshape(ops.stack([x, y, ops.ones_like(x)]), (3, -1))
    x, y, _ = ops.unstack(ops.reshape(ops.matmul(product, positions), (-1, 3, side, side)), axis=1)
    (left, right, x), (above, below, y) = (_neighbors(each + (side - 1) / 2, side) for each in (x, y))
    # One gather for the whole batch for each of the four neighbors.
    pixels = ops.reshape(images, (-1, channels))
    first = ops.reshape(ops.arange(num), (-1, 1, 1)) * (side * side)

    def at(row, column):
        return ops.take(pixels, first + row * side + column, axis=0)

    if not keras.backend.is_float_dtype(images.dtype):
        return at(ops.where(y[..., 0] < 0.5, above, below), ops.where(x[..., 0] < 0.5, left, right))
    return (1.0 - y) * ((1.0 - x) * at(above, left) + x * at(above, right)) + y * (
        (1.0 - x) * at(below, left) + x * at(below, right)
    )


def _neighbors(position, side):
    """Indices of the two pixels around a position, reflected at the borders, and the weight of the second."""
    period = max(2 * (side - 1), 1)
    position = ops.mod(position, period)
    position = ops.clip(ops.minimum(position, period - position), 0.0, side - 1)
    before = ops.floor(position)
    behind = ops.minimum(before + 1.0, side - 1)
    return ops.cast(before, "int32"), ops.cast(behind, "int32"), (position - before)[..., None]


def _scaling(x, y):
    zero, one = ops.zeros_like(x), ops.ones_like(x)
    return _matrix([[x, zero, zero], [zero, y, zero], [zero, zero, one]])


def _rotation(angle):
    zero, one = ops.zeros_like(angle), ops.ones_like(angle)
    cosine, sine = ops.cos(angle), ops.sin(angle)
    return _matrix([[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]])


def _shift(x, y):
    zero, one = ops.zeros_like(x), ops.ones_like(x)
    return _matrix([[one, zero, -x], [zero, one, -y], [zero, zero, one]])


def _matrix(rows):
    """Stacks rows of entries `(num,)` into matrices `(num, 3, 3)`."""
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


def _recolored(images, brightness, contrast, luma_flip, hue, saturation):
    """Changes the colors of images. Each parameter is a tensor `(num,)`; images of one channel keep hue and
    saturation.
    """
    brightness, contrast, luma_flip, cosine, sine, saturation = (
        each[:, None, None, None]
        for each in (brightness, contrast, luma_flip, ops.cos(hue), ops.sin(hue), saturation)
    )
    images = contrast * (images + brightness)
    # The mean of the channels is the gray axis: hue rotates about it, saturation scales the distance from it.
    gray = ops.mean(images, axis=3, keepdims=True)
    color = images - gray
    # Written as differences, which are exactly 0 where nothing changes.
    images = images - 2.0 * luma_flip * gray
    if images.shape[3] == 1:
        return images
    # Rodrigues' rotation formula; the color is orthogonal to the axis.
    red, green, blue = ops.unstack(color, axis=3)
    product = ops.stack([blue - green, red - blue, green - red], axis=3) / math.sqrt(3.0)
    return images + (saturation * cosine - 1.0) * color + saturation * sine * product
