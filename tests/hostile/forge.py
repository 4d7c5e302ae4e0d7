"""Make hostile files, as an attacker who knows every format and the digest of a model file can."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

ZEROS = "0" * 64


def parts(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Return header, description and data of a model file."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    description = json.loads(header["__metadata__"]["genzoo"])
    return header, description, content[8 + length :]


def sealed(header: dict[str, Any] | str, description: dict[str, Any] | str, data: bytes, length: int = -1) -> bytes:
    """Return a file with a correct digest. A header given as text contains DESCRIPTION."""
    if isinstance(description, dict):
        description = json.dumps({"sha256": ZEROS, **{k: v for k, v in description.items() if k != "sha256"}})
    if isinstance(header, dict):
        header = json.dumps({**header, "__metadata__": {"genzoo": description}}, ensure_ascii=False)
    else:
        header = header.replace("DESCRIPTION", json.dumps({"genzoo": description}))
    text = header.encode("utf-8", "surrogateescape")
    content = (len(text) if length < 0 else length).to_bytes(8, "little") + text + data
    return content.replace(ZEROS.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


Change = Callable[[dict[str, Any], dict[str, Any], bytes], bytes | None]


def forge(model: Path, change: Change) -> None:
    """Change header and description of a model file in place, or the data by the return value; write a new digest."""
    header, description, data = parts(model.read_bytes())
    changed = change(header, description, data)
    model.write_bytes(sealed(header, description, data if changed is None else changed))


def first(header: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the first tensor."""
    entry: dict[str, Any] = next(entry for name, entry in header.items() if name != "__metadata__")
    return entry


def npy(shape: str, dtype: str = "'<f4'", data: bytes = b"", version: int = 1, length: int = -1) -> bytes:
    """Return an .npy file with any header."""
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    width = "<H" if version == 1 else "<I"
    size = struct.pack(width, len(header) if length < 0 else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + data


def archive(path: Path, members: list[tuple[str, bytes]], times: int = 1) -> None:
    """Write a zip file. Content may be repeated without being held in memory."""
    import warnings

    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            with file.open(name, "w", force_zip64=True) as member:
                for _ in range(times):
                    member.write(content)


def png(width: int, height: int, data: bytes = b"", chunks: list[tuple[bytes, bytes]] | None = None) -> bytes:
    """Return a grey PNG file that declares any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    middle = b"".join(chunk(kind, content) for kind, content in chunks or [])
    return b"\x89PNG\r\n\x1a\n" + header + middle + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def picture(kind: str) -> bytes:
    """Return a small valid image."""
    from PIL import Image

    content = io.BytesIO()
    Image.linear_gradient("L").resize((16, 16)).save(content, kind)
    return content.getvalue()


def idx(shape: tuple[int, ...], data: bytes = b"") -> bytes:
    """Return an idx file of bytes."""
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + data


def gz_of_zeros(head: bytes, size: int) -> bytes:
    """Return a gzip file of `head` and `zeros` zeros in members of one megabyte; it is a thousand times smaller."""
    many, rest = divmod(size, 1_000_000)
    return gzip.compress(head, 9) + many * gzip.compress(bytes(1_000_000), 9) + gzip.compress(bytes(rest), 9)


@cache
def text_bomb(size: int) -> bytes:
    """Return the content of a PNG's zTXt chunk that unpacks to `size` blanks."""
    return b"Comment\0\0" + zlib.compress(b" " * size, 1)


class Touch:
    """An object whose pickle runs a command when it is loaded."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def sparse(path: Path) -> None:
    """Make a file of a terabyte that takes no space."""
    path.touch()
    os.truncate(path, 1 << 40)


def pipe(path: Path) -> Path:
    """Replace a path by a pipe without a writer: reading it waits forever."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


def link(path: Path, target: str | Path) -> Path:
    """Replace a path by a link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return path
