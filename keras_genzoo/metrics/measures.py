"""The measures of `keras_genzoo.metrics.evaluate`, each registered beside the function that computes it."""

import dataclasses
import inspect
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_genzoo.metrics.evaluation import Subject


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure, and what it needs.

    Args:
        name: String.
        function: Function from a `keras_genzoo.metrics.evaluation.Subject` to a list of results. Its docstring says
            what it reports.
        ability: String, the method of a model that it measures, one of `abilities` of a model.
        needs: Tuple of functions that take the subject and return what else is missing, a string, or None.
        abbreviation: String that the literature calls it by, or None.
    """

    name: str
    function: Callable
    ability: str
    needs: tuple = ()
    abbreviation: str | None = None

    def missing(self, subject: "Subject") -> str | None:
        """What the subject lacks, a string that says what is needed and what was received, or None."""
        if self.ability not in subject.model.abilities:
            return f"a model with `{self.ability}`. Received: model of class {type(subject.model).__name__}"
        return next(filter(None, (need(subject) for need in self.needs)), None)


# Name -> `Measure`.
MEASURES: dict[str, Measure] = {}


def measure(name: str, ability: str, needs: tuple = (), abbreviation: str | None = None) -> Callable:
    """Decorator that registers a function as a measure; the arguments are those of `Measure`."""

    def register(function):
        MEASURES[name] = Measure(name, function, ability, needs, abbreviation)
        return function

    return register


def listing() -> str:
    """The measures as a list in Markdown, for the documentation of `evaluate`."""
    return "\n".join(
        textwrap.indent(f'- `"{each.name}"`: {inspect.getdoc(each.function)}', "      ")[2:]
        for each in MEASURES.values()
    ).lstrip()


def an_extractor(subject: "Subject") -> str | None:
    """A network that gives features of images of the data and of the model."""
    if subject.extractor is None:
        return "`extractor`: the name of the network that measures the samples. Received: extractor=None"
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
