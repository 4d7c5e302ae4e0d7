"""A model whose loss is wrong from a given step on."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from commandline import Result, genzoo

from genzoo.runs.run import Run

PLUGIN = """
import torch
from genzoo import hookimpl
from genzoo_plugins.losses.elbo import ELBO

class Backwards(torch.autograd.Function):
    '''Changes nothing but the gradient.'''

    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None

class Odd(ELBO):
    def forward(self, model, batch, step):
        terms = super().forward(model, batch, step)
        loss = terms["loss"]
        if self.training and int(step) == {step}:
            {what}
        return {{**terms, "loss": loss}}

@hookimpl
def register_models(register):
    register("odd", "genzoo_plugins.vae.vae:VAE", summary="a VAE", loss="odd")

@hookimpl
def register_losses(register):
    register("odd", f"{{__name__}}:Odd", summary="an ELBO that goes wrong")
"""
SMALL = ("--dataset", "moons", "--batch-size", 125, "--latent-dim", 2, "--hidden", 8)  # eight steps an epoch


def plugin(folder: Path, what: str, step: int = 8) -> Path:
    """Write a plugin whose model "odd" is a VAE until that step."""
    file = folder / "odd.py"
    file.write_text(dedent(PLUGIN).format(what=what, step=step))
    return file


def run_odd(tmp_path: Path, what: str, *words: object, step: int = 8) -> tuple[Result, Run]:
    out = tmp_path / "run"
    file = plugin(tmp_path, what, step)
    result = genzoo("-p", file, "run", "odd", *SMALL, "--epochs", 3, "--out", out, "--quiet", *words)
    return result, Run(out)
