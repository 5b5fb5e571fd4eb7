"""Saving and loading models as presets: folders with config, weights, metadata and a card."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import ClassVar, Self

import keras
import numpy as np

from keras_genzoo import arguments, disk
from keras_genzoo._version import __version__
from keras_genzoo.presets import card, folders, limits
from keras_genzoo.presets.folders import CARD, CONFIG, METADATA, SAMPLES, WEIGHTS
from keras_genzoo.presets.resolution import resolve


def load(
    name_or_path: str | os.PathLike, load_weights: bool = True, max_bytes: int | None = None
) -> "PresetModel":
    """Loads a preset of any model class.

    Args:
        name_or_path: String or path. Name of a released preset (see `keras_genzoo.presets.names()`), a folder
            written by `save_to_preset`, or an address: `hf://OWNER/REPOSITORY`, optionally with `@REVISION`, or
            `https://HOST/PATH/NAME`.
        load_weights: Boolean, whether to load the weights. If `False`, they are initialized at random.
        max_bytes: Integer; see `PresetModel.from_preset`.

    Returns:
        The model, an instance of the saved class, not compiled.

    Raises:
        PresetError: If a file is damaged, or is not valid in a preset.
        ValueError: If the name is unknown.
        OSError: If the files are not on this machine and cannot be downloaded.

    Example:

    ```python
    model = keras_genzoo.models.load("dcgan_fashion_mnist")
    images = model.sample(16, seed=0)
    ```
    """
    return PresetModel.from_preset(name_or_path, load_weights, max_bytes)


class PresetModel:
    """Mixin for a `keras.Model` that can be saved as a preset and loaded by name.

    A subclass must be registered with Keras, build its networks in `__init__`, and implement `get_config()` and
    `networks`, a dictionary that maps names to built `keras.Model`s. The names and the layers of the networks
    determine the paths in `model.weights.h5`: renaming them breaks saved presets.

    Example:

    ```python
    @keras.saving.register_keras_serializable(package="my_package")
    class MyModel(keras_genzoo.presets.PresetModel, keras.Model):
        def __init__(self, latent_dim=8, **kwargs):
            super().__init__(**kwargs)
            self.latent_dim = latent_dim
            self.generator = keras.Sequential([keras.Input((latent_dim,)), keras.layers.Dense(2)])

        @property
        def networks(self):
            return {"generator": self.generator}

        def get_config(self):
            return {"latent_dim": self.latent_dim}

    MyModel().save_to_preset("my_model")
    model = MyModel.from_preset("my_model")
    ```
    """

    networks: dict[str, keras.Model]

    # Names of the networks without weights in the preset, which are only needed for training. Empty once `fit`
    # starts.
    untrained_networks: frozenset[str] = frozenset()

    # The usage examples of the card, with the preset loaded as `model`.
    preset_usage: ClassVar = {
        "python": "images = model.sample(16, seed=0)",
        "shell": "genzoo sample {name}",
    }

    @property
    def preset_networks(self) -> dict[str, keras.Model]:
        """Dictionary that maps names to the networks whose weights a preset stores. Defaults to `networks`."""
        return self.networks

    @property
    def inference_networks(self) -> dict[str, keras.Model]:
        """Dictionary of the `preset_networks` that are needed for inference. Defaults to all."""
        return self.preset_networks

    def preset_weights_loaded(self) -> None:
        """Called after the weights of `preset_networks` are loaded. May set networks that are not in the preset."""

    @classmethod
    def from_preset(
        cls, name_or_path: str | os.PathLike, load_weights: bool = True, max_bytes: int | None = None
    ) -> Self:
        """Loads a model from a preset, after verifying the hash of every file.

        A name is searched for in the folder `checkpoints` of a checkout (or `KERAS_GENZOO_CHECKPOINTS`), in the
        distribution `keras-genzoo-checkpoints`, and in the cache `keras_genzoo` in Keras' home folder. If it is in
        none of them, the preset is downloaded from `KERAS_GENZOO_BASE_URL`.

        Args:
            name_or_path: String or path. Name of a released preset (see `keras_genzoo.presets.names()`), a
                folder written by `save_to_preset`, or an address: `hf://OWNER/REPOSITORY`, optionally with
                `@REVISION` (a model repository of the Hugging Face Hub; requires `huggingface_hub`), or
                `https://HOST/PATH/NAME` (a folder on a static host).
            load_weights: Boolean, whether to load the weights. If `False`, they are initialized at random.
            max_bytes: Integer, maximum size in bytes of the float32 parameters and the activations of one sample
                together, and of the files at an address. A larger model raises an error before memory is allocated.
                Defaults to the environment variable `KERAS_GENZOO_MAX_BYTES`, or 2**30.

        Returns:
            The model, not compiled.

        Raises:
            PresetError: If a file is damaged, too large, or not valid for its class. `PresetError` is a `ValueError`;
                the message names the preset, the file and the reason.
            ValueError: If the name is unknown, or the preset is of another class.
            OSError: If the files are not on this machine and cannot be downloaded.

        Example:

        ```python
        gan = keras_genzoo.models.GAN.from_preset("dcgan_fashion_mnist")
        ```
        """
        limit = folders.max_bytes(max_bytes)
        folder = resolve(name_or_path, limit)
        with folders.reading(name_or_path, folder / CONFIG):
            config = folders.read_json(folder / CONFIG)
            saved_class = _registered_class(config, folder)
        if not issubclass(saved_class, cls):
            name = str(name_or_path)
            raise ValueError(
                f"`name_or_path` must be a preset of {cls.__name__}. Received: {name!r}, a preset of "
                f"{saved_class.__name__}. Call `keras_genzoo.models.load({name!r})`."
            )
        with folders.reading(name_or_path, folder / CONFIG):
            limits.check_size(config, limit)
            model = keras.saving.deserialize_keras_object(config)
        if load_weights:
            with folders.reading(name_or_path, folder / WEIGHTS):
                _load_weights(model, folder, config)
                model.preset_weights_loaded()
        return model

    def save_to_preset(
        self,
        path: str | os.PathLike,
        metadata: dict | None = None,
        samples: str | os.PathLike | None = None,
        overwrite: bool = False,
    ) -> None:
        """Saves the config, weights, metadata and card to a folder that `from_preset` loads.

        Optimizer states are not saved: use `save()` to continue training later. The folder is written atomically.

        Args:
            path: String or path of the folder to create.
            metadata: Dictionary that is stored in `metadata.json` and shown on the card, or None. Keys: `"name"`
                (defaults to the name of the folder), `"description"`, `"dataset"` (dictionary with at least
                `"name"`), `"license"` (a name such as `"MIT"` or `"CC BY 4.0"`, optionally followed by a comma and
                details), `"recipe"`, `"training"` (dictionary, such as
                `{"time": "31 min", "hardware": "1 NVIDIA H200"}`) and `"results"` (list of dictionaries with
                `"metric"`, `"value"` and `"protocol"`). Values must be representable in JSON; numbers that are not
                finite are stored as the strings `"inf"`, `"-inf"` and `"nan"`.
            samples: String or path of a PNG picture of samples to show on the card, or None.
            overwrite: Boolean, whether to replace an existing preset.

        Raises:
            ValueError: If the class is not registered, a network is not built, a weight is not finite, or `metadata`
                or `samples` is invalid.
            OSError: If `path` exists and may not be replaced, or cannot be written.

        Example:

        ```python
        gan.save_to_preset("my_gan", metadata={"description": "A DCGAN trained on Fashion-MNIST."})
        ```
        """
        target = Path(arguments.path("path", path)).resolve()
        _check_target(target, path, overwrite)
        _check_metadata(metadata)
        if samples is not None and not Path(samples).is_file():
            raise ValueError(f"`samples` must be the path of a PNG file. Received: samples={str(samples)!r}")
        config = _config(self)
        networks = _Networks(self.preset_networks)
        stored = [name for name in self.preset_networks if name not in self.untrained_networks]

        with disk.unfinished_folder(target, hint="Pass a writable `path`.") as folder:
            folders.write_json(folder / CONFIG, config)
            networks.only(stored).save_weights(folder / WEIGHTS)
            if samples is not None:
                shutil.copyfile(samples, folder / SAMPLES)
            metadata = {
                "name": target.name,
                **folders.json_safe(metadata or {}),
                "class": type(self).__name__,
                "usage": self.preset_usage,
                "parameters": networks.parameters(),
                **({"stored": {"networks": stored}} if self.untrained_networks else {}),
                "files": folders.fingerprints(folder),
            }
            folders.write_json(folder / METADATA, metadata)
            disk.write_text(folder / CARD, card.render(metadata))
            disk.replace_folder(target, folder)

    def push_to_hub(
        self,
        address: str,
        metadata: dict | None = None,
        samples: str | os.PathLike | None = None,
        private: bool | None = None,
        token: str | None = None,
    ) -> str:
        """Saves the model as a preset in a model repository of the Hugging Face Hub.

        The card contains the metadata of the Hub: license, library, task, dataset and results.

        Args:
            address: String, `hf://OWNER/REPOSITORY`. The repository is created if necessary.
            metadata, samples: See `save_to_preset`.
            private: Boolean, whether a new repository is private. Defaults to the owner's setting.
            token: String, a token with write access. Defaults to that of `hf auth login` or `HF_TOKEN`.

        Returns:
            String, the address with the new revision, for `from_preset`.

        Raises:
            ValueError: If `address` is invalid; also see `save_to_preset`.
            ImportError: If `huggingface_hub` is not installed (`pip install "keras_genzoo[hub]"`).
            OSError: If the Hub cannot be reached, or denies access.

        Example:

        ```python
        gan.push_to_hub("hf://owner/my_gan", metadata={"license": "MIT"}, private=True)
        ```
        """
        from keras_genzoo.presets import hub

        repository, _ = hub.parsed(address)
        with tempfile.TemporaryDirectory() as folder:
            preset = Path(folder) / repository.split("/")[1]
            self.save_to_preset(preset, metadata, samples)
            return hub.push(preset, address, getattr(self, "abilities", ()), private, token)


class _Networks(keras.Model):
    """A model with the networks as attributes, so that paths in the weights file start with `generator/...`."""

    def __init__(self, networks):
        super().__init__()
        self._names = tuple(networks)
        for name, network in networks.items():
            if not network.built:
                raise ValueError(
                    f"A preset needs built networks, but {name!r} in `preset_networks` is not built. Build "
                    "it in the model's `__init__`."
                )
            setattr(self, name, network)
        self.built = True

    @property
    def layers(self):
        # Keras visits attributes sorted by name and stores each network once. Without this, a network whose name
        # sorts after `layers` would be stored as `layers/functional`.
        return []

    def only(self, names):
        return _Networks({name: getattr(self, name) for name in names})

    def parameters(self):
        counts = {name: getattr(self, name).count_params() for name in self._names}
        return {**counts, "total": sum(counts.values())}

    def not_finite(self):
        """Returns the paths of the weights with NaN or infinite values."""
        return [
            f"{name}/{weight.path}"
            for name in self._names
            for weight in getattr(self, name).weights
            if not np.isfinite(keras.ops.convert_to_numpy(weight).astype("float32")).all()
        ]


def _config(model):
    model_class = type(model)
    registered_name = keras.saving.get_registered_name(model_class)
    if keras.saving.get_registered_object(registered_name) is not model_class:
        raise ValueError(
            f"{model_class.__name__} must be registered with Keras, so that it can be loaded. Decorate it with "
            "`@keras.saving.register_keras_serializable(package=...)`."
        )
    return {
        "module": model_class.__module__,
        "class_name": model_class.__name__,
        "registered_name": registered_name,
        "config": keras.saving.serialize_keras_object(model.get_config()),
        "keras_genzoo_version": __version__,
        "keras_version": keras.__version__,
    }


def _registered_class(config, folder):
    saved_class = keras.saving.get_registered_object(config["registered_name"])
    if not (isinstance(saved_class, type) and issubclass(saved_class, PresetModel)):
        raise ValueError(
            f"The preset in {folder} is of the class {config['registered_name']!r}, which is not registered "
            "as a preset model. Import the module that defines it first, or update keras_genzoo (the preset "
            f"was saved with version {config['keras_genzoo_version']}, this is {__version__})."
        )
    return saved_class


def _load_weights(model, folder, config):
    networks = _Networks(model.preset_networks)
    try:
        metadata = folders.read_json(folder / METADATA)
        saved, built = metadata["parameters"], networks.parameters()
        # Keras ignores weights without a layer, so their number is compared first.
        if saved != built:
            raise ValueError(f"{METADATA} lists {saved} parameters, but the networks have {built}.")
        if "stored" in metadata:
            stored = metadata["stored"]["networks"]
            if not {*model.inference_networks} <= {*stored} <= {*model.preset_networks}:
                raise ValueError(f"{METADATA} lists the stored networks as {stored}.")
            networks = networks.only(stored)
            model.untrained_networks = frozenset(model.preset_networks) - {*stored}
        limits.check_weights_file(folder / WEIGHTS, networks)
        networks.load_weights(folder / WEIGHTS)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"The weights do not fit the networks of {type(model).__name__}. The preset was saved with keras_genzoo "
            f"{config['keras_genzoo_version']}, this is {__version__}: load it with the version that saved it. "
            f"{error}"
        ) from error
    if broken := networks.not_finite():
        raise ValueError(
            f"{len(broken)} of the weights have NaN or infinite values, the first is {broken[0]}. Training had "
            "diverged when they were saved: save the model of an earlier step "
            "(`keras_genzoo.callbacks.TrainingHealth` restores its weights), or train again."
        )


def _check_target(target, path, overwrite):
    if not target.exists():
        return
    if not overwrite:
        raise FileExistsError(
            f"`path` already exists. Received: path={str(path)!r}. Choose another folder, or pass "
            "`overwrite=True` to replace the preset in it."
        )
    if not (target / CONFIG).is_file():
        raise FileExistsError(
            f"`overwrite=True` only replaces presets, but `path` has no {CONFIG}. Received: "
            f"path={str(path)!r}. Choose another folder."
        )


def _check_metadata(metadata):
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise ValueError(f"`metadata` must be a dictionary. Received: metadata={metadata!r}")
    for key in ("class", "usage", "parameters", "stored", "files"):
        if key in metadata:
            raise ValueError(f"`metadata[{key!r}]` is computed from the model. Remove it from `metadata`.")
    dataset = metadata.get("dataset", {"name": ""})
    if not (isinstance(dataset, dict) and "name" in dataset):
        raise ValueError(f"`metadata['dataset']` must be a dictionary with a 'name'. Received: {dataset!r}")
    if not isinstance(training := metadata.get("training", {}), dict):
        raise ValueError(f"`metadata['training']` must be a dictionary. Received: {training!r}")
    for result in metadata.get("results", []):
        if not (isinstance(result, dict) and {"metric", "value", "protocol"} <= set(result)):
            raise ValueError(
                "`metadata['results']` must be a list of dictionaries with 'metric', 'value' and 'protocol'. "
                f"Received an entry {result!r}"
            )
    try:
        json.dumps(folders.json_safe(metadata), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`metadata` must be representable in JSON: strings, numbers, lists, dictionaries. {error}"
        ) from error
