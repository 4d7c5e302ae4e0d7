"""safetensors files with their own SHA-256: a file with a changed, missing or added byte is refused.

safetensors checks only its header, so almost every flipped bit silently gives other weights. Here the header's one
metadata entry, "genzoo", is the description. It begins with the digest of the whole file, computed with zeros in place
of the 64 digits of the digest. So the digest covers every byte: names, shapes, description and weights.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from genzoo.core.errors import GenzooError, UsageError
from genzoo.system.atomic import write_atomically
from genzoo.system.reading import open_regular, parse_json

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

MAX_HEADER = 1 << 20
"""Bytes. A valid header of 35 MB with 600,000 names takes 6 s and half a GB to read."""
FIELDS = {"dtype", "shape", "data_offsets"}
"""The fields of each tensor in a header. safetensors accepts others too."""
CHUNK = 1 << 20
DIGITS = 64
LARGEST_HASHED = 1 << 28
"""Bytes. If the header alone shows that a larger file is damaged, its digest is not computed for the message."""
MARK = re.compile(rb'\\"sha256\\": \\"(.{64})\\"', re.DOTALL)
DAMAGED = "copy the file again, or train again: genzoo run --config RUN/config.json"
CHANGED = "it was changed since genzoo wrote it: train again with genzoo run --config RUN/config.json"


def seal(tensors: dict[str, Tensor], description: Mapping[str, Any]) -> bytes:
    """Return the content of a file with these tensors, this description and the digest of both."""
    from safetensors.torch import save

    described = json.dumps({"sha256": "0" * DIGITS, **description})
    content = save(tensors, metadata={"genzoo": described})
    mark = MARK.search(content)
    assert mark is not None, "safetensors writes its metadata as plain JSON"
    digest = hashlib.sha256(content).hexdigest().encode()
    return content[: mark.start(1)] + digest + content[mark.end(1) :]


def write_sealed(path: Path, tensors: dict[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a checksummed file atomically.

    Raises:
        GenzooError: It cannot be written.
    """
    write_atomically(path, seal(tensors, description))


def stored_digest(path: Path) -> str | None:
    """Return the SHA-256 that a checksummed file states, without verifying it; None if there is none to read."""
    try:
        with open_regular(path) as file:
            mark = MARK.search(file.read(8 + MAX_HEADER))
    except OSError:
        return None
    return mark[1].decode("ascii", "replace") if mark else None


def stated_description(path: Path) -> dict[str, Any]:
    """Return the description in a checksummed file, without verifying it; {} if there is none to read."""
    try:
        with open_regular(path) as file:
            header, _ = _header(file.read(8 + MAX_HEADER), os.fstat(file.fileno()).st_size)
        found = parse_json(header["__metadata__"]["genzoo"])
    except (OSError, KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_sealed(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Verify a checksummed file and return its description and tensors. The tensors are memory-mapped.

    Raises:
        UsageError: There is no such file.
        GenzooError: The file is damaged, was changed, or has no digest.
    """
    return _read(path, "torch")


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a checksummed file as NumPy arrays, without importing torch.

    Raises:
        UsageError: There is no such file.
        GenzooError: As for `read_sealed`, or the type does not exist in NumPy, such as bfloat16.
    """
    try:
        return _read(path, "numpy")[1]
    except (AttributeError, KeyError, TypeError) as error:
        raise GenzooError(f"{path} has numbers of a type that NumPy lacks: {error}", DAMAGED) from None


def _read(path: Path, framework: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the description and the tensors or arrays of a file."""
    from safetensors import SafetensorError

    try:
        with open_regular(path) as file:
            described = _verified(path, file)
        numbers = _numbers(path, framework)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file", "runs are listed by: genzoo runs") from None
    except OSError as error:
        raise GenzooError(f"cannot read {path}: {error.strerror or error}", DAMAGED) from None
    except SafetensorError as error:
        raise GenzooError(f"{path} is truncated or damaged: {error}", DAMAGED) from None
    return described, numbers


def _numbers(path: Path, framework: str) -> dict[str, Any]:
    from safetensors import safe_open

    try:
        str(path).encode()
    except UnicodeEncodeError:  # safetensors cannot open a file whose name is not UTF-8
        if framework == "torch":
            from safetensors.torch import load
        else:
            from safetensors.numpy import load  # type: ignore[assignment]
        loaded: dict[str, Any] = load(path.read_bytes())
        return loaded
    with safe_open(path, framework=framework) as opened:
        return {name: opened.get_tensor(name) for name in opened.offset_keys()}


def _verified(path: Path, file: BinaryIO) -> dict[str, Any]:
    """Return the description in an open file, once the digest of every byte is verified."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(8 + MAX_HEADER)
    header, problem = _header(head, size)
    mark = MARK.search(head)
    if mark and (not problem or size <= LARGEST_HASHED):
        expected, found = mark[1].decode("ascii", "replace"), _digest(head, mark, file)
        if found != expected:
            problem = f"sha256 {found[:8]}… instead of {expected[:8]}…" + (f": {problem}" if problem else "")
    if problem:
        raise GenzooError(f"{path} ({size:,} bytes) is truncated or damaged: {problem}", DAMAGED)
    try:
        description = parse_json(header["__metadata__"]["genzoo"])
    except (KeyError, TypeError, ValueError):
        description = None
    if not isinstance(description, dict):
        raise GenzooError(f"{path} holds no description of a genzoo model", DAMAGED)
    if not mark or description.get("sha256") != mark[1].decode("ascii"):
        raise GenzooError(f"{path} has no SHA-256, so it cannot be verified", CHANGED)
    return description


def _header(head: bytes, size: int) -> tuple[dict[str, Any], str]:
    """Return the header of a file that begins with `head`, and what is wrong with it ("" if nothing).

    No memory is allocated by sizes that the header states.
    """
    length = int.from_bytes(head[:8], "little")
    if len(head) < 8:
        return {}, "it ends within its first 8 bytes"
    if length > MAX_HEADER:
        return {}, f"its header claims {length:,} bytes"
    if length > size - 8:
        return {}, f"its header claims {length:,} bytes, of which {size - 8:,} are there"
    try:
        header = parse_json(head[8 : 8 + length].decode("utf-8"))
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        declared = max((entry["data_offsets"][1] for entry in entries), default=0)
        if not isinstance(declared, int) or any(set(entry) != FIELDS for entry in entries):
            raise TypeError
    except ValueError as error:
        return {}, f"its header is not JSON: {str(error)[:60]}"
    except (AttributeError, IndexError, KeyError, TypeError):
        return {}, "its header lists no tensors"
    if declared != size - 8 - length:
        return {}, f"its header declares {declared:,} bytes of numbers, {size - 8 - length:,} are there"
    return header, ""


def _digest(head: bytes, mark: re.Match[bytes], rest: BinaryIO) -> str:
    """Return the SHA-256 of a file, with zeros in place of the digest it contains."""
    digest = hashlib.sha256(head[: mark.start(1)] + b"0" * DIGITS + head[mark.end(1) :])
    while chunk := rest.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
