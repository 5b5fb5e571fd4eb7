# %% [markdown]
# # Your own pictures
#
# A model trains on any folder of pictures. This notebook draws one: 256 pictures of discs and squares. Put
# the name of your own folder in its place.

# %%
import numpy as np
from PIL import Image, ImageDraw

import keras_genzoo as kg

rng = np.random.default_rng(0)
for number in range(256):
    picture = Image.new("RGB", (96, 72), tuple(rng.integers(180, 256, 3)))
    left, top = rng.integers(12, 36), rng.integers(4, 20)
    size = rng.integers(36, 48)
    draw = ImageDraw.Draw(picture)
    shape = draw.ellipse if number % 2 else draw.rectangle
    shape((left, top, left + size, top + size), fill=tuple(int(value) for value in rng.integers(0, 160, 3)))
    kg.pictures.write(np.asarray(picture), f"pictures/{number:03}.png")

# %% [markdown]
# ## Read them
#
# `image_folder` crops the pictures in the middle, scales them, and gives batches. `flip=True` also shows
# mirrored pictures.

# %%
batches = kg.datasets.image_folder("pictures", image_size=32, batch_size=32, flip=True)
images = next(iter(batches))
print(images.shape)

kg.visualization.save_grid(images.numpy(), "pictures.png", scale=2)
Image.open("pictures.png")

# %% [markdown]
# ## Train
#
# A variational autoencoder learns within minutes on a laptop; its images are blurred. `SampleGrid` writes a
# grid of the same latents after each epoch, and `TrainingHealth` warns of signs of trouble.

# %%
model = kg.models.VAE(image_shape=(32, 32, 3), latent_dim=16, seed=0)
model.compile()
model.fit(
    batches,
    epochs=20,
    callbacks=[kg.callbacks.SampleGrid("runs/pictures/samples"), kg.callbacks.TrainingHealth()],
    verbose=2,
)

# %% [markdown]
# Left some pictures, right what the model makes of their latents. After these 160 steps it knows where the
# shapes are and which colors they have.

# %%
pairs = [images[:8], model.reconstruct(images[:8].numpy())]
kg.pictures.write(kg.visualization.columns_grid(pairs, scale=2), "reconstructions.png")
Image.open("reconstructions.png")

# %% [markdown]
# New pictures, from random latents:

# %%
kg.visualization.save_grid(model.sample(32, seed=0), "samples.png", columns=8, scale=2)
Image.open("samples.png")

# %% [markdown]
# For sharp images train a GAN in the same way, `kg.models.GAN(image_shape=(32, 32, 3))`. It needs some
# thousand steps before there is much to see, which is work for a GPU, or for a night.

# %% [markdown]
# ## Keep it
#
# A preset is a folder with the model's configuration, its weights and a card. It loads as a pretrained model
# does, also by its name on the command line.

# %%
model.save_to_preset("my_pictures")
loaded = kg.models.load("my_pictures")
print("largest difference:", np.abs(loaded.sample(4, seed=0) - model.sample(4, seed=0)).max())

# %% [markdown]
# ## Where to go next
#
# The same on the command line, with backups, so that the run continues after Ctrl-C or a crash:
#
# ```sh
# genzoo train --model GAN --images pictures --image-size 64 --flip --output runs/mine
# genzoo train --resume --output runs/mine
# ```
#
# - [The guide](../guide/index.md): sizes, classes, few pictures, pairs of pictures, and what to do when training
#   goes wrong.
# - [Several devices](../several_devices.md): several GPUs, several machines.
# - [Serving](05_serving.py): make the model answer requests.
