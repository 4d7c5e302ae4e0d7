"""The first lines of a run."""

from __future__ import annotations

import pytest
from planned import loaded, planned

from genzoo.core.model import count_parameters
from genzoo.experiment.introduction import introduce


def lines(capsys: pytest.CaptureFixture[str], **options: object) -> list[str]:
    job = loaded(planned(**options), quiet=False)  # type: ignore[arg-type]
    capsys.readouterr()
    introduce(job)
    return capsys.readouterr().err.splitlines()


def test_model_data_likelihood_device_and_seed(capsys: pytest.CaptureFixture[str]) -> None:
    count = count_parameters(loaded(planned()).model)
    what, how = lines(capsys, seed=3)[:2]
    assert what == f"vae ({count:,} parameters) on moons (200 train / 60 validation / 100 test)"
    assert how.startswith("gaussian-learned likelihood · ")
    assert how.endswith(" · seed 3")


@pytest.mark.parametrize(
    ("options", "many", "ways"),
    [
        ({"batch_size": 64, "epochs": 5}, "15 steps", "--batch-size 16 or --epochs 667"),
        ({"batch_size": 200, "epochs": 1}, "1 step", "--batch-size 16 or --epochs 2000"),
    ],
)
def test_small_data_are_told_of_few_steps(
    capsys: pytest.CaptureFixture[str], options: dict[str, int], many: str, ways: str
) -> None:
    said = lines(capsys, **options)[-1].removeprefix("genzoo: ")
    data = f"200 training examples and --batch-size {options['batch_size']}"
    assert said == f"{data} make {many} in all; for more: {ways}"


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 1000},  # 1,000 epochs of a step
        {"batch_size": 40, "epochs": 1},  # 5 steps an epoch, 1,000 of 200 epochs
        {"batch_size": 64, "epochs": 400},
        {"batch_size": 1000, "max_steps": 3},
    ],
)
def test_other_trainings_are_not(capsys: pytest.CaptureFixture[str], options: dict[str, int]) -> None:
    assert not any("in all" in line for line in lines(capsys, **{"epochs": "auto", **options}))
