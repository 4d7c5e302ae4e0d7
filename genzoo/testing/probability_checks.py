"""Checks of a model's distributions and of the loss's terms against their definitions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.distributions import Bernoulli, DiagGaussian, Distribution
from genzoo.core.model import Inference, LatentModel
from genzoo.core.noise import content_keys, keyed, seeded
from genzoo.evaluation.order import metric_for
from genzoo.registry.parts import likelihood_class
from genzoo.testing.check import require
from genzoo.testing.consistency_checks import mode_dependent_layers
from genzoo.testing.densities import centred, examine_distribution
from genzoo.testing.loss_weight_checks import recorded
from genzoo.testing.pair import EXAMPLES, Pair, loss_of, train
from genzoo.testing.sampling_checks import differs
from genzoo.training.objective import Objective

DRAWS = 512
PRIOR_DRAWS = 4000
DECODED = 200
"""Number of draws that are also decoded, which costs most."""
SMALL_EXAMPLE = 100
"""Largest number of values of an example for which many draws are cheap."""
LARGE_CODE = 1000
"""Beyond this number of values of a code, which a hierarchy of convolutions may draw, there are fewer draws."""
FEW = 4
TRAINED = 10


def check_density(pair: Pair) -> str | None:
    """ln p(x|z) is the log-density or log-probability of the whole example, summed over its values; its samples follow
    it, their mean is p(x|z).mean if it has one, and a probability is at most 1."""
    model = pair.perturbed().eval().model
    if not isinstance(model, LatentModel):
        return "not a LatentModel"
    with torch.no_grad(), seeded(0):
        batch = pair.batch(4)
        z = model.encode(batch.x)
        named = pair.spec.likelihood
        if named and likelihood_class(named).family is Bernoulli:
            _one_pixel_counts_as_one(pair, model, z)
        px = model.likelihood(z)
        if px.measure == "probability":
            highest = px.log_prob(batch.x).max().item()
            require(highest < 1e-3, f"{pair}: ln p(x|z) of a probability is {highest:.4g}, above 0")
        reason = examine_distribution(px, f"{pair}: p(x|z)")
        centred(px, f"{pair}: p(x|z)", loose=0.02)
    return reason


def _one_pixel_counts_as_one(pair: Pair, model: LatentModel, z: Tensor) -> None:
    """Require that ln p(x_d = 1 | z) − ln p(x_d = 0 | z) is the logit of p(x_d = 1 | z) for any other pixels."""
    px = model.likelihood(z)
    drawn = px.rsample()
    if not bool(((drawn == 0) | (drawn == 1)).all()):  # the model uses another likelihood
        return
    black = torch.zeros(px.shape)  # contiguous, so that flatten is a view
    white = black.clone()
    white.flatten(1)[:, 0] = 1
    found = px.log_prob(white) - px.log_prob(black)
    wanted = torch.logit(px.mean.flatten(1)[:, 0])
    near = torch.allclose(found, wanted, rtol=0.05, atol=1e-2)
    fault = f"changes ln p(x|z) by {found[0].item():.4g}, not by its logit {wanted[0].item():.4g}"
    require(near, f"{pair}: one pixel {fault}")


def check_posterior(pair: Pair) -> str | None:
    """z is drawn from q(z|x) in training and evaluation; encode(x) is its centre; its samples follow its log_prob."""
    objective, batch = pair.perturbed().eval(), pair.batch(FEW)._replace(y=None)  # posterior(x) gets no labels
    model = objective.model
    if not isinstance(model, LatentModel):
        return "not a LatentModel"
    with torch.no_grad(), seeded(0):
        q, p = model.posterior(batch.x), model.prior()
        require(torch.allclose(model.encode(batch.x), q.centre), f"{pair}: encode(x) is not the centre of posterior(x)")
        if p is None:
            return "no prior"
        own = q.rsample((DECODED if pair.spec.numel > SMALL_EXAMPLE else 10 * DECODED,))
        if q.measure != "density" and not own.var(0).any():  # all mass may be on a single point
            same = torch.equal(model.infer(batch, 2).z, own[:2])
            require(same, f"{pair}: the z of infer(x) are not samples of posterior(x)")
        else:
            _drawn_from(pair, model, batch, own)
            objective.train()
            for layer in mode_dependent_layers(objective):
                layer.eval()
            k = len(own) // 4
            own = model.posterior(batch.x).rsample((k,))
            spread = (model.infer(batch, k).z.var(0).sum() / own.var(0).sum()).item()  # noise on x increases it
            require(spread > 0.3, f"{pair}: z varies {spread:.3g} times as much as samples of posterior(x) in training")
            # For a hierarchy of latents, the mean is that of the likeliest level above.
            centred(q, f"{pair}: q(z|x)", loose=0.02 if isinstance(q, DiagGaussian) else 1.0)
        decodes = pair.spec.numel > SMALL_EXAMPLE and not isinstance(q, DiagGaussian)  # its density may cost much
        return examine_distribution(q, f"{pair}: q(z|x)", PRIOR_DRAWS if decodes else None)


def _drawn_from(pair: Pair, model: LatentModel, batch: Batch, own: Tensor) -> None:
    """Compare the z of infer with samples [K, B, *D] of the posterior."""
    z = model.infer(batch, len(own)).z
    _varies(pair, z, own, "")
    for i in range(len(batch.x)):
        far = differs(z[:, i].flatten(1), own[:, i].flatten(1))
        require(not far, f"{pair}: the z of infer(x) are not distributed as samples of posterior(x): {far}")


def _varies(pair: Pair, z: Tensor, own: Tensor, when: str) -> None:
    """Compare the variance of z over its first axis, pooled over all others, with that of samples of the posterior."""
    found, wanted = ((x - x.mean(0)).square().flatten(1).sum(1).double() for x in (z, own))
    require(wanted.mean().item() > 0, f"{pair}: samples of posterior(x) are all equal, but prior() is a density")
    ratio = round((found.mean() / wanted.mean()).item(), 9)  # equal samples vary by rounding
    error = ((found.var() / len(z) + wanted.var() / len(own)).sqrt() / wanted.mean()).item()
    near = abs(ratio - 1) < 0.02 + 6.6 * error
    require(near, f"{pair}: z varies {ratio:.3g} times as much as samples of posterior(x){when}")


def check_prior(pair: Pair) -> str | None:
    """p(z) is a density: it integrates to 1, its samples follow it, and it gives its own samples no lower density
    than a Gaussian fitted to them does, and vice versa (Gibbs' inequality)."""
    model = pair.perturbed().eval().model
    if not isinstance(model, LatentModel):
        return "not a LatentModel"
    with torch.no_grad(), seeded(0):
        p = model.prior()
        if p is None:
            return "no prior"
        if p.measure == "density" and p.support != "sphere":
            _likelier_than_others(pair, p)
        return examine_distribution(p, f"{pair}: prior()")


def _likelier_than_others(pair: Pair, p: Distribution) -> None:
    """Require Gibbs' inequality between a prior and a Gaussian fitted to its samples, in both directions."""
    n = PRIOR_DRAWS if p.shape.numel() <= LARGE_CODE else PRIOR_DRAWS // 8
    own = p.rsample((n,))
    fitted = DiagGaussian(own.mean(0), own.var(0).clamp_min(1e-12).log(), event_dims=p.event_dims)
    fresh, others = p.rsample((n,)), fitted.rsample((n,))
    gains = {
        "prior().log_prob gives its own samples {} nats less than a Gaussian fitted to them does": (
            p.log_prob(fresh) - fitted.log_prob(fresh)
        ),
        "prior().log_prob gives samples of a Gaussian {} nats more than that Gaussian itself does": (
            fitted.log_prob(others) - p.log_prob(others)
        ),
    }
    for fault, gain in gains.items():
        mean, error = gain.mean().item(), gain.std().item() / math.sqrt(n)
        require(not mean < -(6.5 * error + 0.02), f"{pair}: {fault.format(f'{-mean:.3g} ± {error:.2g}')}")


def check_kl(pair: Pair) -> str | None:
    """KL(q(z|x)‖p(z)) is not negative; its closed form and infer's kl() are the mean of ln q(z|x) − ln p(z) over
    samples of q."""
    count = EXAMPLES if pair.spec.numel <= SMALL_EXAMPLE else FEW
    model, batch = pair.perturbed().eval().model, pair.batch(count)._replace(y=None)
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
    """Compare a KL [B] with the mean of ln q − ln p [K, B]."""
    estimate, error = values.mean(0), values.std(0) / math.sqrt(len(values))
    require(bool((exact >= -1e-5).all()) or sampled, f"{pair}: a KL divergence is {exact.min().item():.3g}")
    allowed = (6.5 + 10.0 * sampled) * error  # a sampled KL has an error of its own
    far = (estimate - exact).abs() > allowed + 1e-3 * exact.abs() + 1e-4
    i = int(far.int().argmax())
    values_text = f"{exact[i].item():.4g} {how} and {estimate[i].item():.4g} ± {error[i].item():.2g} from samples"
    require(not bool(far.any()), f"{pair}: the KL of an example is {values_text}")


def check_scored(pair: Pair) -> str | None:
    """The loss's terms reconstruction, kl and negative_elbo are those of the model's own distributions, in evaluation
    and in training."""
    objective, batch = pair.build(), pair.batch(EXAMPLES)
    if not isinstance(objective.model, LatentModel):
        return "not a LatentModel"
    train(objective, batch, TRAINED)  # untrained, all means and log-variances are about 0
    _scored(pair, objective.eval(), batch)
    for mode in (False, True):
        perturbed = pair.perturbed(1).train(mode)
        _scored(pair, perturbed, batch)
    return None


def _scored(pair: Pair, objective: Objective, batch: Batch) -> None:
    """Compare the loss's terms with those of the model's own inference."""
    model = objective.model
    assert isinstance(model, LatentModel)
    with torch.no_grad():
        with recorded(model) as inferences:
            terms = loss_of(objective, batch, step=10_000)
        if not inferences and objective.training:  # the loss may add its own noise, hidden labels or dropout
            return
        with seeded(0):
            inference = inferences[0] if len(inferences) == 1 else model.infer(batch)
    exact = inference.p is not None and inference.q.kl(inference.p) is not None
    for name, wanted in _of_the_model(inference, batch).items():
        if name not in terms or (name == metric_for("bound") and _tighter(model, batch, terms, wanted)):
            continue
        found = terms[name].item()
        # Without the loss's own samples, all terms but a closed-form KL depend on the noise.
        closed = exact and name == metric_for("rate")
        tolerance = (1e-3, 1e-4) if len(inferences) == 1 or closed else (0.1, 0.05)
        near = math.isclose(found, wanted, rel_tol=tolerance[0], abs_tol=tolerance[1])
        share = f", a share of 1/{wanted / found:.4g}" if found and wanted / found > 1.5 else ""
        require(near, f"{pair}: the loss's {name!r} is {found:.4g}; by the model's infer it is {wanted:.4g}{share}")


def _tighter(model: LatentModel, batch: Batch, terms: dict[str, Tensor], wanted: float) -> bool:
    """Return whether a loss's bound is a tighter one than the model's: a latent such as a class may be summed over.

    Then it is not the sum of a reconstruction and a KL that the loss reports, and lies between the importance-weighted
    bound of many samples and the model's own.
    """
    if metric_for("distortion") in terms or metric_for("rate") in terms:
        return False
    with seeded(0):
        _, p, z, px = many = model.infer(batch, DRAWS)
    assert p is not None
    weights = px.log_prob(batch.x) + p.log_prob(z) - many.q.log_prob(z)
    least = (math.log(DRAWS) - weights.logsumexp(0)).mean().item()
    found, slack = terms[metric_for("bound")].item(), 0.05 + 0.02 * abs(wanted)
    return least - slack < found < wanted + slack


def _of_the_model(inference: Inference, batch: Batch) -> dict[str, float]:
    """Return the terms of the evidence lower bound in nats, means over the batch, by the names of their metrics."""
    distortion = -inference.px.log_prob(batch.x).mean().item()
    if inference.p is None:
        return {metric_for("distortion"): distortion}
    rate = inference.kl().mean().item()
    return {metric_for("distortion"): distortion, metric_for("rate"): rate, metric_for("bound"): distortion + rate}


def check_batches(pair: Pair) -> None:
    """The loss of a batch is the mean of the losses of its examples."""
    objective = pair.build()
    train(objective, pair.batch(EXAMPLES), TRAINED)  # an untrained net gives the same result for all examples
    assert_mean_over_examples(objective.eval(), pair.batch(FEW), relative=1e-3)


def assert_mean_over_examples(objective: Objective, batch: Batch, relative: float = 1e-5) -> None:
    """Require that the batch's terms are means over its examples' terms, each example with its own noise.

    Raises:
        AssertionError: A term differs by more than `relative`.
    """
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
        return {name: term.item() for name, term in objective.terms(batch, torch.tensor(10_000)).items()}
