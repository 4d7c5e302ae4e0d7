"""`genzoo config [show | set | unset | path]`: the user's own defaults."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genzoo.cli.terminal import print_table
from genzoo.core.errors import UsageError
from genzoo.runs import user_defaults
from genzoo.system.json_output import json_result

OF_ALL_VERBS = {"runs": "runs", "data_root": "data-root", "device": "device"}
"""The keys that more verbs than `run` have an option for, by the names that parsers give these options."""
RUNS = Path("runs")
EPILOG = """\
without a verb: show all. A --config file and the command line override these defaults.
The trainer's options are defaults of `genzoo run`; the folders and the device, of all commands.

  genzoo config set runs ~/runs
  genzoo config set device cuda:1
  genzoo config set listeners tensorboard,mine
  genzoo config unset device
"""


def add_verb(subparsers: Any) -> None:
    """Add `config` with its own verbs."""
    summary = "show and change your own defaults of options"
    config = subparsers.add_parser("config", help=summary, description=summary, epilog=EPILOG)
    config.set_defaults(handler=show)
    verbs = config.add_subparsers(dest="config_verb", metavar="VERB")

    def verb(name: str, handler: Any, summary: str, *arguments: str) -> None:
        parser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        for argument in arguments:
            parser.add_argument(argument.lower(), metavar=argument)
        parser.set_defaults(handler=handler)

    verb("show", show, "show every default, and where it comes from")
    verb("set", set_default, "set a default", "KEY", "VALUE")
    verb("unset", unset_default, "go back to genzoo's default", "KEY")
    verb("path", print_path, "print the path of the file")


def show(options: argparse.Namespace) -> int:
    """Print each key, its value and where the value comes from."""
    rows = defaults()
    as_json = {key: {"value": value, "from": where} for key, value, where in rows}
    json_result(file=user_defaults.path(), defaults=as_json)
    print_table([["key", "value", "from"], *([key, shown(value), where] for key, value, where in rows)], left=3)
    return 0


def defaults() -> list[tuple[str, Any, str]]:
    """Return each key with its value, and where it comes from: "config.toml:3", a variable, or "" for genzoo's own."""
    written, own = user_defaults.text(), user_defaults.read()
    trainer = vars(user_defaults.of_trainer(own))
    of_genzoo: dict[str, tuple[Any, str]] = {"runs": ("runs", "")}
    variable = os.environ.get("GENZOO_DATA", "")
    of_genzoo["data-root"] = (variable, "$GENZOO_DATA") if variable else ("", "")
    rows = []
    for key in user_defaults.known_keys():
        value, where = of_genzoo.get(key) or (trainer[key.replace("-", "_")], "")
        if key in own:
            value, where = own[key], f"{user_defaults.path().name}:{user_defaults.line_of(key, written)}"
        rows.append((key, value, where))
    return rows


def shown(value: Any) -> str:
    """Return a value as text."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def set_default(options: argparse.Namespace) -> int:
    """Set a default and print it."""
    key = options.key.replace("_", "-")
    value = user_defaults.set_to(key, options.value)
    json_result(key=key, value=value)
    print(f"{key} = {shown(value)}")
    return 0


def unset_default(options: argparse.Namespace) -> int:
    """Remove a default, and print which one holds now."""
    key = options.key.replace("_", "-")
    user_defaults.unset(key)
    value = next(value for name, value, _ in defaults() if name == key)
    json_result(key=key, value=value)
    print(f"{key} = {shown(value)}")
    return 0


def print_path(options: argparse.Namespace) -> int:
    """Print the path of the file."""
    json_result(file=user_defaults.path())
    print(user_defaults.path())
    return 0


def use_defaults(parser: argparse.ArgumentParser | None) -> None:
    """Let a verb's --runs, --data-root and --device, also those of the verbs below it, have the user's defaults."""
    actions = list(actions_of(parser)) if parser else []
    own = user_defaults.read() if any(action.dest in OF_ALL_VERBS for action in actions) else {}
    for action in actions:
        key = OF_ALL_VERBS.get(action.dest, "")
        if key in own and action.default in (None, "auto", RUNS) and not (key == "runs" and action.default != RUNS):
            action.default = own[key] if key == "device" else user_defaults.folder(key)


@contextmanager
def naming_defaults(typed: Sequence[str]) -> Iterator[None]:
    """Within the context, an error about an option that was not typed names the line of the user's default."""
    try:
        yield
    except UsageError as error:
        named = re.match(r"--([\w-]+)", error.message)
        key = named[1] if named else ""
        given = any(word.partition("=")[0].rpartition(".")[2].lstrip("-") == key for word in typed)
        if key and not given and key in user_defaults.read():
            where = f"{user_defaults.path()}:{user_defaults.line_of(key, user_defaults.text())}"
            error.hint = f"{error.hint}\nyour own default: {where}".strip()
        raise


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inside in action.choices.values():
                yield from actions_of(inside)
