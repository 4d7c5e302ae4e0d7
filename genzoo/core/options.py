"""Options: frozen dataclasses that are checked on construction, and their exact conversion to JSON and back.

    @genzoo.config
    class Config:
        latent_dim: Count = 20
        '''Length of the latent vector z.'''

One declaration gives the command-line option, its help, the default, the check and the saved form.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import math
import textwrap
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.core.text import as_typed
from genzoo.core.values import plain_value

T = TypeVar("T")
NO_LIST = "must be a list"
LONGEST_LIST = 256
"""Maximum items of a list option: a hundred thousand layers would take minutes even to count."""


class OptionError(UsageError):
    """An invalid value of an option."""

    def __init__(self, message: str, config: type, name: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.config, self.name = config, name
        """The config class of the option, and its field."""


@dataclass(frozen=True)
class Range:
    """Bounds of a numeric option, for `Annotated[float, Range(0, 1)]`."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    """Whether `low` itself is excluded."""

    def __contains__(self, value: float) -> bool:
        return (value > self.low if self.above else value >= self.low) and value <= self.high

    def __str__(self) -> str:
        low = f"{'more than' if self.above else 'at least'} {self.low:g}" if self.low > -math.inf else ""
        high = f"at most {self.high:g}" if self.high < math.inf else ""
        return " and ".join(filter(None, (low, high)))


Count = Annotated[int, Range(1)]
Natural = Annotated[int, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
NonNegative = Annotated[float, Range(0)]
Fraction = Annotated[float, Range(0, 1)]


@dataclass_transform(kw_only_default=True, frozen_default=True)
def config(cls: type[T]) -> type[T]:
    """Make a class a frozen, keyword-only dataclass whose values are checked against their annotations.

    The class's own `__post_init__`, for rules between fields, runs after that check.
    """
    own = getattr(cls, "__post_init__", None)

    def post_init(self: T) -> None:
        check(self)
        if own is not None:
            own(self)

    cls.__post_init__ = post_init  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


def option(field_name: str) -> str:
    """Return the command-line spelling of a field: latent_dim → --latent-dim."""
    return "--" + field_name.replace("_", "-")


def check(instance: Any) -> None:
    """Check every field of a config against its annotation, and convert it to one form.

    4 becomes 4.0 for a float, a list or an array becomes a tuple, a path becomes a text. So configs are equal and print
    alike, whether they come from Python, JSON, TOML or the command line.

    Raises:
        UsageError: A value has the wrong type or is out of range. The message names the option.
    """
    cls: Any = type(instance)
    for name, annotation in _annotations(cls).items():
        given = getattr(instance, name)
        value = _converted(annotation, plain_value(given))
        problem = _problem(annotation, value)
        if problem:
            such = f"such as {name}=[{_shown(given)}]" * (problem == NO_LIST)
            raise OptionError(f"{option(name)} {problem}, not {_shown(given)}", type(instance), name, such)
        object.__setattr__(instance, name, value)  # the dataclass is frozen


@functools.cache
def _annotations(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}  # no ClassVar among them


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return (_is_whole(value) or isinstance(value, float)) and math.isfinite(value)
    except OverflowError:  # an int beyond the largest float
        return False


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _problem(annotation: Any, value: Any) -> str:
    """Return what is wrong with a value, as "must be …", or ""."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        problem = _problem(arguments[0], value)
        ranges = [extra for extra in arguments[1:] if isinstance(extra, Range)]
        return problem or next((f"must be {limits}" for limits in ranges if value not in limits), "")
    if _is_union(annotation):
        problems = [_problem(argument, value) for argument in arguments]
        return problems[0] if all(problems) else ""
    if origin is Literal:
        chosen = any(value == argument and type(value) is type(argument) for argument in arguments)
        return "" if chosen else f"must be one of {', '.join(map(str, arguments))}"
    if origin is tuple:
        return _problem_of_items(arguments, value)
    if annotation is float:
        return "" if _is_finite(value) else "must be a finite number"
    if annotation is int:
        return "" if _is_whole(value) else "must be a whole number"
    if annotation in (None, type(None)):
        return "" if value is None else "must be left out"
    expected = {str: "a text", bool: "true or false"}.get(annotation, getattr(annotation, "__name__", str(annotation)))
    return "" if isinstance(value, annotation) else f"must be {expected}"


def _problem_of_items(arguments: tuple[Any, ...], value: Any) -> str:
    """Return what is wrong with a value for tuple[item, ...] or tuple[first, second], or ""."""
    if not isinstance(value, tuple):
        return NO_LIST
    if len(value) > LONGEST_LIST:
        return f"must be a list of at most {LONGEST_LIST}"
    expected = _items(arguments, len(value))
    if len(value) != len(expected):
        return f"must be a list of {len(expected)}"
    problem = next(filter(None, map(_problem, expected, value)), "")
    return f"must be a list, and each item {problem}" if problem else ""


def _items(arguments: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    """Return the annotation of each item of a tuple."""
    return arguments[:1] * length if arguments[-1] is Ellipsis else arguments


def _converted(annotation: Any, value: Any) -> Any:
    """Convert a value to the form of its annotation; return it unchanged if that is impossible."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _converted(arguments[0], value)
    if _is_union(annotation):
        forms = ((argument, _converted(argument, value)) for argument in arguments)
        return next((form for argument, form in forms if not _problem(argument, form)), value)
    if origin is tuple and isinstance(value, (list, tuple)):
        expected = _items(arguments, len(value))
        return tuple(map(_converted, expected, value)) if len(value) == len(expected) else tuple(value)
    return float(value) if annotation is float and _is_finite(value) else value


def to_json(instance: Any) -> dict[str, Any]:
    """Return a config as plain JSON values (tuples become lists)."""
    return {field.name: _listed(getattr(instance, field.name)) for field in dataclasses.fields(instance)}


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def from_json(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Make a config from JSON values, the inverse of `to_json`: from_json(type(c), to_json(c)) == c exactly.

    Args:
        cls: A config class.
        values: Its fields; missing ones take their defaults.
        where: The source of the values, such as a file, for the error message.

    Raises:
        UsageError: A field is unknown (with a suggestion), has a wrong type or is out of range.
    """
    prefix = f"{where}: " if where else ""
    if not isinstance(values, Mapping):
        raise UsageError(f"{prefix}options must be a table of names and values, not {_shown(values)}")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in values:
        if name not in fields:
            raise UsageError(
                f"{prefix}unknown option {name!r}.{did_you_mean(name, fields)}",
                f"known: {', '.join(fields) or 'none'}",
            )
    for name, field in fields.items():
        if name not in values and field.default is field.default_factory is dataclasses.MISSING:
            raise UsageError(f"{prefix}{option(name)} is missing")
    try:
        return cls(**values)
    except UsageError as error:
        error.message = prefix + error.message
        raise


@config
class NoOptions:
    """A config without options."""


def describe_fields(instance: Any) -> list[tuple[str, str, str, str]]:
    """Return name, type, value and help of each field of a config. The help is the text below the field."""
    texts: dict[str, str] = {}
    for cls in reversed(type(instance).__mro__):  # a subclass may replace the text of an inherited field
        texts |= _field_docs(cls)
    hints = typing.get_type_hints(type(instance))
    rows = []
    for field in dataclasses.fields(instance):
        shown = as_typed(getattr(instance, field.name))
        rows.append((field.name, _type_name(hints[field.name]), shown, texts.get(field.name, "")))
    return rows


def _type_name(annotation: Any) -> str:
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is Literal:
        return "{" + ",".join(map(str, arguments)) + "}"
    if typing.get_origin(annotation) is tuple:
        return f"{_type_name(arguments[0])},…"
    if arguments:
        return " or ".join(_type_name(argument) for argument in sorted(arguments, key=lambda one: one is type(None)))
    return "none" if annotation is type(None) else getattr(annotation, "__name__", str(annotation)).upper()


def _field_docs(cls: type) -> dict[str, str]:
    """Return the text below each field, read from the source; {} if there is no source."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for statement, following in itertools.pairwise(body.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = following.value if isinstance(following, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                docs[statement.target.id] = " ".join(value.value.split())
    return docs


def refuse_without_config(cls: type, name: str = "Config") -> None:
    """Refuse a subclass with a wrong `Config` at its definition, before it fails in a run. The default has no options.

    Args:
        cls: The subclass.
        name: The attribute that holds the class of the options.

    Raises:
        GenzooError: The attribute is not a frozen dataclass.
    """
    config = getattr(cls, name, None)
    if config is None:
        setattr(cls, name, NoOptions)
        return
    # Not an inherited attribute: the fields of an undecorated subclass would be ignored silently.
    mark = vars(config).get("__dataclass_params__") if isinstance(config, type) else None
    if mark is None or not mark.frozen:
        raise GenzooError(
            f"{cls.__module__}.{cls.__name__}.{name} must be a frozen dataclass",
            f"write:\n    @genzoo.config\n    class {name}:\n        latent_dim: int = 20",
        )
