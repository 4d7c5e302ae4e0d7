"""Checks of a registered command and of a registered run listener."""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from genzoo.core.command import Command
from genzoo.core.listener import Epoch, RunListener
from genzoo.registry.entries import Entry
from genzoo.runs.run import Run
from genzoo.testing.check import Check, require

EPOCHS = 2


@dataclass(frozen=True)
class CommandTarget:
    """A registered command."""

    entry: Entry

    def parser(self) -> argparse.ArgumentParser:
        """Return the command's argument parser."""
        parser = argparse.ArgumentParser(prog=f"genzoo {self.entry.name}")
        command: Command = self.entry.load()()
        command.arguments(parser)
        return parser


def check_command(target: CommandTarget) -> None:
    """The class is a genzoo.Command that defines run."""
    command = target.entry.load()
    require(issubclass(command, Command), f"{command.__name__} is not a genzoo.Command")
    require(command.run is not Command.run, f"{command.__name__} does not define run(options)")


def check_arguments(target: CommandTarget) -> None:
    """The command's help can be printed and describes every argument."""
    parser = target.parser()
    require(target.entry.name in parser.format_help(), "its help cannot be printed")
    silent = [action.option_strings or action.dest for action in parser._actions if not action.help]
    require(not silent, f"no help for {silent[0] if silent else ''}")


@dataclass(frozen=True)
class ListenerTarget:
    """A registered run listener."""

    entry: Entry

    def notify(self, folder: Path, status: str, results: bool, epochs: int = EPOCHS) -> None:
        """Call a new listener for a made-up run as for a real one."""
        run, listener = Run(folder), self.entry.load()()
        if not (folder / "config.json").exists():
            run.write("config.json", {"training": {"epochs": epochs}})
            run.write("run.json", {"status": "running", "genzoo": "0", "device": "cpu"})
        first = len(run.history)
        listener.run_started(run)
        for number in range(first + 1, first + epochs + 1):
            terms = {"loss": 100.0 / number, "term": float(number)}
            epoch = Epoch(number, 10 * number, terms, terms if results else {}, 0.5, 1280, 1e-3)
            run.append({"epoch": number, "step": epoch.step, "train": terms, "validation": {}})
            listener.epoch_finished(run, epoch)
        if results:
            run.write(
                "results.json", {"test": {"n": 100, "metric": 0.1, "another": None}, "training": {"epochs": epochs}}
            )
        listener.run_finished(run, status)


def check_listener(target: ListenerTarget) -> None:
    """The class is a genzoo.RunListener."""
    listener = target.entry.load()
    require(issubclass(listener, RunListener), f"{listener.__name__} is not a genzoo.RunListener")


def check_hears(target: ListenerTarget) -> None:
    """The listener accepts a finished run, an interrupted and resumed run, and a run that fails before its first epoch;
    it prints nothing on standard output."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as output:
        for name in ("finished", "resumed", "failed"):
            (Path(folder) / name).mkdir()
        target.notify(Path(folder) / "finished", "finished", results=True)
        target.notify(Path(folder) / "resumed", "interrupted", results=False)
        target.notify(Path(folder) / "resumed", "finished", results=True)
        target.notify(Path(folder) / "failed", "failed: made up for a check", results=False, epochs=0)
    require(not output.getvalue(), f"prints {output.getvalue()[:60]!r}")


COMMAND: dict[str, Check[CommandTarget]] = {
    "command": Check(check_command, "class Mine(genzoo.Command): def run(self, options): …"),
    "arguments": Check(check_arguments, 'parser.add_argument("name", help="what it is")'),
}
"""The checks of every command."""

LISTENER: dict[str, Check[ListenerTarget]] = {
    "listener": Check(check_listener, "class Mine(genzoo.RunListener): …"),
    "hears": Check(check_hears, "a run may have no validation data, results or figures; write to sys.stderr"),
}
"""The checks of every run listener."""
