"""What a model has to beat."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation
from genzoo.observation import LEVELS
from genzoo.protocols import Dataset, DataSpec, KnownDensity

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
        The mean over test examples and dimensions in the data's own units, or None for data of more than 4,096
        dimensions.
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
    return torch.cat(errors) * test.scale**2


def independent_pixels_nll(train: Resident, test: Resident) -> float | None:
    """−ln p(x) in nats an example of black and white pixels that know nothing of each other.

    Each pixel is white with its frequency in the training data, (count + 1)/(N + 2) after Laplace. On MNIST this is
    205.8 nats: any model above that is broken.

    Returns:
        The mean over test examples, or None unless both data are binary.
    """
    if not (train.binary and test.binary):
        return None
    white = sum((chunk.sum(0) for chunk in rows(train)), torch.zeros((), dtype=torch.float64))
    frequency = (white + 1) / (len(train) + 2)
    given_white, given_black = -frequency.log(), -(1 - frequency).log()
    total = sum((chunk @ given_white + (1 - chunk) @ given_black).sum().item() for chunk in rows(test))
    return total / len(test)


def independent_levels_nll(train: Resident, test: Resident) -> float | None:
    """−ln p(x) in nats an example of pixels of 256 grey levels that know nothing of each other.

    Each level has its frequency in the training data, with one more image that has a 256th of each. On MNIST this is
    918.05 nats, 1.6894 bits a pixel: any discretised likelihood above that is broken.

    Returns:
        The mean over test examples, or None for values that are not stored as bytes or were standardised.
    """
    if train.x.dtype != torch.uint8 or (train.shift, train.scale) != (0.0, 1.0) or train.binary:
        return None
    size = train.x[0].numel()
    bins = LEVELS * torch.arange(size)
    counts = torch.zeros(size * LEVELS, dtype=torch.int64)
    for chunk in rows(train):
        counts += torch.bincount(((chunk * (LEVELS - 1)).round().long() + bins).flatten(), minlength=len(counts))
    cost = -((counts + 1 / LEVELS) / (len(train) + 1)).double().log()
    total = sum(cost[(chunk * (LEVELS - 1)).round().long() + bins].sum().item() for chunk in rows(test))
    return total / len(test)


def known_nll(dataset: Dataset, data: Resident, spec: DataSpec) -> dict[str, float] | None:
    """−ln p(x) in nats an example under the density that the data were drawn from: no model has less, but by chance.

    Args:
        dataset: One that may know its density.
        data: Some of its examples.
        spec: As the model has it: the density is that of the values it sees.

    Returns:
        "nats", the mean over examples, and its "standard_error"; None where the density is not known.
    """
    if not isinstance(dataset, KnownDensity):
        return None
    chunks = [dataset.log_density(spec.original(rows_).view(-1, *spec.shape)).double().cpu() for rows_ in rows(data)]
    nats = -torch.cat(chunks) - spec.numel * math.log(spec.scale)
    return {"nats": nats.mean().item(), "standard_error": (nats.std() / len(nats) ** 0.5).item()}


def neighbour_distances(train: Resident, test: Resident, k: int = 5, most: int = 10_000) -> Tensor:
    """The mean distance of each test example to the k nearest of at most `most` training examples: [N] float64."""
    index = fixed_permutation(len(train))[:most].to(train.device)
    reference = torch.cat([train.batch(part).x.flatten(1).cpu() for part in index.split(CHUNK)])
    near = (torch.cdist(part.float(), reference) for chunk in rows(test) for part in chunk.split(CHUNK // 8))
    return torch.cat(
        [distances.topk(min(k, len(reference)), largest=False).values.mean(1).double() for distances in near]
    )


def uniform_nll(test: Resident) -> float | None:
    """−ln p(x) in nats an example if every black and white image is as likely: ln 2 a pixel. None for other data."""
    return test.x[0].numel() * math.log(2) if test.binary else None


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
    for index in torch.arange(len(data), device=data.device).split(CHUNK):
        yield data.batch(index).x.flatten(1).cpu().double()
