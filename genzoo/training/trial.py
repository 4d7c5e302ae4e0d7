"""Steps that are tried without an effect on the training."""

from __future__ import annotations

import torch

from genzoo.training.phases import with_new_terms
from genzoo.training.step import Step


class Trial:
    """Context manager that restores weights, moments, averages and counters bit for bit on exit."""

    def __init__(self, step: Step) -> None:
        self.step = step

    def __enter__(self) -> None:
        self.sums = self.step.names, self.step.sums
        self.before = [(tensor, tensor.detach().clone()) for tensor in self.step.state()]

    def __exit__(self, *exception: object) -> None:
        with torch.no_grad():
            self.step.clear_sums()  # they may have been created inside
            for tensor, value in self.before:
                tensor.copy_(value)
            names, sums = self.sums
            if sums is not None and sums is not self.step.sums:  # terms were added inside
                self.step.start_sums(*with_new_terms(names, sums, self.step.names))
        self.step.optimizer.zero_grad()
