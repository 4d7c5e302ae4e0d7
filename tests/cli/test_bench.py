"""`genzoo bench`: a leaderboard of ordinary runs; finished runs are reused."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import drawing
import numpy as np
import pytest
import scipy.stats
from commandline import Result, environment, genzoo, refused

from genzoo.cli.bench import requested_models, usable_configs
from genzoo.core.errors import OutOfMemory
from genzoo.experiment import dry_run
from genzoo.experiment.experiment import Experiment
from genzoo.runs.config import RunConfig
from genzoo.runs.run import Run
from genzoo.training.trainer import Trainer

BENCH = "bench --models vae,ae --dataset digits --seeds 0..1 --epochs 2 --binarize threshold --target 35 --quiet --runs"

CELLS = {("vae", 0), ("vae", 1), ("ae", 0), ("ae", 1)}


pytestmark = pytest.mark.usefixtures("runs_without_figures")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A bench: its folder and its output."""
    folder = tmp_path_factory.mktemp("bench") / "runs"
    result = genzoo(f"{BENCH} {folder}")
    assert result.code == 0, result.err
    return folder, result


@pytest.fixture(scope="module")
def kept(first: tuple[Path, Result]) -> Path:
    """The folder of a finished bench."""
    return first[0]


@pytest.fixture(scope="module")
def table(kept: Path) -> dict[str, Any]:
    """Its leaderboard as JSON."""
    (only,) = json.loads(genzoo(f"{BENCH} {kept} --json").out)["tables"]
    return dict(only)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Model and seed of every run that is made from now on."""
    made: list[tuple[str, int]] = []
    original = Experiment.run

    def noted(self: Experiment) -> Run:
        made.append((self.config.model, self.config.training.seed))
        return original(self)

    monkeypatch.setattr(Experiment, "run", noted)
    return made


def runs_of(folder: Path, model: str) -> list[Run]:
    found = [Run(path.parent) for path in folder.glob("*/results.json")]
    return sorted((run for run in found if run.config.model == model), key=lambda run: run.config.training.seed)


def test_it_ends_with_another_order_that_all_rows_have(first: tuple[Path, Result]) -> None:
    folder, result = first
    assert result.err.splitlines()[-1] == f"next      genzoo compare {folder} --sort mse"


def test_csv_is_that_of_compare(kept: Path) -> None:
    assert genzoo(f"{BENCH} {kept} --csv").out == genzoo(f"compare {kept} --csv").out


def test_a_dry_run_makes_nothing_and_costs_one_row_where_a_model_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = dry_run.estimate

    def fails(config: RunConfig, data_root: Path | None = None) -> dry_run.Estimate:
        if config.model == "ae":
            raise OutOfMemory("too large", "make it smaller")
        return original(config, data_root)

    monkeypatch.setattr(dry_run, "estimate", fails)
    folder = tmp_path / "runs"
    result = genzoo(f"{BENCH} {folder} --dry-run")
    assert result.code == 3
    assert not folder.exists()
    assert "vae" in result.out
    assert "2 of 2" in result.out
    assert "cannot be trained: ae: too large" in result.out
    assert "4 of 4 runs to make" in result.out


def test_the_metrics_are_those_of_the_runs(kept: Path, table: dict[str, Any]) -> None:
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


def test_the_forms_agree(kept: Path, first: tuple[Path, Result], table: dict[str, Any]) -> None:
    text = first[1].out
    (vae,) = [row for row in table["rows"] if row["model"] == "vae"]
    mean = f"{vae['test']['negative_elbo']['mean']:.2f} ± "
    markdown = genzoo(f"{BENCH} {kept} --markdown").out
    with drawing.drawn():
        page = genzoo(f"{BENCH} {kept} --html").out
    for form in (text, markdown, page):
        assert form.count(mean) >= 1
        assert "n/a (no prior p(z))" in form
        assert "independent pixels" in form
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {lines[0].count("|")}
    assert "data:image/png;base64," in page
    assert (kept / "leaderboard.png").stat().st_size > 10_000


def test_what_is_finished_is_not_run_again(first: tuple[Path, Result], trained: list[tuple[str, int]]) -> None:
    assert genzoo(f"{BENCH} {first[0]}").out == first[1].out
    assert trained == []


def test_another_option_is_another_run(kept: Path, trained: list[tuple[str, int]]) -> None:
    result = genzoo(f"{BENCH} {kept} --models ae --seeds 0 --lr 2e-3")
    assert trained == [("ae", 0)]
    rows = [line for line in result.out.splitlines() if line.startswith("  ae ")]
    assert len(rows) == 1
    # One seed has no interval over seeds, and the two others are no part of it; that over test examples is named.
    assert rows[0].count("± ") == rows[0].count("test ± ") > 0


@pytest.mark.long
def test_a_damaged_run_is_made_again(tmp_path: Path, trained: list[tuple[str, int]]) -> None:
    words = f"bench --models vae --dataset moons --seeds 0 --epochs 1 --latent-dim 1 --quiet --runs {tmp_path}"
    assert genzoo(words).code == 0
    (file,) = tmp_path.glob("*/results.json")
    before = json.loads(file.read_text())["test"]
    file.write_text('{"test": ')
    assert genzoo(words).code == 0
    assert json.loads(file.read_text())["test"] == before  # by its checkpoint
    for name in ("results.json", "config.json"):
        (file.parent / name).write_text('{"test": ')
    assert genzoo(words).code == 0
    assert trained == [("vae", 0)] * 2


def own_data(file: Path, seed: int) -> Path:
    """60 vectors of 6 numbers."""
    np.savez(file, x=np.random.default_rng(seed).normal(size=(60, 6)).astype(np.float32))
    return file


OWN = "bench --models vae --dataset npz --seeds 0 --epochs 1 --hidden 8 --latent-dim 2 --quiet --json"


@pytest.mark.long
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


@pytest.mark.long
def test_a_run_that_was_trained_otherwise_on_the_way_is_no_run_of_the_plan(
    tmp_path: Path, trained: list[tuple[str, int]]
) -> None:
    words = "--dataset moons --latent-dim 1 --hidden 8 --quiet --lr"
    assert genzoo(f"run vae --epochs 1 {words} 1e-2 --out {tmp_path / 'one'}").code == 0
    assert genzoo(f"resume {tmp_path / 'one'} --epochs 2 --lr 1e-3 --quiet").code == 0
    assert genzoo(f"bench --models vae --seeds 0 --epochs 2 {words} 1e-3 --runs {tmp_path}").code == 0
    assert trained == [("vae", 0)] * 2


@pytest.mark.long
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
    lines = result.err.splitlines()[-2:]
    assert lines[0] == f"genzoo: interrupted; 1 of 4 runs are finished and kept in {tmp_path}"
    again = shlex.split(lines[1])
    assert again == ["genzoo", *words.split()]
    result = genzoo(*again[1:])
    assert result.code == 0
    resumed, *others = [line for line in result.err.splitlines() if line.startswith("[")]
    assert resumed.startswith("[2/4] ae, seed 0: resumes ")
    assert others == ["[3/4] vae, seed 1", "[4/4] ae, seed 1"]
    assert trained == [("vae", 0), ("ae", 0), ("vae", 1), ("ae", 1)]


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


@pytest.mark.long
def test_it_leaves_out_what_does_not_fit_unless_it_was_named(tmp_path: Path) -> None:
    result = genzoo(f"bench --dataset moons --seeds 0 --epochs 1 --quiet --runs {tmp_path}")
    assert "left out: conv-vae: conv-vae needs images" in result.err
    assert "\n  vae " in result.out
    assert "\n  conv-vae" not in result.out


@pytest.mark.long
def test_it_needs_no_pytest(kept: Path) -> None:
    start = "import sys; sys.modules['pytest'] = None\nfrom genzoo.cli.main import main\n"
    program = f"{start}sys.exit(main({BENCH.split()!r} + "
    done = subprocess.run(
        [sys.executable, "-c", f"{program}[{str(kept)!r}]))"], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "PCA, 20 components" in done.stdout


# Refusals, before anything is trained.
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "which dataset? genzoo bench A,B DATASET"),
        ("vae,ae", "which dataset? genzoo bench vae,ae DATASET"),
        ("vae,ae --data.path .", "which dataset? --data.path . is a folder"),
        ("vae,ae ./ --epochs 1", "no dataset named './'; here it is a folder"),
        ("vae,vea digits", "no model named 'vea'. Did you mean 'vae'?"),
        ("vae diggits --epochs 1", "no dataset named 'diggits'. Did you mean 'digits'?"),
        ("--dataset diggits", "no dataset named 'diggits'. Did you mean 'digits'?"),
        ("--dataset digits --models vae,vea", "no model named 'vea'. Did you mean 'vae'?"),
        ("--dataset digits --models ,", "--models ',' names none"),
        ("--dataset digits --seeds 4..0", "--seeds 4..0: 4 comes after 0"),
        ("--dataset digits --seeds 0-x", "--seeds 0-x: '0-x' is no seed"),
        ("--dataset digits --seeds 0..99999", "--seeds 0..99999: more than 1,000 numbers"),
        ("--dataset digits --models vae,conv-vae", "conv-vae needs images of at least 16x16; these are 8x8"),
        (
            "--dataset digits --models vae,ae --beta 2",
            "ae: --beta belongs to loss elbo, loss tc and loss views; this run is ae",
        ),
        ("--dataset digits --models vae --epochs x", "vae: --epochs must be a whole number or auto, not 'x'"),
        ("--dataset digits --models vae --seed 3", "--seed is not for bench"),
        ("--dataset digits --models vae --out=x", "--out is not for bench"),
        ("--dataset digits --models vae --figure x.gif", "--figure x.gif: not .png, .jpg"),
        ("--dataset digits --models vae --figure no/x.png", "--figure no/x.png: cannot write to no"),
        ("--dataset digits --models ae,rae --sort negative-elbo", "--sort negative-elbo: no prior p(z)"),
        ("--dataset digits --models vae --sort fid", "--sort fid: no run has it"),
        (
            "--dataset digits --models vae --sort kl",
            "--sort kl: neither lower nor higher values of this metric are better",
        ),
        ("--dataset digits --models ae --loss elbo", "ae: loss 'elbo' cannot train ae"),
        ("--dataset digits --binarize foo", "no model takes these data and options; aae: invalid choice 'foo'"),
    ],
)
def test_refusals(words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result: Result = genzoo(f"bench {words}")
    assert refused(result).startswith(message)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["bench", "race"])
@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("vae --beta 2,ae --beta 2", "ae: --beta belongs to loss elbo"),  # that of vae is accepted
        ("vae,ae --seed 3", "--seed is not for VERB"),
        ("vae,aee --width 3", "no model named 'aee'"),
        ("vae,ae 'x", "--models: ae 'x: No closing quotation"),
    ],
)
def test_options_of_one_model_stand_behind_its_name(verb: str, models: str, message: str) -> None:
    found = refused(genzoo(verb, "--dataset", "digits", "--models", models))
    assert found.startswith(message.replace("VERB", verb))


def test_a_models_own_options_override_those_of_all() -> None:
    options = Namespace(
        dataset="digits", models="vae,vae --hidden 8 --epochs 3", loss=None, rest=["--epochs", "2"], on=None, command=[]
    )
    configs = usable_configs(options, requested_models(options, "bench", {}))
    assert [(config.model_config.hidden, config.training.epochs) for config in configs] == [((400,), 2), ((8,), 3)]
