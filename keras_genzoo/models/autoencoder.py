"""The autoencoder, and what variational and Wasserstein autoencoders share with it."""

import warnings
from typing import ClassVar

import keras
from keras import ops

from keras_genzoo import backends, likelihoods
from keras_genzoo.arguments import (
    Network,
    OptionalNonNegative,
    OptionalPositiveInt,
    OptionalSeed,
    PositiveInt,
    Seed,
    array,
    checked,
)
from keras_genzoo.backends import keras_private
from keras_genzoo.images import pixels
from keras_genzoo.layers import GaussianMixture
from keras_genzoo.models.latent_model import LatentModel
from keras_genzoo.models.network_checks import argument_or_own
from keras_genzoo.networks import ConvDecoder, ConvEncoder
from keras_genzoo.optimizers import Adam


@keras.saving.register_keras_serializable(package="keras_genzoo")
class Autoencoder(LatentModel):
    """An encoder and a decoder, trained to reconstruct images.

    The loss is the squared error of an image on the scale from 0 to 1, summed over its values, and averaged
    over the batch. The latents have no prescribed distribution. After training, `fit_prior` fits one, from
    which `sample` then draws. Without it, `sample` decodes standard normal latents, for which `VAE`, `WAEMMD`
    and `WAEGAN` are trained.

    Args:
        image_shape: Tuple `(height, width, channels)`. Defaults to the input shape of `encoder`. The default
            networks need a square image with a side of 4 * 2^k or 7 * 2^k.
        latent_dim: Positive int, length of a latent. Defaults to that of `decoder` or `encoder`, or 20.
        encoder: `keras.Model` that maps images in [-1, 1] to latents. Defaults to `ConvEncoder`.
        decoder: `keras.Model` that maps latents to logits of images. Defaults to `ConvDecoder`.
        num_components: Positive int, or None. Number of components of the fitted prior, set by `fit_prior`.
            Only pass it to call `load_weights` with the weights of a model with a fitted prior.
        seed: Int from 0 to 2**32 - 1, or None. Seed of the training noise.
        **kwargs: `name` and other arguments of `keras.Model`.

    Call arguments:
        images: Images, uint8 or float in [-1, 1].

    Returns:
        Reconstructions, float32 in [-1, 1].

    Raises:
        ValueError: If an argument is out of its range, `num_classes` or an average is given, or the networks
            do not match the other arguments.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
    model = kg.models.Autoencoder(image_shape=(8, 8, 1), latent_dim=4)
    model.compile()
    model.fit(images, batch_size=8, epochs=1)
    latents = model.encode(images)  # float32 (8, 4)
    reconstructions = model.decode(latents)  # float32 (8, 8, 8, 1) in [-1, 1]
    ```

    Reference: Hinton & Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006,
    without the pretraining.
    """

    abilities = LatentModel.abilities | {"encode", "decode", "reconstruct"}
    known_priors = ("fitted", "standard")

    players: ClassVar = {"autoencoder": ("encoder", "decoder")}
    loss_names = ("loss",)
    image_network = "decoder"
    image_signature = "decode"
    # Whether the encoder outputs a mean and a log variance.
    stochastic_encoder = False

    @checked
    def __init__(
        self,
        image_shape=None,
        latent_dim=None,
        *,
        encoder: Network = None,
        decoder: Network = None,
        num_components: OptionalPositiveInt = None,
        **kwargs,
    ):
        image_shape = argument_or_own("image_shape", image_shape, encoder, lambda: encoder.input_shape[1:])
        latent_dim = argument_or_own(
            "latent_dim",
            latent_dim,
            decoder or encoder,
            lambda: decoder.input_shape[-1] if decoder else encoder.outputs[0].shape[-1],
            default=20,
        )
        super().__init__(image_shape=image_shape, latent_dim=latent_dim, **kwargs)
        if len(image_shape) != 3:
            raise ValueError(
                "`image_shape` must be (height, width, channels): autoencoders only support images. Received: "
                f"image_shape={tuple(image_shape)}"
            )
        for option in ("average_decay", "average_half_life"):
            if getattr(self, option) is not None:
                raise ValueError(
                    f"`{option}` is not supported: an average of the decoder would not match the encoder."
                )
        if self.num_classes is not None:
            raise ValueError(
                f"`num_classes` is not supported: an autoencoder takes no labels. Received: {self.num_classes}"
            )
        encoder = encoder or ConvEncoder(image_shape, latent_dim, stochastic=self.stochastic_encoder)
        decoder = decoder or ConvDecoder(latent_dim, image_shape)
        argument_or_own("image_shape", image_shape, decoder, lambda: decoder.output_shape[1:])
        outputs = [(None, latent_dim)] * 2 if self.stochastic_encoder else [(None, latent_dim)]
        if [output.shape for output in encoder.outputs] != outputs:
            raise ValueError(
                f"`encoder` must have output{'s' * self.stochastic_encoder} of shape {outputs}"
                f"{' (mean and log variance)' * self.stochastic_encoder}. Received: "
                f"{[output.shape for output in encoder.outputs]}"
            )
        self.set_networks(encoder=encoder, decoder=decoder)
        self.prior = None if num_components is None else self._make_prior(num_components)

    def default_optimizers(self):
        """Adam with learning rate 1e-3 and beta_1 0.9."""
        return {"autoencoder": Adam(learning_rate=1e-3, beta_1=0.9)}

    @backends.train_step
    def train_step(self, data):
        images, _ = self.unpack(data)
        _, logs = self.minimize(lambda: self.autoencoder_loss(images, True), "autoencoder", has_aux=True)
        return self.update_trackers(**logs)

    @backends.test_step
    def test_step(self, data):
        images, _ = self.unpack(data)
        return self.update_trackers(**self.autoencoder_loss(images, False)[1])

    def autoencoder_loss(self, images, training=False):
        """Computes the squared error of the reconstructions, summed over each image.

        Returns:
            Tuple of the loss, a float32 scalar, and a dict of the logged losses.
        """
        logits = self.decoder(self.encoded(images, training), training=training)
        loss = ops.mean(likelihoods.squared_error(images, logits))
        return loss, {"loss": loss}

    def encoded(self, images, training=False):
        """Returns the output of the encoder in float32: a custom network may output half precision."""
        outputs = self.encoder(images, training=training)
        return keras.tree.map_structure(lambda output: ops.cast(output, "float32"), outputs)

    # The fitted prior.

    @checked
    def fit_prior(self, images, num_components: PositiveInt = 50, seed: Seed = 0):
        """Fits a density to the latents of images, from which `sample` then draws.

        The density is a mixture of Gaussians with full covariances, fitted by scikit-learn. It is part of the
        model: presets, `.keras` files and exports contain it. Further training removes it, because it changes
        the latents.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1], usually the training
                images.
            num_components: Positive int, number of Gaussians. With too many, the density of held-out latents
                decreases.
            seed: Int from 0 to 2**32 - 1, seed of the fit.

        Raises:
            ImportError: If scikit-learn is not installed.
            ValueError: If the images have the wrong shape or range, or there are fewer images than
                components.

        Example:

        ```python
        import numpy as np
        import keras_genzoo as kg

        images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), dtype="uint8")
        vae = kg.models.VAE(image_shape=(8, 8, 1), latent_dim=4)
        vae.fit_prior(images, num_components=2)
        samples = vae.sample(4, seed=0)
        samples_of_standard_prior = vae.sample(4, seed=0, prior="standard")
        ```

        Reference: Ghosh et al., "From variational to deterministic autoencoders", 2020, arXiv:1903.12436,
        section 4.
        """
        prior = self._make_prior(num_components)
        prior.fit(self.encode(images), seed)
        self._set_prior(prior)

    def _make_prior(self, num_components):
        with backends.strategy_scope(self):
            return GaussianMixture(num_components, self.latent_dim)

    def _set_prior(self, prior):
        keras_private.remove_layer(self, self.prior)
        self.prior = prior

    def training_begins(self):
        super().training_begins()
        if self.prior is not None:
            warnings.warn(
                "`fit` removes the fitted prior, because training changes the latents. Call `fit_prior` again after "
                "training.",
                stacklevel=3,
            )
            self._set_prior(None)

    @property
    def priors(self):
        return self.known_priors if self.prior is not None else ("standard",)

    @property
    def preset_networks(self):
        prior = {} if self.prior is None else {"prior": self.prior}
        return {**super().preset_networks, **prior}

    def latents_from_seed(self, num, seed, prior=None):
        """Draws the latents of `sample` from a prior, by default the fitted one if there is one."""
        if (prior or self.priors[0]) == "fitted":
            return self.prior.draw(num, seed)
        return super().latents_from_seed(num, seed)

    def mean_code(self):
        """As for `LatentModel`; the mean of the fitted prior if there is one."""
        if self.prior is None:
            return super().mean_code()
        weights, means = (
            ops.convert_to_numpy(each) for each in (self.prior.component_weights, self.prior.means)
        )
        return weights @ means

    # Using a trained model.

    @checked
    def sample(
        self,
        num: OptionalPositiveInt = None,
        seed: OptionalSeed = None,
        latents=None,
        labels=None,
        batch_size: PositiveInt = 64,
        truncation: OptionalNonNegative = None,
        prior=None,
    ):
        """Generates images.

        Args:
            num, seed, latents, labels, batch_size, truncation: As for `LatentModel.sample`.
            prior: `"fitted"`, the density fitted by `fit_prior`, or `"standard"`, a standard normal. Defaults
                to the fitted one if there is one.

        Returns:
            Float32 NumPy array `(num, height, width, channels)` in [-1, 1].

        Raises:
            ValueError: If the number of images is not given, both `latents` and `prior` are given, no prior
                has been fitted, or the arguments are out of range or do not match each other or the model.

        Example:

        ```python
        import keras_genzoo as kg

        vae = kg.models.VAE(image_shape=(8, 8, 1), latent_dim=4)
        images = vae.sample(4, seed=0)  # float32 (4, 8, 8, 1) in [-1, 1]
        ```
        """
        if prior is not None and latents is not None:
            raise ValueError("Pass either `latents` or `prior`, which draws latents, not both.")
        if prior is not None and str(prior) not in self.known_priors:
            raise ValueError(f"`prior` must be one of {list(self.known_priors)}. Received: prior={prior!r}")
        if prior not in (None, *self.priors):
            raise ValueError(
                "`prior='fitted'` needs a fitted prior, but this model has none. Call `fit_prior(images)` with the "
                "training images first."
            )
        if prior is not None:
            latents = self.latents_to_sample(num, seed, None, prior=prior)
        if prior == "standard" and truncation is not None:
            # `mean_code` is that of the fitted prior; the mean of this prior is 0.
            latents, truncation = truncation * latents, None
        return super().sample(num, seed, latents, labels, batch_size, truncation)

    def call(self, images, training=False):
        return self.images_from_latents(self._latents_of_any(images))

    def latents_of(self, images):
        """Computes latents of a tensor of images, float32."""
        return self.encoded(images)

    def _latents_of_any(self, images):
        """As `latents_of`, also for uint8 images."""
        return self.latents_of(pixels.normalize(images))

    def images_from_latents(self, latents, labels=None):
        """Decodes a tensor of latents to float32 images in [-1, 1]: `2 * sigmoid(logits) - 1`."""
        return ops.tanh(0.5 * ops.cast(self.decoder(latents, training=False), "float32"))

    @checked
    def encode(self, images, batch_size: PositiveInt = 64):
        """Computes the latents of images. For a stochastic encoder, these are the means.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            batch_size: Positive int, number of images encoded at once.

        Returns:
            Float32 NumPy array `(num, latent_dim)`.

        Raises:
            ValueError: If the images have the wrong shape or range.
        """
        return self.in_batches(self._latents_of_any, [self._checked(images)], batch_size)

    @checked
    def decode(self, latents, batch_size: PositiveInt = 64):
        """Decodes latents to images; the same as `sample(latents=latents)`.

        Args:
            latents: Float array `(num, latent_dim)`.
            batch_size: Positive int, number of latents decoded at once.

        Returns:
            Float32 NumPy array `(num, height, width, channels)` in [-1, 1].

        Raises:
            ValueError: If the latents have the wrong shape, or are not finite.
        """
        return self.sample(latents=array("latents", latents, "float32"), batch_size=batch_size)

    @checked
    def reconstruct(self, images, batch_size: PositiveInt = 64):
        """Encodes and decodes images.

        Args:
            images: Array `(num, height, width, channels)`, uint8 or float in [-1, 1].
            batch_size: Positive int, number of images at once.

        Returns:
            Float32 NumPy array of the same shape in [-1, 1].

        Raises:
            ValueError: If the images have the wrong shape or range.
        """
        return self.in_batches(self.call, [self._checked(images)], batch_size)

    def _checked(self, images):
        images = array("images", images)
        if images.ndim != 4 or images.shape[1:] != self.image_shape or not len(images):
            raise ValueError(
                f"`images` must have the shape (num, {', '.join(map(str, self.image_shape))}). "
                f"Received: {images.shape}"
            )
        pixels.check_range(images, "images")
        return pixels.as_input(images)

    def signatures(self):
        images = {"images": keras.KerasTensor((None, *self.image_shape), "float32")}
        return {
            **super().signatures(),
            "encode": (lambda images: {"latents": self.latents_of(images)}, images),
            "reconstruct": (lambda images: {"images": self.call(images)}, images),
        }

    def serving_description(self):
        return {**super().serving_description(), "prior": self.prior and self.prior.description()}

    def exported_networks(self, batch_size=None):
        images = keras.Input(self.image_shape, batch_size=batch_size, name="images")
        encoder = keras.Model(images, {"latents": self.latents_of(images)})
        return {**super().exported_networks(batch_size), "encode": encoder}

    def get_config(self):
        return {**super().get_config(), "num_components": self.prior and self.prior.num_components}
