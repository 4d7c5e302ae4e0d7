"""Output files of the verbs on a finished run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genzoo.cli.saved_run import figure_path, refuse_output, refuse_too_many
from genzoo.core.dataset import DataSpec
from genzoo.core.errors import UsageError
from genzoo.runs.run import Run


def test_a_figure_lies_in_the_runs_folder_of_figures(tmp_path: Path) -> None:
    assert figure_path(Run(tmp_path), "samples.png") == tmp_path / "figures/samples.png"
    assert (tmp_path / "figures").is_dir()


@pytest.mark.parametrize("link", ["figures", "figures/samples.png"])
def test_a_link_out_of_the_run_is_refused(link: str, tmp_path: Path) -> None:
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run / link).parent.mkdir(parents=True)
    (run / link).symlink_to(elsewhere)
    with pytest.raises(UsageError, match="is a link out of the run"):
        figure_path(Run(run), "samples.png")


def test_output_is_refused_by_its_kind_and_its_folder(tmp_path: Path) -> None:
    refuse_output(None)
    refuse_output(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"--figure a.npy: not .png"):
        refuse_output(Path("a.npy"), (".png",), "--figure")
    with pytest.raises(UsageError, match="no folder"):
        refuse_output(tmp_path / "none/a.png")


def test_more_examples_than_the_memory_holds_are_refused() -> None:
    spec = DataSpec((1, 8, 8), "bernoulli")
    refuse_too_many(1000, spec, torch.device("cpu"))
    with pytest.raises(UsageError, match=r"-n 1000000000000 needs "):
        refuse_too_many(10**12, spec, torch.device("cpu"))
