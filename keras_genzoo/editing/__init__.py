"""Latent editing: directions in the latent space of a trained model, and the codes of given images.

Functions of this module work on the *codes* of a model. These are its latents; for a model with a mapping network,
such as StyleGAN2, they are the outputs of that network (`LatentModel.codes_from_latents`,
`LatentModel.images_from_codes`).

```python
model = keras_genzoo.models.load("dcgan_fashion_mnist")
codes, errors = keras_genzoo.editing.project(model, model.sample(4, seed=1), num_steps=20)
directions = keras_genzoo.editing.principal_directions(model)
moved = keras_genzoo.editing.move(codes, directions, 0, strength=2.0)
pictures = keras_genzoo.editing.images(model, moved)
```
"""

from keras_genzoo.editing.attributes import Attributes, find_attributes
from keras_genzoo.editing.codes import codes, images, move, truncate
from keras_genzoo.editing.directions import (
    attribute_direction,
    find_direction,
    principal_directions,
    weight_directions,
)
from keras_genzoo.editing.projection import Projection, project
from keras_genzoo.latent import Directions

__all__ = [
    "Attributes",
    "Directions",
    "Projection",
    "attribute_direction",
    "codes",
    "find_attributes",
    "find_direction",
    "images",
    "move",
    "principal_directions",
    "project",
    "truncate",
    "weight_directions",
]
