"""Find a run by a path, by @last or @best:METRIC, or by the beginning of its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genzoo.comparison.tables import collect, metric_of, table_in, tables
from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.evaluation.order import key, refuse_unordered
from genzoo.runs.run import MODEL_FILE, Run, read_json
from genzoo.system.messages import warn

if TYPE_CHECKING:
    from genzoo.core.model import Model


def find(reference: str, root: Path = Path("runs")) -> Run:
    """Return the run of a reference: a path, @last, @best:METRIC, or the unique beginning of its name or its last part.

    Raises:
        UsageError: There is no such run, or there are several.
    """
    if os.path.isfile(Path(reference) / "config.json"):
        return Run(Path(reference))
    if os.sep in reference and os.path.exists(reference):
        raise UsageError(f"{reference} is not a run folder: it has no config.json", f"ls {root}/, or type @last")
    runs = sorted(path.parent for path in root.glob("*/config.json"))
    if not runs:
        raise UsageError(f"no runs in {root}/", "train a model: genzoo run …, or name their folder: --runs FOLDER")
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


def best(root: Path, metric: str) -> Run:
    """Return the finished run in a folder with the best validation metric, or test metric without validation data.

    Raises:
        UsageError: No run has the metric, neither lower nor higher is better, or the runs are not comparable.
    """
    comparable = tables(collect([root]), say=lambda line: warn(line, "resume it: genzoo resume RUN"))
    name = key(metric)
    found = [
        (metric_of(table_in(results, "validation"), name), value, table.protocol, run)
        for table in comparable
        for row in table.rows
        for run, results in zip(row.runs, row.results, strict=True)
        if not isinstance(value := metric_of(results["test"], name), str)
    ]
    if not found:
        known = [name.replace("_", "-") for table in comparable for name in table.metrics()]
        hint = f"known: {', '.join(dict.fromkeys(known))}"
        raise UsageError(f"@best:{metric}: no finished run in {root}/ has it.{did_you_mean(metric, known)}", hint)
    refuse_unlike(root, metric, sorted({protocol for _, _, protocol, _ in found}))
    order = refuse_unordered(
        name, f"@best:{metric}", dict.fromkeys(name for one in comparable for name in one.metrics())
    )
    if not order.known:
        warn(f"@best:{metric}: its metric is not installed", "lower is assumed to be better")
    validated = [(order.cost(value), run) for value, _, _, run in found if not isinstance(value, str)]
    if not validated:
        warn(f"@best:{metric}: chosen by test metrics", "these runs do not have it on validation data")
    choice = validated or [(order.cost(value), run) for _, value, _, run in found]
    return min(choice, key=lambda item: item[0])[1]


def refuse_unlike(root: Path, metric: str, protocols: Sequence[str]) -> None:
    """Refuse a choice among runs of several protocols.

    Raises:
        UsageError: There are several; the message says in what they differ.
    """
    if len(protocols) < 2:
        return
    words = [protocol.split(" · ") for protocol in protocols]
    own = [[word for word in part if not all(word in other for other in words)] for part in words]
    enough = next((n for n in range(1, 99) if len({tuple(part[:n]) for part in own}) == len(own)), 99)
    shown = [*(" ".join(part[:enough]) for part in own[:3]), *(["more"] if len(own) > 3 else [])]
    raise UsageError(
        f"@best:{metric}: the runs in {root}/ are not comparable: {' | '.join(shown)}",
        f"compare them and name one: genzoo compare {root}",
    )


def _started(path: Path) -> tuple[float, str]:
    """Return when a run was started, and its name to decide between equal times."""
    try:
        started = read_json(path / "run.json").get("started", 0.0)
        return (started if isinstance(started, float) else 0.0, path.name)
    except GenzooError:
        return (0.0, path.name)


def load(reference: str | Path, device: str = "cpu") -> Model:
    """Load a trained model in evaluation mode.

    Args:
        reference: A model.safetensors file, a run folder, or a run's name as for `genzoo evaluate`.
        device: The device of the model.

    Raises:
        UsageError: There is no such file or run.
        GenzooError: The file is damaged, or the plugin of the model is not installed.
    """
    from genzoo.runs.model_file import load_model

    path = Path(reference)
    if path.suffix == ".safetensors":
        return load_model(path, device)
    if os.path.isfile(path):
        raise UsageError(f"{path} is not a .safetensors file; genzoo never unpickles", "give a run's model.safetensors")
    return load_model(find(str(reference)).path / MODEL_FILE, device)
