# %% [markdown]
# # Your own pictures
#
# Train a model on a folder of pictures. To run without a download, this notebook first creates such a folder,
# with 256 pictures of discs and squares. To use your own pictures, skip the next cell except for its imports,
# and replace `"pictures"` by the path of your folder.

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
# ## Load the pictures
#
# `image_folder` crops each picture to its center, resizes it, and returns a data set of batches. With
# `flip=True`, pictures are mirrored at random.

# %%
batches = kg.datasets.image_folder("pictures", image_size=32, batch_size=32, flip=True)
images = next(iter(batches))
print(images.shape)

kg.visualization.save_grid(images.numpy(), "pictures.png", scale=2)
Image.open("pictures.png")

# %% [markdown]
# ## Train
#
# A variational autoencoder (VAE) trains within minutes on a laptop, but its images are blurry. After each
# epoch, `SampleGrid` writes a grid of samples, always from the same latents. `TrainingHealth` warns if training
# shows signs of failing.

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
# The left column shows some pictures, the right column their reconstructions from latents. After these 160
# steps, the positions and the colors of the shapes are right.

# %%
pairs = [images[:8], model.reconstruct(images[:8].numpy())]
kg.pictures.write(kg.visualization.columns_grid(pairs, scale=2), "reconstructions.png")
Image.open("reconstructions.png")

# %% [markdown]
# Generate new pictures from random latents:

# %%
kg.visualization.save_grid(model.sample(32, seed=0), "samples.png", columns=8, scale=2)
Image.open("samples.png")

# %% [markdown]
# For sharp images, train a GAN in the same way: `kg.models.GAN(image_shape=(32, 32, 3))`. It needs several
# thousand steps before the samples show much. Use a GPU, or train overnight.

# %% [markdown]
# ## Save the model
#
# A preset is a folder with the model's configuration, its weights and a model card. Load it in the same way as a
# pretrained model, in Python or on the command line (`genzoo sample my_pictures`).

# %%
model.save_to_preset("my_pictures")
loaded = kg.models.load("my_pictures")
print("largest difference:", np.abs(loaded.sample(4, seed=0) - model.sample(4, seed=0)).max())

# %% [markdown]
# ## Where to go next
#
# On the command line, `genzoo train` also saves backups, so that you can resume after Ctrl-C or a crash. For
# example, train a GAN and resume it:
#
# ```sh
# genzoo train --model GAN --images pictures --image-size 64 --flip --output runs/mine
# genzoo train --resume --output runs/mine
# ```
#
# - [Your own pictures](../guide/own_pictures.md): formats, sizes, classes and networks.
# - [The guide](../guide/index.md): few images, pairs of pictures, and what to do when training goes wrong.
# - [Several devices](../several_devices.md): train on several GPUs or several machines.
# - [Serving](05_serving.py): serve the model over HTTP.
