"""The arithmetic of the benchmark suite. .ci/run runs the suite itself; these tests measure no times."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from genzoo.core.dataset import Split
from genzoo.data.resident import Resident

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the suite's modules on the path."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def complete() -> dict[str, Any]:
    """Return a complete benchmark file of one model."""
    import check
    import measuring

    figure = {"mean": 1.0, "interval_95": None, "test_interval_95": 0.1, "values": [1.0]}
    row = {**dict.fromkeys(check.ROW, 0), "test": {"mse": figure, "kl": {"not_available": "no prior"}}}
    benchmarks = [
        {"name": f"test[{kind}]", "extra_info": {**dict.fromkeys(measuring.FIELDS, 0), "kind": kind, "row": row}}
        for kind in check.KINDS
    ]
    machine = {"packages": {}, "threads": 1, "gpus": []}
    return {"machine_info": machine, "commit_info": {"id": "1a2b"}, "benchmarks": benchmarks}


def test_each_missing_field_of_a_leaderboard_is_reported(tmp_path: Path) -> None:
    import check

    assert check.missing(complete()) == []
    for place in ("machine_info", "commit_info"):
        for name in complete()[place]:
            data = complete()
            del data[place][name]
            assert check.missing(data) == [f"{place} lacks {name}"]
    for name in complete()["benchmarks"][0]["extra_info"]:
        data = complete()
        del data["benchmarks"][0]["extra_info"][name]
        assert bool(check.missing(data)) == (name != "row")  # a step has no row
    for name in check.ROW:
        data = copy.deepcopy(complete())
        del data["benchmarks"][-1]["extra_info"]["row"][name]
        assert check.missing(data) == [f"test[quality] lacks row.{name}"]
    data = complete()
    del data["benchmarks"][1]
    assert check.missing(data) == ["0 has no epoch"]
    file = tmp_path / "file.json"
    file.write_text(json.dumps(data))
    assert check.main([str(file)]) == 1
    assert check.missing({**data, "benchmarks": []}) == ["no benchmarks"]


def test_slower_code_is_a_regression_and_a_slower_machine_is_not() -> None:
    """The stored round took 2 s, or 4 calibrations of 0.5 s. The comparison uses 4 calibrations of today's length."""
    import measuring

    def compared(median: float, calibrations: float) -> float:
        stored: dict[str, Any] = {
            "stats": {"median": 2.0, "mean": 2.5, "min": 1.0, "rounds": 9, "ops": 0.4},
            "extra_info": {"calibration": {"seconds": 0.5, "round": 4.0}},
        }
        measuring.scale_to_now(stored, median, {"seconds": median / calibrations, "round": calibrations})
        assert stored["stats"]["rounds"] == 9
        assert stored["stats"]["mean"] / stored["stats"]["median"] == pytest.approx(1.25)
        assert stored["stats"]["ops"] == 1 / stored["stats"]["mean"]
        return median / float(stored["stats"]["median"])

    assert compared(median=6.0, calibrations=4.0) == pytest.approx(1.0)  # a machine a third as fast
    assert compared(median=2.0, calibrations=6.0) == pytest.approx(1.5)  # a faster machine hides nothing
    assert compared(median=1.0, calibrations=2.0) == pytest.approx(0.5)


def test_a_round_is_compared_with_the_calibrations_around_it() -> None:
    """If the machine is half as fast after the first round, each round is still 4 calibrations."""
    from measuring import Rounds

    rounds = Rounds([4.0, 6.0, 8.0], [1.0, 1.0, 2.0, 2.0])
    assert rounds.in_calibrations == 4.0
    assert rounds.enough(18.0, 3)
    assert not rounds.enough(18.1, 3)
    assert not rounds.enough(1.0, 4)


def test_pytest_benchmark_gets_the_measured_durations() -> None:
    import measuring

    class Benchmark:
        extra_info: dict[str, Any] = {}
        seconds: list[float] = []

        def pedantic(self, work: Any, rounds: int) -> None:
            for _ in range(rounds):
                start = measuring.replayed()
                work()
                self.seconds.append(measuring.replayed() - start)

    benchmark = Benchmark()
    measuring.hand_over(benchmark, measuring.Rounds([4.0, 6.0], [1.0, 1.0, 2.0]), parts=2)
    assert benchmark.seconds == pytest.approx([2.0, 3.0])
    assert benchmark.extra_info["calibration"] == {"seconds": 1.0, "round": 2.0}


def test_the_slowed_data_are_the_same_data() -> None:
    from subjects import Slowed

    x = torch.arange(5 * 16, dtype=torch.uint8).view(5, 1, 4, 4)
    index = torch.tensor([3, 0, 4])
    one, other = (kind(Split(x), torch.device("cpu")) for kind in (Resident, Slowed))
    assert torch.equal(one.batch(index).x, other.batch(index).x)


def test_every_kind_of_model_gets_the_cases_it_can_take() -> None:
    import subjects

    assert subjects.abilities("vae", "digits") == ("encode", "decode", "sample")
    assert subjects.abilities("ae", "digits") == ("encode", "decode")
    assert subjects.refusal("conv-vae", "digits").startswith("conv-vae needs images of at least 16x16")
    assert subjects.refusal("conv-vae", "mnist") == ""
    assert "eager" in subjects.modes()


def test_the_tests_run_no_benchmarks(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("testpaths") == ["tests"]


def test_the_continuous_integration_checks_the_suite() -> None:
    run = (ROOT / ".ci/run").read_text()
    assert run.index("&& pytest -n auto\n") < run.index("python benchmarks/check.py\n")
