"""`genzoo new-plugin`: what it says to type next. The package itself is tested in test_scaffold.py."""

from __future__ import annotations

from pathlib import Path

from commandline import genzoo

from genzoo.cli.new_plugin import next_steps


def test_the_next_steps_check_and_run_what_was_made() -> None:
    assert next_steps({"model": "hvae"}) == ["genzoo check hvae", "genzoo run hvae --dataset digits --epochs 1"]
    flow = next_steps({"model": "mine", "prior": "p", "command": "size", "listener": "log"}, like="flow")
    assert flow[4:] == [
        "genzoo run mine --dataset moons --epochs 1 --listeners log",
        "genzoo run vae --dataset digits --epochs 1 --prior p --listeners log",
        "genzoo size @last",
    ]
    assert next_steps({"loss": "bound", "metric": "score"}) == [
        "genzoo check bound",
        "genzoo check score",
        "genzoo run vae --dataset digits --epochs 1 --loss bound",
        "genzoo evaluate @last --metrics score",
    ]


def test_it_prints_every_file_and_the_next_steps(tmp_path: Path) -> None:
    result = genzoo("new-plugin", "genzoo-some", "--metric", "score", "--in", tmp_path)
    folder = tmp_path / "genzoo-some"
    files = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[: len(files) + 2] == [*files, "next:", f"  pip install -e {folder}"]
