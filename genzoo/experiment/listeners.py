"""Calling the run listeners that plugins provide."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genzoo.core.errors import GenzooError, PluginError, UsageError
from genzoo.core.listener import Epoch, RunListener, StopRun
from genzoo.registry.entries import Entry, Registry
from genzoo.registry.plugin_faults import error_line
from genzoo.runs.run import Run
from genzoo.training.callback import Listener


class RunListeners(Listener):
    """The listeners of one run. One that fails is dropped with a warning and never ends the run, but by StopRun.

    Args:
        listeners: By name.
        warn: Takes one line about a listener that failed.
    """

    def __init__(self, listeners: Mapping[str, RunListener], warn: Callable[[str], None]) -> None:
        self.listeners = dict(listeners)
        self.warn = warn
        self.run: Run | None = None
        self.stop: StopRun | None = None
        """Raised by a listener; the others are called before the run ends."""

    def run_started(self, run: Run) -> None:
        """Tell all listeners that the run starts or resumes."""
        self.run = run
        self._call("run_started")

    def epoch_finished(self, record: Epoch) -> None:
        self._call("epoch_finished", record)
        if self.stop:
            raise self.stop

    def run_finished(self, status: str) -> None:
        """Tell all listeners that the run ended."""
        self._call("run_finished", status)

    def _call(self, method: str, *what: Any) -> None:
        for name, listener in list(self.listeners.items()):
            try:
                with contextlib.redirect_stdout(sys.stderr):  # standard output is for results
                    getattr(listener, method)(self.run, *what)
            except KeyboardInterrupt:
                raise
            except StopRun as stop:
                self.stop = stop
            except BaseException as error:  # SystemExit and worse: a plugin must not end the run
                del self.listeners[name]
                self.warn(f"listener {name} is dropped: its {method} failed: {error_line(error)}")


def find_listeners(registry: Registry, names: Sequence[str]) -> dict[str, RunListener]:
    """Return new listeners by name: "name", or "name:WORD" with what is asked of it.

    Raises:
        UsageError: An unknown name or word, or a listener that refuses this run.
        PluginError: A listener that cannot be imported or created.
    """
    found = {}
    for name in names:
        plain, *asked = name.split(":")
        found[plain] = _created(registry.get("listener", plain), asked)
    return found


def _created(entry: Entry, asked: Sequence[str]) -> RunListener:
    listener_class: type[RunListener] = entry.load()
    for word in asked:
        if word not in listener_class.words:
            known = " or ".join(f"{entry.name}:{known}" for known in listener_class.words)
            raise UsageError(
                f"--listeners {entry.name}:{word}: {entry.name} takes no {word!r}",
                f"type: --listeners {entry.name}" + f", or {known}" * bool(known),
            )
    try:
        listener = listener_class()
        listener.asked = tuple(asked)
        return listener
    except GenzooError:
        raise
    except Exception as error:
        raise PluginError(
            f"listener {entry.name!r} of {entry.origin} cannot be created: {error_line(error)}",
            "leave it out of --listeners",
        ) from error
