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
class Verb:
    """A registered command."""

    entry: Entry

    def parser(self) -> argparse.ArgumentParser:
        """What parses its arguments."""
        parser = argparse.ArgumentParser(prog=f"genzoo {self.entry.name}")
        command: Command = self.entry.load()()
        command.arguments(parser)
        return parser


def check_command(verb: Verb) -> None:
    """It is a genzoo.Command that defines run."""
    found = verb.entry.load()
    require(issubclass(found, Command), f"{found.__name__} is no genzoo.Command")
    require(found.run is not Command.run, f"{found.__name__} does not define run(options)")


def check_arguments(verb: Verb) -> None:
    """Its help can be printed, and says of every argument what it does."""
    parser = verb.parser()
    require(verb.entry.name in parser.format_help(), "its help cannot be printed")
    silent = [action.option_strings or action.dest for action in parser._actions if not action.help]
    require(not silent, f"no help for {silent[0] if silent else ''}")


@dataclass(frozen=True)
class Hearer:
    """A registered run listener."""

    entry: Entry

    def hear(self, folder: Path, status: str, results: bool, epochs: int = EPOCHS) -> None:
        """Tells a new one of a made-up run, as a real one would be told."""
        run, listener = Run(folder), self.entry.load()()
        if not (folder / "config.json").exists():
            run.write("config.json", {"training": {"epochs": epochs}})
            run.write("run.json", {"status": "running", "genzoo": "0", "device": "cpu"})
        first = len(run.history)
        listener.run_started(run)
        for number in range(first + 1, first + epochs + 1):
            terms = {"loss": 100.0 / number, "kl": float(number)}
            epoch = Epoch(number, 10 * number, terms, terms if results else {}, 0.5, 1280, 1e-3)
            run.append({"epoch": number, "step": epoch.step, "train": terms, "validation": {}})
            listener.epoch_finished(run, epoch)
        if results:
            run.write("results.json", {"test": {"n": 100, "mse": 0.1, "kl": None}, "training": {"epochs": epochs}})
        listener.run_finished(run, status)


def check_listener(hearer: Hearer) -> None:
    """It is a genzoo.RunListener."""
    found = hearer.entry.load()
    require(issubclass(found, RunListener), f"{found.__name__} is no genzoo.RunListener")


def check_hears(hearer: Hearer) -> None:
    """It hears a run to its end, an interrupted one that is then resumed, one that fails before its first epoch, and
    prints nothing on standard output."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as output:
        for name in ("finished", "resumed", "failed"):
            (Path(folder) / name).mkdir()
        hearer.hear(Path(folder) / "finished", "finished", results=True)
        hearer.hear(Path(folder) / "resumed", "interrupted", results=False)
        hearer.hear(Path(folder) / "resumed", "finished", results=True)
        hearer.hear(Path(folder) / "failed", "failed: made up for a check", results=False, epochs=0)
    require(not output.getvalue(), f"prints {output.getvalue()[:60]!r}")


COMMAND: dict[str, Check[Verb]] = {
    "command": Check(check_command, "class Mine(genzoo.Command): def run(self, options): …"),
    "arguments": Check(check_arguments, 'parser.add_argument("name", help="what it is")'),
}
"""What every command must pass."""

LISTENER: dict[str, Check[Hearer]] = {
    "listener": Check(check_listener, "class Mine(genzoo.RunListener): …"),
    "hears": Check(check_hears, "a run may have no validation data, no results and no figures; write to sys.stderr"),
}
"""What every run listener must pass."""
