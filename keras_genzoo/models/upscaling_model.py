"""The base of the families that enlarge images: small and large ones, tiles, and the difference of pixels."""

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
    """A model whose generator makes large images from small ones.

    Args:
        image_shape: Tuple `(height, width, channels)` of the large images in training, of sides that are multiples of
            `scale`. Others can be made: the generator takes any size.
        scale: Int, the side of a large image over that of its source.
        pixel_loss: `"l1"`, the mean absolute difference, or `"l2"`, the mean squared one, on the scale from 0 to 1.
        **kwargs: As for `TranslationModel`.
    """

    abilities = frozenset({"translate", "upscale"})
    trains_on = ("pairs",)

    @classmethod
    def recipe_defaults(cls, image_shape):
        """As for `ZooModel`: a compact generator, and plain pictures, which are reduced to make the sources."""
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
        """As for `TranslationModel`; refuses networks of other images, and a generator of another scale."""
        super().set_networks(generator=generator, **others)
        wanted = dict.fromkeys(others, self.image_shape) | {"generator": self.source_shape}
        for name, network in self.networks.items():
            given = network.input_shape[1:]
            if any(side not in (None, own) for side, own in zip(given, wanted[name], strict=True)):
                raise ValueError(
                    f"`{name}` takes images of {given}, and those of `image_shape` {self.image_shape} are "
                    f"{wanted[name]} for it. Change one of the two."
                )
        made = generator.compute_output_shape((1, *self.source_shape))
        if tuple(made[1:]) != self.image_shape:
            raise ValueError(
                f"`generator` makes images of {tuple(made[1:])} from images of {self.source_shape}, not of "
                f"`image_shape`, {self.image_shape}. Give it the `scale` of the model, {self.scale}, or another."
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
        """As for `TranslationModel`: the generator's output, clipped to [-1, 1]."""
        return ops.clip(super().images_from_images(images, direction, styles), -1.0, 1.0)

    def call(self, inputs, training=False):
        return ops.clip(super().call(inputs, training), -1.0, 1.0)

    @checked
    def upscale(
        self, images, tile: PositiveInt = 256, overlap: NonNegativeInt = 16, batch_size: PositiveInt = 1
    ):
        """Enlarges images, or pictures, large ones in tiles.

        Tiles are seen with `overlap` pixels of what surrounds them, so that memory does not grow with the picture.
        Where `overlap` is at least the generator's `receptive_radius`, they join without any seam; of a deep
        generator what lies farther than 16 pixels away changes nothing that could be seen.

        Args:
            images: As for `translate`: images, a picture or a list of pictures, of any size.
            tile: Int, side of a tile in pixels of the source.
            overlap: Int, pixels of the source seen to each side of a tile.
            batch_size: Int, images enlarged at once.

        Returns:
            As `translate`: float32 NumPy array in [-1, 1], `(num, scale * height, scale * width, channels)`, of one
            image without the first axis; of a list of pictures a list.

        Raises:
            ValueError: As for `translate`.
            OSError: If a file cannot be opened.

        Example:

        ```python
        model = keras_genzoo.models.load("esrgan_flowers_x4")
        keras_genzoo.pictures.write(model.upscale("photograph.jpg"), "large.png")
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
            # What has another shape is refused there.
            return self.translate(images, fit="pad", batch_size=batch_size)
        multiple, scale = getattr(self.translator(), "size_multiple", 1), self.scale
        num, height, width, channels = batch.shape
        batch = fitted(batch, multiple, "pad", self.source_modality)
        # Windows begin at multiples too.
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

    # What the losses of the families share.

    def unit_difference(self, targets, fakes):
        """The pixel loss: of two batches in [-1, 1], on the scale from 0 to 1; a float32 scalar."""
        difference = 0.5 * (ops.cast(fakes, "float32") - targets)
        return ops.mean(ops.abs(difference) if self.pixel_loss == "l1" else ops.square(difference))

    def psnr(self, targets, fakes):
        """Peak signal-to-noise ratio in decibels, clipped to [-1, 1], the mean over the images; a float32 scalar."""
        difference = 0.5 * (ops.clip(ops.cast(fakes, "float32"), -1.0, 1.0) - targets)
        errors = ops.mean(ops.square(difference), axis=(1, 2, 3))
        return -10.0 * ops.mean(ops.log10(errors + 1e-10))


def _tiles(length, tile, overlap):
    """Pairs of the slice of a tile along one side, and of what is seen of it: as much of each, within the image."""
    seen = min(length, tile + 2 * overlap)
    for start in range(0, length, tile):
        first = min(max(start - overlap, 0), length - seen)
        yield slice(start, min(start + tile, length)), slice(first, first + seen)


def _enlarged(part, scale, first=0):
    """A slice of pixels in the enlarged image, counted from the pixel `first` of the source."""
    return slice(scale * (part.start - first), scale * (part.stop - first))
