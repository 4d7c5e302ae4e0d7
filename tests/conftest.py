"""Fixtures that several test files share, the long suite, and which worker runs which test."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from plugin_factory import Site

from genzoo.core.spelling import as_typed
from genzoo.registry import current as registry
from genzoo.registry import discovery
from genzoo.system import tensor_cache

if TYPE_CHECKING:
    from genzoo_plugins.linear_gaussian import PPCA

gc.disable()  # until the tests are collected: see pytest_collection_finish

# Nets this small gain nothing from threads, and beside other work threads that wait for each other cost tenfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The user's own defaults are not read, here and in processes that tests start.
os.environ["XDG_CONFIG_HOME"] = os.path.join(tempfile.gettempdir(), "genzoo-tests-have-no-settings")

# Which library is faster here is no matter of the tests; tests/system/test_computing.py has both.
os.environ.setdefault("GENZOO_MATMUL", "blas")

tensor_cache.folder = lambda: None  # what is tested is computed, and the user's cache is left alone

# Started in the background of a script or by nohup, this process and its children would inherit ignored signals.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

LONGEST_FIRST = ("test_third_party", "test_docs", "test_crash", "test_processes", "test_scaffold", "test_hostile")
"""Files that take long: with `-n` they would else be waited for in the end."""
SPLIT = ("test_readme", "test_subtle", "test_sound", "test_checks", "test_contract_likelihoods", "test_contract")
"""Files whose tests share nothing costly: with `-n` each worker takes one test at a time, and these come last."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long suite: every test, with its full counts")


@pytest.fixture(scope="session", autouse=True)
def messages_as_written() -> Iterator[None]:
    """Messages are compared as they are written in the code; tests/core/test_spelling.py has them as Python."""
    with as_typed():
        yield


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """Whether this is the long suite: for a test that takes larger counts in it."""
    return bool(pytestconfig.getoption("--long"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is for the long suite unless `--long` is given; sorts by `LONGEST_FIRST` and `SPLIT`."""
    if not config.getoption("--long"):
        seen: Counter[str] = Counter()
        left_out = {item for item in items if item.get_closest_marker("long") or is_between(item, seen)}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    rank = {name: number for number, name in enumerate((*LONGEST_FIRST, "", *SPLIT))}
    items.sort(key=lambda item: rank.get(item.path.stem, rank[""]))


def is_between(item: pytest.Item, seen: Counter[str]) -> bool:
    """Whether a test is marked `every(n)`, and its parameters are not the first, nor n after those taken last."""
    mark = item.get_closest_marker("every")
    if mark is None:
        return False
    name = item.nodeid.partition("[")[0]
    seen[name] += 1
    return bool((seen[name] - 1) % mark.args[0])


def pytest_collection_finish() -> None:
    """Excludes what is loaded now from garbage collection: looking through it took a third of the tests' time."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """With `-n`: a file's tests stay together, since they share what is costly, but for those of `SPLIT`; files go in
    the order in which they were collected, and not by their number of tests."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return nodeid if Path(file).stem in SPLIT else file

    config.option.loadscopereorder = False
    return Scheduling(config, log)


@contextmanager
def kept_registry() -> Iterator[None]:
    """The registry is afterwards what it was before, whatever was registered, loaded or reset in between."""
    before, found = registry.registry(), list(discovery.plugins)
    entries = list(before.entries)
    yield
    registry._registry, before.entries = before, entries
    discovery.plugins[:] = found


@pytest.fixture(scope="module", autouse=True)
def registry_of_module() -> Iterator[None]:
    """What a file's own fixtures register is gone after the file."""
    with kept_registry():
        yield


@pytest.fixture(autouse=True)
def registry_of_test(registry_of_module: None) -> Iterator[None]:
    """What a test registers is gone after the test."""
    with kept_registry():
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_figures(long: bool) -> Iterator[None]:
    """Figures are not drawn unless a test asks for `drawn_figures`; the long suite draws all."""
    import drawing  # and with it torch, which reads OMP_NUM_THREADS

    with drawing.drawn() if long else drawing.undrawn():
        yield


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk(long: bool) -> Iterator[None]:
    """Nothing cuts the power in a test. That files are synchronised in the right order is tested all the same."""
    with pytest.MonkeyPatch.context() as patch:
        if not long:
            patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture
def composed_figures() -> Iterator[None]:
    """For tests of what happens while figures are made: everything but their pixels."""
    import drawing

    with drawing.composed():
        yield


@pytest.fixture
def drawn_figures() -> Iterator[None]:
    """For tests that look at figures."""
    import drawing

    with drawing.drawn():
        yield


@pytest.fixture(scope="session")
def ppca() -> PPCA:
    from genzoo_plugins.linear_gaussian import make_ppca

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
