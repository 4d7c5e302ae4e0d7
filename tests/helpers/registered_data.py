"""Registered datasets by name."""

from __future__ import annotations

from typing import Any

from genzoo.core.dataset import Splits
from genzoo.data.store import Store
from genzoo.registry.current import registry


def dataset(name: str, **options: Any) -> Any:
    """Return a dataset with some options changed."""
    cls = registry().get("dataset", name).load()
    return cls(cls.Config(**options))


def load(name: str, **options: Any) -> Splits:
    """Return its splits, without messages."""
    splits: Splits = dataset(name, **options).load(Store(say=lambda line: None))
    return splits
