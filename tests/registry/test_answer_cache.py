"""What is kept of the installed code, and when it is not taken: the same is said with and without it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plugin_factory import Site, registering

from genzoo.cli.main import main
from genzoo.evaluation.order import order_of
from genzoo.registry import answer_cache
from genzoo.registry import current as registry
from genzoo.registry.entries import Entry, broken

MODEL = """
import genzoo

class Mine(genzoo.LatentModel):
    @genzoo.config
    class Config:
        width: genzoo.Count = {default}
        '''Of the net.'''
"""
BUILT_IN = ("model", "loss", "dataset", "metric")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and a process that seems not to have imported torch."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(answer_cache, "torch_is_imported", lambda: False)
    monkeypatch.setattr(answer_cache, "_began", 1 << 62)
    forget()
    broken.clear()  # by other tests
    yield tmp_path / "cache/genzoo/answers"
    forget()
    broken.clear()


def forget() -> None:
    """Forgets what a process remembers, as the next one does."""
    answer_cache._memory.clear()
    answer_cache._distributions.cache_clear()


def said(*words: str, terminal: bool = False) -> str:
    """What a command of a new process prints; it must not fail."""
    forget()
    out = Terminal() if terminal else io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(list(words)) == 0
    return out.getvalue()


class Terminal(io.StringIO):
    """Standard output as a person's terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def said_plainly(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command prints where nothing is kept."""

    def plainly(*words: str, terminal: bool = False) -> str:
        with monkeypatch.context() as patch:
            patch.setattr(answer_cache, "torch_is_imported", lambda: True)
            return said(*words, terminal=terminal)

    return plainly


@pytest.fixture
def no_imports(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on no class of a plugin can be had."""

    def refuse(entry: Entry) -> None:
        raise AssertionError(f"{entry.kind} {entry.name} was imported")

    return lambda: monkeypatch.setattr(Entry, "load", refuse)


def every(kind: str) -> list[str]:
    return list(registry.registry().names(kind))  # type: ignore[arg-type]


COMMANDS = [
    *(["info", name] for kind in BUILT_IN for name in every(kind)),
    *(["run", name, "--help"] for name in every("model")),
    *(["run", "vae", "--dataset", name, "--help"] for name in every("dataset")),
]
QUICK = [["info", every(kind)[0]] for kind in BUILT_IN] + [COMMANDS[-1]]


@pytest.mark.parametrize(
    "words", [pytest.param(words, marks=[] if words in QUICK else pytest.mark.long) for words in COMMANDS], ids=" ".join
)
def test_answers_about_built_in_entries_are_the_same_with_the_cache(
    words: list[str], said_plainly: Callable[..., str], no_imports: Callable[[], None]
) -> None:
    plainly, first = said_plainly(*words), said(*words)
    no_imports()
    assert said(*words) == first == plainly


@pytest.mark.parametrize("terminal", [False, True])
def test_each_width_has_its_own(
    terminal: bool, said_plainly: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run", "vae", "--dataset", "mnist", "--help")
    monkeypatch.setenv("TERM", "xterm")
    texts = set()
    for columns in ("60", "140", "60"):
        monkeypatch.setenv("COLUMNS", columns)
        texts.add(said(*words, terminal=terminal))
        assert said(*words, terminal=terminal) == said_plainly(*words, terminal=terminal)
    assert len(texts) == 2


def test_colours_that_are_not_wanted_are_another_question(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("run", "vae", "--help")
    monkeypatch.setenv("NO_COLOR", "1")
    said("run", "vae", "--help")
    assert len(list(cache.iterdir())) == 2


def install(site: Site, default: int) -> Path:
    """A package of a model; returns the file that its options lie in."""
    module = site.add(registering("mine", target="PLACE").replace("'PLACE'", "f'{__name__}.model:Mine'"), "friendly")
    site.add_module(module, "model", MODEL.format(default=default))
    return site.folder / module / "model.py"


def test_an_edited_option_of_an_installed_package_is_seen(
    site: Site, said_plainly: Callable[..., str], cache: Path
) -> None:
    file = install(site, 20)
    words = ("run", "mine", "--dataset", "moons", "--help")
    assert "--width INT" in said(*words)
    (kept,) = cache.iterdir()
    content = kept.read_bytes()
    assert said(*words) == said_plainly(*words)
    assert kept.read_bytes() == content
    file.write_text(MODEL.format(default=3000))
    del sys.modules[f"{file.parent.name}.model"]  # as a new process has it
    assert "(default: 3000)" in said(*words)
    assert kept.read_bytes() != content


def test_another_version_of_a_package_is_another_question(site: Site, cache: Path) -> None:
    install(site, 20)
    said("info", "mine")
    (site.folder / "friendly-1.2.dist-info").rename(site.folder / "friendly-1.3.dist-info")
    said("info", "mine")
    assert len(list(cache.iterdir())) == 2


def test_an_edited_file_of_its_own_is_seen(tmp_path: Path, cache: Path) -> None:
    """As given with -p."""
    file = tmp_path / "plugin.py"
    source = registering("mine", target="PLACE").replace("'PLACE'", "Mine")
    for default in (20, 3000):
        file.write_text(MODEL.format(default=default) + source)
        registry.reset()
        assert f"(default: {default})" in said("-p", str(file), "info", "mine")
        assert len(list(cache.iterdir())) == 1
    registry.reset()


def test_edited_cards_are_seen(site: Site, cache: Path) -> None:
    file = install(site, 20).with_name("cards.toml")
    for reason in ("No.", "Not yet."):
        file.write_text(f"[without]\nmine = '{reason}'")
        assert f"  published {reason}\n" in said("info", "mine")
    assert len(list(cache.iterdir())) == 2


def test_what_was_edited_while_the_process_ran_is_not_kept(
    site: Site, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_cache, "_began", install(site, 20).stat().st_mtime_ns)
    said("info", "mine")
    assert not cache.exists()


def test_a_broken_plugin_is_asked_again(site: Site, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.add(registering("cracked", target="nowhere.at_all:Class"), "brittle")
    assert main(["info", "cracked"]) == 4
    assert not cache.exists()
    capsys.readouterr()
    said("info", "vae")
    assert not cache.exists()


def test_a_second_answer_is_kept_though_the_first_one_imported_torch(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_cache.cached("first", lambda: 1)
    monkeypatch.setattr(answer_cache, "torch_is_imported", lambda: True)
    answer_cache.cached("second", lambda: 2)
    forget()
    monkeypatch.setattr(answer_cache, "torch_is_imported", lambda: False)
    assert answer_cache.cached("second", lambda: 3) == 2


def test_what_metrics_declare_is_kept_though_an_answer_before_imported_torch(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_cache.cached("first", lambda: 1)
    monkeypatch.setattr(answer_cache, "torch_is_imported", lambda: True)
    assert order_of("mse").better == "lower"
    forget()
    assert answer_cache.recalled("metrics")["genzoo/mse"]["better"] == "lower"


def test_what_a_notebook_registered_is_never_kept(cache: Path) -> None:
    registry.register_metric("own", registry.registry().get("metric", "mse").load())
    try:
        said("info", "mse")
        assert not cache.exists()
    finally:
        registry.reset()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: os.truncate(file, file.stat().st_size // 2),
    "flipped": lambda file: file.write_bytes(file.read_bytes().replace(b"width", b"wodth")),
    "no answer": lambda file: file.write_bytes(answer_cache.hashlib.sha256(b"[]").hexdigest().encode() + b"[]"),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a link to itself": lambda file: (file.unlink(), file.symlink_to(file)),
}


@pytest.mark.parametrize(
    "damage",
    [pytest.param(name, marks=[] if name in ("cut", "flipped", "a pipe") else pytest.mark.long) for name in DAMAGES],
)
def test_a_damaged_file_is_ignored(damage: str, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = said("info", "vae")
    (file,) = cache.iterdir()
    content = file.read_bytes()
    DAMAGES[damage](file)
    assert said("info", "vae") == before
    assert capsys.readouterr().err == ""
    assert damage == "a folder" or file.read_bytes() == content


def test_a_file_of_another_user_is_ignored(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("info", "vae")
    (file,) = cache.iterdir()
    assert answer_cache._read(file) is not None
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    assert answer_cache._read(file) is None


@pytest.mark.parametrize("place", ["/dev/null/nowhere", "relative"])
def test_a_home_that_cannot_be_written_to_costs_nothing_else(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", place)
    monkeypatch.setenv("HOME", "/dev/null")
    assert said("info", "vae") == said("info", "vae")


def test_files_are_bounded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_cache, "MAX_FILES", 3)
    for number in range(5):
        assert answer_cache.cached(["number", number], lambda number=number: number) == number
    assert len(list(cache.iterdir())) == 3


def test_what_one_process_remembers_another_one_recalls_at_once(cache: Path) -> None:
    """Neither has looked for plugins before."""

    def told(code: str) -> str:
        words = [sys.executable, "-c", f"from genzoo.registry.answer_cache import recalled, remember\n{code}"]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    assert told("print(recalled('a question'))") == "None\n"
    assert told("remember('a question', 7)") == ""
    assert told("print(recalled('a question'))") == "7\n"
