"""Options that locate a run's data, and a check that the data are those of the training."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import option
from genzoo.core.run_reference import parse_pinned

if TYPE_CHECKING:
    from genzoo.core.dataset import Splits

NAMES = frozenset(f"{name}{end}" for name in ("path", "file", "folder", "dir", "root") for end in ("", "s"))
"""Words in the names of options that locate data."""


def locations(config: Any) -> tuple[str, ...]:
    """Return the names of a dataset's options that locate its data.

    These are texts with a name such as `path` or `image_folder`, and texts that hold an absolute path.
    """
    names = (field.name for field in dataclasses.fields(config))
    return tuple(name for name in names if is_location(name, getattr(config, name)))


def is_location(name: str, value: Any) -> bool:
    """Return whether a dataset's option of this name and value locates data. The value may be plain JSON."""
    texts = value if isinstance(value, (tuple, list)) else (value,)
    if not texts or not all(isinstance(text, str) for text in texts):
        return False
    return not NAMES.isdisjoint(name.split("_")) or all(map(os.path.isabs, texts))


def data_differ(record: Mapping[str, Any], files: Mapping[str, Any], splits: Splits) -> bool:
    """Return whether data differ from those in a run's record.

    Args:
        record: The run's record.
        files: The hashes of the data files, in the format of the record.
        splits: The data. Their digest is compared; where there is no digest, the hashes of the files are.
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
def location_hints(config: Any, command: str) -> Iterator[None]:
    """Add a hint to errors about data that cannot be read: how to give `command` their new location.

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
            error.hint = moved_hint(names, command)
        raise
    except OSError as error:
        hint = moved_hint(names, command) if names else f"{command} --data-root FOLDER"
        raise GenzooError(f"{error.filename or 'the data'}: {error.strerror or error}", hint) from error


def moved_hint(names: tuple[str, ...], command: str) -> str:
    """Return one line for each location option: what to type after the data were moved."""
    return "\n".join(f"if the data were moved: {command} {option(f'data.{name}')} PATH" for name in names)


def _is_gone(config: Any, names: tuple[str, ...]) -> bool:
    values = [getattr(config, name) for name in names]
    texts = [text for value in values for text in (value if isinstance(value, tuple) else (value,))]
    paths = [pinned.path if (pinned := parse_pinned(text)) else text for text in texts]
    return any(path and not os.path.exists(os.path.expanduser(path)) for path in paths)


def refuse_other_options(changed: Mapping[str, tuple[Any, Any]], free: tuple[str, ...], command: str) -> None:
    """Refuse changes of a dataset's options other than locations.

    Args:
        changed: The options that differ from the run's, as (before, now).
        free: The locations.
        command: Such as "genzoo evaluate RUN".

    Raises:
        UsageError: Such an option changed; the first one is named.
    """
    for name, (was, now) in changed.items():
        if name not in free:
            hint = moved_hint(free, command) if free else f"leave {option(f'data.{name}')} out"
            raise UsageError(
                f"{option(f'data.{name}')} {now}: the run's data were read with {was}; this would change the data", hint
            )
