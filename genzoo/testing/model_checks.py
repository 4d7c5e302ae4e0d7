"""The checks of every registered model and loss."""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor

from genzoo.core.dataset import Batch
from genzoo.core.model import Autoencoder, Density, Encoder, LatentModel
from genzoo.core.noise import seeded
from genzoo.data.resident import Resident
from genzoo.evaluation.evaluate import evaluate, find_metrics
from genzoo.registry.current import registry
from genzoo.registry.parts import is_for_unit
from genzoo.runs.model_file import load_model, save_model
from genzoo.testing import (
    consistency_checks,
    density_checks,
    loss_weight_checks,
    phase_checks,
    probability_checks,
    process_checks,
    sampling_checks,
    training_step_checks,
)
from genzoo.testing.check import Check, require
from genzoo.testing.dataset_checks import refuse_odd_tokens
from genzoo.testing.density_checks import by_gradient
from genzoo.testing.graph_safety import assert_fullgraph, assert_graph_safe
from genzoo.testing.pair import CPU, EXAMPLES, Pair, backward, loss_of, train
from genzoo.testing.sampling_checks import can_sample, hurried
from genzoo.training.objective import Objective


def check_shapes(pair: Pair) -> None:
    """Every distribution, reconstruction and sample has the shape of the interface, and is finite."""
    objective, batch = hurried(pair.build()).eval(), pair.batch(EXAMPLES)
    model, n, shape = objective.model, EXAMPLES, pair.spec.shape
    results: dict[str, tuple[Tensor, tuple[int, ...]]] = {}
    with torch.no_grad(), seeded(0):
        if isinstance(model, LatentModel):
            latent = tuple(model.posterior(batch.x).centre.shape[1:])
            for k in (1, 3):
                results |= _inference_results(model, batch, k, latent, shape)
            z = model.encode(batch.x)
            results["encode(x)"] = z, (n, *latent)
            results["likelihood(z).centre"] = model.likelihood(z).centre, (n, *shape)
        if isinstance(model, Encoder):
            require(torch.equal(model.encode(batch.x), model.encode(batch.x)), f"{pair}: encode is not deterministic")
        if isinstance(model, Autoencoder):
            results["decode(z)"] = model.decode(model.encode(batch.x)), (n, *shape)
            results["reconstruct(x)"] = model.reconstruct(batch.x), (n, *shape)
        if can_sample(objective):
            results["sample(n)"] = model.sample(n, batch.y), (n, *shape)
    any_values = isinstance(model, Density) and model.support == "any"
    for name, (value, expected) in results.items():
        require(tuple(value.shape) == expected, f"{pair}: {name} has shape {tuple(value.shape)}, not {expected}")
        kind = torch.int64 if pair.spec.is_discrete and _of_data(name) else torch.float32
        require(value.dtype == kind, f"{pair}: {name} is {value.dtype}, not {str(kind).removeprefix('torch.')}")
        require(bool(value.isfinite().all()), f"{pair}: {name} is not finite")
        if kind == torch.int64:
            refuse_odd_tokens(value.flatten(0, -2), pair.spec.levels, f"{pair}: {name}")
        if is_for_unit(pair.spec.likelihood) and _of_data(name) and not any_values:
            inside = bool((value >= 0).all() and (value <= 1).all())
            require(inside, f"{pair}: {name} leaves [0, 1]: {value.min():.3g} … {value.max():.3g}")


def _of_data(name: str) -> bool:
    """Return whether a result has values of x."""
    return name.rpartition(": ")[2] in ("px.centre", "likelihood(z).centre", "decode(z)", "reconstruct(x)", "sample(n)")


def _inference_results(
    model: LatentModel, batch: Batch, k: int, latent: tuple[int, ...], shape: tuple[int, ...]
) -> dict[str, tuple[Tensor, tuple[int, ...]]]:
    """Return the tensors of infer(batch, k), each with its expected shape."""
    n = len(batch.x)
    q, p, z, px = inference = model.infer(batch, k)
    found = {
        "q.centre": (q.centre, (n, *latent)),
        "z": (z, (k, n, *latent)),
        "px.centre": (px.centre, (k, n, *shape)),
        "px.log_prob(x)": (px.log_prob(batch.x), (k, n)),
    }
    if p is not None:
        found["p.centre"] = p.centre, latent
        found["p.log_prob(z)"] = p.log_prob(z), (k, n)
        found["kl()"] = inference.kl(), (n,)
        exact = q.kl(p)
        require(exact is None or bool((exact >= 0).all()), f"{type(model).__name__}: a KL divergence is negative")
    return {f"infer(k={k}): {name}": result for name, result in found.items()}


def check_instances(pair: Pair) -> None:
    """Two instances share no memory, and training one does not change the other."""
    one, other, batch = pair.build(), pair.build(), pair.batch(EXAMPLES)
    for name, tensor in one.state_dict().items():
        same = torch.equal(tensor, other.state_dict()[name])
        require(same, f"{pair}: {name} differs between two builds of one seed")
        shared = tensor.numel() and tensor.data_ptr() == other.state_dict()[name].data_ptr()
        require(not shared, f"{pair}: two instances share the memory of {name}")
    loss_before = loss_of(other, batch)["loss"].item()  # changes the buffers of batch normalisation
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    train(one, batch, steps=2)
    for name, tensor in other.state_dict().items():
        require(torch.equal(tensor, before[name]), f"{pair}: training another instance changed {name}")
    require(loss_of(other, batch)["loss"].item() == loss_before, f"{pair}: training another instance changed the loss")


def check_weights(pair: Pair) -> None:
    """A saved model is loaded bit for bit, and has the same loss."""
    objective, batch = pair.build().eval(), pair.batch(EXAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(path, objective.model, pair.model)
        loaded = load_model(path)
    require(type(loaded) is type(objective.model), f"{pair}: the model read back is a {type(loaded).__name__}")
    require(loaded.config == objective.model.config, f"{pair}: the config read back is {loaded.config}")
    require(loaded.spec == pair.spec, f"{pair}: the spec read back is {loaded.spec}")
    for name, tensor in objective.model.state_dict().items():
        require(torch.equal(loaded.state_dict()[name], tensor), f"{pair}: {name} is not what was saved")
    again = Objective(loaded, objective.loss).eval()
    one, other = loss_of(objective, batch)["loss"], loss_of(again, batch)["loss"]
    require(torch.equal(one, other), f"{pair}: the loaded model's loss is {other.item()}, not {one.item()}")


def check_evaluation(pair: Pair) -> None:
    """Two evaluations give the same values, all finite, for every metric of a run that is available for the model."""
    model = pair.build().model
    metrics = find_metrics(registry())
    data = Resident(pair.split(EXAMPLES), CPU)
    one, other = evaluate(model, data, metrics), evaluate(model, data, metrics)
    require(one == other, f"{pair}: two evaluations differ: {one} / {other}")
    for name, value in one.items():
        require(not isinstance(value, float) or math.isfinite(value), f"{pair}: metric {name} is {value}")


def check_quiet(pair: Pair) -> None:
    """Nothing is written to standard output, which is for results only."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        objective = hurried(pair.build())
        if not objective.model.in_closed_form():
            backward(objective, pair.batch(EXAMPLES))
        model = objective.eval().model
        evaluate(model, Resident(pair.split(EXAMPLES), CPU), find_metrics(registry()))
        if can_sample(objective):
            with torch.no_grad():
                model.sample(2)
    require(not output.getvalue(), f"{pair}: prints {output.getvalue()[:60]!r}")


def check_graph_safe(pair: Pair) -> None:
    """The training step can be captured as a whole: see `genzoo.testing.assert_graph_safe`."""
    noise = pair.batch(EXAMPLES)
    assert_graph_safe(pair.build(), [noise._replace(x=torch.zeros_like(noise.x)), noise], [0, 10_000])


def check_compiles(pair: Pair) -> str | None:
    """torch.compile compiles each phase of the training step as one graph for all steps, with the same loss and
    gradients."""
    if pair.build().loss.second_order:
        return "the loss differentiates, which is trained without compilation"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_fullgraph(pair.build(), pair.batch(4), steps=(0, 10_000))
    return None


CHECKS: dict[str, Check[Pair]] = {
    "shapes": Check(
        check_shapes, "see genzoo.LatentModel for the shape of each; decode and sample return the mean of p(x|z)"
    ),
    "loss": Check(
        by_gradient(training_step_checks.check_loss),
        'return {"loss": scalar, …}, each a mean over the batch; keep logarithms and divisions away from 0',
    ),
    "edges": Check(by_gradient(training_step_checks.check_edges), "keep logarithms and divisions away from 0"),
    "gradients": Check(
        by_gradient(training_step_checks.check_gradients),
        "remove the layer, use it, or let the gradient through: no detach, no no_grad",
    ),
    "learns": Check(by_gradient(training_step_checks.check_learns), "is the sign of the loss right?"),
    "phases": Check(
        by_gradient(phase_checks.check_phases),
        "give each Phase the beginning of parameter names in `of`, without overlap, and each term to one phase",
    ),
    "after-step": Check(
        by_gradient(phase_checks.check_after_step), "change buffers in place (copy_, lerp_), and read no value back"
    ),
    "density": Check(
        probability_checks.check_density, "sum log-probabilities over an example, and keep their constants"
    ),
    "log-prob": Check(
        density_checks.check_log_prob,
        "sum over an example, use each example's own row only, keep all constants and Jacobians; or state exactness",
    ),
    "inverts": Check(
        density_checks.check_inverts, "let decode invert encode, and add the log-determinant of each layer's Jacobian"
    ),
    "posterior": Check(
        probability_checks.check_posterior, "draw z by the distribution's own rsample; encode(x) is posterior(x).centre"
    ),
    "prior": Check(
        probability_checks.check_prior,
        "sum ln p(z) over the latents and keep its constants; draw samples of the same distribution",
    ),
    "kl": Check(
        probability_checks.check_kl,
        "give the closed form of KL(q‖p), summed over the latents, or None to have it estimated",
    ),
    "scored": Check(
        probability_checks.check_scored,
        "take the loss's terms from model.infer(batch): -px.log_prob(x) and kl(), then the mean over the batch",
    ),
    "batches": Check(
        probability_checks.check_batches,
        "sum over an example, average over the batch, draw each example's noise by genzoo.core.noise; a loss that "
        "compares examples may stay",
        warns=True,
    ),
    "processes": Check(
        by_gradient(process_checks.check_processes),
        "compare genzoo.gather(z), the rows of all processes; draw noise by standard_normal or uniform",
    ),
    "agrees": Check(
        consistency_checks.check_agrees,
        "override posterior, prior and likelihood; let infer, encode, decode and reconstruct follow from them",
    ),
    "weighed": Check(
        by_gradient(loss_weight_checks.check_weighed),
        "loss = reconstruction + beta · KL, both summed over an example; make every other weight an option of the loss",
    ),
    "alone": Check(
        consistency_checks.check_alone,
        "use each example's own row only: no mean, sort or norm over the batch in evaluation",
    ),
    "forgets": Check(
        consistency_checks.check_forgets,
        "pass what a method needs as an argument; store nothing of a batch in attributes",
    ),
    "labels": Check(
        consistency_checks.check_labels,
        "use batch.y in the loss only; a model that uses the class sets conditional = True",
    ),
    "modes": Check(
        consistency_checks.check_modes,
        "do not branch on self.training, and use nn.Dropout, not F.dropout; noise for training only may stay",
        warns=True,
    ),
    "instances": Check(
        check_instances, "store state in parameters and buffers of the instance, not in the class or module"
    ),
    "weights": Check(check_weights, "register state as a buffer: self.register_buffer(name, tensor)"),
    "evaluation": Check(check_evaluation, "draw noise from genzoo.core.noise or the distributions only"),
    "sampling": Check(
        sampling_checks.check_sampling,
        "draw from torch's default generator; without a prior raise GenzooError; if y is used, set conditional = True",
    ),
    "sampling-options": Check(
        sampling_checks.check_sampling_options,
        "def sample(self, n, y=None, *, noise=False, options=None): how = options or self.sampling",
    ),
    "drawn": Check(
        sampling_checks.check_drawn,
        "px = likelihood(prior().rsample((n,))); return px.rsample() if noise else px.centre",
    ),
    "quiet": Check(check_quiet, "remove the print, or write to sys.stderr"),
    "graph-safe": Check(
        by_gradient(check_graph_safe), "compute on tensors: torch.where for if, a buffer for a counter, no .item()"
    ),
    "compiles": Check(
        by_gradient(check_compiles),
        "compute on tensors only; a loss that computes gradients itself trains without compilation",
        warns=True,
    ),
}
"""The checks of every pair that can be built."""

OF_DISTRIBUTIONS = ("density", "log-prob", "inverts", "posterior", "prior", "kl", "agrees", "drawn")
"""Checks that find more on small data, where a distribution can be summed or integrated."""

ONCE = ("compiles",)
"""Slow checks that do not depend on the form of the data."""
