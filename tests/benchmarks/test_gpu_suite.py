"""The GPU suite keeps its measurements, however it ends. .ci/run rehearses the whole suite."""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GPU = ROOT / "benchmarks/gpu"
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import suite
suite.PROGRAM = Path(sys.argv[2])
suite.STAGES = dict(pair.split("=") for pair in sys.argv[3].split(","))
suite.STAGES = {name: float(share) for name, share in suite.STAGES.items()}
sys.exit(suite.main(sys.argv[4:]))
"""


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the suite's modules on the path."""
    for folder in (GPU.parent, GPU):
        monkeypatch.syspath_prepend(folder)


def started(out: Path, seconds: float, *words: object, **shares: float) -> subprocess.Popen[str]:
    """Start the suite with stand-ins for its stages, whose names say how they end."""
    stages = ",".join(f"{name}={share}" for name, share in shares.items())
    words = (GPU, ROOT / "tests/helpers/gpu_stage.py", stages, "--out", out, "--seconds", seconds, *words)
    words += ("--wheels", out / "none", "--data", out / "none")
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def read(out: Path) -> dict[str, dict[str, Any]]:
    """Return the record of every stage, by name."""
    records = [json.loads(file.read_text()) for file in sorted(out.glob("*.json"))]
    return {record["stage"]: record for record in records}


@pytest.mark.long
def test_a_stage_that_raises_dies_or_is_too_slow_does_not_end_the_others(tmp_path: Path) -> None:
    suite = started(tmp_path, 120, good=20, raises=20, dies=20, slow=3, last=60)
    output, _ = suite.communicate(timeout=200)
    records = read(tmp_path)
    assert suite.returncode == 1, output
    assert {name: record["status"] for name, record in records.items()} == {
        "good": "finished", "raises": "failed", "dies": "finished", "slow": "out of time", "last": "finished",
    }  # fmt: skip
    assert [row["key"] for row in records["slow"]["rows"]] == ["row 1"]
    assert records["raises"]["traceback"].endswith("ValueError: on purpose")
    assert [row["key"] for row in records["dies"]["rows"]] == ["row 1", "the deadly row", "row 3"]
    assert "error" in records["dies"]["rows"][1]
    assert "dies at work" in records["dies"]["output"]
    assert "raises  failed: 1 rows" in output
    assert "ValueError: on purpose" in output
    assert not list(tmp_path.glob(".*.part"))


def test_a_rehearsal_runs_two_stages_at_a_time(tmp_path: Path) -> None:
    suite = started(tmp_path, 120, "--rehearse", left=1, right=1, good=1)
    output, _ = suite.communicate(timeout=200)
    assert suite.returncode == 0, output
    assert {name: record["status"] for name, record in read(tmp_path).items()} == dict.fromkeys(
        ("left", "right", "good"), "finished"
    )
    summary = output.partition("\n\n")[2]
    assert [line.split()[0] for line in summary.splitlines() if "finished" in line] == ["left", "right", "good"]


def test_a_suite_on_a_gpu_runs_one_stage_at_a_time(tmp_path: Path) -> None:
    suite = started(tmp_path, 10, left=1, right=9)
    output, _ = suite.communicate(timeout=60)
    assert suite.returncode == 1, output
    assert {name: record["status"] for name, record in read(tmp_path).items()} == {
        "left": "out of time", "right": "finished",
    }  # fmt: skip


def test_a_killed_rehearsal_keeps_what_is_finished_and_ends_both_processes(tmp_path: Path) -> None:
    suite = started(tmp_path, 600, "--rehearse", good=1, slow=1, last=1, left=1)
    try:
        wait_for(suite, lambda: read(tmp_path).get("left", {}).get("status") == "finished")
        suite.send_signal(signal.SIGTERM)
        output, _ = suite.communicate(timeout=60)
    finally:
        suite.kill()
    assert suite.returncode == 143, output
    statuses = {name: record["status"] for name, record in read(tmp_path).items()}
    assert statuses == {"good": "finished", "slow": "stopped", "last": "finished", "left": "finished"}
    assert is_gone(read(tmp_path)["slow"]["rows"][0]["pid"])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["SIGTERM", "SIGKILL"])
def test_a_killed_suite_leaves_its_measurements_and_no_process(tmp_path: Path, number: int, code: int) -> None:
    suite = started(tmp_path, 600, good=1, slow=1, last=1)
    try:
        wait_for(suite, lambda: "slow" in read(tmp_path))
        suite.send_signal(number)
        output, _ = suite.communicate(timeout=60)
    finally:
        suite.kill()
    assert suite.returncode == code, output
    records = read(tmp_path)
    assert set(records) == {"good", "slow"}
    assert records["good"]["status"] == "finished"
    assert [row["key"] for record in records.values() for row in record["rows"]] == ["row 1", "row 1"]
    assert records["slow"]["status"] == ("stopped" if number == signal.SIGTERM else "running")
    assert ("slow    stopped: 1 rows" in output) == (number == signal.SIGTERM)
    assert is_gone(records["slow"]["rows"][0]["pid"])


def wait_for(suite: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    """Wait until something has happened while the suite works."""
    end = time.monotonic() + 60
    while not happened():
        assert suite.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Return whether a process ends within seconds; a zombie has ended too."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_each_row_is_saved_at_once_and_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import AGAIN, Bench

    file = tmp_path / "1-made.json"
    bench = Bench("made", file, 100, rehearse=True)

    def look() -> dict[str, Any]:
        assert json.loads(file.read_text())["trying"] == "first"
        return {"speed": 1.5}

    def fail() -> dict[str, Any]:
        raise ValueError("on purpose")

    first = bench.row("first", look)
    assert first is not None
    assert first["speed"] == 1.5
    assert bench.row("second", fail) is None
    assert bench.usable()
    rows = json.loads(file.read_text())["rows"]
    assert [row["key"] for row in rows] == ["first", "second"]
    assert "test_gpu_suite.py" in rows[1]["error"]
    assert rows[1]["error"].endswith("ValueError: on purpose\n")
    again = Bench("made", file, 100, rehearse=True)
    assert again.row("first", fail) == first
    bench.tiny = False
    bench.row("third", look, needs=1000)
    assert "left_out" in json.loads(file.read_text())["rows"][2]

    def lose_the_device() -> dict[str, Any]:
        monkeypatch.setattr(bench, "usable", lambda: False)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    bench.row("fourth", lose_the_device)
    assert codes == [AGAIN]
    assert len(json.loads(file.read_text())["rows"]) == 4


def test_a_stage_that_raises_records_its_traceback(tmp_path: Path) -> None:
    from bench import Bench
    from stage import perform

    def broken(bench: Bench) -> None:
        raise ValueError("on purpose")

    bench = Bench("made", tmp_path / "1-made.json", 100, rehearse=True)
    assert perform(broken, bench) == 1
    assert "ValueError: on purpose" in json.loads((tmp_path / "1-made.json").read_text())["traceback"]
    assert perform(lambda bench: None, bench) == 0


def test_a_checkout_is_found_like_an_installed_package(tmp_path: Path) -> None:
    from place import THIRD_PARTY, describe

    describe(tmp_path, ROOT)
    describe(tmp_path, THIRD_PARTY / "genzoo-example")
    found = {package.metadata["Name"]: package for package in importlib.metadata.distributions(path=[str(tmp_path)])}
    installed = importlib.metadata.distribution("genzoo")
    made = found["genzoo"]
    assert made.version == installed.version
    assert points(made) == points(installed)
    assert points(found["genzoo-example"]) == {"example": "genzoo_example"}


def points(package: importlib.metadata.Distribution) -> dict[str, str]:
    """Return the plugins of a package."""
    return {point.name: point.value for point in package.entry_points.select(group="genzoo")}


def test_only_missing_packages_are_taken_from_the_wheels(tmp_path: Path) -> None:
    from place import unpack_missing

    for name in ("pluggy", "nowhere_else"):
        with zipfile.ZipFile(tmp_path / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", "")
    assert unpack_missing(tmp_path / "site", tmp_path.glob("*.whl")) == ["nowhere_else"]
    assert [file.name for file in (tmp_path / "site").iterdir()] == ["nowhere_else.py"]


def test_data_are_carried_compressed(tmp_path: Path) -> None:
    from prepare import copy_data, sizes

    raw = tmp_path / "data/MNIST/raw"
    raw.mkdir(parents=True)
    (raw / "train-labels-idx1-ubyte").write_bytes(bytes(1000))
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(500)))
    assert copy_data(tmp_path / "data", tmp_path / "carried") == ["MNIST/raw"]
    held = {
        name: len(gzip.decompress((tmp_path / "carried" / name).read_bytes())) for name in sizes(tmp_path / "carried")
    }
    assert held == {"MNIST/raw/t10k-labels-idx1-ubyte.gz": 500, "MNIST/raw/train-labels-idx1-ubyte.gz": 1000}


def test_the_continuous_integration_rehearses_every_stage() -> None:
    import suite

    assert "python benchmarks/gpu/suite.py --rehearse --out" in (ROOT / ".ci/run").read_text()
    assert {file.stem for file in (GPU / "stages").glob("*.py")} == set(suite.STAGES)
