# %% [markdown]
# # Translation
#
# Some models generate images from images: a drawing from its edges, a drawing in another style, or a face from a
# label map. This notebook draws its own source images. To use your own pictures, pass their paths to `translate`
# (see "Translate files").

# %%
import numpy as np
from PIL import Image, ImageDraw

import keras_genzoo as kg


def draw_face(color, mouth):
    """A round face, 64x64, as a uint8 array."""
    picture = Image.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((16, 16, 240, 240), fill=color)
    for left in (76, 156):
        draw.ellipse((left, 88, left + 24, 124), fill="#422b0d")
    if mouth == "open":
        draw.ellipse((104, 150, 152, 204), fill="#422b0d")
    else:
        top, start = (110, 20) if mouth == "smile" else (160, 200)
        draw.arc((76, top, 180, top + 80), start, start + 140, fill="#422b0d", width=12)
    return np.asarray(picture.resize((64, 64), Image.Resampling.LANCZOS))


faces = np.stack(
    [
        draw_face("#fcc21b", "smile"),
        draw_face("#fcc21b", "frown"),
        draw_face("#fcc21b", "open"),
        draw_face("#a6d388", "smile"),
    ]
)
kg.visualization.save_grid(faces, "faces.png", columns=4, scale=2)
Image.open("faces.png")

# %% [markdown]
# ## Translate edges
#
# `edges` computes the edges of a picture as lines. This pix2pix model was trained on pairs of lines and drawings,
# and fills in the areas between the lines. The columns are the lines and their translations. Lines contain no
# colors: the last face, which was green, becomes yellow like the others.

# %%
painter = kg.models.load("pix2pix_edges_to_emoji")
lines = kg.datasets.edges(faces)
painted = painter.translate(lines)
print(lines.shape, "to", painted.shape)

kg.pictures.write(kg.visualization.columns_grid([lines, painted], scale=2), "painted.png")
Image.open("painted.png")

# %% [markdown]
# ## Translate to another style and back
#
# This CycleGAN was trained on two sets of pictures without pairs: emoji of Noto and emoji of Twemoji. It
# translates in both directions. The columns are the source, its translation to Twemoji, and that image translated
# back to Noto.

# %%
cyclegan = kg.models.load("cyclegan_noto_twemoji")
print("directions:", list(cyclegan.tasks))
twemoji = cyclegan.translate(faces, direction="a_to_b")
back = cyclegan.translate(twemoji, direction="b_to_a")

kg.pictures.write(kg.visualization.columns_grid([faces, twemoji, back], scale=2), "styles.png")
Image.open("styles.png")

# %% [markdown]
# ## Translate a label map
#
# SPADE generates an image from a label map, which has the label of each pixel. The labels of this model are 0 for
# the background, 1 for skin, 2 for hair, 3 for clothes and 4 for lines. The seed determines the style.

# %%
labels = Image.new("L", (64, 64), 0)
draw = ImageDraw.Draw(labels)
draw.ellipse((12, 4, 52, 50), fill=2)
draw.rectangle((26, 44, 38, 56), fill=1)
draw.ellipse((18, 12, 46, 48), fill=1)
draw.rounded_rectangle((8, 52, 56, 70), radius=8, fill=3)
for left in (24, 36):
    draw.ellipse((left, 26, left + 4, 30), fill=4)
draw.arc((26, 30, 38, 40), 30, 150, fill=4, width=2)
label_map = np.asarray(labels, "int32")[..., None]

spade = kg.models.load("spade_avatars_64")
avatars = np.stack([spade.translate(label_map, seed=seed) for seed in range(6)])

kg.visualization.save_grid(avatars, "avatars.png", columns=6, scale=2)
Image.open("avatars.png")

# %% [markdown]
# ## Translate files
#
# `translate` also takes the path of a picture. With `fit="pad"`, the picture can have any size.

# %%
Image.fromarray(faces[0]).resize((100, 90)).save("face.png")
translation = cyclegan.translate("face.png", direction="a_to_b", fit="pad")
kg.pictures.write(translation, "translations/face.png")
print(translation.shape)

# %% [markdown]
# On the command line, pass pictures or folders of pictures. `genzoo paint` reads the label map from a picture:
#
# ```sh
# genzoo translate cyclegan_noto_twemoji face.png --direction a_to_b --output translations
# genzoo paint labels.png --seed 3 --output painted
# ```
#
# ## Where to go next
#
# - [Families](../families/index.md): Pix2Pix, CycleGAN, CUT, StarGANv2, SPADE, and models that upscale and restore
#   pictures.
# - [Translating images](../guide/translation.md): how to train on pairs, or on two folders of pictures.
# - [Serving](05_serving.py): translate pictures over HTTP.
