"""Baselines that a model should beat: PCA, independent pixels, a known density, nearest neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from genzoo.core.dataset import Dataset, DataSpec, KnownDensity
from genzoo.core.distributions import Measure
from genzoo.core.observation import LEVELS
from genzoo.data.batching import BASELINE_BYTES, FLOAT32, FLOAT64, at_most
from genzoo.data.digest import digest_of
from genzoo.data.resident import Resident
from genzoo.data.splits import fixed_permutation
from genzoo.evaluation.pca import axes_of_covariance, axes_of_points, spanned
from genzoo.system.computing import processor
from genzoo.system.tensor_cache import cached

CHUNK = 4096
LARGEST = 4096
"""Data with more dimensions than this have no PCA baseline: the covariance would take minutes."""
WORTH_CACHING = 1 << 22
"""Number of training values from which principal axes are cached: below it, computing is faster than reading."""
PCA_VERSION = 1
"""Increase when the computation of principal axes changes."""


def pca_mse(train: Resident, test: Resident, components: int) -> float | None:
    """Return the mean squared error of the test data after projection on the training data's principal components.

    This is the least error of any linear autoencoder with as many latents (Baldi & Hornik 1989).

    Args:
        train: Data for the mean and the covariance.
        test: Data that are projected.
        components: Number of components.

    Returns:
        The mean over test examples and dimensions in the data's own units; None for data of more than 4,096 dimensions.
    """
    errors = pca_errors(train, test, components)
    return None if errors is None else errors.mean().item()


def why_no_pca(data: Resident) -> str:
    """Return why data have no PCA baseline; "" if they have one."""
    size = data.x[0].numel()
    return f"{size:,} dimensions; it is computed for at most {LARGEST:,}" if size > LARGEST else ""


def pca_errors(train: Resident, test: Resident, components: int) -> Tensor | None:
    """Return the error of `pca_mse` for each test example: [N] float64."""
    if why_no_pca(train):
        return None
    size = train.x[0].numel()
    mean, basis = principal_components(train, components)
    errors = []
    for chunk in rows(test):
        centred = chunk - mean
        errors.append((centred.square().sum(1) - (centred @ basis).square().sum(1)) / size)
    return torch.cat(errors) * test.scale**2


def principal_components(train: Resident, components: int) -> tuple[Tensor, Tensor]:
    """Return the mean [F] and the first principal components [F, K] of examples.

    With fewer examples than dimensions, K is at most the number of dimensions that they span.
    """
    size = train.x[0].numel()
    many = len(train) >= size  # then all axes are computed at once, else only as many as needed
    most = size if many else min(components, len(train))
    compute = _axes if many else _axes_of_few
    if train.redraw or len(train) * size < WORTH_CACHING:
        result = compute(train, most)
    else:
        result = cached("pca", [PCA_VERSION, most, _identity(train)], lambda: compute(train, most))
    basis = result["axes"]
    return result["mean"], basis[:, max(basis.shape[1] - components, 0) :]


def _axes(train: Resident, most: int) -> dict[str, Tensor]:
    """Return the mean [F] and the `most` principal axes [F, most] of at least F examples."""
    mean, covariance = moments(train)
    return {"mean": mean, "axes": axes_of_covariance(covariance, most)[1].contiguous()}


def _axes_of_few(train: Resident, most: int) -> dict[str, Tensor]:
    """Return the mean and the principal axes of fewer than F examples; at most as many axes as they span."""
    examples = torch.cat(list(rows(train)))
    mean = examples.mean(0)
    variances, basis = axes_of_points(examples - mean, most)
    return {"mean": mean, "axes": basis[:, max(basis.shape[1] - spanned(variances), 0) :].contiguous()}


def _identity(data: Resident) -> list[Any]:
    """Return what a view's values, and the last bit of a computation with them, depend on."""
    view = [data.white, data.shift, data.scale, data.device.type]
    machine = [torch.__version__, torch.get_num_threads(), processor(), BASELINE_BYTES]
    return [digest_of(data.stored()), str(data.x.dtype), list(data.x.shape), *view, *machine]


def independent_pixels_nll(train: Resident, test: Resident) -> float | None:
    """Return −ln p(x) in nats per example under independent black and white pixels.

    Each pixel is white with its frequency in the training data, (count + 1)/(N + 2), smoothed after Laplace. On MNIST
    this is 205.8 nats: any model above that is broken.

    Returns:
        The mean over test examples; None unless both data are binary.
    """
    if not (train.binary and test.binary):
        return None
    white = sum((chunk.sum(0) for chunk in rows(train)), torch.zeros((), dtype=torch.float64))
    frequency = (white + 1) / (len(train) + 2)
    given_white, given_black = -frequency.log(), -(1 - frequency).log()
    total = sum((chunk @ given_white + (1 - chunk) @ given_black).sum().item() for chunk in rows(test))
    return total / len(test)


def independent_levels_nll(train: Resident, test: Resident) -> float | None:
    """Return −ln p(x) in nats per example under independent pixels of 256 grey levels.

    Each level has its frequency in the training data, smoothed by one more image with 1/256 of each level. On MNIST
    this is 918.05 nats, 1.6894 bits per pixel: any discretised likelihood above that is broken.

    Returns:
        The mean over test examples; None for values that are not stored as bytes or are standardised.
    """
    if train.x.dtype != torch.uint8 or (train.shift, train.scale) != (0.0, 1.0) or train.binary:
        return None
    size = train.x[0].numel()
    pixels = torch.arange(size).split(at_most(BASELINE_BYTES, FLOAT64 * LEVELS, size))
    return sum(_levels_cost(train, test, some) for some in pixels) / len(test)


def _levels_cost(train: Resident, test: Resident, pixels: Tensor) -> float:
    """Return −ln p of some pixels of all test examples; a table of all pixels of large images would take gigabytes."""
    bins = LEVELS * torch.arange(len(pixels))
    counts = torch.zeros(len(pixels) * LEVELS, dtype=torch.int64)
    for levels in _levels(train, pixels):
        counts += torch.bincount((levels + bins).flatten(), minlength=len(counts))
    cost = ((counts + 1 / LEVELS) / (len(train) + 1)).double().log_().neg_()
    return sum(cost[levels + bins].sum().item() for levels in _levels(test, pixels))


def _levels(data: Resident, pixels: Tensor) -> Iterator[Tensor]:
    """Yield the grey levels of some pixels, [≤ 4096, len(pixels)] int64."""
    for chunk in rows(data):
        yield (chunk[:, pixels[0] : pixels[-1] + 1] * (LEVELS - 1)).round().long()


def known_nll(dataset: Dataset, data: Resident, spec: DataSpec) -> dict[str, Any] | None:
    """Return −ln p(x) in nats per example under the data's true density, the least that a model can reach on average.

    Args:
        dataset: A dataset, which may know its density.
        data: Examples of the dataset.
        spec: The model's spec: the density is converted to the units that the model sees.

    Returns:
        "nats", the mean over examples, its "standard_error" and its "measure"; None if the density is not known.
    """
    return known_mean(known_nll_of_each(dataset, data, spec), spec)


def known_mean(nats: Tensor | None, spec: DataSpec) -> dict[str, Any] | None:
    """Return what `known_nll` does, of the values [N] of `known_nll_of_each`."""
    return None if nats is None else {**with_error(nats), "measure": spec.measure}


def known_nll_of_each(dataset: Dataset, data: Resident, spec: DataSpec) -> Tensor | None:
    """Return −ln p(x) of `known_nll` for each example, [N] float64 on the CPU."""
    if not isinstance(dataset, KnownDensity):
        return None
    shaped = (spec.original(rows_).view(-1, *spec.shape) for rows_ in rows(data))
    chunks = [dataset.log_density(x.long() if spec.is_discrete else x).double().cpu() for x in shaped]
    return -torch.cat(chunks) - spec.numel * math.log(spec.scale)


def known_gaps(
    known: Tensor | None, test: Mapping[str, Any], examples: Mapping[str, Tensor], measure: Measure = "density"
) -> dict[str, Any]:
    """Return how far each −ln p(x) of a model lies above that of the known density, on the same examples.

    Args:
        known: −ln p(x) of each example by the density that it was drawn from, [N].
        test: The metrics of the split; their details say which are −ln p(x), and whether of a density.
        examples: Each example's values by metric, [N].
        measure: What the known density is, such as `DataSpec.measure`.

    Returns:
        {metric: {"nats": mean, "standard_error": of the mean}}. A mean below 0 by more than its error is impossible.
    """
    details = test.get("details", {})
    named = [name for name in examples if "exactness" in details.get(name, {})]
    comparable = [name for name in named if details[name].get("measure") == measure]
    return {} if known is None else {name: with_error(examples[name] - known) for name in comparable}


def with_error(nats: Tensor) -> dict[str, float]:
    """Return the mean of values [N] and its standard error."""
    return {"nats": nats.mean().item(), "standard_error": (nats.std() / len(nats) ** 0.5).item()}


def neighbour_distances(train: Resident, test: Resident, k: int = 5, most: int = 10_000) -> Tensor:
    """Return each test example's mean distance to the k nearest of at most `most` training examples: [N] float64."""
    index = fixed_permutation(len(train))[:most].to(train.device)
    k = min(k, len(index))
    nearest = torch.full((len(test), k), math.inf)
    for some in index.split(at_most(BASELINE_BYTES, FLOAT32 * train.x[0].numel(), most)):
        reference, start = _examples(train, some), 0
        for part in (part for chunk in rows(test) for part in chunk.split(CHUNK // 8)):
            here = slice(start, start + len(part))
            distances = torch.cat([nearest[here], torch.cdist(part.float(), reference)], 1)
            nearest[here] = distances.topk(k, largest=False).values
            start += len(part)
    return nearest.mean(1).double()


def _examples(data: Resident, index: Tensor) -> Tensor:
    """Return flattened examples [len(index), F] in float32 on the CPU."""
    return torch.cat([data.batch(part).x.flatten(1).cpu() for part in index.split(CHUNK)])


def uniform_nll(test: Resident) -> float | None:
    """Return −ln p(x) in nats per example under uniform black and white images, ln 2 per pixel; None for other data."""
    return test.x[0].numel() * math.log(2) if test.binary else None


def moments(data: Resident) -> tuple[Tensor, Tensor]:
    """Return the mean [F] and the covariance [F, F] (divided by N) of flattened examples, in float64."""
    size = data.x[0].numel()
    total = torch.zeros(size, dtype=torch.float64)
    products = torch.zeros(size, size, dtype=torch.float64)
    for chunk in rows(data):
        total += chunk.sum(0)
        products += chunk.T @ chunk
    mean = total / len(data)
    return mean, products / len(data) - torch.outer(mean, mean)


def rows(data: Resident) -> Iterator[Tensor]:
    """Yield flattened examples in float64 chunks on the CPU: [≤ 4096, F], fewer rows for large examples."""
    size = at_most(BASELINE_BYTES, FLOAT64 * data.x[0].numel(), CHUNK)
    for index in torch.arange(len(data), device=data.device).split(size):
        yield data.batch(index).x.flatten(1).cpu().double()
