"""Metrics of plugin packages: imported on request, in every run only if registered so, and without effect on a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from plugin_factory import Site

import genzoo
from genzoo.core.errors import PluginError
from genzoo.evaluation.evaluate import find_metrics
from genzoo.registry.current import registry, reset

OWN = ["negative-elbo", "reconstruction", "kl", "nll", "mse", "active-units"]
REGISTER = """
from genzoo import hookimpl

@hookimpl
def register_metrics(register):
    register("{name}", f"{{__name__}}.metric:Two", summary="two", in_every_run={every})
"""
TWO = """
import genzoo

class Two(genzoo.Metric):
    label = "two"

    def per_example(self, examined):
        return examined.batch.x.new_full((len(examined.batch.x),), 2.0)
"""
QUICK = {"epochs": 1, "latent_dim": 2, "quiet": True}


def install(site: Site, name: str, every: bool, source: str = TWO, distribution: str = "friendly") -> str:
    module = site.add(REGISTER.format(name=name, every=every), distribution)
    site.add_module(module, "metric", source)
    return module


def test_a_metric_that_is_not_requested_is_not_imported(site: Site) -> None:
    module = install(site, "two", every=False)
    assert list(find_metrics(registry())) == OWN
    assert f"{module}.metric" not in sys.modules
    assert list(find_metrics(registry(), ["two"])) == ["two"]


def test_a_metric_may_belong_to_every_run(site: Site, tmp_path: Path) -> None:
    """With its details; the report shows both."""
    details = "\n    def details(self, values):\n        return {'note': 'all equal', 'values': [1, 2]}\n"
    install(site, "two", every=True, source=TWO + details)
    run = genzoo.run("vae", "moons", out=tmp_path / "run", **QUICK)
    assert run.results["test"]["two"] == 2.0
    assert run.results["test"]["details"]["two"]["note"] == "all equal"
    report = (run.path / "report.html").read_text()
    assert ">two<" in report
    assert "details" not in report


def test_a_broken_metric_gives_one_warning_and_changes_no_run(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = genzoo.run("vae", "moons", out=tmp_path / "alone", **QUICK).results["test"]
    capsys.readouterr()
    reset()
    install(site, "two", every=True, source="import no_such_module")
    assert genzoo.run("vae", "moons", out=tmp_path / "beside", **QUICK).results["test"] == alone
    assert capsys.readouterr().err.splitlines() == [
        "genzoo: metric 'two' of friendly 1.2 cannot be imported: ModuleNotFoundError: No module named "
        "'no_such_module' (pip uninstall friendly)"
    ]
    with pytest.raises(PluginError, match="metric 'two' of friendly"):  # it is requested
        find_metrics(registry(), ["two"])


def test_a_plugin_cannot_take_the_name_of_a_builtin_metric(site: Site, tmp_path: Path) -> None:
    install(site, "mse", every=True)
    found = genzoo.run("vae", "moons", out=tmp_path / "run", **QUICK).results["test"]
    assert found["mse"] != 2.0
    assert found["friendly_mse"] == 2.0
