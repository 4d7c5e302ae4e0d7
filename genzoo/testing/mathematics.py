"""Checks that hold a model and its loss against what their formulas must be."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.distributions import DiagGaussian, Distribution
from genzoo.core.likelihoods import BernoulliLikelihood, likelihood_class
from genzoo.core.model import Inference, LatentModel
from genzoo.core.noise import content_keys, keyed, seeded
from genzoo.testing.check import require
from genzoo.testing.consistency import ordinary
from genzoo.testing.densities import centred, examine_distribution
from genzoo.testing.pair import EXAMPLES, Pair, loss_of, train
from genzoo.testing.sampling import differs
from genzoo.testing.terms import recorded
from genzoo.training.objective import Objective

DRAWS = 512
PRIOR_DRAWS = 4000
DECODED = 200
"""Draws that are decoded too, which costs most."""
SMALL_EXAMPLE = 100
"""Numbers of an example up to which many draws cost little."""
FEW = 4
TRAINED = 10


def check_density(pair: Pair) -> str | None:
    """ln p(x|z) is the logarithm of a density or probability of the whole example, summed over its values; its samples
    follow it, their mean is p(x|z).mean, and a probability is not above 1."""
    model = pair.stirred().eval().model
    if not isinstance(model, LatentModel):
        return "not a LatentModel"
    with torch.no_grad(), seeded(0):
        batch = pair.batch(4)
        z = model.encode(batch.x)
        if likelihood_class(pair.spec.likelihood) is BernoulliLikelihood:
            _one_pixel_counts_as_one(pair, model, z)
        px = model.likelihood(z)
        if px.measure == "probability":
            highest = px.log_prob(batch.x).max().item()
            require(highest < 1e-3, f"{pair}: ln p(x|z) of a probability is {highest:.4g}, above 0")
        reason = examine_distribution(px, f"{pair}: p(x|z)")
        centred(px, f"{pair}: p(x|z)", loose=0.02)
    return reason


def _one_pixel_counts_as_one(pair: Pair, model: LatentModel, z: Tensor) -> None:
    """ln p(x_d = 1 | z) − ln p(x_d = 0 | z) is the logit of p(x_d = 1 | z), whatever the other pixels are."""
    px = model.likelihood(z)
    drawn = px.rsample()
    if not bool(((drawn == 0) | (drawn == 1)).all()):  # a likelihood of the model's own choice
        return
    black = torch.zeros(px.mean.shape)  # whatever the layout of px.mean, so that flatten is a view
    white = black.clone()
    white.flatten(1)[:, 0] = 1
    found = px.log_prob(white) - px.log_prob(black)
    wanted = torch.logit(px.mean.flatten(1)[:, 0])
    near = torch.allclose(found, wanted, rtol=0.05, atol=1e-2)
    said = f"changes ln p(x|z) by {found[0].item():.4g}, not by its logit {wanted[0].item():.4g}"
    require(near, f"{pair}: one pixel {said}")


def check_posterior(pair: Pair) -> str | None:
    """z is drawn from q(z|x), in training and in evaluation; encode(x) is its mean; its samples follow its log_prob."""
    objective, batch = pair.stirred().eval(), pair.batch(FEW)._replace(y=None)  # posterior(x) is not told the classes
    model = objective.model
    if not isinstance(model, LatentModel):
        return "not a LatentModel"
    with torch.no_grad(), seeded(0):
        q, p = model.posterior(batch.x), model.prior()
        require(torch.allclose(model.encode(batch.x), q.mean), f"{pair}: encode(x) is not the mean of posterior(x)")
        if p is None:
            return "no prior"
        own = q.rsample((DECODED if pair.spec.numel > SMALL_EXAMPLE else 10 * DECODED,))
        if q.measure != "density" and not own.var(0).any():  # a single point may have all mass
            same = torch.equal(model.infer(batch, 2).z, own[:2])
            require(same, f"{pair}: the z of infer(x) are not samples of posterior(x)")
        else:
            _drawn_from(pair, model, batch, own)
            objective.train()
            for layer in ordinary(objective):
                layer.eval()
            k = len(own) // 4
            own = model.posterior(batch.x).rsample((k,))
            spread = (model.infer(batch, k).z.var(0).sum() / own.var(0).sum()).item()  # noise on x adds to it
            require(spread > 0.3, f"{pair}: z varies {spread:.3g} times as much as samples of posterior(x) in training")
            centred(
                q, f"{pair}: q(z|x)", loose=0.02 if isinstance(q, DiagGaussian) else 1.0
            )  # of levels of latents the mean is that of the likeliest one above
        return examine_distribution(q, f"{pair}: q(z|x)")


def _drawn_from(pair: Pair, model: LatentModel, batch: Batch, own: Tensor) -> None:
    """Holds the z of infer against samples [K, B, *D] of the posterior."""
    z = model.infer(batch, len(own)).z
    _varies(pair, z, own, "")
    for i in range(len(batch.x)):
        far = differs(z[:, i].flatten(1), own[:, i].flatten(1))
        require(not far, f"{pair}: the z of infer(x) are not distributed as samples of posterior(x): {far}")


def _varies(pair: Pair, z: Tensor, own: Tensor, when: str) -> None:
    """Holds the spread of z over its first axis, pooled over all else, against that of samples of the posterior."""
    found, wanted = ((x - x.mean(0)).square().flatten(1).sum(1).double() for x in (z, own))
    require(wanted.mean().item() > 0, f"{pair}: samples of posterior(x) are all alike, and prior() is a density")
    ratio = round((found.mean() / wanted.mean()).item(), 9)  # equal samples vary by rounding
    error = ((found.var() / len(z) + wanted.var() / len(own)).sqrt() / wanted.mean()).item()
    near = abs(ratio - 1) < 0.02 + 6.6 * error
    require(near, f"{pair}: z varies {ratio:.3g} times as much as samples of posterior(x){when}")


def check_prior(pair: Pair) -> str | None:
    """p(z) is a density: neither it nor a Gaussian fitted to its samples makes the other's samples likelier than their
    own does (Gibbs' inequality); it integrates to 1, and its samples follow it."""
    model = pair.stirred().eval().model
    if not isinstance(model, LatentModel):
        return "not a LatentModel"
    with torch.no_grad(), seeded(0):
        p = model.prior()
        if p is None:
            return "no prior"
        if p.measure == "density":
            _likelier_than_others(pair, p)
        return examine_distribution(p, f"{pair}: prior()")


def _likelier_than_others(pair: Pair, p: Distribution) -> None:
    own = p.rsample((PRIOR_DRAWS,))
    fitted = DiagGaussian(own.mean(0), own.var(0).clamp_min(1e-12).log(), event_dims=p.event_dims)
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
        require(not mean < -(6.5 * error + 0.02), f"{pair}: {said.format(f'{-mean:.3g} ± {error:.2g}')}")


def check_kl(pair: Pair) -> str | None:
    """KL(q(z|x)‖p(z)) is not negative, and its closed form, as infer's kl(), is the mean of ln q(z|x) − ln p(z) over z
    of q."""
    model, batch = pair.stirred().eval().model, pair.batch(EXAMPLES)._replace(y=None)
    if not isinstance(model, LatentModel):
        return "not a LatentModel"
    with torch.no_grad(), seeded(0):
        q, p = model.posterior(batch.x), model.prior()
        if p is None:
            return "no prior"
        if q.measure == "none":
            return "q(z|x) is a point"
        values = _log_ratios(q, p, q.rsample((DRAWS,)))
        found = {"in closed form": q.kl(p), "by kl() of infer": model.infer(batch, FEW).kl()}
    found["by kl() of infer"] = None if q.kl(p) is None else found["by kl() of infer"]
    if q.kl(p) is None:
        with torch.no_grad(), seeded(1):
            inference = model.infer(batch, DECODED)
            found["by kl() of infer"] = inference.kl()
            values = torch.cat([values, _log_ratios(inference.q, p, inference.z)])
    for how, exact in found.items():
        if exact is not None:
            _is_mean_of(pair, values, exact, how, sampled=q.kl(p) is None)
    return None


def _log_ratios(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    return q.log_prob(z) - p.log_prob(z)


def _is_mean_of(pair: Pair, values: Tensor, exact: Tensor, how: str, sampled: bool) -> None:
    """Holds a KL [B] against ln q − ln p [K, B]."""
    estimate, error = values.mean(0), values.std(0) / math.sqrt(len(values))
    require(bool((exact >= -1e-5).all()) or sampled, f"{pair}: a KL divergence is {exact.min().item():.3g}")
    allowed = (6.5 + 10.0 * sampled) * error  # one that is itself of samples is as inexact
    far = (estimate - exact).abs() > allowed + 1e-3 * exact.abs() + 1e-4
    i = int(far.int().argmax())
    said = f"{exact[i].item():.4g} {how} and {estimate[i].item():.4g} ± {error[i].item():.2g} from samples"
    require(not bool(far.any()), f"{pair}: the KL of an example is {said}")


def check_scored(pair: Pair) -> str | None:
    """What the loss calls reconstruction, kl and negative_elbo is what the model's own distributions say of the batch,
    in evaluation and in training."""
    objective, batch = pair.build(), pair.batch(EXAMPLES)
    if not isinstance(objective.model, LatentModel):
        return "not a LatentModel"
    train(objective, batch, TRAINED)  # at first all means and log-variances are about 0
    _scored(pair, objective.eval(), batch)
    for mode in (False, True):
        stirred = pair.stirred(1).train(mode)
        _scored(pair, stirred, batch)
    return None


def _scored(pair: Pair, objective: Objective, batch: Batch) -> None:
    model = objective.model
    assert isinstance(model, LatentModel)
    with torch.no_grad():
        with recorded(model) as said:
            terms = loss_of(objective, batch, step=10_000)
        if not said and objective.training:  # noise, hidden labels and dropout are the loss's own
            return
        with seeded(0):
            inference = said[0] if len(said) == 1 else model.infer(batch)
    exact = inference.p is not None and inference.q.kl(inference.p) is not None
    for name, wanted in _of_the_model(inference, batch).items():
        if name not in terms:
            continue
        found = terms[name].item()
        # Without the samples that the loss itself has seen, all but a closed KL depends on the noise.
        tolerance = (1e-3, 1e-4) if len(said) == 1 or (name == "kl" and exact) else (0.1, 0.05)
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
