# %% [markdown]
# # Adding a family
#
# A family is a class with a training step that follows the algorithm of its paper. The base classes provide the
# rest: `compile`, `fit`, `sample`, presets and exports. This notebook implements a family and trains it on
# generated points, without a download. It needs `pip install -e ".[plots]"`.
#
# The example is a GAN with a relativistic average discriminator. It estimates how much more realistic a sample is
# than the average sample of the other kind, real or generated (Wang et al. 2018, equations 1 and 2; see
# [ESRGAN](../families/super_resolution.md), which uses it to upscale pictures). With real samples $x$, generated
# samples $G(z)$ and logits $D$, let
#
# $$ d_r = D(x) - \mathbb{E}[D(G(z))], \qquad d_f = D(G(z)) - \mathbb{E}[D(x)]. $$
#
# The discriminator minimizes $\mathbb{E}[\log(1 + e^{-d_r})] + \mathbb{E}[\log(1 + e^{d_f})]$. The generator
# minimizes the same expression with both signs in the exponents reversed.

# %%
from typing import ClassVar

import keras
import numpy as np
from keras import ops
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import backends
from keras_genzoo.models.adversarial_model import AdversarialModel
from keras_genzoo.models.options import checked_options

# %% [markdown]
# ## The class
#
# - `players` lists the networks that each optimizer trains. `loss_names` lists the losses to log.
# - Networks set with `set_networks` are saved, exported, and part of the configuration.
# - Use `minimize` for every update: it also handles several devices and mixed precision. Use `draw_latents` for
#   the noise. The same code then runs on TensorFlow and JAX.


# %%
@keras.saving.register_keras_serializable(package="notebook")
class RelativisticGAN(AdversarialModel):
    """A generator against a discriminator that compares real and generated samples."""

    players: ClassVar = {"generator": ("generator",), "discriminator": ("discriminator",)}
    loss_names = ("discriminator_loss", "generator_loss")

    @checked_options
    def __init__(self, image_shape=None, latent_dim=None, *, generator=None, discriminator=None, **kwargs):
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, **kwargs)
        self.set_networks(
            generator=generator or kg.networks.MLPGenerator(latent_dim, image_shape),
            discriminator=discriminator or kg.networks.MLPDiscriminator(image_shape),
        )

    def default_optimizers(self):
        return {player: kg.optimizers.Adam(1e-3, beta_1=0.5) for player in self.players}

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        num = ops.shape(images)[0]
        latents = self.draw_latents(num)
        fakes = ops.stop_gradient(self.generator(latents, training=True))
        discriminator_loss = self.minimize(
            lambda: self.relativistic_loss(images, fakes, sign=1.0), "discriminator"
        )
        generator_loss = self.minimize(
            lambda: self.relativistic_loss(images, self.generator(latents, training=True), sign=-1.0),
            "generator",
        )
        self.update_average(num)
        return self.update_trackers(discriminator_loss=discriminator_loss, generator_loss=generator_loss)

    def relativistic_loss(self, images, fakes, sign):
        """The loss of the discriminator, or with the sign -1 that of the generator."""
        real, fake = self.discriminator(images), self.discriminator(fakes)
        return ops.mean(ops.softplus(-sign * (real - ops.mean(fake)))) + ops.mean(
            ops.softplus(sign * (fake - ops.mean(real)))
        )


# %% [markdown]
# ## Train it
#
# The points come from eight Gaussians on a ring. A GAN that trains well generates points from all eight; a GAN
# that has collapsed generates points from a few.

# %%
keras.utils.set_random_seed(0)
gan = RelativisticGAN(
    (2,),
    latent_dim=2,
    generator=kg.networks.MLPGenerator(2, (2,), hidden=(128, 128)),
    discriminator=kg.networks.MLPDiscriminator((2,), hidden=(128, 128), activation="leaky_relu"),
    average_decay=0.99,
    seed=0,
)
gan.compile()
gan.fit(kg.datasets.load("ring", batch_size=256), epochs=8, verbose=2)

# %%
points, _ = kg.datasets.arrays("ring", split="test")
samples = gan.sample(2500, seed=0)
kg.visualization.save_scatter(samples[:500], "ring.png", real=points[:500])
Image.open("ring.png")

# %%
for result in kg.metrics.evaluate(gan, dataset="ring", measures=["modes"], num_samples=2500):
    print(result["metric"], result["value"])

# %% [markdown]
# ## What the base class provides
#
# Save a preset. After loading, the model generates the same samples:

# %%
gan.save_to_preset("relativistic_ring")
loaded = RelativisticGAN.from_preset("relativistic_ring")
print("largest difference:", np.abs(loaded.sample(100, seed=1) - gan.sample(100, seed=1)).max())

# %% [markdown]
# Invalid arguments raise an error that names the argument and the expected value:

# %%
try:
    gan.sample(latents=np.zeros((4, 3)))
except ValueError as error:
    print(error)

# %% [markdown]
# ## Where to go next
#
# To add a family to the library, write one file in `keras_genzoo/models/`, a line of registration, a recipe, a page
# and a test file. Every family runs the same tests, `tests/models/contract.py`, which cover saving, resuming,
# several devices, both backends and exports. [Contributing](../../CONTRIBUTING.md#adding-a-family) explains each
# step.
