"""Finding a run by what users type: a path, @last, @best:METRIC, or the beginning of its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.comparison.tables import best
from genzoo.core.errors import GenzooError, UsageError
from genzoo.runs.run import MODEL_FILE, Run, read_json

if TYPE_CHECKING:
    from genzoo.core.model import Model


def find(reference: str, root: Path = Path("runs")) -> Run:
    """The run called `reference`: a path, @last, @best:METRIC, or the unique beginning of its name or its last part.

    Raises:
        UsageError: No such run, or several.
    """
    if os.path.isfile(Path(reference) / "config.json"):
        return Run(Path(reference))
    if os.sep in reference and os.path.exists(reference):
        raise UsageError(f"{reference} is no run folder: it has no config.json", f"ls {root}/, or type @last")
    runs = sorted(path.parent for path in root.glob("*/config.json"))
    if not runs:
        raise UsageError(f"no runs in {root}/", "make one: genzoo run …, or say where they are: --runs FOLDER")
    if reference.startswith("@best:"):
        return best(root, reference.removeprefix("@best:"))
    if reference == "@last":
        return Run(max(runs, key=_started))
    matching = [p for p in runs if p.name.startswith(reference) or p.name.rpartition("-")[2].startswith(reference)]
    if len(matching) == 1:
        return Run(matching[0])
    if matching:
        raise UsageError(
            f"{len(matching)} runs begin with {reference!r}", "\n".join(path.name for path in matching[:8])
        )
    raise UsageError(f"no run {reference!r} in {root}/", f"the latest: {max(runs, key=_started).name}, or type @last")


def _started(path: Path) -> tuple[float, str]:
    """When a run was started, by its own record; the name decides between equals."""
    try:
        started = read_json(path / "run.json").get("started", 0.0)
        return (started if isinstance(started, float) else 0.0, path.name)
    except GenzooError:
        return (0.0, path.name)


def load(reference: str | Path, device: str = "cpu") -> Model:
    """Loads a trained model, in evaluation mode.

    Args:
        reference: A model.safetensors file, a run folder, or a run's name as `genzoo evaluate` takes it.
        device: Where to put it.

    Raises:
        UsageError: Not found.
        GenzooError: Damaged, or made by a plugin that is not installed.
    """
    from genzoo.runs.model_file import load_model

    path = Path(reference)
    if path.suffix == ".safetensors":
        return load_model(path, device)
    if os.path.isfile(path):
        raise UsageError(f"{path} is not a .safetensors file; genzoo never unpickles", "give a run's model.safetensors")
    return load_model(find(str(reference)).path / MODEL_FILE, device)
