"""Small models with everything a preset has to carry, and what tests do with them."""

from typing import ClassVar

import keras
from keras import layers

from keras_genzoo.presets import PresetModel

RELEASED_METADATA = {
    "description": "A toy.",
    "dataset": {"name": "Toy data", "license": "CC0"},
    "license": "Apache-2.0",
    "recipe": "tools/recipes/toy_gan.py",
    "training": {"time": "1 s", "hardware": "2 CPU cores"},
    "results": [{"metric": "FID", "value": 12.5, "protocol": "10,000 samples | test split"}],
}


@keras.saving.register_keras_serializable(package="toy_presets")
class ToyGAN(PresetModel, keras.Model):
    """Two networks built from numbers, an optimizer each."""

    def __init__(self, latent_dim=4, width=8, **kwargs):
        super().__init__(**kwargs)
        self.latent_dim = latent_dim
        self.width = width
        self.generator = keras.Sequential(
            [keras.Input((latent_dim,)), layers.Dense(width), layers.BatchNormalization(), layers.Dense(6)]
        )
        self.discriminator = keras.Sequential([keras.Input((6,)), layers.Dropout(0.3), layers.Dense(1)])
        self.built = True

    @property
    def networks(self):
        return {"generator": self.generator, "discriminator": self.discriminator}

    def compile(self):
        super().compile(optimizer=None)
        self.optimizers = {name: keras.optimizers.Adam() for name in self.networks}
        for name, network in self.networks.items():
            self.optimizers[name].build(network.trainable_variables)

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim, "width": self.width}


@keras.saving.register_keras_serializable(package="toy_presets")
class ToyTranslator(PresetModel, keras.Model):
    """One network, handed over as an object."""

    preset_usage: ClassVar = {
        "python": "pictures = model.translate(pictures)",
        "shell": "genzoo translate {name} IMAGE",
    }

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        self.network = network
        self.built = True

    @property
    def networks(self):
        return {"network": self.network}

    def get_config(self):
        return {**super().get_config(), "network": self.network}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "network": keras.saving.deserialize_keras_object(config["network"])})


def make_toy_gan(seed=0, **kwargs):
    keras.utils.set_random_seed(seed)
    return ToyGAN(**kwargs)


def flip_byte(path, position=-10):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
