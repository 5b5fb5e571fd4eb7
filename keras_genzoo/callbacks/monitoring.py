"""Callbacks that look at a model while it trains."""

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
    """Writes a picture of what the model makes after every epoch, as `epoch-0001.png`, ...

    It is the model's own `preview`, of the same latents each time: samples, a conditional model's classes in turn, a
    column each; points of the plane, which need matplotlib; or translations of `examples`. Of a model that makes
    nothing, such as a classifier, or of a translator without examples, nothing is written.

    Args:
        directory: String or path of the folder, which is created.
        examples: What is shown beside the samples: of a translator the pair `(sources, targets)` of arrays, of which
            `targets` may be None; of points, points to draw behind them, such as the centers of their modes
            `(num_modes, 2)`.
        num: Int, number of samples, or of examples. Defaults to the model's own choice.
        seed: Int, seed of the latents.

    Example:

    ```python
    sources, targets = keras_genzoo.datasets.arrays("facades", split="test")
    grid = keras_genzoo.callbacks.SampleGrid("runs/facades", examples=(sources[:8], targets[:8]))
    model.fit(batches, epochs=200, callbacks=[grid])
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
        # Now, not after the first epoch.
        model.check_drawable()

    def on_epoch_end(self, epoch, logs=None):
        picture = self.model.preview(self.examples, self.seed, self.num)
        if picture is not None:
            pictures.write(picture, self.directory / f"epoch-{epoch + 1:04d}.png")


class Evaluate(keras.callbacks.Callback):
    """Adds the results of `keras_genzoo.metrics.evaluate` to the logs of an epoch.

    Put it before the callbacks that read the results (`KeepBest`, `JSONLines`, early stopping).

    Args:
        every: Int, epochs from one evaluation to the next.
        **arguments: As for `keras_genzoo.metrics.evaluate`, without the model.
    """

    @checked
    def __init__(self, every: PositiveInt = 1, **arguments):
        super().__init__()
        # A misspelt argument is refused now, not after the first epoch.
        check_call(metrics.evaluate, None, **arguments)
        check_what(
            **{name: arguments[name] for name in ("dataset", "measures", "split") if name in arguments}
        )
        self.every = every
        self.arguments = arguments

    def on_train_begin(self, logs=None):
        if self.arguments.get("extractor") is not None:
            # Loaded once, not in every epoch.
            self.arguments["extractor"] = metrics.extractor(self.arguments["extractor"])

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every == 0 and logs is not None:
            for result in metrics.evaluate(self.model, **self.arguments):
                logs[result["metric"]] = result["value"]


class KeepBest(keras.callbacks.Callback):
    """Saves the model as a preset whenever a logged value is the best so far.

    The preset's metadata records the epoch and the value, and a resumed run goes on from them.

    Args:
        path: String or path of the preset's folder.
        monitor: Name of the value in the logs.
        mode: `"min"` or `"max"`.
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
            # An infinite value is a string there.
            self.best = float(json.loads(metadata.read_text())["best"]["value"])

    def on_train_end(self, logs=None):
        # A single epoch may be the rest of a broken-off one, without an evaluation.
        if self.best is None and self._epochs > 1:
            warnings.warn(
                f"No epoch logged `monitor` {self.monitor!r}, so nothing was saved to {self.path}. An `Evaluate` "
                "callback that logs it must come first.",
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
    """Appends one JSON line per epoch to a file: the epoch, its seconds (this callback last), and the logs.

    Lines of epochs that a resumed run trains again are dropped first, and so is a line that a killed process, or
    a full disk, left unfinished.

    Args:
        path: String or path of the file.
    """

    @checked
    def __init__(self, path: FilePath):
        super().__init__()
        self.path = Path(path)

    @staticmethod
    def read(path):
        """Returns the lines of a file as a list of dictionaries, without an unfinished one at its end.

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
                        f"Line {number} of {path} is damaged: {error}. Delete the line and go on."
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
