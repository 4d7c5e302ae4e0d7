"""A model in one file: weights and the description to rebuild it, as safetensors. Nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo.core.version import __version__
from genzoo.registry.blame import fault_of
from genzoo.runs.build import build_model, on_paper, refuse_too_large
from genzoo.registry.entries import Entry, describe
from genzoo.core.errors import GenzooError, UsageError, not_installed
from genzoo.system.isolation import own_settings
from genzoo.core.options import from_json, to_json
from genzoo.registry.discovery import tell_other_version
from genzoo.registry.moved import current_distribution
from genzoo.core.model import Model
from genzoo.core.dataset import DataSpec
from genzoo.registry.current import registry
from genzoo.system.checksummed import DAMAGED, read_sealed, write_sealed

FORMAT = 1


def save_model(path: Path, model: Model, entry: Entry) -> None:
    """Writes a model to `path`, which is either the old file or the whole new one, never something in between.

    Raises:
        GenzooError: The file cannot be written.
    """
    description = {
        "format": FORMAT,
        "genzoo": __version__,
        "model": entry.name,
        "distribution": entry.origin.distribution,
        "distribution_version": entry.origin.version,
        "spec": {name: value for name, value in model.spec._asdict().items() if name != "class_names" or value},
        "config": to_json(model.config),
    }
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    write_sealed(path, tensors, description)


def save_examples(path: Path, values: Mapping[str, Tensor]) -> None:
    """Writes what each figure is on each example, [N] values a figure, in single precision."""
    write_sealed(path, {name: value.float().contiguous() for name, value in values.items()}, {"format": FORMAT})


@own_settings()
def load_model(path: Path, device: str | torch.device = "cpu") -> Model:
    """Rebuilds a model from its file alone.

    Raises:
        UsageError: No such file, or no genzoo model.
        PluginError: The plugin it was made by is not installed.
        GenzooError: The file is truncated or does not fit the model it describes.
    """
    with torch.device("cpu"):  # whatever a caller has chosen: a model may load another while it is counted on "meta"
        return _read_model(path).to(device)


def _read_model(path: Path) -> Model:
    """The same, on the CPU."""
    if path.suffix != ".safetensors":
        raise UsageError(f"{path} is no .safetensors file; genzoo unpickles nothing", "give a run's model.safetensors")
    description, tensors = read_sealed(path)
    if description.get("format") != FORMAT:
        raise GenzooError(
            f"{path} has another format than {FORMAT}, the one this version reads", "pip install --upgrade genzoo"
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


def _spec(values: Mapping[str, Any]) -> DataSpec:
    """The data's description as a file states it.

    Raises:
        TypeError, ValueError: A field that is not there, has another type, or a number that describes no data.
    """
    tuples = {name: tuple(values[name]) for name in ("shape", "class_names") if name in values}
    spec = DataSpec(**{**values, **tuples})
    for value, default in zip(spec[2:], DataSpec((), "")[2:], strict=True):
        if type(value) is not type(default):
            raise TypeError
    sizes = [*spec.shape, spec.classes + 1, spec.size + 1]
    if not spec.shape or any(type(size) is not int or size < 1 for size in sizes):
        raise ValueError
    if not isinstance(spec.likelihood, str) or not spec.scale > 0:
        raise ValueError
    if len(spec.class_names) not in (0, spec.classes) or not all(isinstance(name, str) for name in spec.class_names):
        raise ValueError
    return spec


def _rebuilt(path: Path, entry: Entry, spec: DataSpec, values: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
    """The model that a file describes, once its tensors turned out to be that model's. Too large a one is never built.

    Raises:
        GenzooError: It cannot be built here, its tensors are another's, or its weights are not finite.
    """
    model_class: type[Model] = entry.load()
    try:
        config = from_json(model_class.Config, values, str(path))
        refuse_too_large(entry, model_class, spec, config, torch.device("cpu"))
        _refuse_mismatches(path, entry, _state_on_paper(model_class, spec, config), tensors)
        model = build_model(entry, spec, config, seed=0, device=torch.device("cpu"))
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
            raise GenzooError(f"{path}: {name} holds weights that are not finite", "train anew, with a smaller --lr")
    return model


def _state_on_paper(model_class: type[Model], spec: DataSpec, config: Any) -> Mapping[str, Tensor] | None:
    """Names, shapes and dtypes of a model's tensors, without their memory; None where only a real model tells."""
    try:
        return on_paper(model_class, spec, config).state_dict()
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
    """Return the registered model that a file was made by: the one of its distribution, even if others claim the name.

    Raises:
        GenzooError: It is not installed.
    """
    entries = {entry.origin.distribution: entry for entry in registry().matching("model") if entry.name == name}
    if entry := entries.get(distribution) or entries.get(current_distribution(distribution)):
        tell_other_version(entry.origin, version)
        return entry
    raise not_installed(path, f"model {name!r}", f"{distribution} {version}".strip())


def mismatches(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Differences in name, shape or dtype between two state dicts, each as a few words."""
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is unknown" for name in found if name not in expected]
    for name in expected.keys() & found.keys():
        one, other = expected[name], found[name]
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            problems.append(f"{name} is {tuple(other.shape)} {other.dtype}, not {tuple(one.shape)} {one.dtype}")
    return problems
