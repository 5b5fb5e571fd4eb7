"""What a sample is asked to be: a label. A condition checks, draws and declares what a network takes beside a latent.

Rooms outside `keras_genzoo.models` ask a model's `condition`, None of an unconditional one. One of attributes, label
maps or text answers the same questions.
"""

import dataclasses
import math

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Labels:
    """One int label per example.

    Args:
        num_classes: Int.
    """

    num_classes: int

    shape = ()
    # Measures of samples that were asked for by label, where nothing is said.
    default_measures = ("label_agreement",)
    # What messages say of the bounds.
    _note = ""

    @property
    def bounds(self):
        return (0, self.num_classes - 1)

    def accepts_all(self, dtype):
        """As `keras_genzoo.modalities.Images.accepts_all`."""
        return False

    @property
    def spec(self):
        """`keras.KerasTensor` of a batch."""
        return keras.KerasTensor((None,), "int32", name="labels")

    def check(self, summary, argument, first=True):
        """As `keras_genzoo.modalities.Images.check`; `summary` may be None."""
        low, high = self.bounds
        if summary is None:
            raise ValueError(
                f"`{argument}` is missing: this model has {self.num_classes} classes. Give one int label from {low} "
                f"to {high} for each image{self._note}."
            )
        if len(summary.shape) != 1 or "int" not in summary.dtype:
            raise ValueError(
                f"`{argument}` must have one int label per image, shape (batch,). Received: shape "
                f"{summary.shape}, dtype {summary.dtype}."
            )
        smallest, largest = int(summary.smallest), int(summary.largest)
        if not low <= smallest <= largest <= high:
            raise ValueError(
                f"`{argument}` must be from {low} to {high}{self._note}. Received labels from {smallest} to "
                f"{largest}."
            )

    def columns(self, num):
        """Columns of a grid of `num` samples, about a square, in which labels in turn make each column one class.

        None where there are fewer samples than classes.
        """
        if num < self.num_classes:
            return None
        return self.num_classes * max(1, round(math.sqrt(num) / self.num_classes))

    def in_turn(self, num):
        """Labels that cycle through the classes, int NumPy array `(num,)`."""
        return np.arange(num) % self.num_classes


@dataclasses.dataclass(frozen=True)
class PartialLabels(Labels):
    """One int label per example, -1 where it is not known: what data are, and no sample is asked to be."""

    _note = ", -1 where it is unknown"

    @property
    def bounds(self):
        return (-1, self.num_classes - 1)
