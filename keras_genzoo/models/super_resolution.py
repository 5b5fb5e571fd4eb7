"""Super-resolution by the difference of pixels alone: no adversary, and the first stage of SRGAN and ESRGAN."""

from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends
from keras_genzoo.arguments import Network, PositiveInt
from keras_genzoo.models.options import checked_options
from keras_genzoo.models.upscaling_model import PixelLoss, UpscalingModel
from keras_genzoo.networks import RRDBSuperResolver
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class SuperResolution(UpscalingModel):
    """A generator of large images from small ones, trained by the difference of their pixels.

    Args:
        image_shape, scale, pixel_loss: As for `UpscalingModel`.
        generator: `keras.Model` from small images to large ones, in [-1, 1]; what lies outside is clipped after
            training. Defaults to `keras_genzoo.networks.RRDBSuperResolver` of 23 blocks.
        average_decay, average_half_life, seed: As for `GenerativeModel`.
        **kwargs: `name` and other arguments of `keras.Model`.

    Example:

    ```python
    generator = keras_genzoo.networks.CompactSuperResolver(3, scale=4)
    model = keras_genzoo.models.SuperResolution((128, 128, 3), scale=4, generator=generator)
    model.compile()
    model.fit(keras_genzoo.datasets.load("flowers_x4", batch_size=16, augment=True), epochs=20)
    large = model.upscale("photograph.jpg")  # float32 (4 * height, 4 * width, 3)
    ```

    Source: Wang et al. 2018, section 4.1, the model trained for PSNR; with `SRResNet` and `pixel_loss="l2"` Ledig et
    al. 2017, section 3.2.
    """

    players: ClassVar = {"generator": ("generator",)}
    loss_names = ("pixel_loss", "psnr")

    @checked_options
    def __init__(
        self,
        image_shape,
        scale: PositiveInt = 4,
        *,
        generator: Network = None,
        pixel_loss: PixelLoss = "l1",
        **kwargs,
    ):
        super().__init__(image_shape, scale, pixel_loss=pixel_loss, **kwargs)
        self.set_networks(generator=generator or RRDBSuperResolver(self.source_channels, scale))

    def default_optimizers(self):
        """Adam with learning rate 2e-4, beta_1 0.9 and beta_2 0.99 (Wang et al. 2018, section 4.1)."""
        return {"generator": Adam(learning_rate=2e-4, beta_1=0.9, beta_2=0.99)}

    @backends.train_step
    def train_step(self, data):
        sources, targets = self.unpack(data)
        _, logs = self.minimize(
            lambda: self.losses_of(targets, self.generator(sources, training=True)),
            "generator",
            has_aux=True,
        )
        self.update_average(ops.shape(targets)[0])
        return self.update_trackers(**logs)

    @backends.test_step
    def test_step(self, data):
        sources, targets = self.unpack(data)
        _, logs = self.losses_of(targets, self.images_from_images(sources))
        return self.update_trackers(**logs)

    def losses_of(self, targets, fakes):
        """The loss of the generator, a float32 scalar, and a dict of what is logged."""
        loss = self.unit_difference(targets, fakes)
        return loss, {"pixel_loss": loss, "psnr": self.psnr(targets, fakes)}
