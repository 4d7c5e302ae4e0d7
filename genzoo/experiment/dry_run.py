"""What a run would take: its size, memory, disk and time, from some seconds of real steps, without a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genzoo.core.model import count_parameters
from genzoo.experiment.console import Console
from genzoo.experiment.data import load
from genzoo.experiment.job import Job
from genzoo.experiment.plan import Plan
from genzoo.runs.checkpoints import KEEP
from genzoo.runs.config import RunConfig
from genzoo.system.devices import describe_device, forget_peak, peak_memory
from genzoo.system.distributed import ALONE
from genzoo.system.memory import bytes_of
from genzoo.training.length import too_few_steps
from genzoo.training.trainer import Trainer

SECONDS = 3.0
"""Time of the steps that are tried."""


@dataclass(frozen=True)
class Estimate:
    """What a run would take. Evaluation and figures come on top of the training."""

    device: str
    parameters: int
    examples: int
    """Number of training examples."""
    epochs: int
    """Epochs of the whole training."""
    steps: int
    """Steps of the whole training; 0 if the model is fitted in closed form."""
    tried: int
    """Steps that were tried."""
    seconds: float
    """The time of the training, for its steps at the mean time of those that were tried."""
    memory: int
    """The peak memory of the steps that were tried, in bytes."""
    disk: int
    """The bytes of the model and the checkpoints."""
    mode: str
    """The execution mode, with the reason."""
    few_steps: str = ""
    """What to type for more steps, where they are few."""


def estimate(config: RunConfig, data_root: Path | None = None) -> Estimate:
    """Build a run, train it for some seconds in memory, and return what all of it would take.

    Args:
        config: The configuration of the run.
        data_root: The folder of raw data files, searched first.

    Raises:
        GenzooError: The run would be refused, for the same reason.
    """
    training = config.training
    limit = min(SECONDS, float(training.max_time) or SECONDS)
    plan = Plan(config.replace({}, {"max_time": limit, "patience": 0}), ALONE)
    console = Console(training.batch_size, quiet=True)
    forget_peak(plan.device, plan)
    job = Job(plan, load(plan, data_root, console, warn=True), console, ALONE)
    trainer = job.trainer
    size = bytes_of(job.model.state_dict().values())
    about = describe_device(plan.device), count_parameters(job.model), len(job.data.train)
    if not isinstance(trainer, Trainer):
        return Estimate(*about, 1, 0, 0, 0.0, peak_memory(plan.device), size, "fitted in closed form, in one pass")
    done = trainer.fit()
    seconds = done.seconds / max(done.step, 1) * trainer.total_steps
    most = float(training.max_time) or seconds
    disk = size + KEEP * bytes_of(trainer.body.state())
    length = trainer.epochs, trainer.total_steps, done.step
    few = too_few_steps(training, len(job.data.train), trainer.steps_per_epoch)
    return Estimate(*about, *length, min(seconds, most), peak_memory(plan.device), disk, str(done.mode), few)
