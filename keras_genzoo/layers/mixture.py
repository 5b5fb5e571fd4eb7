"""A fitted mixture of Gaussians."""

import importlib.util

import keras
import numpy as np

from keras_genzoo import latent
from keras_genzoo.arguments import PositiveInt, checked


@keras.saving.register_keras_serializable(package="keras_genzoo")
class GaussianMixture(keras.layers.Layer):
    """A density of latents: a mixture of Gaussians with full covariances, which is fitted, not trained.

    Before `fit` it is a standard normal distribution.

    Args:
        num_components: Positive int, number of Gaussians.
        dim: Positive int, length of a latent.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    ```python
    import numpy as np
    import keras_genzoo as kg

    latents = np.asarray(kg.latent.normal(100, 4, seed=0))
    mixture = kg.layers.GaussianMixture(num_components=2, dim=4)
    mixture.fit(latents, seed=0)
    drawn = mixture.draw(16, seed=0)  # float32 (16, 4)
    ```
    """

    @checked
    def __init__(self, num_components: PositiveInt, dim: PositiveInt, **kwargs):
        # Half precision would change the components.
        super().__init__(**{**kwargs, "dtype": "float32", "trainable": False})
        self.num_components = num_components
        self.dim = dim
        identities = np.broadcast_to(np.eye(dim, dtype="float32"), (num_components, dim, dim))
        self.component_weights = self.add_weight((num_components,), initializer="zeros", name="weights")
        self.means = self.add_weight((num_components, dim), initializer="zeros", name="means")
        self.factors = self.add_weight((num_components, dim, dim), initializer="zeros", name="factors")
        self._assign(np.full(num_components, 1.0 / num_components), self.means, identities)
        self.built = True

    def draw(self, num, seed):
        """Draws latents as a pure function of the seed; see `keras_genzoo.latent.mixture`.

        Args:
            num: Int or scalar tensor, number of latents.
            seed: Int or scalar integer tensor, from 0 to 2**32 - 1.

        Returns:
            Float32 tensor `(num, dim)`.
        """
        return latent.mixture(num, seed, self.component_weights.value, self.means.value, self.factors.value)

    def description(self):
        """Returns a JSON-serializable dict of lists of floats: `weights`, `means` and `factors`."""
        arrays = {"weights": self.component_weights, "means": self.means, "factors": self.factors}
        return {name: keras.ops.convert_to_numpy(array).tolist() for name, array in arrays.items()}

    def fit(self, latents, seed=0):
        """Fits the mixture by expectation maximization, initialized with k-means, with scikit-learn.

        Args:
            latents: Float array `(num, dim)`.
            seed: Int, seed of the initialization.

        Raises:
            ImportError: If scikit-learn is not installed.
            ValueError: If there are fewer latents than components, or latents are not finite.
        """
        if importlib.util.find_spec("sklearn") is None:
            raise ImportError(
                'Fitting a mixture needs scikit-learn. Install it with `pip install "keras_genzoo[priors]"`.'
            )
        from sklearn import mixture

        latents = np.asarray(latents, "float64")
        if len(latents) < self.num_components:
            raise ValueError(
                f"`num_components` is {self.num_components}, but there are only {len(latents)} latents. Pass more "
                "images, or fewer components."
            )
        if not np.isfinite(latents).all():
            raise ValueError(
                "The latents are not finite, because the weights of the encoder or its inputs are not finite."
            )
        found = mixture.GaussianMixture(
            self.num_components, covariance_type="full", reg_covar=1e-6, max_iter=200, random_state=seed
        ).fit(latents)
        self._assign(found.weights_, found.means_, np.linalg.cholesky(found.covariances_))

    def _assign(self, weights, means, factors):
        # Multiples of 2**-23 with sum 1, as `latent.mixture` expects.
        bounds = np.round(np.cumsum(weights) / np.sum(weights) * 2**23)
        self.component_weights.assign(np.diff(bounds, prepend=0.0) / 2**23)
        self.means.assign(means)
        self.factors.assign(factors)

    def get_config(self):
        return {**super().get_config(), "num_components": self.num_components, "dim": self.dim}
