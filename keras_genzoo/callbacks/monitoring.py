"""Callbacks that monitor a model during training."""

import json
import math
import os
import time
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_genzoo import disk, metrics
from keras_genzoo.arguments import OptionalPositiveInt, PositiveInt, Seed, check_call, checked
from keras_genzoo.arguments import Path as FilePath
from keras_genzoo.images import pictures
from keras_genzoo.metrics.evaluation import check_what
from keras_genzoo.presets import folders


class SampleGrid(keras.callbacks.Callback):
    """Writes a picture of the model's outputs after every epoch, as `epoch-0001.png`, `epoch-0002.png`, ...

    The picture is the model's `preview`, with the same latents in every epoch: a grid of samples, with one class per
    column for conditional models; a scatter plot of points, which requires matplotlib; or translations of `examples`.
    Nothing is written for models without outputs to show, such as classifiers, and for translation models without
    examples.

    Args:
        directory: String or path of the folder, which is created if necessary.
        examples: For translation models, a tuple of arrays `(sources, targets)`; `targets` may be None. For points,
            an array of points to draw behind the samples, such as the centers of the modes `(num_modes, 2)`.
        num: Int, number of samples or examples. Defaults to the model's choice.
        seed: Int, seed of the latents.

    Raises:
        ValueError: If `num` or `seed` is out of range; at the start of training, if `examples` do not fit the model.

    Example:

    ```python
    sources, targets = keras_genzoo.datasets.arrays("facades", split="test")
    grid = keras_genzoo.callbacks.SampleGrid("runs/facades", examples=(sources[:8], targets[:8]))
    model = keras_genzoo.models.Pix2Pix(image_shape=(256, 256, 3))
    model.compile()
    model.fit(keras_genzoo.datasets.load("facades", batch_size=1), epochs=200, callbacks=[grid])
    ```
    """

    @checked
    def __init__(self, directory: FilePath, examples=None, num: OptionalPositiveInt = None, seed: Seed = 0):
        super().__init__()
        self.directory = Path(directory)
        self.examples = examples
        self.num = num
        self.seed = seed

    def set_model(self, model):
        super().set_model(model)
        # Checked now, not after the first epoch.
        model.check_drawable()

    def on_epoch_end(self, epoch, logs=None):
        picture = self.model.preview(self.examples, self.seed, self.num)
        if picture is not None:
            pictures.write(picture, self.directory / f"epoch-{epoch + 1:04d}.png")


class Evaluate(keras.callbacks.Callback):
    """Adds the results of `keras_genzoo.metrics.evaluate` to the logs of an epoch.

    Place it before the callbacks that use the results, such as `KeepBest`, `JSONLines` and
    `keras.callbacks.EarlyStopping`.

    Args:
        every: Int, number of epochs between evaluations.
        **arguments: Arguments of `keras_genzoo.metrics.evaluate`, except `model`.

    Raises:
        ValueError: If `every` is not a positive int.
        TypeError: If `evaluate` has no argument of that name.

    Example:

    ```python
    evaluate = keras_genzoo.callbacks.Evaluate(
        dataset="fashion_mnist", extractor="classifier_fashion_mnist", measures=["kernel_distance"], num_samples=100
    )
    gan.fit(images, epochs=20, callbacks=[evaluate, keras_genzoo.callbacks.JSONLines("log.jsonl")])
    ```
    """

    @checked
    def __init__(self, every: PositiveInt = 1, **arguments):
        super().__init__()
        # Unknown arguments are refused now, not after the first epoch.
        check_call(metrics.evaluate, None, **arguments)
        check_what(
            **{name: arguments[name] for name in ("dataset", "measures", "split") if name in arguments}
        )
        self.every = every
        self.arguments = arguments

    def on_train_begin(self, logs=None):
        if self.arguments.get("extractor") is not None:
            # Loaded once, not in every evaluation.
            self.arguments["extractor"] = metrics.extractor(self.arguments["extractor"])

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 and logs is not None:
            for result in metrics.evaluate(self.model, **self.arguments):
                logs[result["metric"]] = result["value"]


class KeepBest(keras.callbacks.Callback):
    """Saves the model as a preset whenever a logged value is the best so far.

    The metadata of the preset records the epoch and the value. A resumed run compares with this value.

    Args:
        path: String or path of the preset's folder.
        monitor: String, name of the value in the logs.
        mode: `"min"` or `"max"`, whether lower or higher values are better.

    Raises:
        ValueError: If `monitor` is not a string, or `mode` is unknown.

    Example:

    ```python
    best = keras_genzoo.callbacks.KeepBest("best", monitor="generator_loss")
    gan.fit(images, epochs=20, callbacks=[best])
    ```
    """

    @checked
    def __init__(self, path: FilePath, monitor, mode="min"):
        super().__init__()
        if not isinstance(monitor, str):
            raise ValueError(f"`monitor` must be the name of a logged value. Received: monitor={monitor!r}")
        if not isinstance(mode, str) or mode not in ("min", "max"):
            raise ValueError(f"`mode` must be 'min' or 'max'. Received: {mode!r}")
        self.path = Path(path)
        self.monitor = monitor
        self.mode = mode
        self.best = None
        self._epochs = 0

    def on_train_begin(self, logs=None):
        metadata = self.path / "metadata.json"
        if self.best is None and metadata.exists():
            # An infinite value is stored as a string.
            self.best = float(json.loads(metadata.read_text())["best"]["value"])

    def on_train_end(self, logs=None):
        # A single epoch may be the rest of an interrupted one, without an evaluation.
        if self.best is None and self._epochs > 1:
            warnings.warn(
                f"No epoch logged `monitor` {self.monitor!r}, so nothing was saved to {self.path}. If an `Evaluate` "
                "callback logs it, place that callback first.",
                stacklevel=2,
            )

    def on_epoch_end(self, epoch, logs=None):
        self._epochs += 1
        value = (logs or {}).get(self.monitor)
        if value is None or math.isnan(value):
            return
        if self.best is None or (value < self.best if self.mode == "min" else value > self.best):
            self.best = value
            best = {"epoch": epoch + 1, "monitor": self.monitor, "value": value}
            self.model.save_to_preset(self.path, metadata={"best": best}, overwrite=True)


class JSONLines(keras.callbacks.Callback):
    """Appends one JSON line per epoch to a file: the epoch, its duration in seconds, and the logs.

    Place it last, so that the duration includes the other callbacks. When a run is resumed, the lines of epochs that
    are trained again, and an incomplete last line, are removed.

    Args:
        path: String or path of the file.

    Example:

    ```python
    gan.fit(images, epochs=20, callbacks=[keras_genzoo.callbacks.JSONLines("log.jsonl")])
    lines = keras_genzoo.callbacks.JSONLines.read("log.jsonl")
    ```
    """

    @checked
    def __init__(self, path: FilePath):
        super().__init__()
        self.path = Path(path)

    @staticmethod
    def read(path):
        """Reads the lines of a file, without an incomplete last line.

        Args:
            path: String or path of the file.

        Returns:
            List of dictionaries.

        Raises:
            ValueError: If another line is damaged.
        """
        found = []
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            if line.endswith("\n"):
                try:
                    found.append(json.loads(line))
                except ValueError as error:
                    raise ValueError(
                        f"Line {number} of {path} is damaged: {error}. Delete the line and try again."
                    ) from error
        return found

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.monotonic()
        if self.path.exists():
            kept = [line for line in self.read(self.path) if line["epoch"] <= epoch]
            disk.write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))

    def on_epoch_end(self, epoch, logs=None):
        seconds = round(time.monotonic() - self._started, 2)
        values = {name: float(np.mean(value)) for name, value in (logs or {}).items()}
        line = folders.json_safe({"epoch": epoch + 1, "seconds": seconds, **values})
        with disk.no_room_told(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
