"""The interface of a command that a plugin adds, `genzoo NAME …`."""

from __future__ import annotations

import argparse

GROUPS = {
    "start": ("run", "resume", "watch", "list", "info", "data"),
    "use a run": (
        *("evaluate", "sample", "reconstruct", "interpolate", "traverse", "augment", "anomaly", "denoise", "impute"),
        *("compress", "embed", "report"),
    ),
    "compare runs": ("runs", "compare", "bench", "race", "sweep", "reproduce"),
    "extend": ("plugins", "new-plugin", "check", "prove"),
    "set up": ("doctor", "config", "completion"),
}
"""genzoo's own commands, in the order of `genzoo --help`. Each is a module of `genzoo.cli`."""
VERBS = tuple(verb for group in GROUPS.values() for verb in group)
"""The names of these commands. Plugins cannot use them."""

OTHER_WORDS = {
    "run": "train fit learn",
    "resume": "continue restart",
    "list": "models datasets metrics search",
    "evaluate": "test score metrics",
    "sample": "generate draw",
    "embed": "encode latents",
    "runs": "ls history show experiments",
    "compare": "leaderboard rank",
    "bench": "benchmark",
    "sweep": "tune search grid optimise optimize",
    "config": "settings set",
    "runs list": "ls all status find",
    "runs show": "info describe cat view",
    "runs diff": "compare differences options",
    "runs tag": "label mark untag",
    "runs note": "comment describe annotate",
    "runs clean": "prune gc tidy",
    "runs rm": "delete remove del erase",
    "data list": "ls show status all",
    "data path": "where folder root",
    "data verify": "check test validate",
    "data add": "import copy install download get",
    "data clear": "clean purge delete rm remove",
    "config show": "list ls get",
    "config set": "add change edit",
    "config unset": "reset remove rm delete clear",
    "config path": "where file edit",
}
"""What other programs call a command, or a verb below one, for the error of a name that is not known."""


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
