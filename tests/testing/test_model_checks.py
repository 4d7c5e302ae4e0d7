"""Each check of the conformance kit finds and describes its fault."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from genzoo_plugins.losses.elbo import ELBO
from genzoo_plugins.vae.vae import VAE
from planted import FAULTS
from subtle import SUBTLE
from torch import Tensor, nn

import genzoo
from genzoo.registry.current import HERE, Entry, registry
from genzoo.testing import CHECKS, SPECS, Pair

SHARED = nn.Parameter(torch.ones(()))


class Good(VAE):
    """The correct VAE that the faulty ones are derived from."""


class Flat(VAE):
    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z).flatten(1)


class Unbounded(VAE):
    def decode(self, z: Tensor) -> Tensor:
        return 2 * super().decode(z)


class Doubled(VAE):
    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z).double()


class Overflowing(VAE):
    def encode(self, x: Tensor) -> Tensor:
        return super().encode(x) / 0.0


class NoisyCode(VAE):
    def encode(self, x: Tensor) -> Tensor:
        return self.posterior(x).rsample()


class NegativeKL(VAE):
    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        class Odd(genzoo.DiagGaussian):
            def kl_per_dim(self, p: genzoo.Distribution) -> Tensor:
                return -torch.ones_like(self.mean)

        return Odd.from_parameters(self.encoder(x))


class Unused(VAE):
    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.spare = nn.Linear(2, 2)


class Zeroed(VAE):
    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.gain = nn.Parameter(torch.ones(()))

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return super().posterior(x + 0 * self.gain)


class Sharing(VAE):
    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.gain = SHARED

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return super().posterior(x * self.gain)


class Unseeded(VAE):
    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.register_buffer("offset", torch.rand((), generator=torch.Generator().manual_seed(id(self) % 2**31)))


class Remembering(VAE):
    seen: list[int] = []

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        self.seen.append(len(x))
        return super().posterior(x * len(self.seen))


class Unsaved(VAE):
    def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
        super().__init__(spec, config)
        self.register_buffer("scale", torch.ones(()), persistent=False)

    def prepare(self, batch: genzoo.Batch) -> None:
        self.scale.fill_(3.0)

    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return super().posterior(x * self.scale)


class Whimsical(VAE):
    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return super().posterior(x * torch.rand((), generator=torch.Generator().manual_seed(len(Remembering.seen))))

    def infer(self, batch: genzoo.Batch, k: int = 1) -> genzoo.Inference:
        Remembering.seen.append(0)
        return super().infer(batch, k)


class ConstantSamples(VAE):
    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return torch.zeros(n, *self.spec.shape)


class PrivateGenerator(VAE):
    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return torch.empty(n, *self.spec.shape).uniform_(generator=GENERATOR)


GENERATOR = torch.Generator().manual_seed(0)


class SamplesWithoutPrior(VAE):
    def prior(self) -> None:
        return None

    def sample(self, n: int, y: Tensor | None = None, *, noise: bool = False) -> Tensor:
        return torch.zeros(n, *self.spec.shape)


class Loud(VAE):
    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        print("encoding", tuple(x.shape))
        return super().posterior(x)


class Peeking(VAE):
    def posterior(self, x: Tensor) -> genzoo.DiagGaussian:
        return super().posterior(x / max(1.0, x.max().item()))


class NeedsSeven(VAE):
    def likelihood(self, z: Tensor) -> genzoo.Distribution:
        return super().likelihood((z - z.mean(0)) / z.std(0))


class NoLoss(ELBO):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        return {"total": terms["loss"]}


class PerExample(ELBO):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        return {**terms, "kl": terms["kl"].expand(len(batch.x))}


class Detached(ELBO):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        return {name: term.detach() for name, term in super().forward(model, batch, step).items()}


class Ascending(ELBO):
    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Tensor) -> dict[str, Tensor]:
        terms = super().forward(model, batch, step)
        return {**terms, "loss": 2 * terms["loss"].detach() - terms["loss"]}


def pair_of(model: type[genzoo.Model], loss: type[genzoo.Loss] = ELBO, **options: int) -> Pair:
    model_entry = Entry("model", "under-test", model, "made for a test", HERE, loss="elbo", options=options)
    return Pair(model_entry, Entry("loss", "elbo", loss, "made for a test", HERE), SPECS["grey images"])


@pytest.mark.parametrize(
    ("check", "model", "loss", "fault"),
    [
        ("shapes", Flat, ELBO, r"decode\(z\) has shape \(16, 784\), not \(16, 1, 28, 28\)"),
        ("shapes", Unbounded, ELBO, r"decode\(z\) leaves \[0, 1\]"),
        ("shapes", Doubled, ELBO, r"decode\(z\) is torch.float64, not float32"),
        ("shapes", Overflowing, ELBO, r"encode\(x\) is not finite"),
        ("shapes", NoisyCode, ELBO, "encode is not deterministic"),
        ("shapes", NegativeKL, ELBO, "a KL divergence is negative"),
        ("loss", VAE, NoLoss, r"returns \['total'\] without \"loss\""),
        ("loss", VAE, PerExample, r"'kl' of a batch of 1 in fp32 has shape \(1,\); it must be a scalar"),
        ("loss", VAE, Detached, '"loss" has no gradient'),
        ("loss", NeedsSeven, ELBO, "of a batch of 1 in fp32 is nan"),
        ("gradients", Unused, ELBO, "no gradient reaches model.spare.weight"),
        ("gradients", Zeroed, ELBO, "the gradient of model.gain is 0"),
        ("learns", VAE, Ascending, "30 steps of Adam change the"),
        ("instances", Sharing, ELBO, "share the memory of model.gain"),
        ("instances", Unseeded, ELBO, "model.offset differs between two builds of one seed"),
        ("instances", Remembering, ELBO, "training another instance changed the loss"),
        ("weights", Unsaved, ELBO, "the loaded model's loss is"),
        ("evaluation", Whimsical, ELBO, "two evaluations differ"),
        ("sampling", ConstantSamples, ELBO, "samples do not depend on the seed"),
        ("sampling", PrivateGenerator, ELBO, "two samples under one seed differ"),
        ("quiet", Loud, ELBO, "prints 'encoding"),
        ("graph-safe", Peeking, ELBO, r"test_model_checks.py:\d+ `return .*item\(\).*` reads a value back to the host"),
    ],
)
@pytest.mark.filterwarnings(r"ignore:std\(\)")
def test_a_fault_is_found_and_named(check: str, model: type[VAE], loss: type[ELBO], fault: str) -> None:
    pair = pair_of(model, loss, latent_dim=3)
    registry().replace(pair.model)
    with pytest.raises(AssertionError, match=fault) as caught:
        CHECKS[check](pair)
    assert str(caught.value).count("\n") == 0


def test_a_model_without_a_prior_may_not_sample() -> None:
    pair = pair_of(SamplesWithoutPrior)
    pair = Pair(pair.model, registry().get("loss", "reconstruction"), pair.spec)
    with pytest.raises(AssertionError, match="sample\\(\\) returns something"):
        CHECKS["sampling"](pair)


ELSEWHERE = {"phases", "after-step", "processes", "log-prob", "inverts", "sampling-options"}
"""Checks whose faults are in the tests of phase_checks, process_checks, density_checks and sampling_checks."""


def test_every_check_has_a_fault_that_it_finds() -> None:
    marks = test_a_fault_is_found_and_named.pytestmark
    cases = next(mark.args[1] for mark in marks if mark.name == "parametrize")
    subtle = {check for fault in SUBTLE for check in fault.checks}
    found = {check for check, *_ in cases} | {fault.check for fault in FAULTS} | subtle
    assert found | ELSEWHERE >= set(CHECKS)
    assert not found & ELSEWHERE


@pytest.mark.long
@pytest.mark.parametrize("check", CHECKS)
def test_a_third_partys_model_passes(check: str) -> None:
    """The model that the faulty ones are derived from has no fault."""
    pair = pair_of(Good, latent_dim=3)
    registry().replace(pair.model)
    CHECKS[check](pair)
