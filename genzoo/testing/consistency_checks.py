"""Checks that a model's methods agree with each other, for any earlier calls, batch and mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from genzoo.core.dataset import Batch
from genzoo.core.distributions import Distribution
from genzoo.core.errors import GenzooError
from genzoo.core.model import Inference, LatentModel
from genzoo.core.noise import content_keys, keyed, seeded
from genzoo.testing.check import require
from genzoo.testing.pair import Pair, loss_of
from genzoo.training.objective import Objective

EXAMPLES = 6
SAMPLES = 3
TOLERANCE = 2e-3
"""Tolerance between two computations of the same quantity: they may round differently."""
FAR = 4.0
"""Factor by which codes are enlarged, to compare decoders far from the prior's centre."""
NO_LATENTS = "not a LatentModel"


def near(one: Tensor, other: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Return whether tensors of one shape are equal up to rounding."""
    if one.shape != other.shape:
        return False
    same = (one == other) | (one - other).abs().le(tolerance * (0.1 + other.abs()))
    return bool((same | (one.isnan() & other.isnan())).all())


def difference(one: Tensor, other: Tensor) -> str:
    """Describe the largest difference between two tensors."""
    if one.shape != other.shape:
        return f"shapes {tuple(one.shape)} and {tuple(other.shape)}"
    i = int((one - other).abs().nan_to_num(nan=0.0).argmax())
    return f"{one.flatten()[i].item():.5g} and {other.flatten()[i].item():.5g}"


def inferred(model: LatentModel, batch: Batch, k: int = 1) -> Inference:
    """Return infer(batch, k) with noise from a fixed seed."""
    with torch.no_grad(), seeded(0):
        return model.infer(batch, k)


def check_agrees(pair: Pair) -> str | None:
    """infer(batch) returns posterior(x), prior() and likelihood(z) of its own z; decode(z) is likelihood(z).centre;
    reconstruct(x) is decode(encode(x))."""
    model = pair.perturbed().eval().model
    if not isinstance(model, LatentModel):
        return NO_LATENTS
    batch = pair.batch(EXAMPLES)._replace(y=None)
    q, p, z, px = inferred(model, batch, SAMPLES)
    with torch.no_grad(), seeded(0):
        flat = z.flatten(0, 1)
        own = model.likelihood(flat).unflatten((SAMPLES, EXAMPLES))
        found = {"infer's p(x|z).centre and that of likelihood(z)": (px.centre, own.centre)}
        found["ln p(x|z) of infer and of likelihood(z)"] = px.log_prob(batch.x), own.log_prob(batch.x)
        found["infer's q(z|x).centre and that of posterior(x)"] = q.centre, model.posterior(batch.x).centre
        if q.measure != "none":
            found["ln q(z|x) of infer and of posterior(x)"] = q.log_prob(z), model.posterior(batch.x).log_prob(z)
        prior = model.prior()
        require((p is None) == (prior is None), f"{pair}: only one of prior() and the prior of infer is None")
        if p is not None and prior is not None:
            found["ln p(z) of infer and of prior()"] = p.log_prob(z), prior.log_prob(z)
        for where, codes in (("z", flat), (f"{FAR:g}·z", FAR * flat)) if q.measure == "density" else (("z", flat),):
            found[f"decode({where}) and likelihood({where}).centre"] = (
                model.decode(codes),
                model.likelihood(codes).centre,
            )
        encoded = model.encode(batch.x)
        found["reconstruct(x) and decode(encode(x))"] = model.reconstruct(batch.x), model.decode(encoded)
    for what, (one, other) in found.items():
        require(near(one, other), f"{pair}: {what} differ: {difference(one, other)}")
    return None


def check_alone(pair: Pair) -> str | None:
    """In evaluation the result for an example does not depend on the other examples of its batch or their order."""
    model, batch = pair.perturbed().eval().model, pair.batch(EXAMPLES)._replace(y=None)
    if not isinstance(model, LatentModel):
        return NO_LATENTS
    order = torch.arange(EXAMPLES - 1, -1, -1)
    with torch.no_grad(), seeded(0):
        z = model.encode(batch.x)
        answers: dict[str, tuple[Callable[[Tensor], Tensor], Tensor]] = {
            "encode(x)": (model.encode, batch.x),
            "likelihood(z).centre": (lambda codes: model.likelihood(codes).centre, z),
            "samples of posterior(x)": (lambda x: _keyed_sample(model, x), batch.x),
        }
        for name, (answer, given) in answers.items():
            whole = answer(given)
            for how, other in (
                ("in a batch of its own", torch.cat([answer(given[i : i + 1]) for i in range(EXAMPLES)])),
                ("in a batch in another order", answer(given[order])[order]),
            ):
                fault = f"differs {how}: {difference(other, whole)}"
                require(near(other, whole), f"{pair}: {name} of an example {fault}")
    return None


def _keyed_sample(model: LatentModel, x: Tensor) -> Tensor:
    with keyed(content_keys(x)):
        q = model.posterior(x)
        return q.rsample() if _keys(q) else q.centre


def _keys(q: Distribution) -> bool:
    """Return whether a distribution draws each example's own noise, independent of the seed."""
    with seeded(1):
        one = q.rsample()
    with seeded(2):
        return torch.equal(one, q.rsample())


def check_forgets(pair: Pair) -> str | None:
    """In evaluation mode no call changes the result of a later one: other examples, their labels, the loss and samples
    leave no state."""
    objective = pair.perturbed().eval()
    model, batch, other = objective.model, pair.batch(EXAMPLES), pair.batch(EXAMPLES + 1)
    before = {name: tensor.clone() for name, tensor in objective.state_dict().items()}
    answers = [_answers(objective, batch)]
    others = [other]
    if other.y is not None:
        others.append(other._replace(y=(other.y + 1) % pair.spec.classes))
    with torch.no_grad(), seeded(0):
        for another in others:
            loss_of(objective, another)
            if isinstance(model, LatentModel):
                model.infer(another, 2)
                model.reconstruct(another.x)
            answers.append(_answers(objective, batch))
    for name, value in answers[0].items():
        for again in answers[1:]:
            require(
                near(again[name], value, 1e-5),
                f"{pair}: {name} differs after calls with other examples: {difference(again[name], value)}",
            )
    for name, tensor in objective.state_dict().items():
        same = torch.equal(tensor, before[name]) or not bool(tensor.isfinite().all())
        require(same, f"{pair}: evaluation changes {name}")
    return None


def _answers(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    """Return the results of a model's methods on a batch, each from a call of its own; codes without any x first."""
    model = objective.model
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        if isinstance(model, LatentModel):
            latent = model.posterior(batch.x).centre.shape[1:]
            loss_of(objective, batch)
            with seeded(3):
                z = torch.randn(EXAMPLES, *latent)
            found["likelihood(z).centre"] = model.likelihood(z).centre
            found["posterior(x).centre"] = model.posterior(batch.x).centre
            found["encode(x)"] = model.encode(batch.x)
        found["the loss"] = loss_of(objective, batch)["loss"]
    return found


def check_labels(pair: Pair) -> str | None:
    """Unless conditional is True, infer(batch) does not use the labels: evaluation gives none."""
    model, batch = pair.perturbed().eval().model, pair.batch(EXAMPLES)
    if not isinstance(model, LatentModel):
        return NO_LATENTS
    if batch.y is None:
        return "the data have no labels"
    if model.conditional:
        return "the model is conditional"
    others = [batch._replace(y=(batch.y + 1) % pair.spec.classes), batch._replace(y=None)]
    first = inferred(model, batch)
    for other, what in zip(others, ("other labels", "no labels"), strict=True):
        try:
            again = inferred(model, other)
        except (TypeError, AttributeError, ValueError) as error:
            raise AssertionError(f"{pair}: infer(batch) fails with {what}: {error}") from None
        for name, one, two in (
            ("q(z|x).centre", first.q.centre, again.q.centre),
            ("z", first.z, again.z),
            ("p(x|z).centre", first.px.centre, again.px.centre),
        ):
            require(near(one, two), f"{pair}: {name} of infer(batch) differs with {what}: {difference(one, two)}")
    return None


def mode_dependent_layers(objective: Objective) -> Iterator[nn.Module]:
    """Yield the dropout and batch normalisation layers, which differ between training and evaluation by design."""
    return (part for part in objective.modules() if isinstance(part, (_DropoutNd, _BatchNorm)))


def check_modes(pair: Pair) -> str | None:
    """The loss and infer are the same in training and in evaluation mode, apart from dropout, batch normalisation and
    the labels."""
    objective, batch = pair.perturbed(), pair.batch(EXAMPLES)
    if objective.model.conditional:
        batch = batch._replace(y=None)
    kept = {name: tensor.clone() for name, tensor in objective.state_dict().items()}
    found = []
    for mode in (False, True):
        objective.load_state_dict(kept)
        objective.train(mode)
        for layer in mode_dependent_layers(objective):
            layer.eval()
        try:
            with torch.no_grad():
                found.append({f"the loss's {name!r}": term for name, term in loss_of(objective, batch).items()})
        except GenzooError as error:
            return error.message
        if isinstance(objective.model, LatentModel):
            q, _, z, px = inferred(objective.model, batch, SAMPLES)
            found[-1] |= {"q(z|x).centre": q.centre, "z of infer": z, "p(x|z).centre": px.centre}
    evaluated, trained = found
    require(evaluated.keys() == trained.keys(), f"{pair}: the loss's terms in training are {sorted(trained)}")
    for name, value in evaluated.items():
        fault = f"differs between training and evaluation: {difference(trained[name], value)}"
        require(near(trained[name], value), f"{pair}: {name} {fault}")
    return None
