"""Packages that only a tracker needs."""

from __future__ import annotations

import importlib.util

import genzoo


def refuse_missing(package: str, title: str) -> None:
    """Refuse a tracker whose package is not installed; the extra of genzoo has the package's name.

    Raises:
        UsageError: With what to type.
    """
    if importlib.util.find_spec(package) is None:
        raise genzoo.UsageError(f"--listeners {package}: {title} is not installed", f"pip install 'genzoo[{package}]'")
