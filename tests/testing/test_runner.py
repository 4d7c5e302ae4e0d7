"""`genzoo check`: a correct plugin passes, and each planted fault is found and described."""

from __future__ import annotations

import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from genzoo_plugins.vae.vae import VAE
from planted import FAULTS, MODEL, REGISTER, Fault
from plugin_factory import Site

import genzoo
from genzoo.cli.main import main
from genzoo.registry.current import HERE, Entry, registry
from genzoo.testing import CHECKS, ConformanceWarning, examine, parametrize_with_checks
from genzoo.testing.dataset_checks import DATASET
from genzoo.testing.metric_checks import METRIC
from genzoo.testing.registration_checks import REGISTRATION


def install(site: Site, fault: Fault | None = None) -> None:
    """Install the plugin, with a fault in its source."""
    register, model = REGISTER, MODEL
    if fault:
        assert fault.old in register + model, "the fault is not planted"
        register = register.replace(fault.old, fault.new, 1)
        model = model.replace(fault.old, fault.new, 1)
        if fault.name == "density of a pixel, not of the image":
            model = model.replace("return genzoo.Bernoulli(", "return Averaged(")
        if fault.check == "prior":
            model = model.replace("return genzoo.StandardNormal(", "return Unnormalised(")
        if fault.name == "KL the wrong way round":
            model = model.replace("return genzoo.DiagGaussian(mean", "return Reversed(3 + mean")
            model = model.replace("return self.mean(h)", "return 3 + self.mean(h)")
    module = site.add(register.replace("{module}", "MODULE"), distribution="planted")
    init = site.folder / module / "__init__.py"
    init.write_text(init.read_text().replace("MODULE", module))
    site.add_module(module, "model", model)


@pytest.fixture
def found(site: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that installs the plugin with a fault and returns the findings."""
    monkeypatch.setenv("PYTHONPATH", f"{site.folder}")

    def examined(fault: Fault | None) -> list[Any]:
        install(site, fault)
        return list(examine(registry().get("model", "planted"), only=[fault.check] if fault else ()))

    return examined


@pytest.mark.long
def test_a_good_plugin_passes(found: Any) -> None:
    findings = found(None)
    assert {finding.check for finding in findings} >= {*REGISTRATION, *CHECKS}
    assert {finding.verdict for finding in findings} == {"PASS", "n/a"}
    refused = [finding for finding in findings if finding.verdict == "n/a" and finding.check == "builds"]
    assert {finding.found for finding in refused} == {
        "planted needs small grey images",
        "Planted is for data of kind image, vector or signal; these are of kind tokens",
    }
    for name in CHECKS.keys() - {
        "log-prob",
        "inverts",
        "phases",
        "after-step",
        "processes",
        "sampling-options",
    }:  # of other models
        assert "PASS" in {finding.verdict for finding in findings if finding.check == name}, name


@pytest.mark.every(2)
@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, id=fault.name, marks=[pytest.mark.long] * (fault.check == "light")) for fault in FAULTS],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_planted_fault_is_found_and_named(found: Any, fault: Fault) -> None:
    said = [finding for finding in found(fault) if finding.verdict in ("WARN", "FAIL")]
    mine = [finding for finding in said if finding.check == fault.check and fault.found in finding.found]
    assert mine, said
    assert mine[0].verdict == fault.verdict
    assert mine[0].expected
    assert mine[0].suggestion
    assert "\n" not in mine[0].found


def test_there_are_enough_faults() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 14


@pytest.mark.long
def test_what_is_built_in_passes(long: bool) -> None:
    """Models and losses are checked in tests/plugins/test_contract.py; datasets that fetch files are left out."""
    for name in ("digits", "moons", "quadratic") if long else ("moons",):
        assert not [f for f in examine(registry().get("dataset", name)) if f.verdict in ("FAIL", "WARN")]
    for entry in registry().matching("metric"):
        if not (long or entry.name in ("mse", "kl")):
            continue
        bad = [f for f in examine(entry) if f.verdict in ("FAIL", "WARN")]
        assert not bad, bad


def test_every_check_has_an_expectation_and_a_suggestion() -> None:
    for check in [*CHECKS.values(), *REGISTRATION.values(), *DATASET.values(), *METRIC.values()]:
        assert check.expected.endswith(".")
        assert check.suggestion


def test_the_table_and_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = REGISTER.replace("{module}.model", "{__name__}").replace('"{__name__}', 'f"{__name__}')
    file = tmp_path / "mine.py"
    file.write_text(source + MODEL)
    few = ",".join((*REGISTRATION, "shapes", "loss", "scored"))
    assert main(["-p", str(file), "check", "planted", "--kind", "model", "--only", few]) == 0
    out = capsys.readouterr().out
    assert out.startswith("model planted of mine.py\n")
    assert re.search(r"\n\d\d passed, 0 warnings, 0 failed\n$", out)
    file.write_text((source + MODEL).replace(".sum(1).mean()", ".mean(1).mean()"))
    assert main(["-p", str(file), "check", "planted", "--kind", "model", "--only", "scored"]) == 1
    out = capsys.readouterr().out
    assert "  FAIL  scored      grey images: planted × planted on 1x28x28\n        found   the loss's 'kl' is" in out
    assert "\n        change  take the loss's terms from model.infer(batch)" in out


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "spirals", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["findings"]
    assert {row["check"] for row in rows} == {*REGISTRATION, *DATASET}
    assert {row["check"]: row["found"] for row in rows if row["verdict"] != "PASS"} == {
        "factors": "it has no factors",
        "log-density": "its density is not known",
        "theory": "no theory is registered",
    }


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "vea"]) == 2
    assert capsys.readouterr().err.splitlines()[0].startswith("genzoo: nothing is named 'vea'. Did you mean 'vae'")


@parametrize_with_checks("moons")
def test_the_mark_for_a_packages_own_tests(check: Any) -> None:
    check()


def test_the_mark_fails_where_there_is_nothing_to_check() -> None:
    class Picky(genzoo.Model):
        def __init__(self, spec: genzoo.DataSpec, config: Any) -> None:
            raise genzoo.GenzooError("it likes no data of this form")

    with pytest.raises(genzoo.GenzooError, match="nothing is named 'nothing'"):
        parametrize_with_checks("nothing")
    entry = Entry("model", "picky", Picky, "made for a test", HERE, loss="elbo")
    registry().replace(entry)
    cases = {case.id: case.values[0] for case in parametrize_with_checks("picky").args[1]}
    (refused,) = [finding for finding in examine(entry) if finding.verdict == "FAIL"]
    assert refused.found == "every form of data is refused"
    with pytest.raises(AssertionError, match="every form of data is refused"):
        cases["picky-all data-builds"]()


def test_a_check_is_left_out_with_its_reason() -> None:
    with pytest.raises(genzoo.UsageError, match="no check is named 'lerns'"):
        parametrize_with_checks("moons", skip={"lerns": "a game"})

    def skipped(**options: Any) -> dict[str, str]:
        cases = parametrize_with_checks("moons", **options).args[1]
        return {case.id: mark.kwargs["reason"] for case in cases for mark in case.marks}

    assert skipped() == {}
    assert skipped(skip={"again": "drawn anew"}) == {"moons-its data-again": "drawn anew"}


def test_a_single_dataset_may_be_named_by_a_text() -> None:
    named = [case.id for case in parametrize_with_checks("vae", on="moons").args[1]]
    assert named == [case.id for case in parametrize_with_checks("vae", on=["moons"]).args[1]]
    assert any("moons" in name for name in named)


def test_the_mark_names_every_check() -> None:
    cases = parametrize_with_checks("ae").args[1]
    assert {case.id for case in cases} >= {f"ae-grey images: ae × reconstruction on 1x28x28-{name}" for name in CHECKS}
    assert "torch" in sys.modules


@pytest.mark.long
def test_the_mark_examines_a_model_and_its_loss_once() -> None:
    alone, both, loss = (
        [case.id.partition("-")[2] for case in parametrize_with_checks(*names).args[1] if " × " in case.id]
        for names in (["ae"], ["ae", "reconstruction"], ["reconstruction"])
    )
    assert len({*both}) == len(both)
    assert [case for case in both if case in alone] == alone  # the loss also trains models of other forms
    assert set(alone) <= set(loss)


class Coupled(genzoo.Loss):
    """A loss that depends on the batch: ten times as large for a batch of one."""

    accepts = VAE

    def forward(self, model: genzoo.Model, batch: genzoo.Batch, step: Any) -> Any:
        assert isinstance(model, VAE)
        inference = model.infer(batch)
        loss = (inference.kl() - inference.px.log_prob(batch.x)[0]).mean() * (10 if len(batch.x) == 1 else 1)
        return {"loss": loss}


def test_a_warning_has_its_own_class_and_is_silent_if_intended() -> None:
    entry = Entry("loss", "coupled", Coupled, "made for a test", HERE)
    registry().replace(entry)
    for meant, warned in (((), True), (("batches",), False)):
        cases = parametrize_with_checks("coupled", meant=meant).args[1]
        check = next(case.values[0] for case in cases if case.id.endswith("-batches"))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            check()
        assert [warning.category for warning in caught] == [ConformanceWarning] * warned


def test_a_fault_that_breaks_every_check_is_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The finding has the line of the plugin, not of genzoo or torch."""
    source = REGISTER.replace("{module}.model", "{__name__}").replace('"{__name__}', 'f"{__name__}')
    file = tmp_path / "mine.py"
    broken = "h = self.body(x.flatten(1) @ x)"
    file.write_text(source + MODEL.replace("h = self.body(x)", broken, 1))
    line = file.read_text().splitlines().index(f"        {broken}") + 1
    assert main(["-p", str(file), "check", "planted", "--kind", "model"]) == 1
    out = capsys.readouterr().out
    assert out.count("RuntimeError") == 1
    assert f", at {tmp_path.name}/mine.py:{line}\n" in out
    assert re.search(rf"\n  the fault at {tmp_path.name}/mine\.py:{line} breaks \d\d more checks: fix it first\n", out)
