"""Finding and loading plugins, each kept apart from the others.

pluggy's own `load_setuptools_entrypoints` dies whole when one plugin fails to import and silently skips the second of
two entry points with one name; so the loop is ours, and pluggy checks the hooks.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pluggy

from genzoo import hookspecs
from genzoo.entries import Entry, Kind, Origin, Registry, describe
from genzoo.errors import GenzooError, PluginError, UsageError, did_you_mean
from genzoo.processes import speaks

GROUP = "genzoo"
HOOKS: dict[str, Kind] = {
    "register_models": "model",
    "register_losses": "loss",
    "register_datasets": "dataset",
    "register_metrics": "metric",
}


@dataclass
class Plugin:
    """A plugin that was found, working or not."""

    origin: Origin
    seconds: float = 0.0
    """What importing and registering took."""
    error: str = ""
    """Why it is disabled; empty if it works."""
    entries: list[Entry] = field(default_factory=list)


found: list[Plugin] = []
"""Every plugin of this process, in the order of their names."""


def load_installed() -> Registry:
    """Finds every installed plugin and registers what it offers. A broken one is one line on standard error.

    `GENZOO_DISABLE_PLUGINS` names distributions or entry points, separated by commas, to leave out.

    Raises:
        UsageError: There is none at all: the checkout is not installed.
    """
    registry = Registry()
    found.clear()
    disabled = {name.strip() for name in os.environ.get("GENZOO_DISABLE_PLUGINS", "").split(",")}
    for origin, entry_point in _entry_points():
        if disabled & {origin.distribution, origin.plugin}:
            found.append(Plugin(origin, error="left out by GENZOO_DISABLE_PLUGINS"))
            continue
        plugin = _load(origin, entry_point.load, registry)
        if plugin.error:
            _warn(f"plugin {origin.plugin} of {origin} is disabled: {plugin.error}", _cure(origin))
    if not found:
        raise UsageError("no plugins found: this checkout is not installed", "type: pip install -e .")
    for (kind, name), entries in registry.clashes().items():
        claims = " and ".join(str(entry.origin) for entry in entries)
        ways = " or ".join(entry.full_name for entry in entries)
        _warn(f"{kind} {name!r} is claimed by {claims}", f"type {ways}, or uninstall one")
    return registry


def load_file(path: Path, registry: Registry) -> None:
    """Loads a Python file as a plugin, for trying one before packaging it.

    Raises:
        PluginError: It cannot be imported or breaks a hook's contract.
    """
    if not path.is_file():
        raise UsageError(f"-p {path}: no such file", "type: genzoo -p FILE.py …")
    # A name for each file, wherever it lies: the classes of a second plugin.py must not replace those of the first.
    name = "genzoo_file_" + re.sub(r"\W", "_", str(path.resolve()))

    def load() -> Any:
        specification = importlib.util.spec_from_file_location(name, path)
        if specification is None or specification.loader is None:
            raise PluginError("not a Python file")
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module  # so that f"{__name__}:Class" and class definitions find it
        specification.loader.exec_module(module)
        return module

    plugin = _load(Origin(path.name, "", path.stem), load, registry)
    if plugin.error:
        raise PluginError(f"-p {path}: {plugin.error}", "for the traceback: genzoo --debug …")


def _entry_points() -> list[tuple[Origin, metadata.EntryPoint]]:
    """In the order of names: what is found must not depend on the file system's order.

    `metadata.entry_points()` would raise on the first package whose metadata are damaged, plugin or not.
    """
    packages: dict[str, list[tuple[Origin, metadata.EntryPoint]]] = {}
    for package in metadata.distributions():
        try:
            if f"[{GROUP}]" not in (package.read_text("entry_points.txt") or ""):
                continue
            name, version = package.metadata["Name"], package.version
            points = [(Origin(name, version, point.name), point) for point in package.entry_points.select(group=GROUP)]
            # One that comes later on sys.path is hidden, as its modules are.
            packages.setdefault(re.sub(r"[-_.]+", "-", name).lower(), points)
        except Exception as error:  # which one differs between versions of Python
            folder = getattr(package, "_path", package.locate_file(""))
            found.append(Plugin(Origin(str(folder), "", ""), error=f"damaged metadata: {describe(error)}"))
            _warn(
                f"the package in {folder} has damaged metadata: {describe(error)}", "remove the folder or reinstall it"
            )
    return [point for name in sorted(packages) for point in sorted(packages[name], key=lambda point: point[0].plugin)]


def _load(origin: Origin, load: Callable[[], Any], registry: Registry) -> Plugin:
    plugin = Plugin(origin)
    found.append(plugin)
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output carries results alone
            plugin.entries = list(_entries(origin, load()))
            registry.add(plugin.entries)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and worse: a plugin must not end the program
        if debugging():
            sys.excepthook(type(error), error, error.__traceback__)
        plugin.error = " ".join(error.message.split()) if isinstance(error, GenzooError) else describe(error)
        plugin.entries = []
    plugin.seconds = time.perf_counter() - start
    return plugin


def _entries(origin: Origin, module: Any) -> Iterator[Entry]:
    """What a plugin module registers. pluggy checks names and arguments of its hooks, in a manager of its own."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name=origin.plugin)
    known = [name for name, caller in vars(manager.hook).items() if caller.has_spec()]
    for caller in manager.get_hookcallers(module) or ():
        if not (caller.has_spec() or all(hook.optionalhook for hook in caller.get_hookimpls())):
            raise PluginError(f"there is no hook {caller.name!r}.{did_you_mean(caller.name, known)}")
    entries: list[Entry] = []
    for hook, kind in HOOKS.items():
        getattr(manager.hook, hook)(register=_registrar(kind, origin, entries))
    if not entries:
        raise PluginError("it registers nothing: has it a function marked @hookimpl?")
    yield from entries


def _registrar(kind: Kind, origin: Origin, entries: list[Entry]) -> Callable[..., None]:
    """The `register` that a hook is given (see `genzoo.hookspecs`)."""

    def register(
        name: str,
        target: str | type,
        *,
        summary: str,
        paper: str = "",
        options: Mapping[str, Any] | None = None,
        loss: str = "",
        loss_options: Mapping[str, Any] | None = None,
    ) -> None:
        if (kind == "model") != bool(loss):
            raise PluginError(f"{kind} {name!r}: {'name its loss: loss=…' if not loss else 'loss= is for models'}")
        own, of_loss = dict(options or {}), dict(loss_options or {})
        entries.append(Entry(kind, name, target, summary, origin, paper, own, loss, of_loss))

    register.__qualname__ = "register"  # as the author of a wrong call reads it in the TypeError
    return register


def debugging() -> bool:
    """Whether tracebacks are wanted: `genzoo --debug` or GENZOO_DEBUG=1."""
    return os.environ.get("GENZOO_DEBUG", "") not in ("", "0")


def _cure(origin: Origin) -> str:
    if origin.distribution == GROUP:
        return "in a checkout type: pip install -e . elsewhere: pip install --force-reinstall genzoo"
    return f"pip install --upgrade {origin.distribution}, or pip uninstall {origin.distribution}"


def _warn(message: str, hint: str) -> None:
    if speaks():
        print(f"genzoo: {message} ({hint})", file=sys.stderr)
