"""genzoo doctor: each check finds a planted fault, and nothing where there is none."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from commandline import genzoo
from plugin_factory import Site, registering

from genzoo.cli import doctor_checks
from genzoo.cli.doctor_checks import BROKEN, CHECKS, NOTE, OK, Finding, examined
from genzoo.data import raw_files
from genzoo.registry import discovery
from genzoo.registry.entries import Origin
from genzoo.runs import user_defaults
from genzoo.system import threads

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A folder of settings of its own, and a compiler that takes no time."""
    monkeypatch.setenv("CXX", "true")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GENZOO_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "settings/genzoo/config.toml"


def having(monkeypatch: Patch, **versions: str) -> None:
    found = doctor_checks.version_of
    monkeypatch.setattr(doctor_checks, "version_of", lambda name: versions.get(name.replace("-", "_"), found(name)))


def old_torch(monkeypatch: Patch) -> None:
    having(monkeypatch, torch="2.3.0")


def no_tqdm(monkeypatch: Patch) -> None:
    having(monkeypatch, tqdm="")


def bad_pair(monkeypatch: Patch) -> None:
    having(monkeypatch, tensorboard="2.20.0", setuptools="82.0.1")


def torch_without_library(monkeypatch: Patch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


def driver(monkeypatch: Patch, cuda: str | None, visible: str = "0") -> None:
    file = Path("driver")
    file.write_text("NVRM version: 418.1\n")
    monkeypatch.setattr(doctor_checks, "DRIVER", file)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)


def wrong_product(monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor_checks, "product", lambda a: a @ a + 0.1)


def few_cores(monkeypatch: Patch) -> None:
    folder = Path("cgroup")
    folder.mkdir()
    (folder / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(threads, "CGROUP", folder)


def no_compiler(monkeypatch: Patch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")


def broken_compiler(monkeypatch: Patch) -> None:
    program = Path("compiler").absolute()
    program.write_text('#!/bin/sh\necho "error: Python.h: no such file" >&2; exit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("CXX", str(program))


def full_disk(monkeypatch: Patch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 0))  # type: ignore[attr-defined]


def nowhere_for_runs(monkeypatch: Patch) -> None:
    Path("runs").write_text("a file")


def damaged_data(monkeypatch: Patch) -> None:
    files = next(files for entry, files in raw_files.known_file_sets() if files and entry.name == "mnist")
    folder = Path("data") / files.folder
    folder.mkdir(parents=True)
    (folder / files.files[0].name).write_bytes(b"no idx file")


def broken_plugin(monkeypatch: Patch) -> None:
    plugin = discovery.Plugin(Origin("other", "1", "own"), error="ImportError: no module", suggestion="pip install it")
    monkeypatch.setattr(discovery, "plugins", [*discovery.plugins, plugin])


def wrong_setting(monkeypatch: Patch) -> None:
    user_defaults.path().parent.mkdir(parents=True)
    user_defaults.path().write_text('runs = "there"\nepohs = 3\n')


def latin(monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor_checks.locale, "getencoding", lambda: "ISO-8859-1")


FAULTS: list[tuple[str, Callable[[Patch], None], str, str, str]] = [
    ("versions", old_torch, BROKEN, "torch: 2.3.0, not >=2.11", "pip install 'torch>=2.11'"),
    ("versions", no_tqdm, BROKEN, "tqdm: not installed", "pip install 'tqdm>=4.66'"),
    ("pairs", bad_pair, BROKEN, "tensorboard 2.20.0 with setuptools 82.0.1", "pip install 'tensorboard>=2.21'"),
    ("torch", torch_without_library, BROKEN, "torch: cannot be imported", "pip install --force-reinstall torch"),
    ("torch", lambda patch: driver(patch, "13.0"), BROKEN, "cannot use the driver here, NVRM version: 418.1", "update"),
    ("torch", lambda patch: driver(patch, None), NOTE, "the NVIDIA GPU here is not used", "install torch for CUDA"),
    ("torch", lambda patch: driver(patch, "13.0", ""), NOTE, "hides the GPU", "unset CUDA_VISIBLE_DEVICES"),
    ("devices", wrong_product, BROKEN, "a matrix product is wrong by 0.1", "--device cpu"),
    ("threads", few_cores, NOTE, "may use 0.5 cores", "export OMP_NUM_THREADS=1"),
    ("compiler", no_compiler, NOTE, "no compiler no-such-compiler", "CXX"),
    ("compiler", broken_compiler, BROKEN, "Python.h: no such file", ""),
    ("disk", full_disk, BROKEN, "0 kB free", "genzoo runs clean"),
    ("disk", nowhere_for_runs, BROKEN, "cannot write to", "ls -ld"),
    ("data", damaged_data, BROKEN, "data set mnist", "genzoo data verify mnist"),
    ("plugins", broken_plugin, BROKEN, "plugin own: ImportError", "pip install it"),
    ("settings", wrong_setting, BROKEN, "config.toml:2: no setting 'epohs'. Did you mean 'epochs'?", "edit the file"),
    (
        "extras",
        lambda patch: having(patch, tensorboard="2.20"),
        NOTE,
        "extra tensorboard: tensorboard 2.20",
        "tensorboard]",
    ),
    ("extras", lambda patch: having(patch, scipy=""), OK, "svhn", "genzoo[EXTRA]"),
    ("encoding", latin, NOTE, "encoding: ISO-8859-1", "export LC_ALL=C.UTF-8"),
]


@pytest.mark.parametrize(("check", "plant", "state", "text", "suggestion"), FAULTS)
def test_a_planted_fault_is_found(
    check: str, plant: Callable[[Patch], None], state: str, text: str, suggestion: str, monkeypatch: Patch
) -> None:
    before = [one for one in examined(CHECKS[check]) if text in one.text and state != OK]
    plant(monkeypatch)
    found = [one for one in examined(CHECKS[check]) if text in one.text]
    assert before == []
    assert [one.state for one in found] == [state] * len(found)
    assert suggestion in found[0].suggestion


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert {check for check, *_ in FAULTS} == {*CHECKS}


def test_an_entry_of_another_package_that_cannot_be_imported_is_found(site: Site) -> None:
    site.add(registering("odd", "loss", "gone:Loss"))
    (found,) = [one for one in examined(CHECKS["plugins"]) if one.state == BROKEN]
    assert found.text.startswith("loss odd: ")


def test_what_is_broken_makes_the_exit_code_one(monkeypatch: Patch) -> None:
    fine, broken = Finding(OK, "all is well"), Finding(BROKEN, "a wheel is off", "put it on")
    monkeypatch.setattr(doctor_checks, "CHECKS", {"one": lambda: [fine], "two": lambda: [fine, broken]})
    result = genzoo("doctor")
    assert result.code == 1
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[2:] == ["two BROKEN a wheel is off", "do put it on", "1 broken"]
    values = json.loads(genzoo("doctor --json").out)
    assert (values["schema"], values["broken"]) == (1, 1)
    assert values["checks"][-1] == {"check": "two", **broken._asdict()}
    monkeypatch.setattr(doctor_checks, "CHECKS", {"one": lambda: [fine]})
    assert genzoo("doctor").code == 0


def test_a_check_that_fails_is_itself_reported() -> None:
    (found,) = examined(lambda: [Finding(OK, str(1 / 0))])
    assert found.state == BROKEN
    assert "ZeroDivisionError" in found.text
