"""The lines that a run begins with: what is trained on what."""

from __future__ import annotations

import torch

from genzoo.core.model import LatentModel, Model, count_parameters
from genzoo.data.run_data import RunData
from genzoo.evaluation.measures import summarise_likelihood
from genzoo.experiment.job import Job
from genzoo.system.devices import describe_device
from genzoo.system.threads import overloaded
from genzoo.training.length import too_few_steps
from genzoo.training.trainer import Trainer


def introduce(job: Job) -> None:
    """Print what is trained on what, and say so if the machine is overloaded or the training has few steps."""
    console, config, model, loss, data, trainer = job.console, job.config, job.model, job.loss, job.data, job.trainer
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
    few = too_few_steps(training, len(splits.train.x), trainer.steps_per_epoch) if isinstance(trainer, Trainer) else ""
    if few:
        (console.warn if training.batch_size > len(splits.train.x) else console.say)(few)


def likelihood_line(model: Model, data: RunData) -> str:
    """Return the name of the model's own p(x|z) as the beginning of a line; "" for a model without p(x|z)."""
    if not isinstance(model, LatentModel):
        return ""
    try:
        summary = summarise_likelihood(model, data.evaluated["test"])
    except Exception:  # training gives a clearer error of a broken model
        return ""
    return "" if summary is None else f"{summary.likelihood} likelihood · "
