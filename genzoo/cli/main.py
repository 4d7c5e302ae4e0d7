"""The command line. Each verb has its module; no module imports torch before it is needed."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from genzoo.core.command import VERBS
from genzoo.core.errors import GenzooError, OutOfMemory, UsageError, did_you_mean
from genzoo.core.hookspecs import API
from genzoo.core.version import __version__
from genzoo.registry.entries import describe
from genzoo.system.heartbeat import ProcessLost
from genzoo.system.messages import reporting, reports_errors
from genzoo.system.signals import exit_code, terminable
from genzoo.system.streams import discard, tell, usable_streams

if TYPE_CHECKING:
    from genzoo.core.command import Command


class Parser(argparse.ArgumentParser):
    """A parser whose options are never abbreviated and whose errors are GenzooErrors."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("allow_abbrev", False)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        raise UsageError(shortened_choice(message.replace("argument VERB: ", "")), f"type: {self.prog} --help")


def shortened_choice(message: str) -> str:
    """Return an error of argparse; of a wrong choice what was meant, instead of all choices if they are many."""
    found = re.fullmatch(r"(?P<what>.*invalid choice: '(?P<word>.*)') \(choose from (?P<known>.*)\)", message)
    if not found:
        return message
    known = re.findall(r"[\w-]+", found["known"])
    meant = did_you_mean(found["word"], known)
    return f"{found['what']}.{meant}" if meant else message


TRAINING = frozenset({"run", "resume"})
"""Verbs that several processes run together."""
EPILOG = """\
start here:
  genzoo run vae mnist                  train, evaluate, draw
  genzoo run vae digits                 the same in seconds, without a download
  genzoo list                           all names, by kind; genzoo list --help explains the kinds
  genzoo info vae                       what a model is, and its options
  genzoo runs                           what was trained; genzoo help runs
options of a run have sections: --model.x, --loss.x, --data.x and --train.x. A name
that only one section has is typed without it, except for --data.x.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 is success, 1 failure, 2 invalid usage, 3 a loss that is not finite, 4 a faulty plugin, 5 out of memory; 129, 130
    and 143 are SIGHUP, SIGINT and SIGTERM.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with usable_streams(), reporting():
        return run_and_report(words)


def run_and_report(words: list[str]) -> int:
    """Run one command, print the reason of a failure and return the exit code."""
    try:
        with terminable():
            code = dispatch_or_exit(words)
        sys.stdout.flush()  # here, where a closed pipe is expected
        return code
    except GenzooError as error:
        show_traceback()
        if isinstance(error, ProcessLost):  # every process reports it: the first one may be lost
            tell(f"genzoo: {error}")
        else:
            print_failure(str(error), words)
        return error.exit_code
    except KeyboardInterrupt as error:
        print_failure("interrupted", words, before="\n")
        return exit_code(error)
    except BrokenPipeError:  # the reader of our output has ended, as in `genzoo list | head -1`
        discard(sys.stdout)
        return 141
    except Exception as error:
        show_traceback()
        discard_unwritable()
        failure = explained(error)
        print_failure(str(failure), words)
        return failure.exit_code


def print_failure(text: str, words: list[str], before: str = "") -> None:
    """Print a failure to standard error; of several training processes only the first one does."""
    if reports_errors(trains=not TRAINING.isdisjoint(words)):
        tell(f"{before}genzoo: {text}")


def discard_unwritable() -> None:
    """Discard output that cannot be written, as on a full disk: Python would report it once more at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        discard(sys.stdout)


def dispatch_or_exit(words: list[str]) -> int:
    """Run a command and return its exit code, also where argparse, tyro or a plugin raise SystemExit."""
    try:
        return dispatch(words)
    except SystemExit as stop:
        from genzoo.registry.plugin_faults import fault_of

        if fault := fault_of(stop):
            raise fault from stop
        return code_of_exit(stop)


def code_of_exit(stop: SystemExit) -> int:
    """Return the exit code of a SystemExit, whose `code` may be a text or None."""
    return stop.code if isinstance(stop.code, int) else int(bool(stop.code))


def dispatch(words: list[str]) -> int:
    """Parse the words and call the handler of the verb."""
    from genzoo.cli.loading import take_data_options

    anywhere = Parser(prog="genzoo", add_help=False)  # options that may stand before or after the verb
    anywhere.add_argument("--debug", action="store_true", help="print tracebacks")
    anywhere.add_argument("-p", dest="plugin_files", action="append", type=Path, default=[], metavar="FILE.py",
                          help="load a Python file as a plugin (may be repeated)")  # fmt: skip
    typed = list(words)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    general, words = anywhere.parse_known_args(words)
    if general.debug:
        os.environ["GENZOO_DEBUG"] = "1"
    description = "A plugin-based zoo of generative models."
    parser = Parser(prog="genzoo", description=description, epilog=EPILOG, parents=[anywhere])
    parser.add_argument("--version", action="version", version=f"genzoo {__version__}, plugin API {API}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    for verb in [word for word in words[:1] if word in VERBS] or VERBS:  # all of them take 15 ms
        importlib.import_module(f"genzoo.cli.{verb.replace('-', '_')}").add_verb(verbs)
    load_plugin_files(general.plugin_files)
    first = next((word for word in words if not word.startswith("-")), None)
    if first is None:
        parser.epilog = EPILOG + plugins_help()
    elif words[0] == first and first not in verbs.choices:
        add_command(first, verbs)
    moved: list[str] = []
    if first in verbs.choices and verbs.choices[first].get_default("moved") is not None:
        moved, words = take_data_options(words)  # before the verb's parser, which would take their values as files
    of_model: list[str] = []
    if first in verbs.choices and verbs.choices[first].get_default("of_model") is not None:
        of_model, words = take_other_options(words, verbs.choices[first])
    options, rest = parser.parse_known_args(words)
    options.moved, options.of_model = moved, of_model
    if rest and options.verb not in ("run", "resume", "bench", "race", "sweep"):
        raise UsageError(f"unrecognised: {' '.join(rest)}", f"type: genzoo {options.verb or ''}".rstrip() + " --help")
    if options.verb is None:
        parser.print_help()
        return 0
    options.rest, options.command, options.plugin_files = rest, typed, general.plugin_files
    code: int = options.handler(options)
    return code


def take_other_options(words: list[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """Separate options that a verb's parser does not know, each with its values, from the other words.

    An option has one value, or several numbers.
    """
    taken: list[str] = []
    rest: list[str] = []
    known = {spelling for action in parser._actions for spelling in action.option_strings}
    takes_value = takes_number = False
    for word in words:
        is_other = word.startswith("--") and word.partition("=")[0] not in {*known, "--"}
        is_value = not word.startswith("--") and (takes_value or (takes_number and is_number(word)))
        (taken if is_other or is_value else rest).append(word)
        takes_value = is_other and "=" not in word
        takes_number = takes_value or (is_value and is_number(word))
    return taken, rest


def is_number(word: str) -> bool:
    """Return whether a word is a number."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def add_command(name: str, verbs: Any) -> None:
    """Add the verb of a plugin's command.

    Raises:
        UsageError: There is no command of this name.
        PluginError: The command cannot be imported.
    """
    from genzoo.registry.current import registry

    if not registry().called(name, ["command"]):
        known = (*verbs.choices, *registry().names("command"))
        raise UsageError(f"no command named {name!r}.{did_you_mean(name, known)}", f"known: {', '.join(known)}")
    entry = registry().get("command", name)
    parser = verbs.add_parser(name, help=entry.summary, description=f"{entry.summary}  ({entry.origin})")
    command: Command = entry.load()()
    command.arguments(parser)
    parser.set_defaults(handler=lambda options: run_command(command, options))


def run_command(command: Command, options: argparse.Namespace) -> int:
    """Run a plugin's command and return its exit code, also where it raises SystemExit."""
    try:
        return command.run(options) or 0
    except SystemExit as stop:
        return code_of_exit(stop)


def plugins_help() -> str:
    """Return the commands of plugins as a part of the help."""
    from genzoo.registry.current import registry

    commands = registry().matching("command")
    rows = (f"  {registry().spelling(entry):20}  {entry.summary}" for entry in commands)
    return "\n".join(["\nfrom plugins:", *rows, ""]) if commands else ""


def load_plugin_files(files: list[Path]) -> None:
    """Load the files of `-p` as plugins, after the installed ones."""
    if files:
        from genzoo.registry.current import registry
        from genzoo.registry.discovery import load_file

        for file in files:
            load_file(file, registry())


def explained(error: Exception) -> GenzooError:
    """Return a GenzooError for any other exception: out of memory, a faulty plugin, a system error, or a bug."""
    from genzoo.registry.plugin_faults import fault_of

    if ran_out_of_memory(error):
        return OutOfMemory("out of memory", "use a smaller --batch-size or a smaller model")
    fault = fault_of(error)
    if fault is not None:
        return fault
    return system_error(error) if isinstance(error, OSError) else unexpected(error)


def system_error(error: OSError) -> GenzooError:
    """Return an unexpected error of the operating system as a GenzooError."""
    if error.filename is None:
        return GenzooError(f"system error: {error.strerror or error}", "for the traceback: genzoo --debug …")
    name = str(error.filename)
    return GenzooError(f"{name}: {error.strerror or error}", f"check its type and owner: ls -ld {shlex.quote(name)}")


def ran_out_of_memory(error: Exception) -> bool:
    """Return whether an error is about memory, by its text: torch may not have been imported."""
    text = describe(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def unexpected(error: Exception) -> GenzooError:
    """Return a GenzooError for a bug of genzoo or of a built-in plugin."""
    frames = traceback.extract_tb(error.__traceback__)
    # The last frame outside torch is the caller with the bug.
    own = [frame for frame in frames if "/torch/" not in frame.filename.replace(os.sep, "/")] or frames
    where = f"{own[-1].filename}:{own[-1].lineno}" if own else "unknown"
    text = str(error).strip().splitlines()
    first = f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")
    return GenzooError(first, f"at {where}; this is a bug of genzoo. For the traceback: genzoo --debug …")


def show_traceback() -> None:
    """Print the traceback of the current error under --debug."""
    from genzoo.registry.discovery import debugging

    if debugging():
        traceback.print_exc()
