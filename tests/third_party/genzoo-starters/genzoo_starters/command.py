"""A verb of the command line: `genzoo starter-command @last`."""

from __future__ import annotations

import argparse

import genzoo


class StarterCommand(genzoo.Command):
    """Prints the number of parameters of a run's model."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", help="a run folder, the beginning of its name, or @last")

    def run(self, options: argparse.Namespace) -> None:
        print(sum(parameter.numel() for parameter in genzoo.load(options.run).parameters()))
