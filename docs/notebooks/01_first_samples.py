# %% [markdown]
# # First samples
#
# Pretrained models load by name and draw images at once. The weights come with a checkout of the repository;
# nothing is downloaded. The notebook takes a minute on a laptop.

# %%
import numpy as np
from PIL import Image

import keras_genzoo as kg

for name in kg.presets.names():
    print(f"{name:33} {kg.presets.describe(name)['class']}")

# %% [markdown]
# ## Draw
#
# `load` finds the class, checks the files, and gives a Keras model. `sample` draws images: a NumPy array of
# float32 values in [-1, 1]. `save_grid` writes them side by side as a picture.

# %%
gan = kg.models.load("dcgan_fashion_mnist")
images = gan.sample(64, seed=0)
print(images.shape, images.dtype, images.min(), images.max())

kg.visualization.save_grid(images, "clothes.png", scale=2)
Image.open("clothes.png")

# %% [markdown]
# The same seed gives the same images, on every machine and on both backends. The first of them do not depend
# on how many are drawn.

# %%
again = gan.sample(16, seed=0)
print("largest difference:", np.abs(again - images[:16]).max())

# %% [markdown]
# ## Ask for a class
#
# A conditional model takes labels: one for all images, or one for each.

# %%
digits = kg.models.load("cgan_mnist")
rows = digits.sample(seed=1, labels=np.repeat([3, 1, 4, 1, 5, 9], 10))

kg.visualization.save_grid(rows, "digits.png", columns=10, scale=2)
Image.open("digits.png")

# %% [markdown]
# ## Fewer kinds, more typical images
#
# A GAN draws each image from a random vector, its latent. `truncation` below 1 makes latents shorter. The
# images become more alike, and often better; but the shortest latents are ones that the generator was never
# trained on. The rows have the truncations 1, 0.6 and 0.3.

# %%
truncated = [gan.sample(10, seed=0, truncation=truncation) for truncation in (1.0, 0.6, 0.3)]

kg.visualization.save_grid(np.concatenate(truncated), "truncation.png", columns=10, scale=2)
Image.open("truncation.png")

# %% [markdown]
# ## Several sizes
#
# MSG-GAN draws an image at several sizes at once. Each row has the same latents, at 8x8, 16x16 and 32x32,
# enlarged to the same size.

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
# - [Latent arithmetic](03_latent_arithmetic.py): what lies between two images.
# - [The families](../families/index.md): which model for what.
# - [Results](../results.md): how good the pretrained models are.
