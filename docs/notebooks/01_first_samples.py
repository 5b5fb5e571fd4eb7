# %% [markdown]
# # First samples
#
# Load pretrained models by name and generate images. The weights are part of a checkout of the repository, so
# nothing is downloaded. The notebook takes about a minute on a laptop. Install the library first: run
# `pip install -e .` in the checkout.

# %%
import numpy as np
from PIL import Image

import keras_genzoo as kg

for name in kg.presets.names():
    print(f"{name:33} {kg.presets.describe(name)['class']}")

# %% [markdown]
# ## Generate images
#
# `load` finds the class of the model, checks its files, and returns a Keras model. `sample` generates images
# and returns them as a NumPy array of float32 values in [-1, 1]. `save_grid` writes them to a file as a grid.

# %%
gan = kg.models.load("dcgan_fashion_mnist")
images = gan.sample(64, seed=0)
print(images.shape, images.dtype, images.min(), images.max())

kg.visualization.save_grid(images, "clothes.png", scale=2)
Image.open("clothes.png")

# %% [markdown]
# The same seed gives the same images on every machine and on both backends. The number of images does not
# matter: the first 16 of 64 images are the same as 16 images from the same seed.

# %%
again = gan.sample(16, seed=0)
print("largest difference:", np.abs(again - images[:16]).max())

# %% [markdown]
# ## Generate a given class
#
# A conditional model takes labels: one for all images, or one per image.

# %%
digits = kg.models.load("cgan_mnist")
rows = digits.sample(seed=1, labels=np.repeat([3, 1, 4, 1, 5, 9], 10))

kg.visualization.save_grid(rows, "digits.png", columns=10, scale=2)
Image.open("digits.png")

# %% [markdown]
# ## Trade variety for quality
#
# A GAN generates each image from a random vector, its latent. With `truncation` below 1, latents are scaled
# towards their mean. The images become more similar to each other, and often better. Very short latents give
# worse images, because the generator was not trained on them. The rows below have truncation 1, 0.6 and 0.3.

# %%
truncated = [gan.sample(10, seed=0, truncation=truncation) for truncation in (1.0, 0.6, 0.3)]

kg.visualization.save_grid(np.concatenate(truncated), "truncation.png", columns=10, scale=2)
Image.open("truncation.png")

# %% [markdown]
# ## Generate several sizes
#
# MSG-GAN generates each image at several sizes at once. The rows below show the same latents at 8x8, 16x16 and
# 32x32, enlarged to the same size.

# %%
msg_gan = kg.models.load("msg_gan_fashion_mnist_32")
levels = [msg_gan.sample(10, seed=2, level=level) for level in (1, 2, 3)]
enlarged = [
    images.repeat(32 // images.shape[1], axis=1).repeat(32 // images.shape[2], axis=2) for images in levels
]

kg.visualization.save_grid(np.concatenate(enlarged), "sizes.png", columns=10, scale=2)
Image.open("sizes.png")

# %% [markdown]
# ## Where to go next
#
# - [Your own pictures](02_own_pictures.py): train a model on a folder.
# - [Latent arithmetic](03_latent_arithmetic.py): move between images, and edit them.
# - [Families](../families/index.md): which model to use for which task.
# - [Results](../results.md): measured quality of the pretrained models.
