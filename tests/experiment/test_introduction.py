"""The first lines of a run."""

from __future__ import annotations

import pytest
from planned import loaded, planned

from genzoo.core.model import count_parameters
from genzoo.experiment.introduction import introduce


def lines(capsys: pytest.CaptureFixture[str], **options: object) -> list[str]:
    job = loaded(planned(**options), quiet=False)  # type: ignore[arg-type]
    capsys.readouterr()
    introduce(job.console, job.config, job.model, job.loss, job.data)
    return capsys.readouterr().err.splitlines()


def test_model_data_likelihood_device_and_seed(capsys: pytest.CaptureFixture[str]) -> None:
    count = count_parameters(loaded(planned()).model)
    what, how = lines(capsys, seed=3)[:2]
    assert what == f"vae ({count:,} parameters) on moons (200 train / 60 validation / 100 test)"
    assert how.startswith("gaussian-learned likelihood · ")
    assert how.endswith(" · seed 3")


def test_a_batch_larger_than_the_data_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    warning = "genzoo: --batch-size 1,000 is more than there are examples; an epoch is one batch of 200"
    assert lines(capsys, batch_size=1000)[-1] == f"{warning}; for ten steps an epoch: --batch-size 16"
