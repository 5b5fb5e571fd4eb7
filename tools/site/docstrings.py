"""Extension of Griffe: the reference shows what the docstrings are once the package is imported."""

import importlib
import inspect
import re

import griffe

# Completed when the package is imported, with the data sets and the measures that are registered.
_COMPLETED = ("keras_genzoo.datasets.named.load", "keras_genzoo.metrics.evaluation.evaluate")
# Methods that Keras calls; those without a docstring are not shown.
_CALLED_BY_KERAS = ("build", "compute_output_shape", "from_config", "get_config", "test_step", "train_step")
# Annotations of checks, which the descriptions of the arguments say in words.
_CHECKS = ("typing.Annotated", "keras_genzoo.arguments.", "keras_genzoo.models.options.")
_CALL_ARGUMENTS = re.compile(r"^Call arguments:\n((?:    .*\n?)+)", re.MULTILINE)
_ERRORS = re.compile(r"^    ([A-Z]\w+(?:, [A-Z]\w+)+): (.*)$", re.MULTILINE)
_SESSION = re.compile(r"^>>> (?:.+\n?)+", re.MULTILINE)


class Docstrings(griffe.Extension):
    def on_package(self, *, pkg, **kwargs):
        for path in _COMPLETED:
            pkg[path.removeprefix("keras_genzoo.")].docstring.value = _with_sections(
                inspect.getdoc(_imported(path))
            )
        for module in pkg.modules.values():
            _show_functions(module)
        models = importlib.import_module("keras_genzoo.models")
        for name in models.__all__:
            cls = getattr(models, name)
            if inspect.isclass(cls) and getattr(cls, "players", None):
                _add_compile(pkg["models"][name].final_target, cls)

    def on_object(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = _with_sections(obj.docstring.value)

    def on_function(self, *, func, **kwargs):
        if func.parent.is_class and func.name in _CALLED_BY_KERAS:
            func.docstring = None
        for parameter in func.parameters:
            annotation = parameter.annotation
            if isinstance(annotation, griffe.Expr) and annotation.canonical_path.startswith(_CHECKS):
                parameter.annotation = None


def _show_functions(module):
    """Of a function and a module of the same name, as in `datasets.edges`, the public one is the function."""
    hidden = [name for name in module.exports or () if isinstance(module.members.get(name), griffe.Module)]
    if not hidden:
        return
    imported = importlib.import_module(module.path)
    functions = {
        name: getattr(imported, name) for name in hidden if not inspect.ismodule(getattr(imported, name))
    }
    found = {
        name: module.package[f"{function.__module__}.{name}".split(".", 1)[1]]
        for name, function in functions.items()
    }
    for member in module.members.values():
        if member.is_alias and member.name in module.exports:
            # Found by its path, which leads through modules that are replaced below.
            member.resolve_target()
    for name, function in found.items():
        module.set_member(name, griffe.Alias(name, function, parent=module))


def _add_compile(described, cls):
    """Gives the class its own `compile`, whose keywords follow from the players."""
    parameters = [
        griffe.Parameter(
            name,
            kind=griffe.ParameterKind(parameter.kind.description),
            default=None if parameter.default is parameter.empty else repr(parameter.default),
        )
        for name, parameter in inspect.signature(cls.compile).parameters.items()
    ]
    function = griffe.Function("compile", parameters=griffe.Parameters(*parameters))
    given = described.docstring
    function.docstring = griffe.Docstring(
        inspect.getdoc(cls.compile), parent=function, parser=given.parser, parser_options=given.parser_options
    )
    described.set_member("compile", function)


def _with_sections(text):
    """A docstring with what Griffe does not know in Markdown: call arguments, several errors, sessions."""
    text = _CALL_ARGUMENTS.sub(lambda match: "Call arguments:\n\n" + _items(match[1]), text)
    text = _ERRORS.sub(
        lambda match: "\n".join(f"    {name}: {match[2]}" for name in match[1].split(", ")), text
    )
    return _SESSION.sub(lambda match: f"```pycon\n{match[0].rstrip()}\n```\n", text)


def _items(text):
    return re.sub(r"^([\w*, ]+):", r"- **`\1`**:", inspect.cleandoc(text), flags=re.MULTILINE) + "\n"


def _imported(path):
    module, name = path.rsplit(".", 1)
    return getattr(importlib.import_module(module), name)
