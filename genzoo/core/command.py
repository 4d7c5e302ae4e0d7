"""Commands that plugins add: `genzoo NAME …`."""

from __future__ import annotations

import argparse

VERBS = (
    *("run", "list", "info", "plugins", "check", "new-plugin", "resume", "evaluate", "sample", "reconstruct"),
    *("anomaly", "embed", "compress", "denoise", "interpolate", "traverse", "augment", "report", "compare", "bench"),
    "data",
)
"""genzoo's own, in the order of `genzoo --help`: each is a module of `genzoo.cli`. No plugin can take these names."""


class Command:
    """A verb of a plugin's own, `genzoo NAME …`, that stands in `genzoo --help`.

    What it prints on standard output is its result. A `GenzooError` is shown as one line with its hint.
    """

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds its arguments: `parser.add_argument("run", help="a run folder")`."""

    def run(self, options: argparse.Namespace) -> int | None:
        """Does what was asked for.

        Args:
            options: What was typed, by the names of the arguments.

        Returns:
            The exit code; None is 0.

        Raises:
            GenzooError: It cannot be done: one line that says why, and what to type.
        """
        raise NotImplementedError(f"{type(self).__name__} must define run(options)")
