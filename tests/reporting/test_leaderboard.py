"""A leaderboard as a table of texts."""

from __future__ import annotations

from pathlib import Path

from made_up_boards import board, made_up

from genzoo.reporting.leaderboard import leaderboard_table, warnings


def test_a_row_worse_than_a_baseline_of_equal_size_has_a_warning(tmp_path: Path) -> None:
    """PCA with 5 components has 0.1, with 50 it has 0.01: an error of 0.05 beats the one and not the other."""
    small = made_up(tmp_path / "small", "small", latents=5, mse=0.05)
    large = made_up(tmp_path / "large", "large", latents=50, mse=0.05, negative_elbo=206.0)
    found = board(small, large)
    behind = {row.model: [baseline.name for baseline in found.behind(row)] for row in found.table.rows}
    assert behind == {"small": [], "large": ["PCA, 50 components", "independent pixels"]}
    lines = warnings(found)
    assert len(lines) == 2
    assert all(line.startswith("large: worse than baseline!") for line in lines)
    cells = {row[0]: row for row in leaderboard_table(found).rows}
    assert [cell for cell in cells["large"] if "worse than baseline!" in cell] == [
        "206 worse than baseline!",
        "0.05000 worse than baseline!",
    ]
    assert cells["PCA, 50 components"][3:5] == ["", "0.01000"]


def test_the_board_of_an_older_run_says_what_it_does_not_know(tmp_path: Path) -> None:
    run = made_up(tmp_path / "a", history=[{"epoch": 1}])
    results = run.results
    del results["parameters"], results["training"]["peak_memory"]
    run.write("results.json", results)
    run.write("run.json", {})
    found = board(run, target=100.0)
    table = leaderboard_table(found)
    assert table.rows[1][-2:] == ["n/a", "n/a"]
    assert table.notes[-1] == "trained on an unknown device"
    assert found.record()["rows"][0]["peak_memory"] == [None]


def test_the_rank_stands_beside_the_name_and_only_devices_that_differ_have_a_column(tmp_path: Path) -> None:
    runs = [made_up(tmp_path / f"{name}{seed}", name, seed=seed) for name in ("a", "b") for seed in (0, 1)]
    table = leaderboard_table(board(*runs))
    assert (table.rows[0][: table.names], table.rows[1][: table.names]) == (["model", "rank"], ["a", "1"])
    assert (table.rows[0][-1], table.notes[-1]) == ("peak memory", "trained on cpu, 1 thread")
    for run in runs[:2]:
        run.write("run.json", {**run.record, "device": "a GPU"})
    assert [row[-1] for row in leaderboard_table(board(*runs)).rows[:3]] == ["device", "a GPU", "cpu, 1 thread"]
