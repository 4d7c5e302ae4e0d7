"""The user's own defaults, `~/.config/genzoo/config.toml`: below what a `--config` file and the command line say.

Its keys are `runs` and `data-root`, folders, and the options of the trainer. Only the command line reads it: the
functions of Python do what their arguments say.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.core.text import names_in
from genzoo.system.atomic import to_bytes, user_config, write_atomically
from genzoo.system.reading import read_text

if TYPE_CHECKING:
    from genzoo.training.config import Training

FILE = "config.toml"
FOLDERS = ("runs", "data-root")
"""Keys that name a folder."""
LARGEST = 1 << 16
"""Bytes of the file."""
HINT = "all keys: genzoo config"


def path() -> Path:
    """Return the file, which may not exist.

    Raises:
        UsageError: The user has no home folder.
    """
    folder = user_config()
    if folder is None:
        raise UsageError("you have no home folder for settings", "export XDG_CONFIG_HOME=/some/folder")
    return folder / FILE


def text() -> str:
    """Return the text of the file, "" if there is none.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return read_text(path(), LARGEST)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path()}: {reason}", f"mend it, or remove it: rm {path()}") from None


def read() -> dict[str, Any]:
    """Return the user's defaults by their keys, such as {"runs": "~/runs", "batch-size": 256}; {} without a file.

    Raises:
        UsageError: The file is not well-formed, a key is unknown or a value is wrong; the line is named.
    """
    if user_config() is None or not (written := text()):
        return {}
    return parsed(written)


def parsed(written: str) -> dict[str, Any]:
    """Return the keys and values of a text of the file, see `read`."""
    try:
        values = tomllib.loads(written)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path()}: {error}", f'edit the file: {path()}; a line is such as: runs = "~/runs"') from None
    found = {key.replace("_", "-"): value for key, value in values.items()}
    for key, value in found.items():
        try:
            check(key, value)
        except GenzooError as error:
            error.message = f"{path()}:{line_of(key, written)}: {error.message}"
            error.hint = f"edit the file: {path()}"
            raise
    return found


def check(key: str, value: Any) -> None:
    """Refuse a key that is unknown, and a value that the option cannot have.

    Raises:
        UsageError: The message names it.
    """
    if key in FOLDERS:
        if not isinstance(value, str) or not value:
            raise UsageError(f"{key} must be a folder, not {value!r}", f"genzoo config set {key} FOLDER")
        return
    if key not in known_keys():
        raise UsageError(f"no setting {key!r}.{did_you_mean(key, known_keys())}", HINT)
    try:
        of_trainer({key: value})
    except UsageError as error:
        error.hint = error.hint or HINT
        raise


def known_keys() -> tuple[str, ...]:
    """Return all keys."""
    from genzoo.training.config import Training

    return (*FOLDERS, *(field.name.replace("_", "-") for field in dataclasses.fields(Training)))


def of_trainer(values: Mapping[str, Any]) -> Training:
    """Return the trainer's options with the user's defaults among `values`.

    Raises:
        UsageError: A value is wrong.
    """
    from genzoo.core.options import from_json
    from genzoo.training.config import Training

    own = {key.replace("-", "_"): value for key, value in values.items() if key not in FOLDERS}
    return from_json(Training, own)


def words(only: Collection[str] = ()) -> list[str]:
    """Return the defaults of the trainer's options as words of a command line; those of `only` if there are any."""
    from genzoo.runs.config import to_arguments

    own = {key: value for key, value in read().items() if key not in FOLDERS and (not only or key in only)}
    return to_arguments({"train": own}, str(path())) if own else []


def folder(key: str) -> Path | None:
    """Return the folder of a key of `FOLDERS`; None if the user has no default for it."""
    value = read().get(key)
    return Path(value).expanduser() if value else None


def line_of(key: str, written: str) -> int:
    """Return the line that sets a key, 0 if none does."""
    pattern = re.compile(
        rf"""\s*["']?{key.replace("-", "[-_]")}["']?\s*=|\s*\[["']?{key.replace("-", "[-_]")}["']?\]"""
    )
    return next((number for number, line in enumerate(written.splitlines(), 1) if pattern.match(line)), 0)


def set_to(key: str, typed: str) -> Any:
    """Set a key to what the user typed, and return its value. Other lines of the file, and comments, stay.

    Raises:
        UsageError: The key is unknown, or the value is wrong.
    """
    value = value_of(key, typed)
    check(key, value)
    write(key, [f"{key} = {json.dumps(value, ensure_ascii=False)}"], {**read(), key: value})
    return value


def unset(key: str) -> None:
    """Remove a key.

    Raises:
        UsageError: It is not set.
    """
    values = read()
    if key not in values:
        raise UsageError(f"{key} is not set.{did_you_mean(key, values)}", HINT)
    del values[key]
    write(key, [], values)


def write(key: str, lines: list[str], expected: Mapping[str, Any]) -> None:
    """Replace the line of a key, or append it.

    Raises:
        UsageError: The file would not say what is expected, as where a value takes several lines.
    """
    before = text()
    kept, number = before.splitlines(), line_of(key, before)
    at = number - 1 if number else len(kept)
    kept[at : at + 1] = lines
    after = "".join(f"{line}\n" for line in kept)
    try:
        same = parsed(after) == expected
    except UsageError:
        same = False
    if not same:
        raise UsageError(f"{path()}:{number}: {key} takes several lines", f"edit the file: {path()}")
    path().parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path(), to_bytes(after))


def value_of(key: str, typed: str) -> Any:
    """Return what was typed as a value: a number, true, false, a list for an option that takes several, or a text."""
    if key in FOLDERS:
        return typed
    from genzoo.training.config import Training

    if isinstance(getattr(Training(), key.replace("-", "_"), None), tuple):
        return names_in(typed)
    try:
        value = tomllib.loads(f"x = {typed}")["x"]
    except ValueError:
        return typed
    return value if isinstance(value, (bool, int, float)) else typed
