"""A path in place of a dataset's name: what to type instead."""

from __future__ import annotations

import shlex
from pathlib import Path

from genzoo.core.errors import UsageError, did_you_mean
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry


def refuse_path(dataset: str, command: str) -> None:
    """Refuse a path in place of a dataset's name.

    Args:
        dataset: What was given as the name.
        command: The command up to the dataset, such as "genzoo run vae".

    Raises:
        UsageError: With the datasets that read files of the user's own; or there is no such file.
    """
    if registry().called(dataset, ["dataset"]):
        return
    path = Path(dataset).expanduser()
    there = path.exists()
    if not there and "." not in dataset and "/" not in dataset:
        return
    found = {entry.name: entry.load() for entry in registry().matching("dataset")}
    names = [name for name, cls in found.items() if "path" in field_names(cls.Config)]
    sure = [name for name in names if getattr(found[name], "reads", lambda path: False)(path)]
    if there:
        what = f"no dataset named {dataset!r}; here it is a {'folder' if path.is_dir() else 'file'}"
        kind, where = (sure[0], "") if len(sure) == 1 else ("KIND", f"; KIND is one of {', '.join(names)}")
        raise UsageError(what, f"{command} {kind} --data.path {shlex.quote(dataset)}{where}")
    distributions = {entry.origin.distribution for entry in registry().matching("dataset")}
    if sure or ("/" in dataset and dataset.partition("/")[0] not in distributions):
        beside = [str(path.parent / one.name) for one in path.parent.iterdir()] if path.parent.is_dir() else []
        close = did_you_mean(str(path), beside) if len(beside) < 1000 else ""
        raise UsageError(
            f"{dataset}: no such file or folder.{close}".rstrip("."), "datasets: genzoo list --kind dataset"
        )
