"""Run listeners: what plugins hear of a run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genzoo.core.errors import GenzooError, PluginError
from genzoo.core.listener import Epoch, RunListener
from genzoo.registry.entries import Entry, Registry
from genzoo.registry.plugin_faults import error_line
from genzoo.runs.run import Run
from genzoo.training.callback import Listener


class RunListeners(Listener):
    """The listeners of one run, kept apart from it.

    Args:
        listeners: By the names they were asked for.
        warn: Gets the one line about a listener that fails.
    """

    def __init__(self, listeners: Mapping[str, RunListener], warn: Callable[[str], None]) -> None:
        self.listeners = dict(listeners)
        self.warn = warn
        self.run: Run | None = None

    def run_started(self, run: Run) -> None:
        """The run begins, or goes on."""
        self.run = run
        self._tell("run_started")

    def epoch_finished(self, record: Epoch) -> None:
        self._tell("epoch_finished", record)

    def run_finished(self, status: str) -> None:
        """The run is at its end."""
        self._tell("run_finished", status)

    def _tell(self, method: str, *what: Any) -> None:
        for name, listener in list(self.listeners.items()):
            try:
                with contextlib.redirect_stdout(sys.stderr):  # standard output carries results alone
                    getattr(listener, method)(self.run, *what)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit and worse: a plugin must not end the run
                del self.listeners[name]
                self.warn(f"listener {name} is told no more, for its {method} failed: {error_line(error)}")


def find_listeners(registry: Registry, names: Sequence[str]) -> dict[str, RunListener]:
    """New listeners for a run, by name.

    Raises:
        UsageError: An unknown name, or one that cannot listen here and says why.
        PluginError: One that cannot be imported or made.
    """
    return {name: _made(registry.get("listener", name)) for name in names}


def _made(entry: Entry) -> RunListener:
    listener_class: type[RunListener] = entry.load()
    try:
        return listener_class()
    except GenzooError:
        raise
    except Exception as error:
        raise PluginError(
            f"listener {entry.name!r} of {entry.origin} cannot be made: {error_line(error)}",
            "leave it out of --listeners",
        ) from error
