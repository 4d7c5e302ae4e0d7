"""Warnings on a table of runs."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
from made_up_runs import make, shown, table_of

from genzoo.comparison.tables import collect, tables
from genzoo.core.listener import CLOSED_FORM
from genzoo.reporting.warnings import ranking_notes, warnings


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"mse": 0.0236}, "vae: worse than baseline! MSE per dimension 0.02360, PCA with 20 components 0.02350"),
        ({"negative_elbo": 206.0}, "vae: worse than baseline! −ELBO 206, independent pixels 205.85"),
        ({"active_units": 9.0}, "vae: 9 of 20 latents are active: simple data may need no more"),
        ({"mse": 0.03, "active_units": 0.0}, "vae: worse than baseline! MSE per dimension 0.03000, "
         "PCA with 20 components 0.02350; collapse: no latent of 20 is active: codes hardly differ, and all samples "
         "are alike"),
        ({"mse": 0.03, "kl": 3.8}, "vae: not better than a baseline: MSE per dimension 0.03000, PCA with 20 "
         "components 0.02350, as is usual: the loss keeps codes short, here 3.8000 nats each (the KL), and the "
         "baseline's are not"),
        ({"mse": 0.0234, "negative_elbo": 205.0, "active_units": 10.0}, None),
    ],
)  # fmt: skip
def test_a_row_worse_than_a_baseline_or_collapsed_has_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, float], warning: str | None
) -> None:
    run = make(tmp_path / "one", "vae", 0, 100.0)
    results = run.results
    results["test"] |= {"active_units": 20.0, **change}
    results |= {"latents": 20, "measure": "probability"}
    results["baselines"]["independent_pixels"] = 205.85
    run.write("results.json", results)
    assert warnings(tables(collect([tmp_path]))[0]) == ([warning] if warning else [])
    for form in ((), ("--markdown",), ("--html",), ("--json",)):
        printed = html.unescape(shown(capsys, tmp_path, *form))
        text = str(json.loads(printed)) if form == ("--json",) else printed  # JSON is written in ASCII
        assert ((warning or "baseline") in text) == bool(warning)
    if "negative_elbo" in change:  # grey pixels have no probability to be held against
        run.write("results.json", results | {"measure": "none"})
        assert not warnings(tables(collect([tmp_path]))[0])


def test_unequal_runs_of_one_seed_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mode, bound in (("eager", 100.0), ("compile", 101.0)):
        training = {"images_per_second": 1.0, "mode": mode}
        made = {"device": "cpu, 1 thread", "genzoo": "1"}
        make(tmp_path / mode, "vae", 0, bound, record=made, results={"training": training}, mode=mode)
    expected = (
        "vae: 2 runs of seed 0 differ in −ELBO: 101 and 100 (cpu, 1 thread, compile, genzoo 1, "
        "cpu, 1 thread, eager, genzoo 1); their mean counts as one run"
    )
    assert warnings(table_of(tmp_path)) == [expected]
    assert "101 and 100" in shown(capsys, tmp_path)


def test_rows_that_were_not_trained_alike_are_named(tmp_path: Path) -> None:
    for model, epochs, size in (("a", 10, 128), ("b", 10, 128), ("c", 10, 64), ("d", 2, 128)):
        make(tmp_path / model, model, 0, 100.0, epochs=epochs, batch_size=size)
    fitted = {"training": {"images_per_second": 1.0, "mode": CLOSED_FORM}}
    make(tmp_path / "fitted", "fitted", 0, 100.0, results=fitted, epochs=1)
    note = "not trained alike: epochs 2 (d), 10 (the others); batch_size 64 (c), 128 (the others)"
    assert note in ranking_notes(table_of(tmp_path), "negative_elbo")


def test_what_the_labels_tell_of_the_training_needs_no_note(tmp_path: Path) -> None:
    for epochs in (2, 10):
        make(tmp_path / f"a{epochs}", "a", 0, 100.0, epochs=epochs)
    assert "not trained" not in " ".join(ranking_notes(table_of(tmp_path), "negative_elbo"))
    make(tmp_path / "b", "b", 0, 100.0)
    assert "not trained alike: epochs 2 (a), 10 (the others)" in ranking_notes(table_of(tmp_path), "negative_elbo")


def test_runs_of_one_sweep_are_chosen_by_validation_data(tmp_path: Path) -> None:
    command = ["/bin/genzoo", "-q", "sweep", "vae", "mnist", "--sort", "mse"]
    for number in range(2):
        parts = {"validation": {"n": 9, "negative_elbo": 100.0, "mse": 0.1}}
        made = {"device": "cpu", "command": command}
        make(tmp_path / str(number), "vae", 0, 100.0, record=made, results=parts, lr=0.1 + number)
    notes = ranking_notes(table_of(tmp_path), "negative_elbo")
    assert any(note.startswith("the runs are of one sweep, which chooses by the validation data ") for note in notes)
    make(tmp_path / "own", "vae", 0, 100.0, lr=0.5, record={"device": "cpu", "command": ["genzoo", "run", "sweep"]})
    assert "sweep" not in " ".join(ranking_notes(table_of(tmp_path), "negative_elbo"))
