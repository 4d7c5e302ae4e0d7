"""Parts by name: "vamp:500" → an instance of the part that is registered as vamp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from genzoo.core.errors import PluginError, UsageError
from genzoo.core.hookspecs import PartKind
from genzoo.registry.current import registry
from genzoo.registry.discovery import GROUP
from genzoo.registry.entries import Entry

if TYPE_CHECKING:
    from genzoo.core.named import Named
    from genzoo.core.parts import Likelihood


def part_class(kind: PartKind, text: str) -> type[Named]:
    """Return the class of a part. An argument in the text is ignored.

    Raises:
        UsageError: No such part.
        PluginError: The part cannot be imported, or is not of its kind.
    """
    from genzoo.core.parts import INTERFACES

    entry = registry().get(kind, text.partition(":")[0])
    found = entry.load()
    if not issubclass(found, INTERFACES[kind]):
        interface = f"genzoo.{INTERFACES[kind].__name__}"
        raise PluginError(f"{kind} {entry.name!r} of {entry.origin} does not extend {interface}")
    return cast("type[Named]", found)


def make_part(kind: PartKind, text: str, *inputs: Any) -> Any:
    """Return the part with this name, such as "gaussian:0.1", "vamp" or "distribution/name:3".

    Args:
        kind: The kind, such as "prior".
        text: "name" or "name:ARGUMENT".
        inputs: The arguments of the constructor of its kind, see `genzoo.core.parts`.

    Raises:
        UsageError: No such part, or an invalid argument.
        PluginError: The part cannot be imported, or is not of its kind.
    """
    cls: Any = part_class(kind, text)
    part = cls(*inputs, _argument(kind, text, cls)) if cls.symbol else cls(*inputs)
    part.name = written_out(kind, text)
    return part


def written_out(kind: PartKind, text: str) -> str:
    """Return a part's name with its argument: gaussian-per-dim → gaussian-per-dim:0.00113, gaussian:1.0 → gaussian:1.

    Raises:
        UsageError: No such part, or an invalid argument.
    """
    cls = part_class(kind, text)
    name, _, argument = text.partition(":")
    value = _argument(kind, text, cls)
    if not cls.symbol:
        return name
    return f"{name}:{format(value, '.12g' if argument else '.3g') if isinstance(value, float) else value}"


def _argument(kind: PartKind, text: str, cls: type[Named]) -> Any:
    """Return the argument after the colon, or the default; None if the part takes none."""
    name, colon, argument = text.partition(":")
    typed = kind if kind == "bijection" else f"--{kind}"  # a bijection is named by another part
    if not cls.symbol:
        if colon:
            raise UsageError(f"{typed} {text}: {name} takes no argument", f"type: {typed} {name}")
        return None
    try:
        return cls.parse(argument or str(cls.default))
    except ValueError as error:
        example = 0.1 if isinstance(cls.default, float) else cls.default
        raise UsageError(f"{typed} {text}: {error}", f"for example {name}:{example}") from None


def figures() -> dict[str, Entry]:
    """Return the registered figures by the names of their files, in the order of the report: genzoo's own first."""
    entries = [entry for entry in registry().entries if entry.kind == "figure"]
    entries.sort(key=lambda entry: entry.origin.distribution != GROUP)
    return {registry().spelling(entry).replace("/", "-"): entry for entry in entries}


def make_likelihood(name: str) -> Likelihood:
    """Return the likelihood with this name, such as "bernoulli" or "gaussian:0.1".

    Raises:
        UsageError: No such likelihood, or an invalid number.
    """
    return cast("Likelihood", make_part("likelihood", name))


def likelihood_class(name: str) -> type[Likelihood]:
    """Return the class of a likelihood. A number in the name is ignored.

    Raises:
        UsageError: No such likelihood.
    """
    return cast("type[Likelihood]", part_class("likelihood", name))


def is_for_unit(likelihood: str) -> bool:
    """Return whether a likelihood is for numbers between 0 and 1 only; False for none, ""."""
    return bool(likelihood) and likelihood_class(likelihood).values in ("unit", "grey")
