"""An exception in a plugin's code ends with exit code 4, and one line that names the plugin and its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import genzoo, refused

PLUGIN = """
import os
import torch
import genzoo
from genzoo import hookimpl
from genzoo_plugins.vae.vae import VAE
from genzoo_plugins.losses.elbo import ELBO

def boom(place):
    if os.environ.get("BOOM") == place:
        raise {error}

class Mine(VAE):
    def __init__(self, spec, config):
        boom("constructor")
        super().__init__(spec, config)
    def prepare(self, batch):
        boom("prepare")
    def posterior(self, x):
        boom("posterior")
        return super().posterior(x)
    def sample(self, n, y=None, *, noise=False):
        boom("sample")
        if os.environ.get("BOOM") == "shapes":
            self.likelihood(torch.zeros(n, 77))
        return super().sample(n, y, noise=noise)

class Bound(ELBO):
    def forward(self, model, batch, step):
        boom("loss")
        return super().forward(model, batch, step)

class Data:
    Config = genzoo.core.options.NoOptions
    def __init__(self, config):
        boom("dataset")
    @property
    def spec(self):
        boom("spec")
        return genzoo.DataSpec((2,), "gaussian", size=100)
    def load(self, store):
        boom("load")
        x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        return genzoo.Splits(genzoo.Split(x[:100]), None, genzoo.Split(x[100:]))

class Figure(genzoo.Metric):
    label = "mine"
    def refuses(self, model):
        boom("refuses")
    def begin(self, subject):
        boom("begin")
    def per_example(self, examined):
        boom("per_example")
        return examined.batch.x[:, 0]
    def summarise(self, values):
        boom("summarise")
        return 1.0

class Tool(genzoo.Command):
    def arguments(self, parser):
        boom("arguments")
    def run(self, options):
        boom("command")

@hookimpl
def register_models(register):
    register("mine", f"{__name__}:Mine", summary="a VAE", loss="mine")

@hookimpl
def register_losses(register):
    register("mine", f"{__name__}:Bound", summary="an ELBO")

@hookimpl
def register_datasets(register):
    register("mine", f"{__name__}:Data", summary="points")

@hookimpl
def register_metrics(register):
    register("mine", f"{__name__}:Figure", summary="a figure")

@hookimpl
def register_commands(register):
    register("tool", f"{__name__}:Tool", summary="a command")
"""
TRAIN = "run mine --dataset mine --epochs 1 --batch-size 50 --hidden 4 --latent-dim 2 --quiet"
PLACES = {
    **dict.fromkeys(("constructor", "prepare", "posterior", "loss", "dataset", "spec", "load"), TRAIN),
    **dict.fromkeys(("refuses", "begin", "per_example", "summarise"), "evaluate RUN --metrics mine"),
    **dict.fromkeys(("sample", "shapes"), "sample RUN -n 4 --out PNG"),
    **dict.fromkeys(("arguments", "command"), "tool"),
}
ERRORS = ("RuntimeError('boom')", "OSError(5, 'boom', '/nowhere')", "SystemExit(0)", "KeyError('boom')")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


def written(folder: Path, error: str = ERRORS[0]) -> Path:
    file = folder / "mine.py"
    file.write_text(PLUGIN.replace("{error}", error))
    return file


def words(command: str, run: Path, folder: Path) -> list[object]:
    typed: list[object] = [{"RUN": run, "PNG": folder / "samples.png"}.get(word, word) for word in command.split()]
    return [*typed, "--out", folder / "failed"] if command == TRAIN else typed


@pytest.fixture
def run(folder: Path) -> Path:
    """A run of the plugin, made while nothing was wrong."""
    out = folder / "run"
    if not out.exists():
        result = genzoo("-p", written(folder), *TRAIN.split(), "--out", out)
        assert result.code == 0, result.err
    return out


@pytest.mark.parametrize("place", PLACES)
def test_an_exception_in_any_method_names_the_plugin(
    place: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(run.parent)
    monkeypatch.setenv("BOOM", place)
    result = genzoo("-p", file, *words(PLACES[place], run, tmp_path))
    line = _line(file, "self.likelihood(torch.zeros" if place == "shapes" else "raise ")
    first = refused(result, 4)
    assert first.endswith(f", in mine.py:{line}")
    assert f"at {file}:{line}; this is a fault of that plugin" in result.err


@pytest.mark.parametrize("error", ERRORS[1:])
@pytest.mark.parametrize("place", ["loss", "load", "per_example"])
def test_an_exception_of_any_type_names_the_plugin(
    error: str, place: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(run.parent, error)
    monkeypatch.setenv("BOOM", place)
    result = genzoo("-p", file, *words(PLACES[place], run, tmp_path))
    assert refused(result, 4).endswith(f", in mine.py:{_line(file, 'raise ')}")


def test_a_command_may_end_the_program(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOM", "command")
    assert genzoo("-p", written(run.parent, "SystemExit(7)"), "tool").code == 7


def test_what_a_plugin_refuses_keeps_its_own_exit_code(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOM", "load")
    error = "genzoo.UsageError('no such points', 'use others')"
    result = genzoo("-p", written(run.parent, error), "run", "mine", "--dataset", "mine", "--quiet")
    assert refused(result, 2) == "no such points"


def test_genzoos_own_bug_is_not_a_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise KeyError("own")

    monkeypatch.setattr("genzoo.cli.list.show_list", broken, raising=False)
    monkeypatch.setattr("genzoo.cli.dispatch.load_plugin_files", broken)
    result = genzoo("list")
    assert result.code == 1
    assert "this is a bug of genzoo" in result.err


def _line(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)
