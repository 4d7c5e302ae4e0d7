"""The interface of a command that a plugin adds, `genzoo NAME …`."""

from __future__ import annotations

import argparse

VERBS = (
    *("run", "list", "info", "plugins", "check", "prove", "new-plugin", "resume", "evaluate", "sample", "reconstruct"),
    *("anomaly", "embed", "compress", "denoise", "impute", "interpolate", "traverse", "augment", "report", "compare"),
    *("bench", "race", "sweep", "reproduce", "runs", "data"),
)
"""genzoo's own commands, in the order of `genzoo --help`. Each is a module of `genzoo.cli`. Plugins cannot use these
names."""


class Command:
    """A command of a plugin, `genzoo NAME …`. `genzoo --help` lists it.

    Print only results on standard output. A `GenzooError` is shown as one line with its hint.
    """

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments: `parser.add_argument("run", help="a run folder")`."""

    def run(self, options: argparse.Namespace) -> int | None:
        """Execute the command.

        Args:
            options: The parsed arguments.

        Returns:
            The exit code; None is 0.

        Raises:
            GenzooError: The command fails. The error says in one line why, and what to type.
        """
        raise NotImplementedError(f"{type(self).__name__} must define run(options)")
