"""What is known of a run before its data are read. Everything that can be refused is refused here."""

from __future__ import annotations

import torch

from genzoo.core.dataset import Augmented, Dataset, DataSpec
from genzoo.core.errors import TooSmallImages
from genzoo.core.listener import RunListener
from genzoo.core.loss import Loss
from genzoo.core.metric import Metric
from genzoo.core.model import Model
from genzoo.evaluation.evaluate import find_metrics, refuse_sampling
from genzoo.experiment.listeners import find_listeners
from genzoo.registry.current import registry
from genzoo.runs.build import (
    build_loss,
    build_model,
    refuse_unbuildable,
    refuse_uneven_batch,
    view_spec,
)
from genzoo.runs.config import RunConfig
from genzoo.system.devices import choose_device
from genzoo.system.distributed import Processes
from genzoo.training.execution import refuse_mode
from genzoo.training.optimizer import refuse_unknown

PLACEHOLDER = 0.5
"""Shift and scale of standardised data until they are read: enough to refuse what does not fit such data."""


class Plan:
    """A run's device, dataset, metrics and listeners, and how to build its model and loss.

    Args:
        config: Its configuration.
        processes: Those that share the work.

    Raises:
        UsageError: The options do not fit each other, the data or the machine.
    """

    def __init__(self, config: RunConfig, processes: Processes) -> None:
        training = config.training
        self.config = config
        self.device: torch.device = choose_device(training.device, processes)
        refuse_uneven_batch(training.batch_size, processes)
        refuse_mode(training, self.device)
        refuse_unknown(training)
        self.closed_form: bool = config.components.model.load().in_closed_form()
        """Whether the model is fitted by itself, in one pass."""
        self.metrics: dict[str, Metric] = find_metrics(registry())
        asked = find_metrics(registry(), training.metrics) if training.metrics else {}
        refuse_sampling(asked, config.sampling)
        self.metrics |= asked
        self.dataset: Dataset = config.components.dataset.load()(config.data_config)
        self.spec: DataSpec = view_spec(self.dataset, training)
        self.augment = self.dataset.augmentation() if isinstance(self.dataset, Augmented) else None
        """What the model is told of the data. With `--standardize`, shift and scale are placeholders."""
        if training.standardize != "none":
            self.spec = self.spec._replace(shift=PLACEHOLDER, scale=PLACEHOLDER)
        try:
            refuse_unbuildable(config, self.spec, self.device)
        except TooSmallImages as error:
            raise error.with_option(getattr(self.dataset, "scaled_by", "")) from None
        self.listeners: dict[str, RunListener] = (
            find_listeners(registry(), training.listeners) if processes.first else {}
        )

    def build(self, spec: DataSpec) -> tuple[Model, Loss]:
        """Return the model and its loss for data of this spec, with weights drawn from the run's seed."""
        config, seed = self.config, self.config.training.seed
        model = build_model(config.components.model, spec, config.model_config, seed, self.device, config.sampling)
        return model, build_loss(config.components.loss, model, config.loss_config, config.model, seed)
