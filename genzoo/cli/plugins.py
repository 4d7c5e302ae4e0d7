"""genzoo plugins: the origin of each plugin, what it registers, and its faults."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from genzoo.cli.terminal import print_table
from genzoo.core.errors import PluginError, UsageError, did_you_mean
from genzoo.core.hookspecs import API
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.registry.discovery import Plugin


def add_verb(verbs: Any) -> None:
    """Add `plugins`."""
    plugins = verbs.add_parser("plugins", help="show what each plugin registers, and its faults")
    plugins.add_argument(
        "name", nargs="?", default="", help="details of a package or plugin, or of the plugin that registers a name"
    )
    plugins.set_defaults(handler=show_plugins)


def show_plugins(options: argparse.Namespace) -> int:
    """Print each plugin: its origin, its load time and what it registers, or why it is disabled and what to do."""
    shown = plugins_called(options.name)
    json_result(plugins=[as_row(plugin) for plugin in shown])
    if options.name:
        for plugin in shown:
            print("\n".join(details(plugin)))
        return 0
    rows = []
    for plugin in shown:
        names = ", ".join(f"{entry.kind} {entry.name}" for entry in plugin.entries)
        state = f"DISABLED  {plugin.error}" if plugin.error else f"{plugin.seconds * 1000:4.1f} ms  {names}"
        rows.append((str(plugin.origin), plugin.origin.plugin, state))
        rows += [("", "", plugin.suggestion)] if plugin.error else []
    lines = (f"{origin:24} {name:16} {state}" for origin, name, state in rows)
    print_table(rows, left=3, header=False, plain="\n".join(lines))
    return 0


def plugins_called(name: str) -> list[Plugin]:
    """Return the plugins of a distribution or entry point, or that registered a name; "" returns all.

    Raises:
        UsageError: There is no such plugin.
    """
    from genzoo.registry import discovery

    entries = {id(entry) for entry in registry().called(name)}
    found = [
        plugin
        for plugin in discovery.plugins
        if name in ("", plugin.origin.distribution, plugin.origin.plugin)
        or entries & {id(entry) for entry in plugin.entries}
    ]
    if not found:
        known = [word for plugin in discovery.plugins for word in (plugin.origin.distribution, plugin.origin.plugin)]
        raise UsageError(f"no plugin {name!r}.{did_you_mean(name, known)}", "type: genzoo plugins")
    return found


def as_row(plugin: Plugin) -> dict[str, Any]:
    """Return a plugin as a JSON value."""
    return {
        "distribution": plugin.origin.distribution,
        "version": plugin.origin.version,
        "plugin": plugin.origin.plugin,
        "api": plugin.api,
        "file": plugin.file,
        "registers": {kind: [e.name for e in plugin.entries if e.kind == kind] for kind in KINDS},
        "milliseconds": round(plugin.seconds * 1000, 1),
        "error": plugin.error,
        "suggestion": plugin.suggestion,
    }


def details(plugin: Plugin) -> list[str]:
    """Return the details of a plugin as lines; each of its classes is imported as a check."""
    rows = [f"plugin {plugin.origin.plugin} of {plugin.origin}"]
    rows.append(f"  file      {plugin.file or 'not imported'}")
    rows.append(f"  API       {'not stated' if plugin.api is None else plugin.api}; this genzoo has {API}")
    rows.append(f"  loaded    in {plugin.seconds * 1000:.1f} ms")
    if plugin.error:
        rows += [
            f"  DISABLED  {plugin.error}",
            f"  do        {plugin.suggestion}",
            "  traceback genzoo --debug plugins",
        ]
    for entry in plugin.entries:
        try:
            entry.load()
            state = "imports"
        except PluginError as error:
            state = f"BROKEN  {error.message}"
        target = entry.target if isinstance(entry.target, str) else entry.target.__qualname__
        rows.append(f"  {entry.kind:8}  {registry().spelling(entry)}  {target}  {state}")
    return rows
