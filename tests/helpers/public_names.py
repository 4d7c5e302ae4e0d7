"""List the names that plugins and programs may use, with their signatures.

    python tests/helpers/public_names.py > tests/helpers/public_names.txt

After a change, write that file again; if an older plugin would break, also raise `genzoo.core.hookspecs.API`.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import genzoo
import genzoo.testing
from genzoo.core import nets

MODULES = {
    "genzoo": [name for name in genzoo.__all__ if name != "__version__"],
    "genzoo.core.distributions": ("full_precision", "split_batch"),
    "genzoo.core.hookspecs": (
        *("API", "OLDEST_API", "PartKind", "Register", "RegisterMetric", "RegisterModel", "RegisterPart"),
        *("register_models", "register_losses", "register_datasets", "register_metrics"),
        *("register_commands", "register_listeners", "register_launchers", "register_parts"),
    ),
    "genzoo.core.nets": [n for n, v in vars(nets).items() if getattr(v, "__module__", "") == nets.__name__],
    "genzoo.core.noise": ("bernoulli", "exponential", "standard_normal", "uniform"),
    "genzoo.testing": genzoo.testing.__all__,
}


def public() -> Iterator[tuple[str, Any]]:
    """Yield each public name and its value; after a class, also its own members."""
    for module, names in MODULES.items():
        for name in sorted(names):
            value = getattr(importlib.import_module(module), name)
            yield f"{module}.{name}", value
            if isinstance(value, type):
                for inner, member in sorted(members(value).items()):
                    yield f"{module}.{name}.{inner}", member


def members(cls: type) -> dict[str, Any]:
    """Return the members of a class and its bases in genzoo that users may call or override, without fields."""
    fields = getattr(cls, "_fields", ()) or getattr(cls, "__dataclass_fields__", ())
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("genzoo"):
            found |= {name: value for name, value in vars(base).items() if not name.startswith("_")}
    return {name: value for name, value in found.items() if name not in (*fields, "Config")}


def signature(value: Any) -> str:
    """Return the text after a name: the arguments of a callable, the value of a constant."""
    if isinstance(value, (property, cached_property)):
        return ": property"
    if isinstance(value, (classmethod, staticmethod)):
        value = value.__func__
    if isinstance(value, type) or inspect.isfunction(value):
        if isinstance(value, type) and issubclass(value, Warning):
            return ""  # a bare exception has no signature in some versions of Python
        return re.sub(r"ForwardRef\('([^']*)'\)|'([^']*)'(?=[,)=\s]|$)", r"\1\2", str(inspect.signature(value)))
    return f" = {value!r}" if isinstance(value, (int, str)) else ""


def listing() -> str:
    """Return the whole list, one name per line."""
    return "".join(f"{name}{signature(value)}\n" for name, value in public())


if __name__ == "__main__":
    print(listing(), end="")
