"""Fixtures that several test files share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from plugin_factory import Site

from genzoo import cache, registry

if TYPE_CHECKING:
    from linear_vae import PPCA

# Nets this small gain nothing from threads, and beside other work threads that wait for each other cost tenfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")

cache.folder = lambda: None  # what is tested is computed, and the user's cache is left alone

# Started in the background of a script, this process and all that it starts would inherit that Ctrl-C is ignored.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest goes first: with `-n` it would else be waited for in the end."""
    items.sort(key=lambda item: "test_third_party" not in item.nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """With `-n`: a file's tests stay together, since they share what is costly; files go in the order in
    which they were collected, and not by their number of tests."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.fixture(scope="session")
def ppca() -> PPCA:
    from linear_vae import make_ppca  # with it torch, which reads OMP_NUM_THREADS when it is imported

    return make_ppca()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder on sys.path to install plugins into, and a registry that has not looked yet."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("GENZOO_DISABLE_PLUGINS", raising=False)
    registry.reset()
    made = Site(folder)
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] in made.modules]:
        del sys.modules[name]
    registry.reset()
