"""What a model consists of, and what it remembers."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

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


class Nearest(genzoo.Command):
    """`genzoo nearest RUN`: eight samples, each above the training image that is nearest to it."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", help="a run folder, the beginning of its name, or @last")
        parser.add_argument("--seed", type=int, default=0, help="seed of the samples")
        parser.add_argument("--out", type=Path, default=Path("nearest.png"), help="the picture")

    def run(self, options: argparse.Namespace) -> None:
        run = genzoo.open_run(options.run)
        if not run.model.spec.is_image:
            raise genzoo.UsageError("these data are not images", "name a run on images")
        with torch.no_grad(), genzoo.evaluating(run.model), genzoo.seeded(genzoo.derive_seed(options.seed, "nearest")):
            samples = run.model.sample(8)
        train = genzoo.load_data(run)["train"]
        images = train.batch(torch.arange(len(train))).x
        closest = images[torch.cdist(samples.flatten(1), images.flatten(1)).argmin(1)]
        shown = run.model.spec.original(torch.cat([samples, closest]))
        genzoo.save_grid(options.out, shown, "samples, and the nearest training images", columns=8)
        print(options.out)
