"""genzoo list, info, plugins: what there is."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, PluginError, UsageError, did_you_mean
from genzoo.core.hookspecs import API
from genzoo.registry.answers import kept
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, WITH_OPTIONS, Entry, Kind

if TYPE_CHECKING:
    from genzoo.core.model import Model
    from genzoo.registry.discovery import Plugin

HEADINGS: dict[Kind, str] = {
    "model": "MODELS",
    "dataset": "DATASETS",
    "loss": "LOSSES",
    "metric": "METRICS",
    "listener": "LISTENERS",
    "command": "COMMANDS",
}
USE: dict[Kind, str] = {
    "command": "genzoo {name} --help",
    "listener": "genzoo run MODEL --dataset NAME --listeners {name}",
}
"""What to type for those that have no options of their own."""


def add_verbs(verbs: Any) -> None:
    """Adds `list`, `info` and `plugins`."""
    catalogue = verbs.add_parser("list", help="models, datasets, losses, metrics, listeners and commands")
    catalogue.add_argument("pattern", nargs="?", default="*", help="only names that match, such as '*vae*'")
    catalogue.add_argument("--kind", choices=KINDS, help="only one kind")
    catalogue.add_argument("--json", action="store_true", help="as JSON")
    catalogue.set_defaults(handler=show_list)
    info = verbs.add_parser("info", help="what one of them is, and its options")
    info.add_argument("name")
    info.set_defaults(handler=show_info)
    discovery = verbs.add_parser("plugins", help="where plugins come from, what they register, what is wrong with them")
    discovery.add_argument("name", nargs="?", default="", help="all about one package or plugin, or who brought a name")
    discovery.add_argument("--json", action="store_true", help="as JSON")
    discovery.set_defaults(handler=show_plugins)


def origin_of(entry: Entry) -> str:
    """Who brought an entry: "built-in", or a distribution and its version."""
    return "built-in" if entry.origin.distribution == "genzoo" else str(entry.origin)


def show_list(options: argparse.Namespace) -> int:
    """Prints the catalogue. Imports neither torch nor any plugin's code."""
    kinds = [options.kind] if options.kind else list(HEADINGS)
    found = {kind: registry().matching(kind, options.pattern) for kind in kinds}
    if options.json:
        rows = [
            {"kind": e.kind, "name": e.name, "summary": e.summary, "paper": e.paper, "origin": str(e.origin)}
            for entries in found.values()
            for e in entries
        ]
        print(json.dumps(rows, indent=2))
        return 0
    if not any(found.values()):
        raise UsageError(f"nothing matches {options.pattern!r}", "type: genzoo list")
    everything = [entry for entries in found.values() for entry in entries]
    names = max(len(entry.name) for entry in everything)
    summaries = max(len(entry.summary) for entry in everything)
    for kind, entries in found.items():
        for number, entry in enumerate(entries):
            heading = HEADINGS[kind] if number == 0 else ""
            print(f"{heading:9} {entry.name:{names}}  {entry.summary:{summaries}}  {origin_of(entry)}")
    return 0


def show_plugins(options: argparse.Namespace) -> int:
    """Prints every plugin: origin, what it registers, what loading it cost; why it is disabled and what to do."""
    shown = plugins_called(options.name)
    if options.json:
        print(json.dumps([as_row(plugin) for plugin in shown], indent=2))
        return 0
    for plugin in shown:
        if options.name:
            print("\n".join(details(plugin)))
            continue
        what = ", ".join(f"{entry.kind} {entry.name}" for entry in plugin.entries)
        state = f"DISABLED  {plugin.error}" if plugin.error else f"{plugin.seconds * 1000:4.1f} ms  {what}"
        print(f"{plugin.origin!s:24} {plugin.origin.plugin:16} {state}")
        if plugin.error:
            print(f"{'':41} {plugin.cure}")
    return 0


def plugins_called(name: str) -> list[Plugin]:
    """The plugins of a distribution, of an entry point, or that registered a name; all without one.

    Raises:
        UsageError: There is none.
    """
    from genzoo.registry import discovery

    entries = {id(entry) for entry in registry().called(name)}
    found = [
        plugin
        for plugin in discovery.found
        if name in ("", plugin.origin.distribution, plugin.origin.plugin)
        or entries & {id(entry) for entry in plugin.entries}
    ]
    if not found:
        known = [word for plugin in discovery.found for word in (plugin.origin.distribution, plugin.origin.plugin)]
        raise UsageError(f"no plugin {name!r}.{did_you_mean(name, known)}", "type: genzoo plugins")
    return found


def as_row(plugin: Plugin) -> dict[str, Any]:
    """A plugin as JSON."""
    return {
        "distribution": plugin.origin.distribution,
        "version": plugin.origin.version,
        "plugin": plugin.origin.plugin,
        "api": plugin.api,
        "file": plugin.file,
        "registers": {kind: [e.name for e in plugin.entries if e.kind == kind] for kind in KINDS},
        "milliseconds": round(plugin.seconds * 1000, 1),
        "error": plugin.error,
        "cure": plugin.cure,
    }


def details(plugin: Plugin) -> list[str]:
    """All about one plugin; each class is imported, to see whether that goes well."""
    rows = [f"plugin {plugin.origin.plugin} of {plugin.origin}"]
    rows.append(f"  file      {plugin.file or 'not imported'}")
    rows.append(f"  API       {'not stated' if plugin.api is None else plugin.api}; this genzoo has {API}")
    rows.append(f"  loaded    in {plugin.seconds * 1000:.1f} ms")
    if plugin.error:
        rows += [f"  DISABLED  {plugin.error}", f"  do        {plugin.cure}", "  traceback genzoo --debug plugins"]
    for entry in plugin.entries:
        try:
            entry.load()
            state = "imports"
        except PluginError as error:
            state = f"BROKEN  {error.message}"
        target = entry.target if isinstance(entry.target, str) else entry.target.__qualname__
        rows.append(f"  {entry.kind:8}  {registry().spelling(entry)}  {target}  {state}")
    return rows


def show_info(options: argparse.Namespace) -> int:
    """Prints all about one name, of whatever kind."""
    entries = registry().called(options.name)
    if not entries:
        known = [name for kind in KINDS for name in registry().names(kind)]
        raise UsageError(f"nothing is named {options.name!r}.{did_you_mean(options.name, known)}", "type: genzoo list")
    described = [description(entry) for entry in entries]
    for entry, lines in zip(entries, described, strict=True):
        print(f"{entry.kind} {entry.name} · {entry.summary}")
        print(f"  from      {origin_of(entry)}")
        if entry.paper:
            print(f"  paper     {entry.paper}")
        print("\n".join(lines))
    return 0


def description(entry: Entry) -> list[str]:
    """What its class tells of an entry, as lines: the losses and sizes of a model, the options; else how it is used."""
    if entry.kind not in WITH_OPTIONS:
        return [f"  use       {USE[entry.kind].format(name=registry().spelling(entry))}"]

    def work_out() -> list[str]:
        return [*(about_model(entry) if entry.kind == "model" else []), *about_options(entry)]

    lines: list[str] = kept(["info", entry.kind, entry.full_name], work_out)
    return lines


def about_model(entry: Entry) -> list[str]:
    """Which losses train a model and how large it is on each dataset."""
    from genzoo.core.model import count_parameters
    from genzoo.registry.configs import default_config
    from genzoo.runs.build import on_paper

    model = None
    sizes = []
    for dataset in registry().matching("dataset"):
        try:
            spec = dataset.load()(default_config(dataset, dataset.options)).spec
            model = on_paper(entry.load(), spec, default_config(entry, entry.options))
            sizes.append(f"  on {dataset.name:14} {count_parameters(model):>10,} parameters")
        except GenzooError as error:
            sizes.append(f"  on {dataset.name:14} {error.message}")
        except (RuntimeError, NotImplementedError):  # its constructor needs weights with values
            sizes.append(f"  on {dataset.name:14} unknown until it is built")
    changed = ", ".join(f"{name} {value}" for name, value in entry.loss_options.items())
    own = registry().loss_of(entry)
    others = [loss.name for loss in registry().matching("loss") if loss != own and accepts(loss, model)]
    return [f"  losses    {', '.join([entry.loss + (f' ({changed})' if changed else ''), *others])}", *sizes]


def accepts(loss: Entry, model: Model | None) -> bool:
    """Whether a loss trains a model; False for one whose plugin is broken."""
    try:
        return model is not None and loss.load().refuses(model) is None
    except GenzooError:
        return False


def about_options(entry: Entry) -> list[str]:
    """The options of an entry's Config, with type, default and help."""
    from genzoo.core.options import describe_fields
    from genzoo.registry.configs import default_config

    prefix = "data." if entry.kind == "dataset" else ""
    lines = []
    for name, type_name, default, text in describe_fields(default_config(entry, entry.options)):
        spelling = f"--{prefix}{name.replace('_', '-')} {type_name}"
        gap = "\n" + 37 * " " if len(spelling) > 34 else (35 - len(spelling)) * " "
        lines.append(f"  {spelling}{gap}{text} (default: {default})")
    return lines
