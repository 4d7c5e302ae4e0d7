"""Small files of published datasets, with their digests in the datasets' own tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from published_files import WRITERS, md5

from genzoo.data.raw_files import RawFile
from genzoo.registry.current import registry


@pytest.fixture
def published(
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Path]:
    """Write small files of a dataset, and put their digests into its table; return the data root."""
    assert not cache.exists()

    def write(name: str) -> Path:
        root = tmp_path / "root"
        WRITERS[name](root)
        kind = registry().get("dataset", name).load()
        files = tuple(RawFile(raw.name, md5=md5(root / kind.files.folder / raw.name)) for raw in kind.files.files)
        monkeypatch.setattr(kind, "files", replace(kind.files, files=files))
        return root

    return write
