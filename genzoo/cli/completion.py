"""`genzoo completion bash | zsh | fish`: completion of words in a shell, by argcomplete.

The shell starts genzoo anew at each press of TAB, so nothing here imports torch. The options of models, losses, data
sets and the trainer come from the cache of answers. Where they are not there, a process in the background collects
them for the next time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, UsageError
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.registry.entries import Kind

SHELLS = {
    "bash": ('eval "$(genzoo completion bash)"', "~/.bashrc"),
    "zsh": ('eval "$(genzoo completion zsh)"', "~/.zshrc"),
    "fish": ("genzoo completion fish | source", "~/.config/fish/config.fish"),
}
"""For each shell the line that turns completion on, and the file to write it into."""
QUESTION = "options for completion"
COLLECT = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])  # answers are kept for each path
from genzoo.cli.completion import collect
collect()
"""
PATIENCE = 60.0
"""Seconds after which the collecting process is believed to have failed, and another one may start."""
Options = dict[str, list[str]]
"""The spelling of each option, with the values to choose from."""


def add_verb(verbs: Any) -> None:
    """Add `completion`."""
    text = "let a shell complete verbs, names, runs and options"
    lines = "\n".join(f"  {file:28}  {line}" for line, file in SHELLS.values())
    completion = verbs.add_parser(
        "completion",
        help=text,
        description=f"{text.capitalize()}.\nWrite one line into your shell's file, and start a new shell:\n\n{lines}",
    )
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(handler=print_script)


def print_script(options: argparse.Namespace) -> int:
    """Print the script of a shell."""
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise UsageError("completion needs argcomplete", 'pip install "genzoo[completion]"') from None
    script = shellcode(["genzoo"], shell=options.shell)
    json_result(shell=options.shell, script=script)
    print(script)
    if options_there() is None:
        collect_in_background()
    return 0


def answer() -> None:
    """Answer the shell that asks for completions, and end the process; without argcomplete there are none."""
    try:
        import argcomplete
    except ImportError:
        return
    line, point = os.environ.get("COMP_LINE", ""), os.environ.get("COMP_POINT", "0")
    with suppress(GenzooError, ValueError):
        _, _, _, words, _ = argcomplete.lexers.split_line(line, int(point))
        argcomplete.autocomplete(parser_for(words[1:]), always_complete_options=False)


def parser_for(words: list[str]) -> argparse.ArgumentParser:
    """Return a parser with the arguments of the verb that is typed, and with what completes each."""
    from genzoo.cli.config import actions_of
    from genzoo.cli.words import OF_A_RUN, add_general_options, add_verbs

    parser = argparse.ArgumentParser(prog="genzoo", allow_abbrev=False)
    parser.add_argument("--version", action="store_true")
    add_general_options(parser)
    verbs = add_verbs(parser, words)
    verb = words[0] if words else ""
    if verb not in verbs.choices:
        for name in registered("command"):
            verbs.add_parser(name, help="")
        return parser
    own = verbs.choices[verb]
    if verb == "run":
        add_names_and_options(own, words)
    elif verb in OF_A_RUN:
        add_options(own, (options_there() or {}).get("resume" if verb == "resume" else "trainer", {}))
    for action in actions_of(parser):
        if completer := completer_of(action, verb):
            action.completer = completer  # type: ignore[attr-defined]
    return parser


def add_names_and_options(parser: argparse.ArgumentParser, words: list[str]) -> None:
    """Add what `genzoo run` reads in its second pass: model, data set, and the options of what was typed already."""
    names: Any = parser.add_argument("names", nargs="*")
    names.completer = lambda parsed_args, **_: registered("dataset" if parsed_args.names else "model")
    known = options_there() or {}
    typed = [word for word in words[1:] if not word.startswith("-")]
    for kind in ("model", "loss", "dataset"):
        for name in typed:
            add_options(parser, known.get(f"{kind} {name}", {}))
    loss = known.get("losses", {}).get(typed[0] if typed else "", [])
    add_options(parser, known.get(f"loss {loss[0]}", {}) if loss else {})
    add_options(parser, known.get("trainer", {}))


def add_options(parser: argparse.ArgumentParser, options: Options) -> None:
    """Add options, each with one value or with several."""
    for spelling, values in options.items():
        if spelling not in parser._option_string_actions:
            parser.add_argument(spelling, choices=values or None, nargs=None if values else "+", help="")


def completer_of(action: argparse.Action, verb: str) -> Callable[..., Iterable[str]] | None:
    """Return what completes the values of an argument; None leaves files to the shell."""
    from genzoo.registry.entries import PARTS

    name = action.option_strings[0].lstrip("-") if action.option_strings else str(action.metavar or action.dest)
    kinds: dict[str, Kind] = {"models": "model", "listeners": "listener", "metrics": "metric", "sort": "metric"}
    kinds.update(model="model", dataset="dataset", loss="loss")
    kinds.update((part, part) for part in PARTS)
    kind = kinds.get(name)
    if kind is not None:
        return lambda **_: registered(kind)
    if action.dest == "run" or name.upper() == "RUN":
        return lambda parsed_args, **_: run_names(getattr(parsed_args, "runs", None))
    if action.dest == "name" and verb != "new-plugin":
        kinds_of_verb = ("dataset",) if verb == "data" else ("model", "loss", "dataset", "metric")
        return lambda **_: registered(*kinds_of_verb)
    return None


def registered(*kinds: str) -> list[str]:
    """Return the registered names of kinds."""
    from genzoo.registry.current import registry

    return [name for kind in kinds for name in registry().names(kind)]  # type: ignore[arg-type]


def run_names(root: Path | None) -> Iterator[str]:
    """Yield the names of runs; two references that are no names; and nothing where there are no runs."""
    from genzoo.comparison.references import default_runs, places
    from genzoo.runs.overview import run_folders

    found = [path.name for path in run_folders(places(root or default_runs()))]
    yield from dict.fromkeys(found)
    yield from ("@last", "@best:") if found else ()


def options_there() -> dict[str, Any] | None:
    """Return the options of everything, as `collect` keeps them; None where that is still to come."""
    from genzoo.registry.answer_cache import recalled

    found = recalled(QUESTION)
    if found is None:
        collect_in_background()
    return found if isinstance(found, dict) else None


def collect_in_background() -> None:
    """Start a process that runs `collect`, unless one has started a moment ago."""
    import subprocess

    from genzoo.registry.answer_cache import FOLDER
    from genzoo.system.atomic import user_cache

    cache = user_cache()
    if cache is None:
        return
    mark = cache / FOLDER / "collecting"
    with suppress(OSError):
        mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if mark.exists() and time.time() - mark.stat().st_mtime < PATIENCE:
            return
        mark.touch()
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("_ARGC", "COMP_"))}
        nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        command = [sys.executable, "-c", COLLECT, json.dumps(sys.path)]
        subprocess.Popen(command, env=variables, start_new_session=True, **nowhere)  # type: ignore[call-overload]  # noqa: S603


def collect() -> None:
    """Keep the options of every model, loss and data set and of the trainer. Imports torch."""
    from genzoo.core.options import describe_fields, option
    from genzoo.experiment.resume import MAY_CHANGE
    from genzoo.registry.answer_cache import remember
    from genzoo.registry.configs import default_config
    from genzoo.registry.current import registry
    from genzoo.training.config import Training

    def options_of(config: Any, prefix: str = "--") -> Options:
        rows = describe_fields(config)
        choices = {name: kind.strip("{}").split(",") if kind.startswith("{") else [] for name, kind, _, _ in rows}
        return {prefix + name.replace("_", "-"): values for name, values in choices.items()}

    trainer = options_of(Training())
    found: dict[str, Any] = {"trainer": trainer, "resume": {name: trainer[name] for name in map(option, MAY_CHANGE)}}
    found["losses"] = {}
    for kind, prefix in (("model", "--"), ("loss", "--"), ("dataset", "--data.")):
        for entry in registry().matching(kind):  # type: ignore[arg-type]
            with suppress(GenzooError):  # a plugin that cannot be imported has no options
                found[f"{kind} {entry.name}"] = options_of(default_config(entry, entry.options), prefix)
            if kind == "model":
                found["losses"][entry.name] = [entry.loss]
    remember(QUESTION, found)
