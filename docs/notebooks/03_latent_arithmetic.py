# %% [markdown]
# # Latent arithmetic
#
# A model generates each image from a latent, a vector of numbers. Moving a latent in some direction changes the
# image in a meaningful way, so you can edit images by adding and subtracting latents. This notebook needs no
# data set: it works on samples of pretrained models.

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
# ## Interpolate between two images
#
# The images along a path between two latents change smoothly from the first to the second. Each row is a path.

# %%
paths = [vae.latent.between(latents[row], latents[row + 50], 10) for row in range(4)]

kg.visualization.save_grid(vae.decode(np.concatenate(paths)), "paths.png", columns=10, scale=2)
Image.open("paths.png")

# %% [markdown]
# ## The mean of a digit
#
# Classify the samples with a pretrained classifier, and compute the mean latent of each digit. The decoded mean
# is a typical image of that digit.

# %%
classifier = kg.models.load("classifier_mnist")
_, logits = classifier.predict_features(digits)
labels = logits.argmax(axis=-1)
print("samples per digit:", np.bincount(labels, minlength=10))
means = np.stack([latents[labels == digit].mean(axis=0) for digit in range(10)])

kg.visualization.save_grid(vae.decode(means), "means.png", columns=10, scale=2)
Image.open("means.png")

# %% [markdown]
# ## Add a difference to a latent
#
# The difference between two means is the direction from one digit to the other. Added to the latent of a 4, it
# usually gives a 9 in the same handwriting, with the same slant and width. The first row shows some 4s. The
# second row adds half of the difference, and the third row all of it.

# %%
fours = latents[labels == 4][:10]
difference = means[9] - means[4]
rows = [vae.decode(fours + share * difference) for share in (0.0, 0.5, 1.0)]
_, logits = classifier.predict_features(rows[-1])
print("read as 9:", np.mean(logits.argmax(axis=-1) == 9))

kg.visualization.save_grid(np.concatenate(rows), "four_to_nine.png", columns=10, scale=2)
Image.open("four_to_nine.png")

# %% [markdown]
# ## Find directions without labels
#
# `principal_directions` finds the directions along which the images of a model change most. It needs no labels.
# The rows are the first four directions of a GAN that generates clothing. The columns range from -3 to 3 standard
# deviations.

# %%
gan = kg.models.load("dcgan_fashion_mnist")
directions = editing.principal_directions(gan, num_directions=4, num_latents=500)
codes = editing.codes(gan, gan.latents_from_seed(1, seed=4))
strengths = np.linspace(-3, 3, 9)
moved = [editing.images(gan, editing.move(codes, directions, index, strengths)) for index in range(4)]

kg.visualization.save_grid(np.concatenate(moved), "directions.png", columns=9, scale=2)
Image.open("directions.png")

# %% [markdown]
# ## Find the latent of an image
#
# An autoencoder has an encoder that computes the latent of an image. A GAN has none: `editing.project` searches
# for the latent whose sample is closest to the image. Here the images are samples of another model. The left
# column shows the images, the right column the closest samples of the GAN.

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
# - [Editing](../guide/editing.md): directions of attributes, and how to store them in a model by name.
# - [Explore](../explore.md): a web page with a slider for each direction.
# - Papers: Radford et al. 2015 (arXiv:1511.06434) on arithmetic with the latents of a GAN, and Härkönen et al.
#   2020 (arXiv:2004.02546) on principal directions.
