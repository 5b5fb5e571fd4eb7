# %% [markdown]
# # Latent arithmetic
#
# A model draws each image from a latent, a vector of numbers. Directions in the space of latents have
# meanings, and so have sums and differences. This notebook needs no data: it works on the samples of
# pretrained models.

# %%
import numpy as np
from PIL import Image

import keras_genzoo as kg
from keras_genzoo import editing

vae = kg.models.load("vae_mnist")
digits = vae.sample(2000, seed=0)
latents = vae.encode(digits)
print(digits.shape, latents.shape)

# %% [markdown]
# ## Between two images
#
# A path between two latents gives images that change smoothly from one to the other. Each row is a path.

# %%
paths = [vae.latent.between(latents[row], latents[row + 50], 10) for row in range(4)]

kg.visualization.save_grid(vae.decode(np.concatenate(paths)), "paths.png", columns=10, scale=2)
Image.open("paths.png")

# %% [markdown]
# ## The mean of a digit
#
# A pretrained classifier reads the samples. The mean latent of all samples that it reads as one digit is a
# typical image of that digit.

# %%
classifier = kg.models.load("classifier_mnist")
_, logits = classifier.predict_features(digits)
labels = logits.argmax(axis=-1)
print("samples per digit:", np.bincount(labels, minlength=10))
means = np.stack([latents[labels == digit].mean(axis=0) for digit in range(10)])

kg.visualization.save_grid(vae.decode(means), "means.png", columns=10, scale=2)
Image.open("means.png")

# %% [markdown]
# ## A latent plus a difference
#
# The difference of two means leads from one digit to the other. Added to the latent of a particular 4, it
# gives a 9, usually in the handwriting of that 4: as slanted, as wide. Top: some 4s. Below: the same with
# half of the difference, and with all of it.

# %%
fours = latents[labels == 4][:10]
difference = means[9] - means[4]
rows = [vae.decode(fours + share * difference) for share in (0.0, 0.5, 1.0)]
_, logits = classifier.predict_features(rows[-1])
print("read as 9:", np.mean(logits.argmax(axis=-1) == 9))

kg.visualization.save_grid(np.concatenate(rows), "four_to_nine.png", columns=10, scale=2)
Image.open("four_to_nine.png")

# %% [markdown]
# ## Directions that nobody has named
#
# `principal_directions` finds the directions along which a model's images change most, without labels. Rows
# are the first four directions of a GAN of clothes; columns go from -3 to 3 standard deviations.

# %%
gan = kg.models.load("dcgan_fashion_mnist")
directions = editing.principal_directions(gan, num_directions=4, num_latents=500)
codes = editing.codes(gan, gan.latents_from_seed(1, seed=4))
strengths = np.linspace(-3, 3, 9)
moved = [editing.images(gan, editing.move(codes, directions, index, strengths)) for index in range(4)]

kg.visualization.save_grid(np.concatenate(moved), "directions.png", columns=9, scale=2)
Image.open("directions.png")

# %% [markdown]
# ## The latent of a given image
#
# An autoencoder encodes images; of a GAN, `editing.project` searches the latent whose sample is nearest. Here
# it looks for samples of another model: left the image, right the nearest sample of the GAN.

# %%
wanted = kg.models.load("vae_fashion_mnist").sample(4, seed=0)
found, errors = editing.project(gan, wanted, num_steps=100)
print("mean squared errors:", errors)

columns = [wanted, editing.images(gan, found)]
kg.pictures.write(kg.visualization.columns_grid(columns, scale=2), "projected.png")
Image.open("projected.png")

# %% [markdown]
# ## Where to go next
#
# - [The guide](../guide/index.md) has directions of attributes, and how a model keeps them by name.
# - [The page to play with](../explore.md) has a slider for each direction, in the browser.
# - Papers: Radford et al. 2015 (arXiv:1511.06434) for arithmetic with the latents of a GAN, Härkönen et al.
#   2020 (arXiv:2004.02546) for principal directions.
