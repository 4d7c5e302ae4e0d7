"""Options: frozen dataclasses, checked on construction, and their exact way to JSON and back.

    @genzoo.config
    class Config:
        latent_dim: Count = 20
        '''Length of the latent vector z.'''

One declaration gives the command-line option, its help, the default, the check and the saved form.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import math
import textwrap
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from genzoo.errors import UsageError, did_you_mean

T = TypeVar("T")


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
    """A frozen, keyword-only dataclass whose values are checked against their annotations."""
    cls.__post_init__ = check  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


def option(field_name: str) -> str:
    """The command-line spelling: latent_dim → --latent-dim."""
    return "--" + field_name.replace("_", "-")


def check(instance: Any) -> None:
    """Checks every field of a config against its annotation.

    Raises:
        UsageError: A value of the wrong type or out of range, named by its option.
    """
    for name, annotation in typing.get_type_hints(type(instance), include_extras=True).items():
        value = getattr(instance, name)
        problem = _problem(annotation, value)
        if problem:
            raise UsageError(f"{option(name)} {problem}, not {value!r}")


def _problem(annotation: Any, value: Any) -> str:
    """What is wrong with a value, as "must be …", or ""."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is Annotated:
        problem = _problem(arguments[0], value)
        ranges = [extra for extra in arguments[1:] if isinstance(extra, Range)]
        if not problem and isinstance(value, (int, float)):
            problem = next((f"must be {limits}" for limits in ranges if value not in limits), "")
        return problem
    if origin in (typing.Union, types.UnionType):
        problems = [_problem(argument, value) for argument in arguments]
        return problems[0] if all(problems) else ""
    if origin is Literal:
        return "" if value in arguments else f"must be one of {', '.join(map(str, arguments))}"
    if origin is tuple:
        if not isinstance(value, tuple):
            return "must be a list"
        return next(filter(None, (_problem(arguments[0], item) for item in value)), "")
    if annotation is float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "" if is_number and math.isfinite(value) else "must be a finite number"
    if annotation is int:
        return "" if isinstance(value, int) and not isinstance(value, bool) else "must be a whole number"
    if annotation in (None, type(None)):
        return "" if value is None else "must be left out"
    expected = {str: "a text", bool: "true or false"}.get(annotation, getattr(annotation, "__name__", str(annotation)))
    return "" if isinstance(value, annotation) else f"must be {expected}"


def to_json(instance: Any) -> dict[str, Any]:
    """A config as plain JSON values (tuples become lists)."""
    return {
        field.name: list(value) if isinstance(value := getattr(instance, field.name), tuple) else value
        for field in dataclasses.fields(instance)
    }


def from_json(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """The inverse of `to_json`: from_json(type(c), to_json(c)) == c exactly.

    Args:
        cls: A config class.
        values: Its fields; those left out take their defaults.
        where: Named in the error, such as the file the values came from.

    Raises:
        UsageError: An unknown field (with a suggestion), a wrong type or a value out of range.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    prefix = f"{where}: " if where else ""
    for name in values:
        if name not in hints:
            raise UsageError(
                f"{prefix}unknown option {name!r}.{did_you_mean(name, hints)}", f"known: {', '.join(hints)}"
            )
    try:
        return cls(**{name: _from_json(hints[name], value) for name, value in values.items()})
    except UsageError as error:
        raise UsageError(prefix + error.message, error.hint) from None


def _from_json(annotation: Any, value: Any) -> Any:
    """JSON has no tuples and writes 1.0 as 1: undo both by the field's type."""
    if typing.get_origin(annotation) is Annotated:
        return _from_json(typing.get_args(annotation)[0], value)
    options = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    if isinstance(value, list) and any(typing.get_origin(one) is tuple for one in options):
        item = typing.get_args(next(one for one in options if typing.get_origin(one) is tuple))[0]
        return tuple(_from_json(item, element) for element in value)
    if isinstance(value, int) and not isinstance(value, bool) and float in options and int not in options:
        return float(value)
    return value


@config
class NoOptions:
    """Nothing to choose."""


def describe_fields(instance: Any) -> list[tuple[str, str, str, str]]:
    """Name, type, value and help of each field of a config. The help is the text below the field in its class."""
    texts = _field_docs(type(instance))
    hints = typing.get_type_hints(type(instance))
    rows = []
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        shown = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        rows.append((field.name, _type_name(hints[field.name]), shown, texts.get(field.name, "")))
    return rows


def _type_name(annotation: Any) -> str:
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is Literal:
        return "{" + ",".join(map(str, arguments)) + "}"
    if typing.get_origin(annotation) is tuple:
        return f"{_type_name(arguments[0])} …"
    if arguments:
        return "|".join(_type_name(argument) for argument in arguments)
    return "NONE" if annotation is type(None) else getattr(annotation, "__name__", str(annotation)).upper()


def _field_docs(cls: type) -> dict[str, str]:
    """The text below each field, read from the source; {} where there is none to read."""
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
