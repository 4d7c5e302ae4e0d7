"""Build the model and the loss of a run; refuse options that do not fit the data or the machine."""

from __future__ import annotations

import re
from typing import Any

import torch

from genzoo.core.dataset import Dataset, DataSpec
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.loss import Loss
from genzoo.core.model import Model, count_parameters
from genzoo.core.noise import derive_seed, generators, seeded
from genzoo.core.text import gigabytes
from genzoo.registry.entries import Entry
from genzoo.registry.parts import is_for_unit, likelihood_class, make_likelihood
from genzoo.runs.config import RunConfig
from genzoo.runs.shapes import on_meta
from genzoo.system.distributed import Processes
from genzoo.system.memory import memory_bytes
from genzoo.training.config import View

BYTES_PER_WEIGHT = 16  # in float32: the weight, its gradient and Adam's two moments


def refuse_uneven_batch(batch_size: int, processes: Processes) -> None:
    """Refuse a batch size that is not a multiple of the number of processes.

    Raises:
        UsageError: It is not; the next multiple is named.
    """
    size = processes.size
    if batch_size % size:
        raise UsageError(
            f"--batch-size {batch_size} is not a multiple of the {size} processes",
            f"--batch-size {-(-batch_size // size) * size}",
        )


def view_spec(dataset: Dataset, training: View) -> DataSpec:
    """Return the spec for the model: that of the dataset, changed by --binarize, --standardize and --likelihood.

    Raises:
        UsageError: The data to be binarised are not images, or the likelihood is unknown or does not suit the values.
    """
    own = spec = dataset.spec
    if spec.is_discrete:
        refuse_options_of_numbers(training)
        return spec
    if training.binarize != "none":
        if not spec.is_image:
            raise UsageError(f"--binarize is for images; these data are {described(spec)}")
        if training.standardize != "none":
            raise UsageError("--binarize and --standardize exclude each other: black and white are 0 and 1")
        spec = spec._replace(likelihood="bernoulli", binary=True)
    if training.standardize != "none":
        spec = spec._replace(binary=False)
        if likelihood_class(spec.likelihood).values != "any":
            spec = spec._replace(likelihood="gaussian-learned")
    if training.likelihood != "auto":
        spec = spec._replace(likelihood=training.likelihood)
    make_likelihood(spec.likelihood)  # raises for an unknown one
    if (training.binarize, training.standardize, training.likelihood) != ("none", "none", "auto"):
        refuse_unsuitable(spec, own, training)
    return spec


def refuse_options_of_numbers(training: View) -> None:
    """Refuse the options that change numbers or choose their likelihood, for data that are tokens.

    Raises:
        UsageError: There is such an option.
    """
    for name, default in (("binarize", "none"), ("standardize", "none"), ("likelihood", "auto")):
        if (value := getattr(training, name)) != default:
            raise UsageError(f"--{name}={value} is for numbers; these data are tokens", f"leave --{name} out")


def described(spec: DataSpec) -> str:
    """Return what data are, for a message, such as "vectors of 5"."""
    size = "x".join(map(str, spec.shape))
    return f"vectors of {spec.numel}" if spec.kind == "vector" else f"of kind {spec.kind}, {size}"


def refuse_unsuitable(spec: DataSpec, own: DataSpec, training: View) -> None:
    """Refuse a likelihood that does not suit the values of the data.

    Args:
        spec: The spec for the model.
        own: The spec of the dataset. Its likelihood tells the range of the values.
        training: The options of the training.

    Raises:
        UsageError: The likelihood does not suit the values; the message names both.
    """
    likelihood, values = f"--likelihood {spec.likelihood}", likelihood_class(spec.likelihood).values
    if values == "any":
        return
    if values == "counts":
        if spec.is_image or training.standardize != "none":
            given = "images" if spec.is_image else "standardised"
            raise UsageError(f"{likelihood} is for counts 0, 1, 2, …; these data are {given}", "use gaussian-learned")
        return
    if training.standardize != "none":
        raise UsageError(
            f"{likelihood} is for values between 0 and 1; standardised ones leave it", "use gaussian-learned"
        )
    if not is_for_unit(own.likelihood) and not spec.binary:
        raise UsageError(f"{likelihood} is for values between 0 and 1; these data have others", "use gaussian-learned")
    if values == "grey" and spec.binary:
        raise UsageError(f"{likelihood} is for grey levels; these data are black and white", "use bernoulli")
    if values == "grey" and not spec.is_image:
        raise UsageError(f"{likelihood} is for grey images; these data are {described(spec)}", "use bernoulli")


def build_model(
    entry: Entry, spec: DataSpec, config: Any, seed: int, device: torch.device, sampling: Any = None
) -> Model:
    """Build a registered model with weights drawn from `seed`.

    Args:
        entry: The registered model.
        spec: What the model is told of the data.
        config: An instance of its `Config`.
        seed: The seed of the run.
        device: The device of its weights.
        sampling: An instance of its `Sampling`; None: the defaults of that class.

    Raises:
        UsageError: The model does not fit the data or the memory.
    """
    model_class: type[Model] = entry.load()
    refuse_too_large(entry, count_without_allocating(model_class, spec, config), device)
    with generators, seeded(derive_seed(seed, "weights")):
        model = model_class(spec, config).to(device)
    model.sampling = model.sampling if sampling is None else sampling
    return model


def build_loss(entry: Entry, model: Model, config: Any, model_name: str, seed: int) -> Loss:
    """Build a registered loss for a model.

    Raises:
        UsageError: The loss cannot train the model; the reason is given.
    """
    loss_class: type[Loss] = entry.load()
    reason = loss_class.refuses(model)
    if reason:
        raise UsageError(
            f"loss {entry.name!r} cannot train {model_name}: {reason}", "leave --loss out, or: genzoo list"
        )
    with generators, seeded(derive_seed(seed, "loss")):
        return loss_class(model, config).to(model.anchor.device)


def refuse_unbuildable(config: RunConfig, spec: DataSpec, device: torch.device) -> None:
    """Refuse a model that does not fit the data or the machine, or a loss that cannot train it, before data are read.

    Both are built without values for their weights. Where a constructor needs values, both are built and dropped.

    Raises:
        UsageError: The reason.
    """
    model_entry, loss_entry = config.components.model, config.components.loss
    try:
        model = meta_model(model_entry.load(), spec, config.model_config)
        refuse_too_large(model_entry, count_parameters(model), device)
        with on_meta():
            build_loss(loss_entry, model, config.loss_config, config.model, 0)
    except GenzooError:
        raise
    except (RuntimeError, NotImplementedError, TypeError):
        model = build_model(model_entry, spec, config.model_config, 0, device)
        build_loss(loss_entry, model, config.loss_config, config.model, 0)


def refuse_too_large(entry: Entry, weights: int, device: torch.device) -> None:
    """Refuse a model that does not fit into memory, before its weights are allocated.

    Raises:
        UsageError: Training needs more memory than the device has.
    """
    available, needed = memory_bytes(device), weights * BYTES_PER_WEIGHT
    if needed > available:
        raise UsageError(
            f"{entry.name} with these options needs {gigabytes(needed)} to train; "
            f"this machine has {gigabytes(available)}",
            f"choose smaller sizes: genzoo info {entry.name}",
        )


def count_without_allocating(model_class: type[Model], spec: DataSpec, config: Any) -> int:
    """Return the number of a model's parameters without allocating them; 0 if its constructor needs real tensors."""
    try:
        return count_parameters(meta_model(model_class, spec, config))
    except GenzooError:
        raise
    except (RuntimeError, NotImplementedError, TypeError) as error:  # TypeError: a size beyond 64 bits
        return 1 << 62 if re.search("negative dimension|overflow", str(error), re.IGNORECASE) else 0


def meta_model(model_class: type[Model], spec: DataSpec, config: Any) -> Model:
    """Return a model on the "meta" device: its weights have shapes and no memory."""
    with on_meta():
        return model_class(spec, config)
