"""The GPU suite keeps what it has measured, however it ends; .ci/run rehearses all of it."""

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
from collections.abc import Mapping
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
    """The suite's modules lie beside each other."""
    for folder in (GPU.parent, GPU):
        monkeypatch.syspath_prepend(folder)


def started(out: Path, seconds: float, **shares: float) -> subprocess.Popen[str]:
    """The suite at work on stand-ins for its stages, whose names say how they end."""
    stages = ",".join(f"{name}={share}" for name, share in shares.items())
    words = [GPU, ROOT / "tests/gpu_stage.py", stages, "--rehearse", "--out", out, "--seconds", seconds]
    words += ["--wheels", out / "none", "--data", out / "none"]
    command = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def read(out: Path) -> dict[str, dict[str, Any]]:
    """Every stage's record, by name."""
    records = [json.loads(file.read_text()) for file in sorted(out.glob("*.json"))]
    return {record["stage"]: record for record in records}


def test_a_stage_that_raises_dies_or_takes_too_long_does_not_end_the_others(tmp_path: Path) -> None:
    suite = started(tmp_path, 120, good=20, raises=20, dies=20, slow=3, last=60)
    said, _ = suite.communicate(timeout=200)
    records = read(tmp_path)
    assert suite.returncode == 1, said
    assert {name: record["status"] for name, record in records.items()} == {
        "good": "finished", "raises": "failed", "dies": "finished", "slow": "out of time", "last": "finished",
    }  # fmt: skip
    assert [row["key"] for row in records["slow"]["rows"]] == ["row 1"]
    assert records["raises"]["traceback"].endswith("ValueError: on purpose")
    assert [row["key"] for row in records["dies"]["rows"]] == ["row 1", "the deadly row", "row 3"]
    assert "error" in records["dies"]["rows"][1]
    assert "dies at work" in records["dies"]["output"]
    assert "raises  failed: 1 rows" in said
    assert "ValueError: on purpose" in said
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)], ids=["SIGTERM", "SIGKILL"])
def test_killed_half_way_it_leaves_what_was_measured_and_no_process(tmp_path: Path, number: int, code: int) -> None:
    suite = started(tmp_path, 600, good=1, slow=1, last=1)
    try:
        end = time.monotonic() + 60
        while "slow" not in read(tmp_path):
            assert suite.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        suite.send_signal(number)
        said, _ = suite.communicate(timeout=60)
    finally:
        suite.kill()
    assert suite.returncode == code, said
    records = read(tmp_path)
    assert set(records) == {"good", "slow"}
    assert records["good"]["status"] == "finished"
    assert [row["key"] for record in records.values() for row in record["rows"]] == ["row 1", "row 1"]
    assert records["slow"]["status"] == ("stopped" if number == signal.SIGTERM else "running")
    assert ("slow    stopped: 1 rows" in said) == (number == signal.SIGTERM)
    assert is_gone(records["slow"]["rows"][0]["pid"])


def is_gone(pid: int) -> bool:
    """Whether a process ends within seconds; one that nobody has waited for yet has ended too."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_each_row_is_written_at_once_and_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import AGAIN, Bench

    file = tmp_path / "1-made.json"
    bench = Bench("made", file, 100, rehearse=True)

    def look() -> dict[str, Any]:
        assert json.loads(file.read_text())["trying"] == "first"
        return {"figure": 1.5}

    def fail() -> dict[str, Any]:
        raise ValueError("on purpose")

    first = bench.row("first", look)
    assert first is not None
    assert first["figure"] == 1.5
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


def test_a_stage_that_raises_tells_its_traceback(tmp_path: Path) -> None:
    from bench import Bench
    from stage import perform

    def broken(bench: Bench) -> None:
        raise ValueError("on purpose")

    bench = Bench("made", tmp_path / "1-made.json", 100, rehearse=True)
    assert perform(broken, bench) == 1
    assert "ValueError: on purpose" in json.loads((tmp_path / "1-made.json").read_text())["traceback"]
    assert perform(lambda bench: None, bench) == 0


def test_a_checkout_is_found_as_if_it_were_installed(tmp_path: Path) -> None:
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
    """A package's plugins."""
    return {point.name: point.value for point in package.entry_points.select(group="genzoo")}


def test_only_what_is_missing_is_taken_from_the_wheels(tmp_path: Path) -> None:
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


def card(**changes: Any) -> dict[str, Any]:
    """The record of a card: `vae` at two million images a second, ten times Pythae; one row that failed."""
    machine = {
        "gpu": "Made-up GPU",
        "packages": {"torch": "2.11.0"},
        "python": "3.12.3",
        "source": {"commit": "1a2b3c4d"},
    }
    common = {"status": "finished", "rehearsal": False, "date": "2026-01-01", "machine": machine, **changes}
    speed = {"key": "vae 128 graph fp32", "model": "vae", "batch": 128, "mode": "graph", "precision": "fp32",
             "images_per_second": 2e6, "least": 1.9e6, "most": 2.1e6, "busy": 0.8}  # fmt: skip
    race = {"key": "vae race", "batch": 128, "times_pythae": 9.0, "ratios": {"pythae": [8.0, 9.0, 12.0]},
            "speeds": {"genzoo": [2e6], "pythae": [2.2e5]}}  # fmt: skip
    failed = {"key": "conv-vae graph", "error": "Traceback …\nRuntimeError: no"}
    rows: Mapping[str, list[Any]] = {"models": [failed], "speed": [speed], "peers": [race]}
    return {stage: {"stage": stage, "rows": found, **common} for stage, found in rows.items()}


def write_stages(folder: Path, made: Mapping[str, Any]) -> Path:
    """The files that the suite would have written."""
    folder.mkdir()
    for number, (stage, record) in enumerate(made.items(), start=1):
        (folder / f"{number}-{stage}.json").write_text(json.dumps(record))
    return folder


@pytest.mark.usefixtures("drawn_figures")
def test_results_become_tables_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import publish

    folder = write_stages(tmp_path / "out", card())
    assert publish.main([str(folder), "--into", str(tmp_path / "into")]) == 0
    text = (tmp_path / "into/gpu.md").read_text()
    assert "| `vae`, batch 128, images/s | 1.00 M | 2.00 M | reached |" in text
    assert "| `vae`, batch 128, × Pythae | 10.00 | 9.00 | MISSED |" in text
    assert "| `vae`, batch 4,096, images/s | 15.00 M | not measured |  |" in text
    assert "| vae | 2.00 M | 9.00 (8.00–12.00) |" in text
    assert "2.00 M (80%)" in text
    assert "- models, conv-vae graph: `RuntimeError: no`" in text
    assert (tmp_path / "into/gpu.png").stat().st_size > 1000
    assert (tmp_path / "into/gpu-made-up-gpu.json").exists()
    later = write_stages(tmp_path / "later", {"models": card()["models"] | {"date": "2026-02-02"}})
    publish.main([str(later), "--into", str(tmp_path / "into")])
    (merged,) = publish.known(tmp_path / "into")
    assert [record["date"] for record in merged.values()] == ["2026-02-02", "2026-01-01", "2026-01-01"]


def test_a_rehearsal_is_no_result(tmp_path: Path) -> None:
    import publish

    folder = write_stages(tmp_path / "out", card(rehearsal=True))
    with pytest.raises(SystemExit, match="is of a rehearsal"):
        publish.take(folder, tmp_path, rehearsal=False)


def test_the_readmes_show_what_is_on_record() -> None:
    import publish
    from marked import filled

    for readme in publish.READMES:
        text = readme.read_text()
        assert filled(text, publish.COMMAND, publish.short(publish.known(publish.RESULTS))) == text


def test_the_continuous_integration_rehearses_every_stage() -> None:
    import suite

    assert "python benchmarks/gpu/suite.py --rehearse --out" in (ROOT / ".ci/run").read_text()
    assert {file.stem for file in (GPU / "stages").glob("*.py")} == set(suite.STAGES)
