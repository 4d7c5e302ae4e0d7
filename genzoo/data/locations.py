"""Where a run's data lie now, and whether they are the data that it was trained on."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import option

if TYPE_CHECKING:
    from genzoo.core.dataset import Splits

NAMES = frozenset(f"{name}{end}" for name in ("path", "file", "folder", "dir", "root") for end in ("", "s"))
"""Words in the names of options that say where data lie."""


def locations(config: Any) -> tuple[str, ...]:
    """Return the options of a dataset that say where its data lie and not what they are.

    These are the texts that are called so, such as `path` or `image_folder`, or that hold an absolute path.
    """
    names = (field.name for field in dataclasses.fields(config))
    return tuple(name for name in names if is_location(name, getattr(config, name)))


def is_location(name: str, value: Any) -> bool:
    """Return whether a dataset's option of this name and value, which may be plain JSON, says where its data lie."""
    texts = value if isinstance(value, (tuple, list)) else (value,)
    if not texts or not all(isinstance(text, str) for text in texts):
        return False
    return not NAMES.isdisjoint(name.split("_")) or all(map(os.path.isabs, texts))


def other_data(record: Mapping[str, Any], files: Mapping[str, Any], splits: Splits) -> bool:
    """Return whether data differ from those that a run's record tells of.

    Args:
        record: The run's record.
        files: The hashes of the data's files, as a record has them.
        splits: The data. Their content decides, wherever it can be told; else the files do.
    """
    from genzoo.data.digest import digest

    before = record.get("data_digest")
    now = digest(splits) if isinstance(before, str) else None
    if now is not None:
        return now != before
    try:
        return any(record["data"][name]["sha256"] != files[name]["sha256"] for name in files)
    except (KeyError, TypeError):  # an older record, or a damaged one
        return False


@contextmanager
def explained(config: Any, command: str) -> Iterator[None]:
    """Inside, an error of data that cannot be read says how to tell `command` where they lie now.

    Args:
        config: The options of the dataset.
        command: Such as "genzoo evaluate RUN".

    Raises:
        GenzooError: The same error with that hint.
    """
    names = locations(config)
    try:
        yield
    except GenzooError as error:
        if names and (_is_gone(config, names) or "--data." in error.hint):
            error.hint = elsewhere(names, command)
        raise
    except OSError as error:
        hint = elsewhere(names, command) if names else f"{command} --data-root FOLDER"
        raise GenzooError(f"{error.filename or 'the data'}: {error.strerror or error}", hint) from error


def elsewhere(names: tuple[str, ...], command: str) -> str:
    """Return what to type where the data lie elsewhere now, a line an option."""
    return "\n".join(f"if the data lie elsewhere now: {command} {option(f'data.{name}')} PATH" for name in names)


def _is_gone(config: Any, names: tuple[str, ...]) -> bool:
    values = [getattr(config, name) for name in names]
    paths = [path for value in values for path in (value if isinstance(value, tuple) else (value,))]
    return any(path and not os.path.exists(os.path.expanduser(path)) for path in paths)


def refuse_other_options(changed: Mapping[str, tuple[Any, Any]], free: tuple[str, ...], command: str) -> None:
    """Refuse changes of a dataset's options that are not locations.

    Args:
        changed: The options that differ from the run's, as (before, now).
        free: The locations.
        command: Such as "genzoo evaluate RUN".

    Raises:
        UsageError: Naming the first of them.
    """
    for name, (was, now) in changed.items():
        if name not in free:
            hint = elsewhere(free, command) if free else f"leave {option(f'data.{name}')} out"
            raise UsageError(
                f"{option(f'data.{name}')} {now}: the run's data were read with {was}, and would be others", hint
            )
