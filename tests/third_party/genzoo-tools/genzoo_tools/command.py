"""What a model consists of."""

from __future__ import annotations

import argparse

import genzoo


class Layers(genzoo.Command):
    """`genzoo layers RUN`: name, shape, count and root mean square of every parameter."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", help="a run folder, the beginning of its name, or @last")

    def run(self, options: argparse.Namespace) -> None:
        parameters = dict(genzoo.load(options.run).named_parameters())
        width = max(map(len, parameters))
        for name, value in parameters.items():
            shape = "×".join(map(str, value.shape)) or "1"
            print(f"{name:{width}}  {shape:>12}  {value.numel():>10,}  {value.square().mean().sqrt().item():.4f}")
