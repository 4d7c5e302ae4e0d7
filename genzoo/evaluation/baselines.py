"""What a model has to beat."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genzoo.data.resident import Resident

CHUNK = 4096
LARGEST = 4096
"""Data with more dimensions than this get no PCA: its covariance would take minutes."""


def pca_mse(train: Resident, test: Resident, components: int) -> float | None:
    """Squared error a dimension of the test data after projection on the training data's principal components.

    This is the least error of any linear autoencoder with that many latents (Baldi & Hornik 1989).

    Args:
        train: Gives mean and covariance.
        test: Is projected.
        components: How many to keep.

    Returns:
        The mean over test examples and dimensions, or None for data of more than 4,096 dimensions.
    """
    errors = pca_errors(train, test, components)
    return None if errors is None else errors.mean().item()


def pca_errors(train: Resident, test: Resident, components: int) -> Tensor | None:
    """The same for each test example: [N] float64."""
    size = train.x[0].numel()
    if size > LARGEST:
        return None
    mean, covariance = moments(train)
    basis = torch.linalg.eigh(covariance).eigenvectors[:, -min(components, size) :]  # eigenvalues ascend
    errors = []
    for chunk in rows(test):
        centred = chunk - mean
        errors.append((centred.square().sum(1) - (centred @ basis).square().sum(1)) / size)
    return torch.cat(errors)


def moments(data: Resident) -> tuple[Tensor, Tensor]:
    """Mean [F] and covariance [F, F] (divided by N) of flattened examples, in float64."""
    size = data.x[0].numel()
    total = torch.zeros(size, dtype=torch.float64)
    products = torch.zeros(size, size, dtype=torch.float64)
    for chunk in rows(data):
        total += chunk.sum(0)
        products += chunk.T @ chunk
    mean = total / len(data)
    return mean, products / len(data) - torch.outer(mean, mean)


def rows(data: Resident) -> Iterator[Tensor]:
    """Flattened examples in float64 chunks [≤ 4096, F] on the CPU."""
    for index in torch.arange(len(data), device=data.x.device).split(CHUNK):
        yield data.batch(index).x.flatten(1).cpu().double()
