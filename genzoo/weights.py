"""A model in one file: weights and the description to rebuild it, as safetensors. Nothing is unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from genzoo import __version__
from genzoo.build import build_model
from genzoo.entries import Entry, describe
from genzoo.errors import GenzooError, UsageError, not_installed
from genzoo.options import from_json, to_json
from genzoo.protocols import DataSpec, Model
from genzoo.registry import registry
from genzoo.storage import write_atomically

FORMAT = 1
MAX_HEADER = 1 << 20
DAMAGED = "copy the file again, or train anew: genzoo run --config RUN/config.json"


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
        "spec": model.spec._asdict(),
        "config": to_json(model.config),
    }
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    write_atomically(path, save(tensors, metadata={"genzoo": json.dumps(description)}))


def save_examples(path: Path, values: Mapping[str, Tensor]) -> None:
    """Writes what each figure is on each example, [N] values a figure, in single precision."""
    write_atomically(path, save({name: value.float().contiguous() for name, value in values.items()}))


def load_model(path: Path, device: str | torch.device = "cpu") -> Model:
    """Rebuilds a model from its file alone.

    Raises:
        UsageError: No such file, or no genzoo model.
        PluginError: The plugin it was made by is not installed.
        GenzooError: The file is truncated or does not fit the model it describes.
    """
    description, tensors = _read(path)
    try:
        name, distribution = str(description["model"]), str(description["distribution"])
        spec_values, config_values = dict(description["spec"]), dict(description["config"])
        spec = DataSpec(**{**spec_values, "shape": tuple(map(int, spec_values["shape"]))})
    except (KeyError, TypeError, ValueError):
        raise GenzooError(f"{path}: its description of the model is damaged", DAMAGED) from None
    entry = _find(path, name, distribution, str(description.get("distribution_version", "")))
    try:
        config = from_json(entry.load().Config, config_values, str(path))
        model = build_model(entry, spec, config, seed=0, device=torch.device("cpu"))
    except GenzooError as error:
        error.hint = error.hint or DAMAGED
        raise
    except Exception as error:
        raise GenzooError(f"{path} describes a {name} that cannot be built: {describe(error)}", DAMAGED) from None
    expected = model.state_dict()
    problems = mismatches(expected, tensors)
    if problems:
        raise GenzooError(f"{path} does not fit {name}: {'; '.join(problems[:3])}", "was the plugin changed since?")
    model.load_state_dict(tensors)
    return model.to(device).eval()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file", "runs are listed by: ls runs/")
    if path.suffix != ".safetensors":
        raise UsageError(f"{path} is no .safetensors file; genzoo unpickles nothing", "give a run's model.safetensors")
    with open(path, "rb") as file:
        declared = int.from_bytes(file.read(8), "little")
    if declared > MAX_HEADER:
        raise GenzooError(f"{path} is no genzoo model: its header claims {declared:,} bytes", DAMAGED)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
    except SafetensorError as error:
        size = path.stat().st_size
        raise GenzooError(f"{path} ({size:,} bytes) is truncated or damaged: {error}", DAMAGED) from None
    try:
        description = json.loads(metadata["genzoo"])
    except (KeyError, ValueError, RecursionError):
        raise GenzooError(f"{path} holds no description of a genzoo model", DAMAGED) from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise GenzooError(
            f"{path} has another format than {FORMAT}, the one this version reads", "pip install --upgrade genzoo"
        )
    return description, tensors


def _find(path: Path, name: str, distribution: str, version: str) -> Entry:
    """The registered model a file was made by: of the same distribution, whoever else claims the name."""
    entries = [entry for entry in registry().matching("model") if entry.name == name]
    for entry in entries:
        if entry.origin.distribution == distribution:
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
