"""Checks of a plugin's registrations: names, texts, options and the cost of importing."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from genzoo.core.hookspecs import API
from genzoo.core.options import describe_fields, from_json, option, to_json
from genzoo.registry.configs import default_config, default_sampling
from genzoo.registry.current import registry
from genzoo.registry.deprecation import uses
from genzoo.registry.discovery import GROUP, STATED, plugins
from genzoo.registry.entries import WITH_OPTIONS, Entry
from genzoo.runs.config import default_training
from genzoo.testing.check import Check, require
from genzoo.testing.theory import prove, statement

MILLISECONDS = 300
LONGEST = 100
"""Largest number of characters of a summary: `genzoo list` shows it on one line."""
TIMED = """
import json, sys, time
import genzoo.core.hookspecs
start = time.perf_counter()
import {module}
print(json.dumps([1000 * (time.perf_counter() - start), "torch" in sys.modules]))
"""


def check_light(entry: Entry) -> None:
    """The package registers without importing torch, in less than 300 ms."""
    module = _module(entry)
    if not module:  # a file or a notebook
        return
    ran = subprocess.run(  # noqa: S603 (the module is installed, and was imported to register)
        [sys.executable, "-c", TIMED.format(module=module)], capture_output=True, text=True, timeout=60
    )
    require(ran.returncode == 0, f"importing {module} fails: {(ran.stderr.strip() or 'no output').splitlines()[-1]}")
    took, torch = json.loads(ran.stdout.splitlines()[-1])
    require(not torch, f"importing {module} imports torch, which costs every genzoo command a second")
    require(took < MILLISECONDS, f"importing {module} takes {took:.0f} ms")


def _module(entry: Entry) -> str:
    """Return the module that registers an entry; "" if it is not from an installed package."""
    for point in metadata.entry_points(group=GROUP):
        owner = point.dist.metadata["Name"] if point.dist else ""
        if (owner, point.name) == (entry.origin.distribution, entry.origin.plugin):
            return point.module
    return ""


def check_class(entry: Entry) -> None:
    """The class can be imported."""
    entry.load()


def check_api(entry: Entry) -> None:
    """The package states the plugin API that it was written for, so that later versions of genzoo can check it."""
    if entry.origin.distribution == GROUP or not entry.origin.version:  # genzoo itself; a file or a notebook
        return
    plugin = next(plugin for plugin in plugins if plugin.origin == entry.origin)
    require(plugin.api is not None, f"{STATED} is not stated")


def check_current(entry: Entry) -> None:
    """The plugin uses no deprecated name of genzoo."""
    file = getattr(sys.modules[entry.load().__module__], "__file__", None)
    if file is None:  # the cells of a notebook
        return
    home = str(Path(file).parent) if entry.origin.version else file  # a package's folder; a file
    old = [use for use in uses if use.file.startswith(home)]
    require(not old, f"{old[0].old} is deprecated; write {old[0].new}" if old else "")


def check_options(entry: Entry) -> None:
    """Every option has a default of its type and is restored unchanged from JSON."""
    if entry.kind not in WITH_OPTIONS:
        return
    config = default_config(entry, entry.options)
    again = from_json(type(config), json.loads(json.dumps(to_json(config))))
    require(again == config, f"the options read back from JSON are {again}, not {config}")
    if entry.kind == "model":
        default_sampling(entry, entry.options)
        default_training(entry)


def check_help(entry: Entry) -> None:
    """Every option has a help text."""
    if entry.kind not in WITH_OPTIONS:
        return
    rows = describe_fields(default_config(entry, entry.options))
    rows += describe_fields(default_sampling(entry, entry.options)) if entry.kind == "model" else []
    silent = [option(name) for name, _, _, text in rows if not text]
    require(not silent, f"no help for {', '.join(silent)}")


def check_summary(entry: Entry) -> None:
    """The summary describes the entry in one line."""
    require(bool(entry.summary.strip()), "the summary is empty")
    fits = "\n" not in entry.summary and len(entry.summary) <= LONGEST
    require(fits, f"the summary is {len(entry.summary)} characters long, or several lines")


def check_paper(entry: Entry) -> None:
    """A model names its paper."""
    require(bool(entry.paper) or entry.kind != "model", "no paper is named")


def check_names(entry: Entry) -> None:
    """The entry has one name, which no other package uses."""
    others = [other for other in registry().matching(entry.kind) if other != entry]
    same = [other.name for other in others if _same(other, entry)]
    require(not same, f"{', '.join(same)} is the same class with the same options")
    rivals = [str(other.origin) for other in others if other.name == entry.name]
    require(not rivals, f"{' and '.join(rivals)} also has the name {entry.name!r}; users type {entry.full_name}")


def check_theory(entry: Entry) -> str | None:
    """The numbers of its theory hold."""
    if not entry.theory:
        return "no theory is registered"
    proof = prove(entry)
    require(not proof.fault, proof.fault)
    wrong = proof.refuted
    found = "; ".join(f"{case.what}: {statement(case)}" for case in wrong[:3])
    require(not wrong, f"{len(wrong)} of {len(proof.cases)} cases do not hold: {found}")
    return None


def _same(one: Entry, other: Entry) -> bool:
    """Return whether two entries are the same class with the same options and loss."""
    return all(
        getattr(one, field) == getattr(other, field)
        for field in ("target", "options", "loss", "loss_options", "training")
    )


REGISTRATION: dict[str, Check[Entry]] = {
    "light": Check(
        check_light, 'register the class as text, "package.module:Class", and import torch only in that module'
    ),
    "class": Check(check_class, "for the traceback: genzoo --debug check …"),
    "api": Check(check_api, f"write beside the hooks: {STATED} = {API}", warns=True),
    "current": Check(check_current, "use the replacement", warns=True),
    "options": Check(check_options, "fix the field of its Config, which is decorated with @genzoo.config"),
    "help": Check(check_help, "write a docstring below each field of its Config", warns=True),
    "summary": Check(check_summary, "register(…, summary=…) with one short line"),
    "paper": Check(check_paper, "register(…, paper=…): authors, year, arXiv number", warns=True),
    "names": Check(check_names, "keep one of the names", warns=True),
    "theory": Check(check_theory, "genzoo prove NAME shows every case; correct the formula, or the case"),
}
"""The checks of everything registered."""
