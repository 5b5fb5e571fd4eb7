"""Class labels as inputs of functional generators and discriminators."""

import keras
from keras import layers, ops


def latent_inputs(latent_dim, num_classes, label_encoding, embedding_dim):
    """Creates the inputs of a generator, and concatenates latents and labels.

    Args:
        latent_dim: Int, length of a latent.
        num_classes: Int, or None for an unconditional generator.
        label_encoding: `"embedding"` (trained vectors) or `"one_hot"`.
        embedding_dim: Int, length of a label embedding.

    Returns:
        Tuple `(inputs, joined)`: the inputs for `keras.Model`, and a tensor `(batch, latent_dim)`, longer by
        the encoded label.

    Raises:
        ValueError: If `label_encoding` is unknown.
    """
    latents = keras.Input((latent_dim,), name="latents")
    if num_classes is None:
        return latents, latents
    labels = keras.Input((), dtype="int32", name="labels")
    if label_encoding == "embedding":
        encoded = layers.Embedding(num_classes, embedding_dim, name="label_embedding")(labels)
    elif label_encoding == "one_hot":
        encoded = OneHot(num_classes, name="label_one_hot")(labels)
    else:
        raise ValueError(f"`label_encoding` must be 'embedding' or 'one_hot'. Received: {label_encoding!r}")
    return [latents, labels], layers.Concatenate(name="latents_and_labels")([latents, encoded])


def image_inputs(image_shape, num_classes, conditioning):
    """Creates the inputs of a discriminator. With `conditioning="concatenation"`, label maps are concatenated
    to the image.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        num_classes: Int, or None for an unconditional discriminator.
        conditioning: `"concatenation"` (Mirza & Osindero 2014) or `"projection"` (Miyato & Koyama 2018; see
            `label_projection`).

    Returns:
        Tuple `(inputs, joined, labels)`: the inputs for `keras.Model`, the tensor for the first layer, and
        the label input (None without classes).

    Raises:
        ValueError: If `conditioning` is unknown.
    """
    images = keras.Input(image_shape, name="images")
    if num_classes is None:
        return images, images, None
    labels = keras.Input((), dtype="int32", name="labels")
    joined = images
    if conditioning == "concatenation":
        maps = OneHot(num_classes, spatial_shape=image_shape[:2], name="label_maps")(labels)
        joined = layers.Concatenate(name="images_and_labels")([images, maps])
    elif conditioning != "projection":
        raise ValueError(
            f"`conditioning` must be 'concatenation' or 'projection'. Received: {conditioning!r}"
        )
    return [images, labels], joined, labels


def label_projection(logits, features, labels, num_classes, initializer):
    """Adds the inner product of the features and the label embedding to the logits.

    Reference: Miyato & Koyama, "cGANs with projection discriminator", 2018, arXiv:1802.05637, equation 3,
    with the flattened features as phi.
    """
    embedded = layers.Embedding(
        num_classes, features.shape[-1], embeddings_initializer=initializer, name="label_projection"
    )(labels)
    return layers.Add(name="projected_logits")(
        [logits, layers.Dot(axes=-1, name="inner")([features, embedded])]
    )


@keras.saving.register_keras_serializable(package="keras_genzoo")
class OneHot(layers.Layer):
    """Encodes labels as one-hot vectors, or as one-hot maps.

    Args:
        num_classes: Int.
        spatial_shape: Pair `(height, width)` over which the vector is repeated, or None.
    """

    def __init__(self, num_classes, spatial_shape=None, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.spatial_shape = None if spatial_shape is None else tuple(spatial_shape)

    def call(self, labels):
        vectors = ops.one_hot(labels, self.num_classes, dtype=self.compute_dtype)
        if self.spatial_shape is None:
            return vectors
        return ops.tile(vectors[:, None, None, :], (1, *self.spatial_shape, 1))

    def compute_output_spec(self, labels):
        shape = (labels.shape[0], *(self.spatial_shape or ()), self.num_classes)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "spatial_shape": self.spatial_shape,
        }
