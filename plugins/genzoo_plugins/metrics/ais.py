"""ln p(x) of a decoder, between two bounds that annealed importance sampling gives."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core.metric import EvaluationBatch
from genzoo.core.noise import content_keys, of_examples
from genzoo.data.batching import EVALUATION_BATCH, EVALUATION_BYTES, FLOAT32, at_most
from genzoo_plugins.metrics.annealing import Joint, adapt, anneal, inverse_temperatures, log_mean, prior_draws
from genzoo_plugins.metrics.bound import why_no_likelihood
from genzoo_plugins.metrics.iwae import BYTES, ROWS

PILOTS = 4
"""Chains of each example by which the step sizes are adapted."""


class AIS(genzoo.Metric):
    """−ln p(x) by annealed importance sampling from p(z) to p(z|x) (Wu et al. 2017, section 4): at least −ln p(x).

    On samples of the model the exact posterior is known too, and chains from there to the prior bound −ln p(x) from the
    other side (bidirectional Monte Carlo, Grosse, Ghahramani & Adams 2015). The gap between both, which is reported
    beside the value, is at least the mean error of the value on such samples. It falls with more temperatures.

    An example costs temperatures · leapfrogs · (chains + 4) gradients of the decoder, and a sample about twice as many.
    Therefore the metric takes a part of the examples, chosen by their content.
    """

    label = "−ln p(x) by AIS"
    unit = "nats"

    @genzoo.config
    class Config:
        temperatures: genzoo.Count = 200
        """Number of distributions from the prior to the posterior: more give a tighter bound. An example costs
        temperatures · leapfrogs · (chains + 4) gradients of the decoder."""
        chains: genzoo.Count = 8
        """Independent chains of each example; the mean of their weights is the estimate of p(x)."""
        examples: genzoo.Count = 100
        """The largest number of examples."""
        simulated: genzoo.Count = 50
        """Number of samples of the model on which the gap of both bounds is measured."""
        leapfrogs: genzoo.Count = 5
        """Leapfrog steps of a transition of Hamiltonian Monte Carlo."""
        sigma: genzoo.NonNegative = 0.0
        """Standard deviation of p(x|z) around decode(z), for a model without p(x|z) such as a GAN; 0: its own."""

    config: Config

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.betas = inverse_temperatures(config.temperatures)
        self.known: dict[str, Any] = {}
        """The details, as `begin` finds them."""
        self.last: Tensor
        """The largest content key of the examples that are taken."""

    def refuses(self, model: genzoo.Model) -> str | None:
        if not isinstance(model, genzoo.Decoder):
            return "no decoder"
        if not isinstance(model, genzoo.LatentModel) and not self.config.sigma:
            known = isinstance(model, genzoo.Density)
            return "ln p(x) is known: nll" if known else "no p(x|z); give it a deviation, ais:1000:sigma=0.1"
        prior = model.prior()
        if prior is None:
            return "no prior p(z)"
        if prior.measure != "density":
            return "its codes have no gradient"
        return None if prior.support == "any" else f"its codes lie on a {prior.support}, which the dynamics leaves"

    def begin(self, context: genzoo.EvaluationContext) -> str | None:
        if not self.config.sigma and (reason := why_no_likelihood(context)):
            return reason
        measure = "density" if self.config.sigma else context.example.px.measure
        data, model = context.data, context.model
        index = torch.arange(len(data), device=data.device).split(EVALUATION_BATCH)
        keys = torch.cat([content_keys(data.batch(part).x) for part in index]).sort().values
        self.last = keys[min(self.config.examples, len(keys)) - 1]
        gaps = self.gaps(model)
        error = (gaps.std() / math.sqrt(len(gaps))).item() if len(gaps) > 1 else 0.0
        self.known = {
            "exactness": "bound",
            "measure": measure,
            "gap": gaps.mean().item(),
            "gap_standard_error": error,
            "samples": len(gaps),
        }
        return None

    def joint(self, model: genzoo.Model, x: Tensor) -> Joint:
        """Return p(z) and p(x|z) of examples x [B, *S], for z of several chains of each, [chains·B, *D]."""
        assert isinstance(model, genzoo.Decoder)
        prior = model.prior()
        assert prior is not None

        def log_likelihood(z: Tensor) -> Tensor:
            return self.likelihood(model, z).unflatten((len(z) // len(x), len(x))).log_prob(x).flatten()

        return Joint(prior.log_prob, log_likelihood)

    def likelihood(self, model: genzoo.Decoder, z: Tensor) -> genzoo.Distribution:
        """Return p(x|z) for z [N, *D]."""
        if isinstance(model, genzoo.LatentModel) and not self.config.sigma:
            return model.likelihood(z)
        centre = model.decode(z)
        return genzoo.DiagGaussian(centre, 2 * math.log(self.config.sigma), event_dims=centre.dim() - 1)

    def bounds(self, model: genzoo.Model, x: Tensor, keys: Tensor, exact: Tensor | None = None) -> Tensor:
        """Return a lower bound on ln p(x) and the mean acceptance; with `exact`, an upper bound too: [B, 2 or 3].

        Args:
            model: A decoder.
            x: [B, *S], the examples whose noise is drawn in this context.
            keys: [B], the keys of the noise.
            exact: [B, *D], an exact draw of p(z|x) for each.
        """
        chains, leapfrogs = self.config.chains, self.config.leapfrogs
        assert isinstance(model, genzoo.Decoder)
        prior, joint = model.prior(), self.joint(model, x)
        assert prior is not None
        z = prior_draws(prior, keys, PILOTS + chains)
        sizes = adapt(joint, z[:PILOTS].flatten(0, 1), self.betas, leapfrogs, PILOTS)
        sizes = [size.repeat(chains) for size in sizes]
        weights, rate = anneal(joint, z[PILOTS:].flatten(0, 1), self.betas, sizes, leapfrogs)
        found = [log_mean(weights, chains), rate.view(chains, -1).mean(0).double()]
        if exact is not None:
            start = exact.repeat(chains, *[1] * (exact.dim() - 1))
            found.append(-log_mean(anneal(joint, start, self.betas[::-1], sizes[::-1], leapfrogs)[0], chains))
        return torch.stack(found, 1)

    def at_a_time(self, x: Tensor) -> int:
        """Return how many examples can have all chains decoded at once."""
        device = x.device.type
        rows = at_most(BYTES.get(device, EVALUATION_BYTES), FLOAT32 * x[0].numel(), ROWS.get(device, ROWS["cpu"]))
        return max(1, rows // self.config.chains)

    def gaps(self, model: genzoo.Model) -> Tensor:
        """Return the upper minus the lower bound on ln p(x) of samples of the model, [samples]."""
        assert isinstance(model, genzoo.Decoder)
        prior = model.prior()
        assert prior is not None
        z = prior.rsample((self.config.simulated,))
        x = self.likelihood(model, z).rsample()
        keys, found = content_keys(x), []
        for part in torch.arange(len(x), device=x.device).split(self.at_a_time(x)):
            with of_examples(keys[part]):
                found.append(self.bounds(model, x[part], keys[part], z[part]))
        lower, _, upper = torch.cat(found).cpu().unbind(1)
        return upper - lower

    def per_example(self, examined: EvaluationBatch) -> Tensor:
        """Return −ln p(x) and the mean acceptance of the examples that are taken, nan of the others: [B, 2]."""
        x, keys = examined.batch.x, examined.keys
        assert keys is not None
        values = torch.full((len(x), 2), math.nan, dtype=torch.float64)
        (taken,) = torch.nonzero(content_keys(x) <= self.last, as_tuple=True)
        if not len(taken):
            return values
        chosen = EvaluationBatch(examined.model, genzoo.Batch(x[taken]), keys[taken])
        parts = [
            self.bounds(part.model, part.batch.x, part.keys)
            for part in chosen.parts(self.at_a_time(x))
            if part.keys is not None
        ]
        values[taken.cpu()] = torch.cat(parts).cpu() * values.new_tensor([-1.0, 1.0])
        return values

    def taken(self, values: Tensor) -> Tensor:
        """Return −ln p(x) and the acceptance of the examples that were taken, [n, 2]."""
        return values[~values[:, 0].isnan()]

    def summarise(self, values: Tensor) -> float:
        return self.taken(values)[:, 0].mean().item()

    def of_each(self, values: Tensor) -> Tensor | None:
        return None if bool(values.isnan().any()) else values[:, 0]

    def standard_error(self, values: Tensor) -> float | None:
        return super().standard_error(self.taken(values))

    def details(self, values: Tensor) -> dict[str, Any]:
        taken = self.taken(values)
        gap, error = self.known["gap"], self.known["gap_standard_error"]
        examples = f"{len(taken):,} of {len(values):,} examples" if len(taken) < len(values) else "all examples"
        note = (
            f"{self.config.temperatures:,} temperatures, {examples}; "
            f"bounds of ln p of {self.known['samples']:,} samples of the model "
            f"{gap:.3g} ± {1.96 * error:.1g} nats apart"
        )
        own = {"temperatures": self.config.temperatures, "examples": len(taken)}
        return {**self.known, **own, "acceptance": taken[:, 1].mean().item(), "note": note}
