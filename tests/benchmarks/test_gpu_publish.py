"""Results of the GPU suite become tables, a figure and README rows; a rehearsal does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

GPU = Path(__file__).parents[2] / "benchmarks/gpu"


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the suite's modules on the path."""
    for folder in (GPU.parent, GPU):
        monkeypatch.syspath_prepend(folder)


def card(**changes: Any) -> dict[str, Any]:
    """Return the record of a card: `vae` at two million images per second, nine times Pythae, and one failed row."""
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
    """Write the files of a suite's run."""
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


def test_a_rehearsal_is_not_a_result(tmp_path: Path) -> None:
    import publish

    folder = write_stages(tmp_path / "out", card(rehearsal=True))
    with pytest.raises(SystemExit, match="is of a rehearsal"):
        publish.take(folder, tmp_path, rehearsal=False)


def test_the_readmes_show_the_stored_records() -> None:
    import publish
    from marked import filled

    for readme in publish.READMES:
        text = readme.read_text()
        assert filled(text, publish.COMMAND, publish.short(publish.known(publish.RESULTS))) == text
