# %% [markdown]
# # Adding a family
#
# A family is a class with a training step that reads like the paper's algorithm. The base classes give the
# rest: `compile`, `fit`, `sample`, presets, exports. This notebook writes one, and trains it on points that
# need no download.
#
# The family is a GAN with a relativistic average discriminator: it says how much more real a sample is than
# the mean of the other kind (Wang et al. 2018, equations 1 and 2, who enlarge pictures with it; see
# [ESRGAN](../families/super_resolution.md)). With real samples $x$, generated ones $G(z)$ and logits $D$, let
#
# $$ d_r = D(x) - \mathbb{E}[D(G(z))], \qquad d_f = D(G(z)) - \mathbb{E}[D(x)]. $$
#
# The discriminator lowers $\mathbb{E}[\log(1 + e^{-d_r})] + \mathbb{E}[\log(1 + e^{d_f})]$, the generator the
# same with both signs turned.

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
# - `players` says which networks each optimizer trains, and `loss_names` what is logged.
# - The networks that the constructor sets are saved, exported and part of the configuration.
# - Every update goes through `minimize`, which also handles several devices and mixed precision; all noise
#   comes from `draw_latents`. The same body runs on TensorFlow and JAX.


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
# The points lie on a ring of eight Gaussians. A GAN that works finds all eight; one that collapses finds a
# few.

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
# ## What comes with the base class
#
# A preset, and the same samples after loading it:

# %%
gan.save_to_preset("relativistic_ring")
loaded = RelativisticGAN.from_preset("relativistic_ring")
print("largest difference:", np.abs(loaded.sample(100, seed=1) - gan.sample(100, seed=1)).max())

# %% [markdown]
# Bad input is refused with a message that says what to do:

# %%
try:
    gan.sample(latents=np.zeros((4, 3)))
except ValueError as error:
    print(error)

# %% [markdown]
# ## Where to go next
#
# In the library the class becomes one file in `keras_genzoo/models/`, with a line of registration, a recipe,
# a page and a test file. The tests call one contract, `tests/models/contract.py`, which asks the family for
# every promise of the library: saving, resuming, several devices, both backends, exports.
# [Contributing](../../CONTRIBUTING.md#adding-a-family) has each step.
