"""Checks that hold a model and its loss against what their formulas must be."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genzoo.distributions import DiagGaussian
from genzoo.noise import content_keys, keyed, seeded
from genzoo.protocols import Batch, Inference, LatentModel
from genzoo.testing.check import require
from genzoo.testing.pair import EXAMPLES, Pair, loss_of, train
from genzoo.training.objective import Objective

DRAWS = 512
PRIOR_DRAWS = 4000
DECODED = 200
"""Draws that are decoded too, which costs most."""
FEW = 7
TRAINED = 10
LARGEST_GRID = 5
"""Dimensions up to which a density is integrated by importance sampling."""


def check_edges(pair: Pair) -> None:
    """The loss and its gradient are finite for an example of zeros and for one of ones."""
    for value in (0.0, 1.0):
        objective = pair.build()
        batch = pair.batch(2)
        terms = loss_of(objective, batch._replace(x=torch.full_like(batch.x, value)))
        for name, term in terms.items():
            require(bool(term.isfinite()), f"{pair}: {name!r} is {term.item()} where x is {value:g} throughout")
        terms["loss"].backward()
        for name, parameter in objective.named_parameters():
            finite = parameter.grad is None or bool(parameter.grad.isfinite().all())
            require(finite, f"{pair}: the gradient of {name} is not finite where x is {value:g} throughout")


def check_density(pair: Pair) -> None:
    """ln p(x|z) is the logarithm of a density or probability of the whole example: summed over its values."""
    model = pair.build().eval().model
    if not isinstance(model, LatentModel):
        return
    with torch.no_grad(), seeded(0):
        z = model.encode(pair.batch(4).x)
        if pair.spec.likelihood == "bernoulli":
            _one_pixel_counts_as_one(pair, model, z)
        elif pair.spec.numel <= LARGEST_GRID:
            _integrates_to_one(pair, model, z)


def _one_pixel_counts_as_one(pair: Pair, model: LatentModel, z: Tensor) -> None:
    """ln p(x_d = 1 | z) − ln p(x_d = 0 | z) is the logit of p(x_d = 1 | z), whatever the other pixels are."""
    px = model.likelihood(z)
    black = torch.zeros(px.mean.shape)  # whatever the layout of px.mean, so that flatten is a view
    white = black.clone()
    white.flatten(1)[:, 0] = 1
    found = px.log_prob(white) - px.log_prob(black)
    wanted = torch.logit(px.mean.flatten(1)[:, 0])
    near = torch.allclose(found, wanted, rtol=0.05, atol=1e-2)
    said = f"changes ln p(x|z) by {found[0].item():.4g}, not by its logit {wanted[0].item():.4g}"
    require(near, f"{pair}: one pixel {said}")


def _integrates_to_one(pair: Pair, model: LatentModel, z: Tensor) -> None:
    """∫ p(x|z) dx by importance sampling, from normal distributions three times as wide as p's own samples."""
    px = model.likelihood(z)
    own = px.unflatten((1, len(z))).rsample((DRAWS,)).flatten(0, 1)
    width = 3 * own.std(0) + 1e-6
    x = px.mean + width * torch.randn(20 * DRAWS, *px.mean.shape)
    proposal = torch.distributions.Normal(px.mean, width).log_prob(x).flatten(2).sum(-1)
    integral = (px.log_prob(x) - proposal).double().exp().mean(0)
    near = bool(((integral - 1).abs() < 0.2).all())
    require(near, f"{pair}: p(x|z) integrates to {integral[0].item():.3g}, not to 1")


def check_posterior(pair: Pair) -> None:
    """z is drawn from q(z|x), whose mean is what encode(x) returns."""
    model, batch = pair.build().eval().model, pair.batch(FEW)._replace(y=None)  # posterior(x) is not told the classes
    if not isinstance(model, LatentModel):
        return
    with torch.no_grad(), seeded(0):
        q, p = model.posterior(batch.x), model.prior()
        require(torch.allclose(model.encode(batch.x), q.mean), f"{pair}: encode(x) is not the mean of posterior(x)")
        if p is None:
            return
        own = q.rsample((DECODED,))
        if p.measure == "probability" and not own.var(0).any():  # of discrete latents a single point may have all mass
            same = torch.equal(model.infer(batch, 2).z, own[:2])
            require(same, f"{pair}: the z of infer(x) are not samples of posterior(x)")
            return
        z = model.infer(batch, DECODED).z
        spread, wanted = z.var(0), own.var(0)
        ratio = (spread.mean() / wanted.mean()).item()
        require(0.8 < ratio < 1.25, f"{pair}: z varies {ratio:.3g} times as much as samples of posterior(x)")
        off = ((z.mean(0) - own.mean(0)).square().mean() / wanted.mean()).item()
        require(off < 0.05, f"{pair}: the z of infer(x) are not centred where samples of posterior(x) are")
        require(wanted.mean().item() > 0, f"{pair}: samples of posterior(x) are all alike, and prior() is a density")


def check_prior(pair: Pair) -> None:
    """p(z) is a density: neither it nor a Gaussian fitted to its samples makes the other's samples likelier than their
    own does (Gibbs' inequality)."""
    model = pair.build().eval().model
    if not isinstance(model, LatentModel):
        return
    with torch.no_grad(), seeded(0):
        p = model.prior()
        if p is None or p.measure != "density":
            return
        z = p.rsample((PRIOR_DRAWS,))
        fitted = DiagGaussian(z.mean(0), z.var(0).clamp_min(1e-12).log(), event_dims=z.dim() - 1)
        fresh, others = p.rsample((PRIOR_DRAWS,)), fitted.rsample((PRIOR_DRAWS,))
        gains = {
            "prior().log_prob gives its own samples {} nats less than a Gaussian fitted to them does": (
                p.log_prob(fresh) - fitted.log_prob(fresh)
            ),
            "prior().log_prob gives samples of a Gaussian {} nats more than that Gaussian itself does": (
                fitted.log_prob(others) - p.log_prob(others)
            ),
        }
    for said, gain in gains.items():
        mean, error = gain.mean().item(), gain.std().item() / math.sqrt(PRIOR_DRAWS)
        require(not mean < -(6 * error + 0.02), f"{pair}: {said.format(f'{-mean:.3g} ± {error:.2g}')}")


def check_kl(pair: Pair) -> None:
    """KL(q(z|x)‖p(z)) is not negative, and its closed form is the mean of ln q(z|x) − ln p(z) over z of q."""
    model, batch = pair.build().eval().model, pair.batch(EXAMPLES)
    if not isinstance(model, LatentModel):
        return
    with torch.no_grad(), seeded(0):
        q, p = model.posterior(batch.x), model.prior()
        if p is None or (exact := q.kl(p)) is None:
            return
        z = q.rsample((DRAWS,))
        values = q.log_prob(z) - p.log_prob(z)
    estimate, error = values.mean(0), values.std(0) / math.sqrt(DRAWS)
    require(bool((exact >= -1e-5).all()), f"{pair}: a KL divergence is {exact.min().item():.3g}")
    far = (estimate - exact).abs() > 6 * error + 1e-3 * exact.abs() + 1e-4
    i = int(far.int().argmax())
    said = f"{exact[i].item():.4g} in closed form and {estimate[i].item():.4g} ± {error[i].item():.2g} from samples"
    require(not bool(far.any()), f"{pair}: the KL of an example is {said}")


def check_scored(pair: Pair) -> None:
    """What the loss calls reconstruction and kl is what the model's own distributions say of the batch."""
    objective, batch = pair.build(), pair.batch(EXAMPLES)
    model = objective.model
    if not isinstance(model, LatentModel):
        return
    train(objective, batch, TRAINED)  # at first all means and log-variances are about 0
    objective.eval()
    with torch.no_grad():
        terms = loss_of(objective, batch, step=10_000)
        with seeded(0):
            inference = model.infer(batch)
    exact = inference.p is not None and inference.q.kl(inference.p) is not None
    for name, wanted in _of_the_model(inference, batch).items():
        if name not in terms:
            continue
        found = terms[name].item()
        tolerance = (1e-3, 1e-4) if name == "kl" and exact else (0.1, 0.05)  # the others depend on the noise
        near = math.isclose(found, wanted, rel_tol=tolerance[0], abs_tol=tolerance[1])
        share = f", a share of 1/{wanted / found:.4g}" if found and wanted / found > 1.5 else ""
        require(near, f"{pair}: the loss's {name!r} is {found:.4g}; of the model's own it is {wanted:.4g}{share}")


def _of_the_model(inference: Inference, batch: Batch) -> dict[str, float]:
    """Terms of the evidence lower bound in nats, means over the batch, as they are commonly named."""
    reconstruction = -inference.px.log_prob(batch.x).mean().item()
    if inference.p is None:
        return {"reconstruction": reconstruction}
    kl = inference.kl().mean().item()
    return {"reconstruction": reconstruction, "kl": kl, "negative_elbo": reconstruction + kl}


def check_batches(pair: Pair) -> None:
    """The loss of a batch is the mean of the losses of its examples."""
    objective = pair.build()
    train(objective, pair.batch(EXAMPLES), TRAINED)  # an untrained net says the same of all examples
    assert_mean_over_examples(objective.eval(), pair.batch(FEW), relative=1e-3)


def assert_mean_over_examples(objective: Objective, batch: Batch, relative: float = 1e-5) -> None:
    """The batch's terms are the means of the terms of its examples one by one, each with its own noise."""
    whole = _keyed_terms(objective, batch)
    ones = [
        _keyed_terms(objective, Batch(batch.x[i : i + 1], None if batch.y is None else batch.y[i : i + 1]))
        for i in range(len(batch.x))
    ]
    for name, value in whole.items():
        mean = math.fsum(terms[name] for terms in ones) / len(ones)
        near = math.isclose(mean, value, rel_tol=relative, abs_tol=1e-6)
        require(near, f"{name} is {value} for a batch of {len(ones)} and {mean} as the mean of its examples")


def _keyed_terms(objective: Objective, batch: Batch) -> dict[str, float]:
    with torch.no_grad(), keyed(content_keys(batch.x)):
        return {name: term.item() for name, term in objective(batch, torch.tensor(10_000)).items()}
