"""Plugin discovery: find and load plugins, so that a broken one does not affect the others.

pluggy's own `load_setuptools_entrypoints` fails completely if one plugin cannot be imported, and silently skips the
second of two entry points with the same name. So the loop is here, and pluggy checks the hooks.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pluggy

from genzoo.core import hookspecs
from genzoo.core.errors import GenzooError, PluginError, UsageError, did_you_mean, printable
from genzoo.core.hookspecs import PartKind
from genzoo.core.theory import Theory
from genzoo.core.version import __version__
from genzoo.registry.entries import PARTS, Entry, Kind, Origin, Registry, describe
from genzoo.system.messages import warn
from genzoo.system.reading import near

GROUP = "genzoo"
HOOKS: dict[str, Kind] = {
    "register_models": "model",
    "register_losses": "loss",
    "register_datasets": "dataset",
    "register_metrics": "metric",
    "register_commands": "command",
    "register_listeners": "listener",
    "register_launchers": "launcher",
}
STATED = "GENZOO_API"


class Uncached(SourceFileLoader):
    """Compile a file anew each time: two versions of one second and one length share their cached bytecode."""

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.get_data(self.path), self.path)


class WrongAPI(PluginError):
    """A plugin was written for an incompatible plugin API."""


@dataclass
class Plugin:
    """A discovered plugin, working or not."""

    origin: Origin
    seconds: float = 0.0
    """Time for import and registration."""
    error: str = ""
    """Why the plugin is disabled; empty if it works."""
    suggestion: str = ""
    """What to type if the plugin is disabled."""
    api: int | None = None
    """The plugin API that the plugin was written for; None if it does not state one."""
    file: str = ""
    """The path of the plugin's module."""
    entries: list[Entry] = field(default_factory=list)

    @property
    def cards(self) -> Path | None:
        """The file of its reproduction cards, beside its module; None if there is none."""
        file = Path(self.file).with_name("cards.toml") if self.file else None
        return file if file and file.is_file() else None


plugins: list[Plugin] = []
"""Every discovered plugin of this process, sorted by name."""


def load_installed() -> Registry:
    """Find every installed plugin and collect its registrations. A broken plugin is one line on standard error.

    `GENZOO_DISABLE_PLUGINS` names distributions or entry points to skip, separated by commas.

    Raises:
        UsageError: There is no plugin at all: the checkout is not installed.
    """
    registry = Registry()
    plugins.clear()
    disabled = {name.strip() for name in os.environ.get("GENZOO_DISABLE_PLUGINS", "").split(",")}
    for origin, entry_point in _entry_points():
        if disabled & {origin.distribution, origin.plugin}:
            suggestion = "unset GENZOO_DISABLE_PLUGINS"
            plugins.append(Plugin(origin, error="left out by GENZOO_DISABLE_PLUGINS", suggestion=suggestion))
            continue
        plugin = _load(origin, entry_point.load, registry)
        if plugin.error:
            plugin.suggestion = plugin.suggestion or _suggestion(origin)
            warn(f"plugin {origin.plugin} of {origin} is disabled: {plugin.error}", plugin.suggestion)
    if not plugins:
        raise UsageError("no plugins found: this checkout is not installed", "type: pip install -e .")
    for (kind, name), entries in registry.clashes().items():
        claims = " and ".join(str(entry.origin) for entry in entries)
        ways = " or ".join(entry.full_name for entry in entries)
        warn(f"{kind} {name!r} is claimed by {claims}", f"type {ways}, or uninstall one")
    return registry


def load_file(path: Path, registry: Registry) -> Plugin:
    """Load a Python file as a plugin, to try it before packaging. Loading it again replaces its registrations.

    Raises:
        UsageError: There is no such file.
        PluginError: The file cannot be imported or violates a hook's contract. Its former registrations stay.
    """
    if not path.is_file():
        raise UsageError(f"-p {path}: no such file.{near(path)}".rstrip("."), "type: genzoo -p FILE.py …")
    # One module name for each path: the classes of a second plugin.py must not replace those of the first.
    name = "genzoo_file_" + re.sub(r"\W", "_", str(path.resolve()))

    def load() -> Any:
        file = path.resolve()
        specification = importlib.util.spec_from_file_location(name, file, loader=Uncached(name, str(file)))
        if file.suffix != ".py" or specification is None or specification.loader is None:
            raise PluginError("not a Python file")
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module  # so that f"{__name__}:Class" and class definitions find it
        specification.loader.exec_module(module)
        return module

    before, entries = sys.modules.get(name), registry.entries
    old = [plugin for plugin in plugins if plugin.file and Path(plugin.file) == path.resolve()]
    replaced = {id(entry) for plugin in old for entry in plugin.entries}
    registry.entries = [entry for entry in entries if id(entry) not in replaced]
    plugin = _load(Origin(path.name, "", path.stem), load, registry)
    if plugin.error:
        registry.entries = entries
        plugins.remove(plugin)
        if before:
            sys.modules[name] = before
        raise PluginError(f"-p {path}: {plugin.error}", plugin.suggestion or "for the traceback: genzoo --debug …")
    plugins[:] = [plugin for plugin in plugins if plugin not in old]
    return plugin


def _entry_points() -> list[tuple[Origin, metadata.EntryPoint]]:
    """Return all entry points sorted by name, so that the result does not depend on the file system's order.

    `metadata.entry_points()` would raise on the first package with damaged metadata, plugin or not.
    """
    packages: dict[str, list[tuple[Origin, metadata.EntryPoint]]] = {}
    for package in metadata.distributions():
        try:
            if f"[{GROUP}]" not in (package.read_text("entry_points.txt") or ""):
                continue
            name, version = package.metadata["Name"], package.version
            points = [(Origin(name, version, point.name), point) for point in package.entry_points.select(group=GROUP)]
            # A second copy of a package, later on sys.path, is hidden like its modules.
            packages.setdefault(re.sub(r"[-_.]+", "-", name).lower(), points)
        except Exception as error:  # its type depends on the version of Python
            folder = getattr(package, "_path", package.locate_file(""))
            damaged, suggestion = f"damaged metadata: {describe(error)}", "remove the folder or reinstall it"
            plugins.append(Plugin(Origin(str(folder), "", ""), error=damaged, suggestion=suggestion))
            warn(f"the package in {folder} has {damaged}", suggestion)
    return [point for name in sorted(packages) for point in sorted(packages[name], key=lambda point: point[0].plugin)]


def _load(origin: Origin, load: Callable[[], Any], registry: Registry) -> Plugin:
    plugin = Plugin(origin)
    plugins.append(plugin)
    start = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for results only
            module = load()
            plugin.file = getattr(module, "__file__", None) or ""
            plugin.api = _stated_api(module, origin)
            plugin.entries = list(_entries(origin, module))
            registry.add(plugin.entries)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and worse: a plugin must not end the program
        if debugging():
            sys.excepthook(type(error), error, error.__traceback__)
        plugin.error = " ".join(error.message.split()) if isinstance(error, GenzooError) else describe(error)
        plugin.suggestion = error.hint if isinstance(error, WrongAPI) else ""
        plugin.entries = []
    plugin.seconds = time.perf_counter() - start
    return plugin


def _stated_api(module: Any, origin: Origin) -> int | None:
    """Return the plugin API that a module states; None if it states none.

    Raises:
        WrongAPI: This genzoo does not support that API.
    """
    stated = getattr(module, STATED, None)
    if stated is None:
        return None
    if type(stated) is not int:
        raise WrongAPI(f"{STATED} is {stated!r:.40}, not a whole number", f"write: {STATED} = {hookspecs.API}")
    if stated > hookspecs.API:
        newer = f"it was written for plugin API {stated}, and this genzoo {__version__} has {hookspecs.API}"
        raise WrongAPI(newer, "pip install --upgrade genzoo")
    if stated < hookspecs.OLDEST_API:
        oldest = f"this genzoo {__version__} has {hookspecs.OLDEST_API} and later"
        raise WrongAPI(f"it was written for plugin API {stated}, and {oldest}", _suggestion(origin))
    return stated


def _entries(origin: Origin, module: Any) -> Iterator[Entry]:
    """Yield what a plugin module registers. A separate pluggy manager checks names and arguments of its hooks."""
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
    manager.hook.register_parts(register=_registrar_of_parts(origin, entries))
    if not entries:
        raise PluginError("it registers nothing: does it have a function marked @hookimpl?")
    yield from entries


def _registrar(kind: Kind, origin: Origin, entries: list[Entry]) -> Callable[..., None]:
    """Return the `register` function for a hook (see `genzoo.core.hookspecs`)."""

    def register(
        name: str,
        target: str | type,
        *,
        summary: str,
        paper: str = "",
        options: Mapping[str, Any] | None = None,
        loss: str = "",
        loss_options: Mapping[str, Any] | None = None,
        in_every_run: bool = False,
        training: Mapping[str, Any] | None = None,
        theory: str | Theory = "",
    ) -> None:
        if (kind == "model") != bool(loss):
            raise PluginError(f"{kind} {name!r}: {'name its loss: loss=…' if not loss else 'loss= is for models'}")
        if in_every_run and kind != "metric":
            raise PluginError(f"{kind} {name!r}: in_every_run= is for metrics")
        if training and kind != "model":
            raise PluginError(f"{kind} {name!r}: training= is for models")
        own, of_loss, of_trainer = dict(options or {}), dict(loss_options or {}), dict(training or {})
        entry = Entry(kind, name, target, summary, origin, paper, own, loss, of_loss, in_every_run, of_trainer, theory)
        entries.append(entry)

    register.__qualname__ = "register"  # a TypeError about a wrong call shows this name
    return register


def _registrar_of_parts(origin: Origin, entries: list[Entry]) -> Callable[..., None]:
    """Return the `register` function for the hook of parts."""

    def register(
        kind: PartKind, name: str, target: str | type, *, summary: str, paper: str = "", theory: str | Theory = ""
    ) -> None:
        if kind not in PARTS:
            raise PluginError(f"{name!r}: no parts of kind {kind!r}.{did_you_mean(kind, PARTS)}")
        entries.append(Entry(kind, name, target, summary, origin, paper, theory=theory))

    register.__qualname__ = "register"
    return register


@cache
def warn_of_other_version(origin: Origin, version: str) -> None:
    """Warn, once, that something was made with a version of a plugin's package that is not the installed one."""
    if origin.distribution != GROUP and version != origin.version:
        message = f"made with {origin.distribution} {version}, and {origin.version} is installed"
        warn(printable(message), f"pip install {shlex.quote(f'{origin.distribution}=={version}')}")


def debugging() -> bool:
    """Return whether to show tracebacks: `genzoo --debug` or GENZOO_DEBUG=1."""
    return os.environ.get("GENZOO_DEBUG", "") not in ("", "0")


def _suggestion(origin: Origin) -> str:
    if origin.distribution == GROUP:
        return "in a checkout type: pip install -e . elsewhere: pip install --force-reinstall genzoo"
    return f"pip install --upgrade {origin.distribution}, or pip uninstall {origin.distribution}"
