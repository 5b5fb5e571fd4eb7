"""What a family tells the contract, and which of the promises are asked of it at which cost."""

import dataclasses
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.training import players_of


@dataclasses.dataclass(frozen=True)
class Family:
    """What the contract cannot ask a model.

    The functions that make models are of a module, or partials of one, so that a fresh process can import them.
    They pass keywords on to the constructor, and return a compiled model with the same weights at every call.

    Args:
        model: The class.
        make: Function that makes the smallest model all of whose variables a step moves.
        exact: Function that makes a model whose step draws nothing but latents, without batch normalization (or
            with that of all replicas): devices and backends can then be compared. Defaults to `make`.
        random: Function that makes a model with everything random at once: dropout, noise, histories. Defaults to
            `make`.
        variants: Dict of name -> function that makes a model whose step is another.
        counts: Dict of every network -> number of its parameters, of `at_full_size`.
        at_full_size: Function that makes the model of the paper.
        optimizers: Dict of every player -> pair of the paper's optimizer, a class, and a dict of its constants.
        weight_paths: List of the paths in `model.weights.h5` of `make()`, each with its shape. Released checkpoints
            hold these names: where one changes, no released file loads.
        chance_level: Float, the `chance_level` of `make()`, or None.
        adversarial_log: String, the log that is the generator's loss against the discriminator alone, or None.
        represents_its_base: Bool, True for one family of each base class: `.ci/run` tests its costly promises, also
            on JAX, and those that depend only on the base class.
    """

    model: type
    make: Callable
    exact: Callable | None = None
    random: Callable | None = None
    variants: dict[str, Callable] = dataclasses.field(default_factory=dict)
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    at_full_size: Callable | None = None
    optimizers: dict[str, tuple] = dataclasses.field(default_factory=dict)
    weight_paths: list[str] = dataclasses.field(default_factory=list)
    chance_level: float | None = None
    adversarial_log: str | None = None
    represents_its_base: bool = False

    def __post_init__(self):
        for name in ("exact", "random"):
            object.__setattr__(self, name, getattr(self, name) or self.make)


def _with_attributes(test, **attributes):
    vars(test).update(attributes)
    return test


def asked_where(condition):
    """A promise that is asked of the families for which a function of `Family` is true."""
    return partial(_with_attributes, condition=condition)


def needs(ability):
    """A promise of the models that have an ability."""
    return asked_where(lambda family: ability in family.model.abilities)


# A promise of models whose players have optimizers of their own; the others are trained by Keras' own step.
of_players = asked_where(lambda family: players_of(family.model))


# A promise that takes more than a second: see `Family.represents_its_base`.
costly = partial(_with_attributes, is_costly=True)
# A promise that takes more than a second, which `.ci/run` tests for every family.
of_every_change = partial(_with_attributes, is_of_every_change=True)
# A promise of the training step itself: asked of every family on every backend.
of_the_step = partial(_with_attributes, is_of_the_step=True)
# A costly promise that rests on what the families of a base class have in common.
of_each_base = partial(_with_attributes, is_costly=True, is_of_base=True)


class Asked:
    """The base of the contract: keeps the promises that are asked of `family`, and marks the costly ones."""

    family: Family

    def __init_subclass__(cls):
        if not hasattr(cls, "family"):
            return
        for name in dir(cls):
            test = getattr(cls, name)
            is_asked = getattr(test, "condition", lambda family: True)(cls.family)
            if not is_asked or (getattr(test, "is_of_base", False) and not cls.family.represents_its_base):
                # pytest collects no test that is None.
                setattr(cls, name, None)

    @classmethod
    def marks_of(cls, test):
        """The marks of a test by its cost, and by whether another family represents this one."""
        represents, marks = cls.family.represents_its_base, [pytest.mark.compiled]
        if getattr(test, "is_costly", False):
            marks += [pytest.mark.slow, *[pytest.mark.representative, pytest.mark.ci] * represents]
        if getattr(test, "is_of_every_change", False):
            marks += [pytest.mark.ci]
        is_of_family = not represents and not getattr(test, "is_of_the_step", False)
        return [*marks, *[pytest.mark.per_family] * is_of_family]

    def pytest_generate_tests(self, metafunc):
        if "variant" in metafunc.fixturenames:
            makes = {"exact": self.family.exact, "random": self.family.random, **self.family.variants}
            own = {name: make for name, make in makes.items() if make is not self.family.make}
            metafunc.parametrize("variant", own.values() or [self.family.make], ids=own or ["make"])
