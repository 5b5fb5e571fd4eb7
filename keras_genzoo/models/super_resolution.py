"""Super-resolution with a pixel loss only, also used as the first stage of SRGAN and ESRGAN."""

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
    """A generator from small to large images, trained with a pixel loss.

    Args:
        image_shape, scale, pixel_loss: As for `UpscalingModel`.
        generator: `keras.Model` that maps small images to large ones in [-1, 1]. Its output is clipped in
            inference. Defaults to `keras_genzoo.networks.RRDBSuperResolver` with 23 blocks.
        average_decay, average_half_life, seed: As for `GenerativeModel`.
        **kwargs: `name` and other arguments of `keras.Model`.

    Raises:
        ValueError: If an argument is out of its range, or the generator does not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    large = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    small = large[:, ::4, ::4]
    generator = kg.networks.CompactSuperResolver(3, scale=4, width=4, num_layers=1)
    model = kg.models.SuperResolution((32, 32, 3), scale=4, generator=generator)
    model.compile()
    model.fit(small, large, batch_size=2, epochs=1)
    upscaled = model.upscale(small)  # float32 (2, 32, 32, 3) in [-1, 1]
    ```

    Reference: Wang et al., "ESRGAN: Enhanced super-resolution generative adversarial networks", 2018,
    arXiv:1809.00219, section 4.1, the PSNR-oriented model. With `SRResNet` and `pixel_loss="l2"`: Ledig et
    al., "Photo-realistic single image super-resolution using a generative adversarial network", 2017,
    arXiv:1609.04802, section 3.2.
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
        """Computes the loss of the generator, a float32 scalar, and a dict of the logged values."""
        loss = self.unit_difference(targets, fakes)
        return loss, {"pixel_loss": loss, "psnr": self.psnr(targets, fakes)}
