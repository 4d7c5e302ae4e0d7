"""The content of a checkpoint: a training snapshot as files and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from genzoo.core.listener import Epoch
from genzoo.core.options import from_json, to_json
from genzoo.runs import checkpoints
from genzoo.runs.checkpoints import Checkpoint, Damaged
from genzoo.runs.model_file import mismatches
from genzoo.runs.run import plain
from genzoo.system.atomic import Content
from genzoo.system.checksummed import MAX_HEADER
from genzoo.system.safetensors_file import Packed
from genzoo.training import snapshot
from genzoo.training.snapshot import Progress, Snapshot
from genzoo.training.trainer import Trainer

HISTORY = "history.jsonl"


def to_facts(progress: Progress, objective: nn.Module) -> dict[str, Any]:
    """Return what a manifest holds of a training besides its tensors."""
    names = {id(parameter): name for name, parameter in objective.named_parameters()}
    every = objective.named_parameters(remove_duplicate=False)
    aliases = {name: names[id(parameter)] for name, parameter in every if names[id(parameter)] != name}
    return {"progress": to_json(progress), **({"aliases": aliases} if aliases else {})}


def to_files(taken: Snapshot) -> dict[str, Content]:
    """Return a snapshot as files: tensors as safetensors, each once, and epochs as lines of JSON."""
    history = "".join(json.dumps(plain(asdict(record)), allow_nan=False) + "\n" for record in taken.history)
    packed = {f"{name}.safetensors": Packed(tensors) for name, tensors in taken.tensors.items()}
    return {**packed, HISTORY: history.encode()}


def unpack(path: Path, content: bytes, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file, which must have exactly these names, shapes and dtypes.

    Raises:
        Damaged: It has others.
    """
    if int.from_bytes(content[:8], "little") > MAX_HEADER:
        raise Damaged(f"{path} is damaged: its header is too long")
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Damaged(f"{path} is damaged: {error}") from None
    if problems := mismatches(expected, tensors):
        raise Damaged(f"{path} does not fit the model: {'; '.join(problems[:3])}")
    return tensors


def progress_of(checkpoint: Checkpoint) -> Progress:
    """Return how far the training was.

    Raises:
        GenzooError: The manifest does not hold it.
    """
    progress = from_json(Progress, checkpoint.facts.get("progress", {}), str(checkpoint.path / checkpoints.MANIFEST))
    try:
        for value in (progress.best, *progress.sums):
            float.fromhex(value)
    except (ValueError, OverflowError):
        raise Damaged(f"{checkpoint.path / checkpoints.MANIFEST} is damaged: {value[:40]!r} is no number") from None
    return progress


def to_snapshot(checkpoint: Checkpoint, trainer: Trainer) -> Snapshot:
    """Return the saved state, for a trainer that was built as the saved one.

    Raises:
        GenzooError: A file is damaged, or does not fit the trainer.
    """
    wanted, tensors = snapshot.expected(trainer), {}
    for name in checkpoint.files:
        content = checkpoint.read(name)
        stem, _, kind = name.partition(".")
        if kind == "safetensors" and stem in wanted:
            tensors[stem] = unpack(checkpoint.path / name, content, wanted[stem])
    found = Snapshot(progress_of(checkpoint), tensors, history_of(checkpoint))
    snapshot.refuse_other(trainer, found)
    return found


def history_of(checkpoint: Checkpoint) -> list[Epoch]:
    """Return the finished epochs.

    Raises:
        Damaged: The file was changed.
    """
    try:
        return [to_epoch(json.loads(line)) for line in checkpoint.read(HISTORY).decode().splitlines()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged(f"{checkpoint.path / HISTORY} is damaged") from None


def to_epoch(values: dict[str, Any]) -> Epoch:
    """Return an epoch from its JSON values, in which nan is a text."""
    terms = {part: {name: float(value) for name, value in values[part].items()} for part in ("train", "validation")}
    return Epoch(**{**values, **terms})
