"""A list that was typed with blanks, and a path in place of a dataset's name: the command as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import genzoo, refused

COMMAS = "commas without blanks stand between several"
EQUALS = "= without blanks stands between an option and its values"


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("bench vae ae digits --epochs 1", f"models: {COMMAS}", "genzoo bench vae,ae digits --epochs 1"),
        ("bench ae vae --dataset digits", f"models: {COMMAS}", "genzoo bench ae,vae --dataset digits"),
        ("race vae ae digits --budget 1m", f"models: {COMMAS}", "genzoo race vae,ae digits --budget 1m"),
        (
            "bench --models vae ae --dataset moons",
            f"--models: {COMMAS}",
            "genzoo bench --models vae,ae --dataset moons",
        ),
        ("bench vae digits --seeds 1 2 3", f"--seeds: {COMMAS}", "genzoo bench vae digits --seeds 1,2,3"),
        ("bench --seeds=1 2 vae digits", f"--seeds: {COMMAS}", "genzoo bench --seeds=1,2 vae digits"),
        ("sweep vae digits --grid beta=1 2 4", f"--grid: {COMMAS}", "genzoo sweep vae digits --grid beta=1,2,4"),
        (
            "sweep --grid prior=vamp mog vae moons",
            f"--grid: {COMMAS}",
            "genzoo sweep --grid prior=vamp,mog vae moons",
        ),
        ("sweep vae digits --grid beta 0.5,1", f"--grid: {EQUALS}", "genzoo sweep vae digits --grid beta=0.5,1"),
        ("sweep vae digits --grid=beta 0.5 1", f"--grid: {EQUALS}", "genzoo sweep vae digits --grid=beta=0.5,1"),
        ("sweep --grid beta 1 2 vae digits", f"--grid: {EQUALS}", "genzoo sweep --grid beta=1,2 vae digits"),
        ("sweep --grid prior vamp,mog vae moons", f"--grid: {EQUALS}", "genzoo sweep --grid prior=vamp,mog vae moons"),
        ("sweep vae digits --grid beta= 1,2", f"--grid: {EQUALS}", "genzoo sweep vae digits --grid beta=1,2"),
        ("sweep vae digits --grid beta = 1,2", f"--grid: {EQUALS}", "genzoo sweep vae digits --grid beta=1,2"),
        ("sweep vae digits --grid beta =1 2", f"--grid: {EQUALS}", "genzoo sweep vae digits --grid beta=1,2"),
        (
            "sweep vae digits --search beta 0.5..4",
            f"--search: {EQUALS}",
            "genzoo sweep vae digits --search beta=0.5..4",
        ),
        ("sweep vae digits --grid beta --lr 1", "--grid beta: an option and its values", "write: --grid beta=1,2,4"),
        ("sweep vae digits --beta 1,4 --lr 1", "which options? ", "genzoo sweep vae digits --grid beta=1,4 --lr 1"),
        ("run vae nope.npz", "nope.npz: no such file or folder", "datasets: genzoo list --kind dataset"),
        ("bench vae nope/", "nope/: no such file or folder", "datasets: genzoo list --kind dataset"),
        ("run vae shapse/", "shapse/: no such file or folder. Did you mean 'shapes'?", "datasets: "),
        ("run vae --data.path shapes", "which dataset? --data.path", "genzoo run vae folder --data.path shapes"),
        ("run vae --lr 1 --data.path=shapes", "which ", "genzoo run vae folder --lr 1 --data.path=shapes"),
        ("sweep vae --data.path shapes --grid beta=1", "which ", "genzoo sweep vae folder --data.path shapes --grid"),
        ("run vae --data.path empty", "which dataset? ", "genzoo run vae KIND --data.path empty; KIND is one of "),
        (
            "run vae --data.path shape",
            "--data.path shape: no such file or folder. Did you mean 'shapes'?",
            "datasets: ",
        ),
        ("run vae sapes/a.png", "sapes/a.png: no such file or folder. Did you mean 'shapes'?", "datasets: "),
        ("run vae digits --seeds 0-2", "--seeds is an option of genzoo bench", "genzoo bench vae digits --seeds 0-2"),
        ("run vae digits --seeds=0-2 --lr 1", "--seeds is an ", "genzoo bench vae digits --seeds=0-2"),
        ("run vae digits --grid beta=1,2", "--grid is an ", "genzoo sweep vae digits --grid beta=1,2"),
        ("run vae digits --budget 1m", "--budget is an ", "genzoo race vae,OTHER digits --budget 1m"),
        (
            "run vae --config shapes.tml",
            "--config shapes.tml: No such file or directory. Did you mean 'shapes.to",
            "a T",
        ),
        ("-p shape.py list", "-p shape.py: no such file. Did you mean 'shapes.py'?", "type: genzoo -p"),
        ("run vae shapes/", "no dataset named 'shapes/'; here it is a", "genzoo run vae folder --data.path shapes/"),
        ("sweep vae shapes --grid beta=1", "no dataset named 'shapes'; ", "genzoo sweep vae folder --data.path shapes"),
    ],
)
def test_the_command_that_was_meant_is_written_out(
    typed: str, message: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shapes").mkdir()
    Path("empty").mkdir()
    for name in ("shapes/a.png", "shapes.toml", "shapes.py"):
        Path(name).touch()
    result = genzoo(typed)
    assert refused(result).startswith(message)
    assert result.err.splitlines()[1].strip().startswith(hint)


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("list models", "nothing matches 'models'", "type: genzoo list --kind model"),
        ("list losses", "nothing matches 'losses'", "type: genzoo list --kind loss"),
        ("runs note a", "the following arguments are required: TEXT", 'genzoo runs note RUN "'),
        ("bench vae moons --sort fid", "--sort fid: no run has it. Did you mean 'frechet'?", "known: "),
    ],
)
def test_what_to_type_is_said_of_other_slips(typed: str, message: str, hint: str) -> None:
    result = genzoo(typed)
    assert refused(result).startswith(message)
    assert result.err.splitlines()[1].strip().startswith(hint)


def test_a_folder_of_data_that_is_not_there_is_told_of() -> None:
    assert genzoo("run vae nothing --data-root nowhere").err.startswith("genzoo: --data-root nowhere: no such folder (")
