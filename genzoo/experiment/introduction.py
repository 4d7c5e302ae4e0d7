"""The lines that a run begins with: what is trained on what."""

from __future__ import annotations

import torch

from genzoo.core.loss import Loss
from genzoo.core.model import LatentModel, Model, count_parameters
from genzoo.data.run_data import RunData
from genzoo.evaluation.measures import summarise_likelihood
from genzoo.experiment.console import Console
from genzoo.runs.config import RunConfig
from genzoo.system.devices import describe_device
from genzoo.system.threads import overloaded


def introduce(console: Console, config: RunConfig, model: Model, loss: Loss, data: RunData) -> None:
    """Print what is trained on what, and warn of an overloaded machine and of a batch larger than the data."""
    splits, device, training = data.splits, model.anchor.device, config.training
    parts = [f"{len(split.x):,} {name}" for name, split in splits._asdict().items() if split is not None]
    parameters = f"{count_parameters(model):,} parameters"
    if owned := count_parameters(loss):
        parameters += f", {owned:,} of the loss"
    likelihood = "" if console.quiet else likelihood_line(model, data)
    console.say(
        f"{config.model} ({parameters}) on {config.dataset} ({' / '.join(parts)})\n"
        f"{likelihood}{describe_device(device)} · seed {training.seed}"
    )
    if device.type == "cpu" and torch.get_num_threads() > 1 and (busy := overloaded()):
        console.say(busy)
    if training.batch_size > len(splits.train.x):
        console.warn(
            f"--batch-size {training.batch_size:,} is more than there are examples; "
            f"an epoch is one batch of {len(splits.train.x):,}{more_steps(len(splits.train.x))}"
        )


def more_steps(examples: int) -> str:
    """Return a batch size, a power of two, of which ten or more fill an epoch, as the end of a message; "" of few."""
    size = 1 << max((examples // 10).bit_length() - 1, 0)
    return f"; for ten steps an epoch: --batch-size {size}" if size > 4 else ""


def likelihood_line(model: Model, data: RunData) -> str:
    """Return the name of the model's own p(x|z) as the beginning of a line; "" for a model without p(x|z)."""
    if not isinstance(model, LatentModel):
        return ""
    try:
        summary = summarise_likelihood(model, data.evaluated["test"])
    except Exception:  # training gives a clearer error of a broken model
        return ""
    return "" if summary is None else f"{summary.likelihood} likelihood · "
