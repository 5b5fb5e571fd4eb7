"""The base class of super-resolution families: small and large images, tiles, and the pixel loss."""

from typing import Annotated

import numpy as np
from keras import ops

from keras_genzoo import modalities
from keras_genzoo.arguments import Check, NonNegativeInt, PositiveInt, checked, one_of
from keras_genzoo.images import pictures
from keras_genzoo.models.options import checked_options
from keras_genzoo.models.translation_model import (
    Task,
    TranslationModel,
    array_of,
    fitted,
    fitted_back,
)

PixelLoss = Annotated[str, Check(one_of("l1", "l2"))]


class UpscalingModel(TranslationModel):
    """A model whose generator maps small images to large ones.

    Args:
        image_shape: Tuple `(height, width, channels)` of the large images in training. Sides must be
            multiples of `scale`. The generator supports other sizes in inference.
        scale: Positive int, the side of a large image divided by that of its source.
        pixel_loss: `"l1"`, the mean absolute difference, or `"l2"`, the mean squared difference, on the scale
            from 0 to 1.
        **kwargs: As for `TranslationModel`.

    Raises:
        ValueError: If an argument is out of its range, or the sides are not multiples of `scale`.
    """

    abilities = frozenset({"translate", "upscale"})
    trains_on = ("pairs",)

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: a compact generator, and large images, from which the sources are computed."""
        generator = {"class": "CompactSuperResolver", "channels": image_shape[-1], "scale": 4}
        return {
            "model": {"scale": 4, "generator": generator},
            "data": {"scale": 4, "batch_size": 16, "augment": True},
            "num_steps": 20_000,
        }

    @checked_options
    def __init__(self, image_shape, scale: PositiveInt, *, pixel_loss: PixelLoss, **kwargs):
        image_shape = modalities.of_shape(image_shape).shape
        if any(side % scale for side in image_shape[:2]):
            raise ValueError(
                f"`image_shape` must have sides that are multiples of `scale`, {scale}. Received: {image_shape}"
            )
        super().__init__(image_shape=image_shape, source_channels=image_shape[-1], **kwargs)

    def set_networks(self, generator, **others):
        """As for `TranslationModel`; also checks the size of images and the scale of the generator."""
        super().set_networks(generator=generator, **others)
        wanted = dict.fromkeys(others, self.image_shape) | {"generator": self.source_shape}
        for name, network in self.networks.items():
            given = network.input_shape[1:]
            if any(side not in (None, own) for side, own in zip(given, wanted[name], strict=True)):
                raise ValueError(
                    f"`{name}` takes images of {given}, but with `image_shape` {self.image_shape} they are "
                    f"{wanted[name]}. Change one of them."
                )
        made = generator.compute_output_shape((1, *self.source_shape))
        if tuple(made[1:]) != self.image_shape:
            raise ValueError(
                f"`generator` maps images of {self.source_shape} to images of {tuple(made[1:])}, but `image_shape` "
                f"is {self.image_shape}. Create it with the `scale` of the model, {self.scale}."
            )

    @property
    def source_modality(self):
        height, width, channels = self.image_shape
        return modalities.Images((height // self.scale, width // self.scale, channels), may_be_bright=True)

    @property
    def tasks(self):
        return {"upscale": Task("generator", self.source_modality, self.modality)}

    def default_measures(self):
        return ("upscaling",)

    @property
    def preset_usage(self):
        """As for `TranslationModel`."""
        return {
            "python": "large = model.upscale(images)  # uint8 or float in [-1, 1], or the path of a picture",
            "shell": "genzoo upscale picture.png --model {name}",
        }

    def images_from_images(self, images, direction=None, styles=None):
        """As for `TranslationModel`: the output of the generator, clipped to [-1, 1]."""
        return ops.clip(super().images_from_images(images, direction, styles), -1.0, 1.0)

    def call(self, inputs, training=False):
        return ops.clip(super().call(inputs, training), -1.0, 1.0)

    @checked
    def upscale(
        self, images, tile: PositiveInt = 256, overlap: NonNegativeInt = 16, batch_size: PositiveInt = 1
    ):
        """Enlarges images or image files. Large images are processed in tiles.

        Each tile is processed with `overlap` pixels of its surroundings, so that memory does not grow with
        the image. If `overlap` is at least the generator's `receptive_radius`, the result has no seams. For
        deep generators, pixels farther than 16 pixels away have no visible effect.

        Args:
            images: As for `translate`: images of any size, an image file, or a list of files.
            tile: Positive int, side of a tile in pixels of the source.
            overlap: Int of at least 0, pixels of the source added on each side of a tile.
            batch_size: Positive int, number of images enlarged at once.

        Returns:
            Float32 NumPy array `(num, scale * height, scale * width, channels)` in [-1, 1]. One image returns
            an array without the first axis, a list of files returns a list of such arrays.

        Raises:
            ValueError: As for `translate`.
            OSError: If a file cannot be opened.

        Example:

        ```python
        import numpy as np
        import keras_genzoo as kg

        image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype="uint8")
        generator = kg.networks.CompactSuperResolver(3, scale=2, width=4, num_layers=1)
        model = kg.models.SuperResolution((32, 32, 3), scale=2, generator=generator)
        upscaled = model.upscale(image, tile=8, overlap=4)  # float32 (40, 60, 3) in [-1, 1]
        ```
        """
        if isinstance(images, (list, tuple)) and any(map(pictures.is_picture, images)):
            return [self.upscale(image, tile, overlap, batch_size) for image in images]
        images = array_of(images, self.source_modality)
        if images.ndim == 2 and self.source_channels == 1:
            images = images[..., None]
        is_one = images.ndim == 3
        batch = images[None] if is_one else images
        if batch.ndim != 4 or max(batch.shape[1:3]) <= tile + 2 * overlap:
            # `translate` raises the error for other shapes.
            return self.translate(images, fit="pad", batch_size=batch_size)
        multiple, scale = getattr(self.translator(), "size_multiple", 1), self.scale
        num, height, width, channels = batch.shape
        batch = fitted(batch, multiple, "pad", self.source_modality)
        # Windows must also start at multiples.
        tile, overlap = (-(-length // multiple) * multiple for length in (tile, overlap))
        large = np.empty((num, *(scale * side for side in batch.shape[1:3]), channels), "float32")
        for rows, seen_rows in _tiles(batch.shape[1], tile, overlap):
            for columns, seen_columns in _tiles(batch.shape[2], tile, overlap):
                made = self.translate(batch[:, seen_rows, seen_columns], batch_size=batch_size)
                places = [_enlarged(part, scale) for part in (rows, columns)]
                within = [
                    _enlarged(part, scale, seen.start)
                    for part, seen in ((rows, seen_rows), (columns, seen_columns))
                ]
                large[:, places[0], places[1]] = made[:, within[0], within[1]]
        large = fitted_back(large, (scale * height, scale * width), "pad", self.modality)
        return large[0] if is_one else large

    # Losses that the families share.

    def unit_difference(self, targets, fakes):
        """Computes the pixel loss of two batches in [-1, 1], on the scale from 0 to 1; a float32 scalar."""
        difference = 0.5 * (ops.cast(fakes, "float32") - targets)
        return ops.mean(ops.abs(difference) if self.pixel_loss == "l1" else ops.square(difference))

    def psnr(self, targets, fakes):
        """Computes the peak signal-to-noise ratio in decibels of images clipped to [-1, 1], averaged over the
        images; a float32 scalar.
        """
        difference = 0.5 * (ops.clip(ops.cast(fakes, "float32"), -1.0, 1.0) - targets)
        errors = ops.mean(ops.square(difference), axis=(1, 2, 3))
        return -10.0 * ops.mean(ops.log10(errors + 1e-10))


def _tiles(length, tile, overlap):
    """Yields pairs of slices along one side: the tile, and the window of constant size around it, within the
    image.
    """
    seen = min(length, tile + 2 * overlap)
    for start in range(0, length, tile):
        first = min(max(start - overlap, 0), length - seen)
        yield slice(start, min(start + tile, length)), slice(first, first + seen)


def _enlarged(part, scale, first=0):
    """Slice of pixels in the enlarged image, relative to the pixel `first` of the source."""
    return slice(scale * (part.start - first), scale * (part.stop - first))
