"""Reading untrusted files: only regular files of a bounded size, and JSON without ambiguity."""

from __future__ import annotations

import difflib
import errno
import itertools
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from genzoo.core.errors import did_you_mean

LARGEST_TEXT = 1 << 26
"""Maximum bytes of a JSON, JSON lines or TOML file; those of a run have a few thousand."""
DEEPEST = 32
"""Maximum nesting of tables and lists; the files of a run have six levels."""
MOST_NAMES = 1000
"""Names in a folder, among more of which none is looked for that was perhaps meant."""
LONGEST_NUMBER = 40
"""Maximum digits of a whole number; 64 bits need 20."""


def near(path: Path) -> str:
    """Return " Did you mean 'NAME'?" for a path that is not there, of the names that are where it leaves off; or ""."""
    missing = path.absolute()
    while not missing.parent.is_dir() and missing.parent != missing:
        missing = missing.parent
    try:
        with os.scandir(missing.parent) as entries:
            known = [entry.name for entry in itertools.islice(entries, MOST_NAMES + 1)]
    except OSError:
        return ""
    if len(known) > MOST_NAMES or missing.name in known:
        return ""
    stems = difflib.get_close_matches(missing.stem, {Path(name).stem for name in known})  # .png alone is not close
    return did_you_mean(missing.name, [name for name in known if Path(name).stem in stems])


def unread(path: Path, error: OSError) -> str:
    """Return why a user's file cannot be read. If it is not there, name the file that was perhaps meant."""
    return f"{path}: {error.strerror or error}{'.' * bool(meant := near(path) if is_gone(error) else '')}{meant}"


def is_gone(error: OSError) -> bool:
    """Return whether an error says that there is no such file or folder."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Refuse a pipe, on which the program could wait for ever, and a device.

    Raises:
        OSError: The file does not exist, is not a regular file, or has an impossible name.
    """
    try:
        mode = os.stat(path).st_mode
    except ValueError:  # a NUL in it
        raise OSError(errno.EINVAL, "not a valid file name", str(path)) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    # Without O_NONBLOCK, opening would wait if a pipe has replaced the file since.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")


def read_text(path: Path, limit: int = LARGEST_TEXT, errors: str = "strict") -> str:
    """Return the text of a UTF-8 file of at most `limit` bytes; `errors` as for `bytes.decode`.

    Raises:
        OSError: As for `open_regular`, or the file is larger.
        UnicodeDecodeError: The file is not UTF-8.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"more than {limit:,} bytes", str(path))
    return content.decode("utf-8", errors)


def parse_json(text: str) -> Any:
    """Parse strict JSON (RFC 8259): no NaN, no number too large for a float, no duplicate name, bounded nesting.

    Raises:
        ValueError: The text is not strict JSON. The message is short and has the line of a syntax error.
    """
    try:
        value = json.loads(
            text, parse_constant=_no_number, parse_float=_finite, parse_int=_whole, object_pairs_hook=_unique
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    refuse_odd(value)
    return value


def refuse_odd(value: Any) -> None:
    """Refuse parsed JSON or TOML that nests too deeply, or has numbers or texts that cannot be written back.

    Raises:
        ValueError: Says in a few words what is wrong.
    """
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if isinstance(item, dict):
            waiting += [(inner, depth + 1) for pair in item.items() for inner in pair]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
        elif isinstance(item, str):
            # A lone surrogate raises UnicodeEncodeError, a ValueError, unless it stands for a byte of a file name.
            item.encode("utf-8", "surrogateescape")
        elif isinstance(item, int) and abs(item) >= 10**LONGEST_NUMBER:
            raise ValueError(f"a number of more than {LONGEST_NUMBER} digits")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed in JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:LONGEST_NUMBER]} is too large a number")
    return value


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise ValueError(f"{twice[:LONGEST_NUMBER]!r} appears twice")
    return values
