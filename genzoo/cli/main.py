"""The command line: what a command prints where it fails, as text or as JSON, and its exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from genzoo.cli.dispatch import code_of_exit, dispatch
from genzoo.cli.failures import explained, show_traceback, system_error
from genzoo.cli.words import verb_of
from genzoo.core.errors import GenzooError
from genzoo.core.spelling import as_typed
from genzoo.system.heartbeat import ProcessLost
from genzoo.system.json_output import documented, json_error
from genzoo.system.messages import reporting, reports_errors
from genzoo.system.signals import exit_code, terminable
from genzoo.system.streams import discard, tell, usable_streams

TRAINING = frozenset({"run", "resume"})
"""Verbs that several processes run together."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 is success, 1 failure, 2 invalid usage, 3 a loss that is not finite, 4 a faulty plugin, 5 out of memory; 129, 130
    and 143 are SIGHUP, SIGINT and SIGTERM.
    """
    if "_ARGCOMPLETE" in os.environ:
        from genzoo.cli.completion import answer

        answer()
    words = list(sys.argv[1:] if arguments is None else arguments)
    with usable_streams(), reporting(), as_typed():
        return run_as_json(words) if "--json" in words else run_and_report(words)


def run_as_json(words: list[str]) -> int:
    """Run one command, print its result or error as one JSON document and return the exit code."""
    with documented(verb_of(words)) as document:
        code = run_and_report(words)
    if not reports_errors(trains=not TRAINING.isdisjoint(words)):
        return code
    try:
        print(document.as_json(indent=2 if sys.stdout.isatty() else None))
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
        return 141
    except OSError as error:
        discard(sys.stdout)
        tell(f"genzoo: {system_error(error)}")
        return 1
    return code


def run_and_report(words: list[str]) -> int:
    """Run one command, print the reason of a failure and return the exit code."""
    try:
        with terminable():
            code = dispatch_or_exit(words)
        sys.stdout.flush()  # here, where a closed pipe is expected
        return code
    except GenzooError as error:
        show_traceback()
        json_error(error.message, error.hint, error.exit_code)
        if isinstance(error, ProcessLost):  # every process reports it: the first one may be lost
            tell(f"genzoo: {error}")
        else:
            print_failure(str(error), words)
        return error.exit_code
    except KeyboardInterrupt as error:
        json_error("interrupted", "", exit_code(error))
        print_failure("interrupted", words, before="\n")
        return exit_code(error)
    except BrokenPipeError:  # the reader of our output has ended, as in `genzoo list | head -1`
        discard(sys.stdout)
        return 141
    except Exception as error:
        show_traceback()
        discard_unwritable()
        failure = explained(error)
        json_error(failure.message, failure.hint, failure.exit_code)
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
