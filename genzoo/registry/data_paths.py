"""A path in place of a dataset's name: what to type instead."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from genzoo.core.errors import UsageError
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry
from genzoo.system.reading import near

PATH = "--data.path"
"""The option of the datasets that read files of the user's own."""


def refuse_path(dataset: str, command: str, typed: Sequence[str] = ()) -> None:
    """Refuse a path in place of a dataset's name.

    Args:
        dataset: What was given as the name.
        command: The command up to the dataset, such as "genzoo run vae".
        typed: All words of the command line, whose end is kept; none in Python.

    Raises:
        UsageError: With the datasets that read files of the user's own; or there is no such file.
    """
    if registry().called(dataset, ["dataset"]):
        return
    path = Path(dataset).expanduser()
    there = path.exists()
    if not there and "." not in dataset and "/" not in dataset:
        return
    if there:
        what = f"no dataset named {dataset!r}; here it is a {'folder' if path.is_dir() else 'file'}"
        kind, where = dataset_with(dataset)
        behind = typed[typed.index(dataset) + 1 :] if dataset in typed else ()
        raise UsageError(what, f"{command} {kind} {shlex.join([PATH, dataset, *behind])}{where}")
    distributions = {entry.origin.distribution for entry in registry().matching("dataset")}
    if readers_of(path)[1] or ("/" in dataset and dataset.partition("/")[0] not in distributions):
        raise is_missing(dataset)


def is_missing(path: str, spelling: str = "") -> UsageError:
    """Return the error for data of the user's own that are not there; `spelling` is the option that names them."""
    what = f"{spelling} {path}: no such file or folder.{near(Path(path).expanduser())}"
    return UsageError(what.strip(" ."), "datasets: genzoo list --kind dataset")


def dataset_with(path: str) -> tuple[str, str]:
    """Return the dataset that surely reads a file or folder, or "KIND" and what that may be; the second is "" if sure.

    Args:
        path: What is there.
    """
    names, sure = readers_of(Path(path).expanduser())
    return (sure[0], "") if len(sure) == 1 else ("KIND", f"; KIND is one of {', '.join(names)}")


def readers_of(path: Path) -> tuple[list[str], list[str]]:
    """Return the datasets that read files of the user's own, and those of them that surely read this one."""
    found = {entry.name: entry.load() for entry in registry().matching("dataset")}
    names = [name for name, cls in found.items() if "path" in field_names(cls.Config)]
    return names, [name for name in names if getattr(found[name], "reads", lambda path: False)(path)]


def refuse_path_alone(command: Sequence[str], verb: str, model: str) -> None:
    """Refuse `--data.path PATH` without a dataset.

    Args:
        command: All words of the command line.
        verb: The verb among them.
        model: The model, which stands behind the verb, or "".

    Raises:
        UsageError: With the command that has the dataset that reads what is there; or there is no such file.
    """
    words = list(command)
    at = next((place for place, word in enumerate(words) if word.partition("=")[0] == PATH), None)
    if at is None or model not in words:
        return
    _, equals, path = words[at].partition("=")
    path = path if equals else (words[at + 1] if at + 1 < len(words) else "")
    if not path:
        return
    if not Path(path).expanduser().exists():
        raise is_missing(path, PATH)
    kind, where = dataset_with(path)
    behind = words.index(model, words.index(verb)) + 1
    corrected = shlex.join(["genzoo", *words[:behind], kind, *words[behind:]])
    what = "folder" if Path(path).expanduser().is_dir() else "file"
    raise UsageError(f"which dataset? {PATH} {path} is a {what}", corrected + where)
