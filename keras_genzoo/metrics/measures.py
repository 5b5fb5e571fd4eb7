"""The registry of the measures of `keras_genzoo.metrics.evaluate`."""

import dataclasses
import inspect
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_genzoo.metrics.evaluation import Subject


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure and its requirements.

    Args:
        name: String.
        function: Function of a `keras_genzoo.metrics.evaluation.Subject` that returns a list of results. Its
            docstring describes the results.
        ability: String, the ability (see `abilities` of a model) that the measure evaluates.
        needs: Tuple of functions of the subject that return a string that describes a missing requirement, or None.
        abbreviation: String, abbreviation used in the literature, or None.
    """

    name: str
    function: Callable
    ability: str
    needs: tuple = ()
    abbreviation: str | None = None

    def missing(self, subject: "Subject") -> str | None:
        """Returns a string that describes the missing requirement and what was received, or None."""
        if self.ability not in subject.model.abilities:
            return f"a model with `{self.ability}`. Received: model of class {type(subject.model).__name__}"
        return next(filter(None, (need(subject) for need in self.needs)), None)


# Name -> `Measure`.
MEASURES: dict[str, Measure] = {}


def measure(name: str, ability: str, needs: tuple = (), abbreviation: str | None = None) -> Callable:
    """Returns a decorator that registers a function as a measure. See `Measure` for the arguments."""

    def register(function):
        MEASURES[name] = Measure(name, function, ability, needs, abbreviation)
        return function

    return register


def listing() -> str:
    """Returns the measures as a Markdown list, for the docstring of `evaluate`."""
    return "\n".join(
        textwrap.indent(f'- `"{each.name}"`: {inspect.getdoc(each.function)}', "      ")[2:]
        for each in MEASURES.values()
    ).lstrip()


def an_extractor(subject: "Subject") -> str | None:
    """Requires an extractor for the images of the dataset and of the model."""
    if subject.extractor is None:
        return "`extractor`, the name of a feature extractor. Received: extractor=None"
    taken = subject.extractor.image_shape
    for owner, shape in (("data", subject.info.image_shape), ("model", subject.model.modality.shape)):
        if taken is not None and shape != taken and _without_margin(shape, subject.info.margin) != taken:
            return (
                f"an extractor of images of the {owner}'s shape {shape}. {subject.extractor.name!r} takes {taken} "
                "alone"
            )
    return None


def _without_margin(shape, margin):
    if len(shape) != 3:
        return shape
    height, width, channels = shape
    return (height - 2 * margin, width - 2 * margin, channels)
