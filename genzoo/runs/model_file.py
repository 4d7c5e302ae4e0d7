"""A model in one safetensors file: weights and a description that rebuilds the model. Nothing is unpickled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec, Kind, Part
from genzoo.core.errors import GenzooError, UsageError, not_installed
from genzoo.core.model import Model
from genzoo.core.options import from_json, to_json
from genzoo.core.run_reference import parse_pinned, run_references
from genzoo.core.version import __version__
from genzoo.registry.configs import without_sampling
from genzoo.registry.current import registry
from genzoo.registry.discovery import warn_of_other_version
from genzoo.registry.entries import Entry, describe
from genzoo.registry.moved import current_distribution
from genzoo.registry.plugin_faults import fault_of
from genzoo.runs.build import build_model, count_without_allocating, meta_model, refuse_too_large
from genzoo.runs.reference import verified
from genzoo.system.checksummed import DAMAGED, read_sealed, write_sealed
from genzoo.system.isolation import own_settings

FORMAT = 1


def save_model(path: Path, model: Model, entry: Entry) -> None:
    """Write a model to `path` atomically: after a crash it is the old file or the complete new one.

    Raises:
        GenzooError: The file cannot be written.
    """
    description = {
        "format": FORMAT,
        "genzoo": __version__,
        "model": entry.name,
        "distribution": entry.origin.distribution,
        "distribution_version": entry.origin.version,
        "spec": _to_store(model.spec),
        "config": {**to_json(model.config), **to_json(model.sampling)},
    }
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    write_sealed(path, tensors, description)


def save_examples(path: Path, values: Mapping[str, Tensor]) -> None:
    """Write the value of each metric for each example, [N] values a metric, in single precision."""
    write_sealed(path, {name: value.float().contiguous() for name, value in values.items()}, {"format": FORMAT})


@own_settings()
def load_model(path: Path, device: str | torch.device = "cpu") -> Model:
    """Rebuild a model from its file, in evaluation mode.

    Raises:
        UsageError: The file is missing, or is not a genzoo model.
        PluginError: The plugin of the model is not installed.
        GenzooError: The file is damaged, or does not fit the model that it describes.
    """
    with torch.device("cpu"):  # overrides the caller's: a model may load another one while it is built on "meta"
        return _read_model(path).to(device)


def _read_model(path: Path) -> Model:
    """Load a model on the CPU."""
    if path.suffix != ".safetensors":
        raise UsageError(f"{path} is not a .safetensors file; genzoo never unpickles", "give a run's model.safetensors")
    description, tensors = read_sealed(path)
    if description.get("format") != FORMAT:
        raise GenzooError(
            f"{path} does not have format {FORMAT}, the one that this version reads", "pip install --upgrade genzoo"
        )
    try:
        name, distribution = str(description["model"]), str(description["distribution"])
        spec, config_values = _spec(description["spec"]), dict(description["config"])
    except (KeyError, TypeError, ValueError):
        raise GenzooError(f"{path}: its description of the model is damaged", DAMAGED) from None
    entry = _find(path, name, distribution, str(description.get("distribution_version", "")))
    model = _rebuilt(path, entry, spec, config_values, tensors)
    model.load_state_dict(tensors)
    return model.eval()


def _to_store(spec: DataSpec) -> dict[str, Any]:
    """Return the fields of a spec for a file; the names of classes and what follows them only if they say something."""
    plain = DataSpec(spec.shape, spec.likelihood)._asdict()
    newer = list(plain)[list(plain).index("class_names") :]
    return {name: value for name, value in spec._asdict().items() if name not in newer or value != plain[name]}


def _spec(values: Mapping[str, Any]) -> DataSpec:
    """Return the DataSpec in a file.

    Raises:
        TypeError, ValueError: A field is missing, has a wrong type, or has a value that is impossible for data.
    """
    if not isinstance(values, Mapping):
        raise TypeError
    tuples = {name: tuple(values[name]) for name in ("shape", "class_names", "symbols", "grid") if name in values}
    parts = tuple(Part(str(name), tuple(shape), *levels) for name, shape, *levels in values.get("parts", ()))
    spec = DataSpec(**{**values, **tuples, "parts": parts})
    for value, default in zip(spec[2:], DataSpec((), "")[2:], strict=True):
        if type(value) is not type(default):
            raise TypeError
    sizes = [*spec.shape, spec.classes + 1, spec.size + 1]
    if not spec.shape or any(type(size) is not int or size < 1 for size in sizes):
        raise ValueError
    if not isinstance(spec.likelihood, str) or not spec.scale > 0 or spec.levels < 0 or spec.rate < 0:
        raise ValueError
    if spec.kind not in get_args(Kind) or len(spec.symbols) not in (0, spec.levels):
        raise ValueError
    if spec.grid and (any(type(size) is not int for size in spec.grid) or math.prod(spec.grid) != spec.numel):
        raise ValueError
    if spec.parts and sum(math.prod(part.shape) for part in spec.parts) != spec.numel:
        raise ValueError
    if any(type(part.levels) is not int or part.levels < 0 for part in spec.parts):
        raise ValueError
    if len(spec.class_names) not in (0, spec.classes) or not all(
        isinstance(name, str) for name in (*spec.class_names, *spec.symbols)
    ):
        raise ValueError
    return spec


def _rebuilt(path: Path, entry: Entry, spec: DataSpec, values: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
    """Build the model that a file describes, after its size and its tensors are checked.

    Raises:
        GenzooError: The model cannot be built, its tensors do not fit, or its weights are not finite.
    """
    model_class: type[Model] = entry.load()
    try:
        own, of_sampling = without_sampling(model_class, values)
        config = from_json(model_class.Config, own, str(path))
        sampling = from_json(model_class.Sampling, of_sampling, str(path))
        for pinned in filter(None, map(parse_pinned, run_references(config).values())):
            verified(pinned)
        refuse_too_large(entry, count_without_allocating(model_class, spec, config), torch.device("cpu"))
        _refuse_mismatches(path, entry, _meta_state(model_class, spec, config), tensors)
        model = build_model(entry, spec, config, 0, torch.device("cpu"), sampling)
    except GenzooError as error:
        error.hint = error.hint or DAMAGED
        raise
    except Exception as error:
        if fault := fault_of(error):
            raise fault from error
        raise GenzooError(f"{path} describes a {entry.name} that cannot be built: {describe(error)}", DAMAGED) from None
    _refuse_mismatches(path, entry, model.state_dict(), tensors)
    for name, _ in model.named_parameters(remove_duplicate=False):
        if not tensors[name].isfinite().all():
            raise GenzooError(f"{path}: {name} holds weights that are not finite", "train again, with a smaller --lr")
    return model


def _meta_state(model_class: type[Model], spec: DataSpec, config: Any) -> Mapping[str, Tensor] | None:
    """Return a model's tensors without memory; None if its constructor needs real tensors."""
    try:
        return meta_model(model_class, spec, config).state_dict()
    except (RuntimeError, NotImplementedError, TypeError):
        return None


def _refuse_mismatches(
    path: Path, entry: Entry, expected: Mapping[str, Tensor] | None, tensors: Mapping[str, Tensor]
) -> None:
    problems = mismatches(expected, tensors) if expected is not None else []
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        message = f"{path} does not fit {entry.name}: {'; '.join(problems[:3])}{more}"
        raise GenzooError(message, "was the plugin changed since?")


def _find(path: Path, name: str, distribution: str, version: str) -> Entry:
    """Return the registered model of a file: that of the same distribution, if several have the name.

    Raises:
        PluginError: No such model is installed.
    """
    entries = {entry.origin.distribution: entry for entry in registry().matching("model") if entry.name == name}
    if entry := entries.get(distribution) or entries.get(current_distribution(distribution)):
        warn_of_other_version(entry.origin, version)
        return entry
    raise not_installed(path, f"model {name!r}", f"{distribution} {version}".strip())


def mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Return the differences in name, shape or dtype between two state dicts, a few words each."""
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is unknown" for name in found if name not in expected]
    for name in expected.keys() & found.keys():
        one, other = expected[name], found[name]
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            problems.append(f"{name} is {tuple(other.shape)} {other.dtype}, not {tuple(one.shape)} {one.dtype}")
    return problems
