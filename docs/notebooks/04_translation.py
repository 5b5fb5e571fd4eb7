# %% [markdown]
# # Translation
#
# Some models make images from images: a drawing from its edges, the same drawing in another style, a face
# from a painted map. This notebook paints its own sources; a path of a file takes their place.

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
# ## From edges
#
# `edges` finds the lines of a picture. pix2pix has learned from pairs of lines and drawings what belongs
# between the lines. Columns are the lines and the translation. The lines do not say which color a face had:
# the last one, which was green, becomes yellow like the others.

# %%
painter = kg.models.load("pix2pix_edges_to_emoji")
lines = kg.datasets.edges(faces)
painted = painter.translate(lines)
print(lines.shape, "to", painted.shape)

kg.pictures.write(kg.visualization.columns_grid([lines, painted], scale=2), "painted.png")
Image.open("painted.png")

# %% [markdown]
# ## To another style, and back
#
# CycleGAN has learned from two sets of pictures without pairs: emoji in the style of Noto and in that of
# Twemoji. It has two directions. Columns are the source, its translation, and the translation of that back.

# %%
cyclegan = kg.models.load("cyclegan_noto_twemoji")
print("directions:", list(cyclegan.tasks))
twemoji = cyclegan.translate(faces, direction="a_to_b")
back = cyclegan.translate(twemoji, direction="b_to_a")

kg.pictures.write(kg.visualization.columns_grid([faces, twemoji, back], scale=2), "styles.png")
Image.open("styles.png")

# %% [markdown]
# ## From a painted map
#
# SPADE draws from a label map: each pixel says what is there. Here 0 is the ground, 1 skin, 2 hair, 3 clothes
# and 4 lines. The seed chooses a style.

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
# ## Files
#
# `translate` takes the path of a picture too. `fit="pad"` makes it take any size.

# %%
Image.fromarray(faces[0]).resize((100, 90)).save("face.png")
translation = cyclegan.translate("face.png", direction="a_to_b", fit="pad")
kg.pictures.write(translation, "translations/face.png")
print(translation.shape)

# %% [markdown]
# On the command line, with folders of pictures:
#
# ```sh
# genzoo translate cyclegan_noto_twemoji face.png --direction a_to_b --output translations
# genzoo paint labels.png --seed 3 --output painted
# ```
#
# ## Where to go next
#
# - [The families](../families/index.md): Pix2Pix, CycleGAN, CUT, StarGANv2, SPADE, and models that enlarge
#   and restore pictures.
# - [The guide](../guide/index.md): how to train them on pairs, or on two folders of pictures.
# - [Serving](05_serving.py): translations over HTTP.
