"""Raw files: what may be declared, and what is unpacked."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tiny_datasets import NAMES, Example

from genzoo.core.errors import GenzooError, PluginError
from genzoo.data.raw_files import FileSet, RawFile
from genzoo.data.store import Store


def test_a_gzip_bomb_is_not_unpacked(cache: Path, tiny: Example) -> None:
    folder = tiny.put(cache / "Tiny/raw", without=NAMES[0])
    bomb = folder / f"{NAMES[0]}.gz"
    bomb.write_bytes(gzip.compress(bytes(50_000_000)))
    with pytest.raises(GenzooError, match="more than the expected"):
        Store(offline=True).ensure(tiny.files)
    bomb.write_bytes(gzip.compress(tiny.right[NAMES[0]])[:-9])
    with pytest.raises(GenzooError, match="damaged gzip"):
        Store(offline=True).ensure(tiny.files)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "..", ".hidden", "a/b", "a" * 300, "nul\0", "x.gz", ""])
def test_a_file_set_cannot_reach_outside_its_folder(name: str) -> None:
    raw = RawFile(name, "0" * 64, 1)
    with pytest.raises(PluginError, match="not the name"):
        FileSet("tiny", "Tiny", "Tiny/raw", (raw,))
