"""genzoo bench: one leaderboard, made of ordinary runs that are never made twice."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import drawing
import numpy as np
import pytest
import scipy.stats
from commandline import Result, environment, genzoo, refused
from matplotlib.text import Text

from genzoo.comparison.leaderboard import Leaderboard, time_to
from genzoo.comparison.tables import tables
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.sweep import parse_seeds
from genzoo.figures import leaderboard
from genzoo.reporting.leaderboard import sheet, warnings
from genzoo.runs.run import Run
from genzoo.system.lock import locked
from genzoo.training.trainer import Trainer

BENCH = "bench --models vae,ae --dataset digits --seeds 0..1 --epochs 2 --binarize threshold --target 35 --quiet --runs"
CELLS = {("vae", 0), ("vae", 1), ("ae", 0), ("ae", 1)}


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """The runs' own figures, which take longer than these runs, are drawn by other tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Experiment, "draw", lambda self, run, view: None)
        yield


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished bench."""
    folder = tmp_path_factory.mktemp("bench") / "runs"
    with drawing.drawn():
        result = genzoo(f"{BENCH} {folder}")
    assert result.code == 0, result.err
    return folder


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Model and seed of every run that is made from now on."""
    made: list[tuple[str, int]] = []
    original = Experiment.run

    def noted(self: Experiment) -> Run:
        made.append((self.config.model, self.training.seed))
        return original(self)

    monkeypatch.setattr(Experiment, "run", noted)
    return made


def runs_of(folder: Path, model: str) -> list[Run]:
    found = [Run(path.parent) for path in folder.glob("*/results.json")]
    return sorted((run for run in found if run.config.model == model), key=lambda run: run.config.training.seed)


def test_the_figures_are_those_of_the_runs(kept: Path) -> None:
    (table,) = json.loads(genzoo(f"{BENCH} {kept} --json").out)["tables"]
    rows = {row["model"]: row for row in table["rows"]}
    assert set(rows) == {"vae", "ae"}
    vae = rows["vae"]
    bounds = [run.results["test"]["negative_elbo"] for run in runs_of(kept, "vae")]
    low, high = scipy.stats.t.interval(0.95, 1, loc=sum(bounds) / 2, scale=scipy.stats.sem(bounds))
    found = vae["test"]["negative_elbo"]
    assert found["values"] == bounds
    assert [found["mean"] - found["interval_95"], found["mean"] + found["interval_95"]] == pytest.approx([low, high])
    speeds = [run.results["training"]["images_per_second"] for run in runs_of(kept, "vae")]
    assert vae["train_images_per_second"]["values"] == speeds
    assert min(vae["inference_images_per_second"]["values"]) > 0
    assert vae["parameters"] == sum(p.numel() for p in runs_of(kept, "vae")[0].model.parameters())
    assert rows["ae"]["test"]["negative_elbo"] == {"not_available": "no prior p(z)"}
    assert rows["ae"]["seconds_to_target"] == {"not_available": "no prior p(z)"}
    assert {baseline["name"] for baseline in table["baselines"]} == {
        "PCA, 20 components",
        "independent pixels",
        "uniform",
    }
    (made,) = table["environments"]
    assert made["packages"]["torch"]
    assert made["threads"] >= 1


@pytest.mark.usefixtures("drawn_figures")
def test_the_forms_agree(kept: Path) -> None:
    text = genzoo(f"{BENCH} {kept}").out
    (table,) = json.loads(genzoo(f"{BENCH} {kept} --json").out)["tables"]
    mean = f"{table['rows'][0]['test']['negative_elbo']['mean']:.2f} ± "
    markdown, page = genzoo(f"{BENCH} {kept} --markdown").out, genzoo(f"{BENCH} {kept} --html").out
    for form in (text, markdown, page):
        assert form.count(mean) >= 1
        assert "n/a (no prior p(z))" in form
        assert "independent pixels" in form
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {lines[0].count("|")}
    assert "data:image/png;base64," in page
    assert (kept / "leaderboard.png").stat().st_size > 10_000


def test_what_is_finished_is_not_run_again(kept: Path, trained: list[tuple[str, int]]) -> None:
    first = genzoo(f"{BENCH} {kept}")
    assert genzoo(f"{BENCH} {kept}").out == first.out
    assert trained == []


def test_another_option_is_another_run(kept: Path, trained: list[tuple[str, int]]) -> None:
    result = genzoo(f"{BENCH} {kept} --models ae --seeds 0 --lr 2e-3")
    assert trained == [("ae", 0)]
    rows = [line for line in result.out.splitlines() if line.startswith("  ae ")]
    assert len(rows) == 1
    # One seed has no interval over seeds, and the two others are no part of it; that over test examples is named.
    assert rows[0].count("± ") == rows[0].count("test ± ") > 0


def test_a_damaged_run_is_made_again(tmp_path: Path, trained: list[tuple[str, int]]) -> None:
    words = f"bench --models vae --dataset moons --seeds 0 --epochs 1 --latent-dim 1 --quiet --runs {tmp_path}"
    assert genzoo(words).code == 0
    (file,) = tmp_path.glob("*/results.json")
    file.write_text('{"test": ')
    assert genzoo(words).code == 0
    assert trained == [("vae", 0)] * 2


def own_data(file: Path, seed: int) -> Path:
    """60 vectors of 6 numbers."""
    np.savez(file, x=np.random.default_rng(seed).normal(size=(60, 6)).astype(np.float32))
    return file


OWN = "bench --models vae --dataset npz --seeds 0 --epochs 1 --hidden 8 --latent-dim 2 --quiet --json"


def test_changed_data_are_trained_on_again_and_moved_data_are_not(
    tmp_path: Path, trained: list[tuple[str, int]]
) -> None:
    file = own_data(tmp_path / "a.npz", 0)
    words = f"{OWN} --runs {tmp_path / 'runs'} --data.path"
    first = genzoo(f"{words} {file}")
    assert (first.code, trained) == (0, [("vae", 0)])
    moved = tmp_path / "elsewhere.npz"
    file.rename(moved)
    again = genzoo(f"{words} {moved}")
    assert (again.code, trained) == (0, [("vae", 0)])
    assert json.loads(again.out)["tables"] == json.loads(first.out)["tables"]
    own_data(moved, 1)
    other = genzoo(f"{words} {moved}")
    assert (other.code, trained) == (0, [("vae", 0)] * 2)
    assert json.loads(other.out)["tables"] != json.loads(first.out)["tables"]
    own_data(moved, 0)  # as it was
    assert json.loads(genzoo(f"{words} {moved}").out)["tables"] == json.loads(first.out)["tables"]
    assert trained == [("vae", 0)] * 2


def test_a_run_that_was_trained_otherwise_on_the_way_is_no_run_of_the_plan(
    tmp_path: Path, trained: list[tuple[str, int]]
) -> None:
    words = "--dataset moons --latent-dim 1 --hidden 8 --quiet --lr"
    assert genzoo(f"run vae --epochs 1 {words} 1e-2 --out {tmp_path / 'one'}").code == 0
    assert genzoo(f"resume {tmp_path / 'one'} --epochs 2 --lr 1e-3 --quiet").code == 0
    assert genzoo(f"bench --models vae --seeds 0 --epochs 2 {words} 1e-3 --runs {tmp_path}").code == 0
    assert trained == [("vae", 0)] * 2


def test_a_second_bench_in_one_folder_is_refused(tmp_path: Path, kept: Path, trained: list[tuple[str, int]]) -> None:
    words = f"bench --models vae --dataset moons --seeds 0 --epochs 1 --latent-dim 1 --quiet --runs {tmp_path}"
    with locked(tmp_path):
        message = refused(genzoo(words))
    assert message.startswith(f"{tmp_path} is being written by process ")
    assert trained == []
    with locked(kept):  # what is finished can be shown meanwhile
        assert genzoo(f"{BENCH} {kept}").code == 0
    assert genzoo(words).code == 0
    assert trained == [("vae", 0)]


def test_interrupted_it_keeps_what_is_finished_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: list[tuple[str, int]]
) -> None:
    words = f"bench --models vae,ae --dataset moons --seeds 0..1 --epochs 2 --latent-dim 1 --runs {tmp_path}"
    with monkeypatch.context() as patched:
        validate, calls = Trainer.validate, []

        def interrupted(self: Trainer) -> dict[str, float]:
            calls.append(1)
            if len(calls) == 3:  # the second run's first epoch
                signal.raise_signal(signal.SIGINT)
            return validate(self)

        patched.setattr(Trainer, "validate", interrupted)
        result = genzoo(words)
    assert (result.code, result.out) == (130, "")
    told = result.err.splitlines()[-2:]
    assert told[0] == f"genzoo: interrupted; 1 of 4 runs are finished and kept in {tmp_path}"
    again = shlex.split(told[1])
    assert again == ["genzoo", *words.split()]
    result = genzoo(*again[1:])
    assert result.code == 0
    assert [line for line in result.err.splitlines() if line.startswith("[")] == [
        "[2/4] ae, seed 0",
        "[3/4] vae, seed 1",
        "[4/4] ae, seed 1",
    ]
    assert trained == [("vae", 0), ("ae", 0), ("ae", 0), ("vae", 1), ("ae", 1)]


def test_a_run_that_fails_costs_its_row_alone(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text(
        "import genzoo\nfrom genzoo_plugins.vae.vae import VAE\n"
        "class Odd(VAE):\n    def likelihood(self, z):\n        return super().likelihood(z * float('nan'))\n"
        "@genzoo.hookimpl\ndef register_models(register):\n    register('odd', Odd, loss='elbo', summary='nan')\n"
    )
    result = genzoo(
        f"-p {file} bench --models odd,vae --dataset moons --seeds 0 --epochs 1 --quiet --runs {tmp_path / 'runs'}"
    )
    assert result.code == 3
    assert "genzoo: no result for odd, seed 0: the loss or its gradient is not finite" in result.err
    assert [line.split()[0] for line in result.out.splitlines()[2:3]] == ["vae"]


def test_it_leaves_out_what_does_not_fit_unless_it_was_named(tmp_path: Path) -> None:
    result = genzoo(f"bench --dataset moons --seeds 0 --epochs 1 --quiet --runs {tmp_path}")
    assert "left out: conv-vae: conv-vae needs images" in result.err
    assert "\n  vae " in result.out
    assert "\n  conv-vae" not in result.out


def test_it_needs_no_pytest(kept: Path) -> None:
    start = "import sys; sys.modules['pytest'] = None\nfrom genzoo.cli.main import main\n"
    program = f"{start}sys.exit(main({BENCH.split()!r} + "
    done = subprocess.run(
        [sys.executable, "-c", f"{program}[{str(kept)!r}]))"], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "PCA, 20 components" in done.stdout


# The numbers, from made-up runs.


def made_up(folder: Path, model: str = "vae", history: Any = (), latents: int = 20, seed: int = 0, **test: Any) -> Run:
    folder.mkdir(parents=True)
    config = {
        "model": {"name": model, "latent_dim": latents},
        "loss": {"name": "elbo"},
        "data": {"name": "mnist"},
        "training": {"seed": seed, "device": "cpu"},
    }
    pca = {"components": latents, "mse": 0.5 / latents}
    results = {
        "test": {"n": 9, "negative_elbo": 100.0, "mse": 0.01, "not_available": {}, **test},
        "baselines": {"pca": pca, "independent_pixels": 205.0, "uniform": 543.0},
        "latents": latents,
        "parameters": 7,
        "training": {"images_per_second": 1000.0, "peak_memory": 5e8},
    }
    record = {"genzoo": "0", "device": "cpu, 1 thread", "seed": seed, "source": None}
    for name, values in (("config", config), ("results", results), ("run", record)):
        (folder / f"{name}.json").write_text(json.dumps(values))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in history))
    return Run(folder)


def epochs(*bounds: float) -> list[dict[str, Any]]:
    """One epoch a bound; each took two seconds."""
    return [{"seconds": 2.0, "validation": {"loss": 1.0, "negative_elbo": bound}} for bound in bounds]


def board(*runs: Run, target: float | None = None) -> Leaderboard:
    (table,) = tables(runs)
    return Leaderboard(table, "negative_elbo", target)


def test_the_time_to_a_bound_is_that_of_the_first_epoch_that_has_it(tmp_path: Path) -> None:
    run = made_up(tmp_path / "a", history=epochs(130.0, 110.0, 100.0, 101.0))
    (row,) = board(run).table.rows
    for target, seconds in ((135.0, 2.0), (110.0, 4.0), (109.9, 6.0), (100.0, 6.0)):
        estimate = time_to(row, target)
        assert not isinstance(estimate, str)
        assert estimate.values == (seconds,)
    assert time_to(row, 99.0) == "not reached, best 100"


def test_the_time_to_a_bound_says_why_there_is_none(tmp_path: Path) -> None:
    late = made_up(tmp_path / "late", history=epochs(130.0))
    soon = made_up(tmp_path / "soon", history=epochs(90.0), seed=1)
    (row,) = board(late, soon).table.rows
    assert time_to(row, 100.0) == "reached by 1 of 2 seeds"
    blind = made_up(tmp_path / "blind", history=[{"seconds": 2.0, "validation": {}}])
    assert time_to(board(blind).table.rows[0], 100.0) == "no −ELBO of validation data in the log"
    ae = made_up(tmp_path / "ae", negative_elbo=None, not_available={"negative_elbo": "no prior p(z)"})
    assert time_to(board(ae).table.rows[0], 100.0) == "no prior p(z)"


def test_whoever_is_behind_a_baseline_of_equal_size_is_told_so(tmp_path: Path) -> None:
    """PCA with 5 components has 0.1, with 50 it has 0.01: an error of 0.05 beats the one and not the other."""
    small = made_up(tmp_path / "small", "small", latents=5, mse=0.05)
    large = made_up(tmp_path / "large", "large", latents=50, mse=0.05, negative_elbo=206.0)
    found = board(small, large)
    behind = {row.model: [baseline.name for baseline in found.behind(row)] for row in found.table.rows}
    assert behind == {"small": [], "large": ["PCA, 50 components", "independent pixels"]}
    lines = warnings(found)
    assert len(lines) == 2
    assert all(line.startswith("large: worse than baseline!") for line in lines)
    cells = {row[0]: row for row in sheet(found).rows}
    assert [cell for cell in cells["large"] if "worse than baseline!" in cell] == [
        "206 worse than baseline!",
        "0.05000 worse than baseline!",
    ]
    assert cells["PCA, 50 components"][3:5] == ["", "0.01000"]


@pytest.mark.parametrize(
    ("measure", "named"), [("probability", True), ("density", False), ("none", False), (None, False)]
)
def test_baselines_of_pixels_are_for_probabilities(tmp_path: Path, measure: str | None, named: bool) -> None:
    run = made_up(tmp_path / "a", negative_elbo=900.0)
    run.write("results.json", run.results | {"measure": measure, "likelihood": None})
    found = board(run)
    assert ("independent pixels" in {baseline.name for baseline in found.baselines()}) == named
    assert any("independent pixels" in line for line in warnings(found)) == named


def test_models_of_other_measures_have_boards_of_their_own(tmp_path: Path) -> None:
    runs = [made_up(tmp_path / name, name) for name in ("bits", "density")]
    for run, measure in zip(runs, ("probability", "density"), strict=True):
        run.write("results.json", run.results | {"measure": measure, "likelihood": measure})
    assert [[row.model for row in table.rows] for table in tables(runs)] == [["density"], ["bits"]]


def test_copies_of_a_run_are_one_seed_of_speed_and_time(tmp_path: Path) -> None:
    runs = [made_up(tmp_path / f"{number}", history=epochs(130.0, 110.0)) for number in range(3)]
    found = board(*runs, target=115.0)
    (row,) = found.record()["rows"]
    assert row["seeds"] == [0]
    for name in ("train_images_per_second", "seconds_to_target"):
        assert len(row[name]["values"]) == 1
        assert row[name]["interval_95"] is None


def test_the_board_of_an_older_run_says_what_it_does_not_know(tmp_path: Path) -> None:
    run = made_up(tmp_path / "a", history=[{"epoch": 1}])
    results = run.results
    del results["parameters"], results["training"]["peak_memory"]
    run.write("results.json", results)
    run.write("run.json", {})
    found = board(run, target=100.0)
    assert sheet(found).rows[1][-3:] == ["n/a", "n/a", "n/a"]
    assert found.record()["rows"][0]["peak_memory"] == [None]


def test_equal_to_a_baseline_is_not_better(tmp_path: Path) -> None:
    found = board(made_up(tmp_path / "a", mse=0.025))
    assert [baseline.name for baseline in found.behind(found.table.rows[0])] == ["PCA, 20 components"]


def test_every_model_is_named_in_the_picture_and_no_name_covers_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"model-{number}" for number in range(8)]
    runs = [
        made_up(tmp_path / name, name, negative_elbo=100 + number * 1e-3, mse=0.01) for number, name in enumerate(names)
    ]
    drawn: list[Any] = []
    monkeypatch.setattr(leaderboard, "save", lambda figure, path: drawn.append(figure))
    leaderboard.draw(tmp_path / "x.png", board(*runs))
    (figure,) = drawn
    figure.draw_without_rendering()
    assert len(figure.axes) == 2
    for axes in figure.axes:
        named = [text for text in axes.texts if text.get_text() in names]
        boxes = [Text.get_window_extent(text) for text in named]  # an annotation's own includes its line
        assert len(boxes) == len(names)
        assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[:n])


# Refusals, before anything is trained.


@pytest.mark.parametrize(
    ("text", "seeds"), [("0..4", [0, 1, 2, 3, 4]), ("3", [3]), ("0,2,7", [0, 2, 7]), ("5..6,5", [5, 6])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "which dataset? genzoo bench --models A,B --dataset NAME"),
        ("--dataset diggits", "no dataset named 'diggits'. Did you mean 'digits'?"),
        ("--dataset digits --models vae,vea", "no model named 'vea'. Did you mean 'vae'?"),
        ("--dataset digits --models ,", "--models ',' names none"),
        ("--dataset digits --seeds 4..0", "--seeds 4..0: 4 comes after 0"),
        ("--dataset digits --seeds 0-4", "--seeds 0-4: '0-4' is no seed"),
        ("--dataset digits --seeds 0..99999", "--seeds 0..99999: more than 1,000 seeds"),
        ("--dataset digits --models vae,conv-vae", "conv-vae needs images of at least 16x16; these are 8x8"),
        ("--dataset digits --models vae,ae --beta 2", "ae: --beta belongs to loss elbo; you asked for ae"),
        ("--dataset digits --models vae --epochs x", "vae: --epochs must be a whole number, not 'x'"),
        ("--dataset digits --models vae --seed 3", "--seed is not for bench"),
        ("--dataset digits --models vae --out=x", "--out is not for bench"),
        ("--dataset digits --models vae --figure x.jpg", "--figure x.jpg: no .png"),
        ("--dataset digits --models vae --figure no/x.png", "--figure no/x.png: cannot write to no"),
        ("--dataset digits --models vae --sort fid", "--sort fid: no run has it"),
        ("--dataset digits --models ae --loss elbo", "ae: loss 'elbo' cannot train ae"),
        ("--dataset digits --binarize foo", "no model takes these data and options; ae: invalid choice 'foo'"),
    ],
)
def test_refusals(words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result: Result = genzoo(f"bench {words}")
    assert refused(result).startswith(message)
    assert not list(tmp_path.iterdir())
