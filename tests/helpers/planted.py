"""A plugin as a stranger would write it, with nets and a loss of its own, and faults to plant in it."""

from __future__ import annotations

from typing import NamedTuple

REGISTER = """
from genzoo import hookimpl

GENZOO_API = 2

@hookimpl
def register_models(register):
    register("planted", "{module}.model:Planted", loss="planted", summary="a VAE of its own", paper="nobody 2026")

@hookimpl
def register_losses(register):
    register("planted", "{module}.model:Bound", summary="the bound, written out")
"""

MODEL = '''
import torch
from torch import nn
import genzoo


class Planted(genzoo.LatentModel):
    """A VAE for values in [0, 1]."""

    @genzoo.config
    class Config:
        width: int = 8
        """Hidden units."""

    def __init__(self, spec, config):
        super().__init__(spec, config)
        if spec.likelihood != "bernoulli" or spec.numel > 1000:
            raise genzoo.GenzooError("planted needs small grey images")
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(spec.numel, config.width), nn.ReLU())
        self.mean, self.log_var = nn.Linear(config.width, 3), nn.Linear(config.width, 3)
        self.decoder = nn.Sequential(nn.Linear(3, config.width), nn.ReLU(), nn.Linear(config.width, spec.numel))

    def posterior(self, x):
        h = self.body(x)
        mean, log_var = self.mean(h), self.log_var(h)
        return genzoo.DiagGaussian(mean, log_var)

    def encode(self, x):
        h = self.body(x)
        return self.mean(h)

    def prior(self):
        return genzoo.StandardNormal((3,), like=self.anchor)

    def likelihood(self, z):
        return genzoo.Bernoulli(self.decoder(z).unflatten(-1, self.spec.shape), event_dims=3)


class Bound(genzoo.Loss):
    """The negative evidence lower bound."""

    accepts = Planted

    @genzoo.config
    class Config:
        weight: float = 1.0
        """Weight of the KL."""

    def forward(self, model, batch, step):
        q, p, z, px = model.infer(batch)
        mean, log_var = q.mean, q.variance.log()
        reconstruction = -px.log_prob(batch.x).mean()
        kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(1).mean()
        return {"loss": reconstruction + self.config.weight * kl, "reconstruction": reconstruction, "kl": kl}
'''


class Fault(NamedTuple):
    """What is planted, and which check says what of it."""

    name: str
    old: str
    new: str
    check: str
    verdict: str
    found: str
    """A part of what is said."""


INFER = """
    def infer(self, batch, k=1):
        q = self.posterior(batch.x)
        z = {z}
        px = self.likelihood(z.flatten(0, 1)).unflatten((k, len(batch.x)))
        return genzoo.Inference(q, self.prior(), z, px)

    def prior(self):"""
MEAN_OF_PIXELS = """
class Averaged(genzoo.Bernoulli):
    def log_prob(self, value):
        return super().log_prob(value) / 784


class Planted(genzoo.LatentModel):"""
UNNORMALISED = """
class Unnormalised(genzoo.StandardNormal):
    def log_prob(self, value):
        return super().log_prob(value) + {constant}


class Planted(genzoo.LatentModel):"""
KL_REVERSED = """
class Reversed(genzoo.DiagGaussian):
    def kl_per_dim(self, p):
        standard = genzoo.DiagGaussian(0 * self.mean, 0 * self.mean)
        return standard.kl_per_dim(genzoo.DiagGaussian(self.mean, self.log_var))


class Planted(genzoo.LatentModel):"""
FAULTS = [
    Fault("mean instead of sum in the loss", "-px.log_prob(batch.x).mean()", "-px.log_prob(batch.x).mean() / 784",
          "scored", "FAIL", "a share of 1/78"),
    Fault("KL as a mean over the latents", "log_var).sum(1).mean()", "log_var).mean(1).mean()", "scored", "FAIL",
          "a share of 1/3"),
    Fault("mean and log-variance swapped in the loss", "mean, log_var = q.mean, q.variance.log()",
          "log_var, mean = q.mean, q.variance.log()", "scored", "FAIL", "'kl'"),
    Fault("log-variance for the mean in encode", "        h = self.body(x)\n        return self.mean(h)",
          "        h = self.body(x)\n        return self.log_var(h)", "posterior", "FAIL", "is not the centre"),
    Fault("log-variance taken for a variance", "log_var = q.mean, q.variance.log()", "log_var = q.mean, q.variance",
          "scored", "FAIL", "'kl'"),
    Fault("encoder detached", "mean, log_var = self.mean(h), self.log_var(h)",
          "mean, log_var = self.mean(h.detach()), self.log_var(h.detach())", "gradients", "FAIL", "body.1.weight"),
    Fault("prior of the wrong width", "StandardNormal((3,)", "StandardNormal((4,)", "shapes", "FAIL", "(4,)"),
    Fault("Python counter", "    def posterior(self, x):", "    calls = 0\n\n    def posterior(self, x):\n"
          "        self.calls += 1\n        x = x * min(1.0, self.calls / 100)", "graph-safe", "FAIL",
          "not graph-safe"),
    Fault(".item()", "        h = self.body(x)\n        mean,", "        h = self.body(x / max(x.max().item(), 1e-3))\n"
          "        mean,", "graph-safe", "FAIL", "reads a value back to the host"),
    Fault("loss that depends on the batch", "kl = 0.5", "kl = len(batch.x) * 0.5", "batches", "WARN",
          "as the mean of its examples"),
    Fault("posterior without noise", "    def prior(self):", INFER.format(z="q.mean.expand(k, *q.mean.shape)"),
          "posterior", "FAIL", "z varies 0 times"),
    Fault("half of the noise", "    def prior(self):", INFER.format(z="q.mean + 0.5 * (q.rsample((k,)) - q.mean)"),
          "posterior", "FAIL", "z varies 0.2"),
    Fault("NaN where the input is zero", "h = self.body(x)\n        mean,",
          "h = self.body(x / x.flatten(1).norm(dim=1)[:, None, None, None])\n        mean,", "edges", "FAIL",
          "is nan if all of x is 0"),
    Fault("two names for one thing", 'paper="nobody 2026")', 'paper="nobody 2026")\n    register("twin", '
          '"{module}.model:Planted", loss="planted", summary="the same again", paper="nobody 2026")', "names", "WARN",
          "twin is the same class with the same options"),
    Fault("unused layer", "        self.decoder =", "        self.spare = nn.Linear(2, 2)\n        self.decoder =",
          "gradients", "FAIL", "no gradient reaches model.spare.weight"),
    Fault("default of the wrong type", "width: int = 8", 'width: int = "8"', "options", "FAIL",
          "--width must be a whole number, not '8'"),
    Fault("torch imported by the package", "from genzoo import hookimpl", "import torch\nfrom genzoo import hookimpl",
          "light", "FAIL", "imports torch"),
    Fault("print in forward", "        h = self.body(x)\n        mean,", "        h = self.body(x)\n        print(h)\n"
          "        mean,", "quiet", "FAIL", "prints"),
    Fault("density of a pixel, not of the image", "\nclass Planted(genzoo.LatentModel):", MEAN_OF_PIXELS, "density",
          "FAIL", "not by its logit"),
    Fault("sign of the loss", '"loss": reconstruction', '"loss": -reconstruction', "learns", "FAIL",
          "change the reconstruction"),
    Fault("KL the wrong way round", "\nclass Planted(genzoo.LatentModel):", KL_REVERSED, "kl", "FAIL",
          "in closed form"),
    Fault("no help", '        """Hidden units."""\n', "", "help", "WARN", "no help for --width"),
    Fault("constants of the prior left out", "\nclass Planted(genzoo.LatentModel):",
          UNNORMALISED.format(constant="2.757"), "prior", "FAIL", "samples of a Gaussian 2.7"),
    Fault("prior averaged over the latents", "\nclass Planted(genzoo.LatentModel):",
          UNNORMALISED.format(constant="value.square().sum(-1) / 2 - 2"), "prior", "FAIL", "nats less than"),
    Fault("no plugin API", "GENZOO_API = 2", "", "api", "WARN", "GENZOO_API is not stated"),
    Fault("no paper", ', paper="nobody 2026"', "", "paper", "WARN", "no paper is named"),
    Fault("an import that fails", "from torch import nn", "from torch import nothing", "class", "FAIL",
          "cannot be imported"),
]  # fmt: skip
