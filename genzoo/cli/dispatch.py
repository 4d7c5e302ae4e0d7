"""The verbs of the command line, each of which has its module; none imports torch before it is needed."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from genzoo.cli.layout import Layout
from genzoo.cli.words import (
    OF_A_RUN,
    add_general_options,
    add_verbs,
    general_help,
    listing,
    refuse_file,
    take_general_options,
    take_other_options,
    verbosity,
)
from genzoo.core.command import GROUPS, OTHER_WORDS, VERBS
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.hookspecs import API
from genzoo.core.version import __version__
from genzoo.system.json_output import no_result, prints_json
from genzoo.system.messages import warn
from genzoo.system.progress import progress, working

if TYPE_CHECKING:
    from genzoo.core.command import Command

EPILOG = """\
start here:
  genzoo run vae mnist          train, evaluate, draw
  genzoo run vae digits         the same in seconds, without a download
  genzoo info vae               what a model is, and its options
  genzoo help run               a command's page; with all options of a model:
  genzoo run vae digits --help
options of a run have sections: --model.x, --loss.x, --data.x and --train.x. A
name that only one section has is typed without it, except for --data.x.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose options are never abbreviated and whose errors are GenzooErrors."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", Layout)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def format_help(self) -> str:
        """Return the help; of a verb with the options of every command below its own."""
        return super().format_help() + (f"\n{general_help()}" if " " in self.prog else "")

    def error(self, message: str) -> NoReturn:
        advice = self.get_default("advice") or f"type: {self.prog} --help"
        raise UsageError(shortened_choice(message, self.prog), advice)


def shortened_choice(message: str, command: str) -> str:
    """Return an error of argparse in a command; of a wrong choice what was meant, instead of all if they are many."""
    message = message.replace("argument VERB: ", "")
    found = re.fullmatch(r"(?P<what>.*invalid choice: '(?P<word>.*)') \(choose from (?P<known>.*)\)", message)
    if not found:
        return message
    known = re.findall(r"[\w-]+", found["known"])
    said = {name: OTHER_WORDS.get(f"{command.removeprefix('genzoo ')} {name}", "") for name in known}
    meant = did_you_mean(found["word"], known, said)
    if found["word"] in VERBS:
        meant += f" There is: genzoo {found['word']}"
    return f"{found['what']}.{meant}" if meant else message


def dispatch(words: list[str]) -> int:
    """Take the options that stand anywhere, and run the verb."""
    if sys.platform == "win32":
        raise UsageError("genzoo does not run on Windows itself", "in its Subsystem for Linux: wsl --install")
    anywhere = Parser(prog="genzoo", add_help=False)
    add_general_options(anywhere)
    typed = list(words)
    general, words = take_general_options(anywhere, words)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    with progress(general.quiet), verbosity(2 if general.debug else general.verbose):
        working(" ".join(["genzoo", *words[:1]]))
        return run_verb(anywhere, general, words, typed)


def run_verb(anywhere: Parser, general: argparse.Namespace, words: list[str], typed: list[str]) -> int:
    """Parse the words of a verb and call its handler.

    Args:
        anywhere: The options that stand anywhere.
        general: Their values.
        words: The other words.
        typed: All words of the command line.
    """
    from genzoo.cli.config import naming_defaults, use_defaults
    from genzoo.cli.loading import take_data_options

    if words == ["json", "--help"]:
        from genzoo.cli.json_schemas import show_schemas

        return show_schemas()
    parser = Parser(prog="genzoo", epilog=EPILOG, parents=[anywhere], usage="genzoo VERB …")
    parser.add_argument("--version", action="version", version=f"genzoo {__version__}, plugin API {API}")
    verbs = add_verbs(parser, words)
    use_defaults(verbs.choices.get(words[0]) if words else None)
    load_plugin_files(general.plugin_files)
    first = next((word for word in words if not word.startswith("-")), None)
    if first is None:
        parser.description = f"A plugin-based zoo of generative models.\n\n{grouped(verbs)}{plugins_help()}"
    elif words[0] == first and first not in verbs.choices:
        add_command(first, verbs)
    of_verb = verbs.choices.get(first or "")
    moved: list[str] = []
    if of_verb and of_verb.get_default("moved") is not None:
        moved, words = take_data_options(words)  # before the verb's parser, which would take their values as files
    of_model: list[str] = []
    if of_verb and of_verb.get_default("of_model") is not None:
        of_model, words = take_other_options(words, of_verb)
    if general.json and of_verb and "--json" in of_verb._option_string_actions:
        words = [*words, "--json"]
        prints_json()
    options, rest = parser.parse_known_args(listing(words, of_verb))
    options.moved, options.of_model = moved, of_model
    refuse_file(typed, rest, of_verb or parser)
    if rest and options.verb not in OF_A_RUN:
        advice = getattr(options, "advice", f"type: genzoo {options.verb or ''}".rstrip() + " --help")
        raise UsageError(f"unrecognised: {' '.join(rest)}", advice)
    if options.verb is None:
        parser.print_help()
        return 0
    options.rest, options.command, options.plugin_files = rest, typed, general.plugin_files
    options.json, options.quiet, options.verbose = general.json, general.quiet, general.verbose
    with naming_defaults(typed):
        code: int = options.handler(options)
    return code


def grouped(verbs: Any) -> str:
    """Return the verbs in their groups, a line each, as a part of the help."""
    summaries = {choice.dest: choice.help for choice in verbs._choices_actions}
    lines = []
    for group, own in GROUPS.items():
        lines += [f"{group}:", *(f"    {verb:12} {summaries[verb]}" for verb in own)]
    return "\n".join(lines) + "\n"


def add_command(name: str, verbs: Any) -> None:
    """Add the verb of a plugin's command.

    Raises:
        UsageError: There is no command of this name.
        PluginError: The command cannot be imported.
    """
    from genzoo.registry.current import registry

    if not registry().called(name, ["command"]):
        known = {verb: OTHER_WORDS.get(verb, "") for verb in VERBS} | registry().summaries("command")
        raise UsageError(f"no command named {name!r}.{did_you_mean(name, known, known)}", "all commands: genzoo help")
    entry = registry().get("command", name)
    parser = verbs.add_parser(name, help=entry.summary, description=f"{entry.summary}  ({entry.origin})")
    command: Command = entry.load()()
    command.arguments(parser)
    parser.set_defaults(handler=lambda options: run_command(command, options))


def run_command(command: Command, options: argparse.Namespace) -> int:
    """Run a plugin's command and return its exit code, also where it raises SystemExit."""
    try:
        code = command.run(options) or 0
    except SystemExit as stop:
        code = code_of_exit(stop)
    if options.json and no_result():
        warn(f'{options.verb} gives no JSON: what it prints is in "text"', "it is a command of a plugin")
    return code


def code_of_exit(stop: SystemExit) -> int:
    """Return the exit code of a SystemExit, whose `code` may be a text or None."""
    return stop.code if isinstance(stop.code, int) else int(bool(stop.code))


def plugins_help() -> str:
    """Return the commands of plugins as a part of the help."""
    from genzoo.registry.current import registry

    commands = registry().matching("command")
    rows = (f"    {registry().spelling(entry):12} {entry.summary}" for entry in commands)
    return "\n".join(["from plugins:", *rows, ""]) if commands else ""


def load_plugin_files(files: list[Path]) -> None:
    """Load the files of `-p` as plugins, after the installed ones."""
    if files:
        from genzoo.registry.current import registry
        from genzoo.registry.discovery import load_file

        for file in files:
            load_file(file, registry())
