"""Options with and without their section, from the command line to the stored run; two plugins with one option name."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from commandline import genzoo, refused, trained
from plugin_factory import Site

import genzoo as package
from genzoo.cli.dispatch import Parser
from genzoo.cli.words import add_general_options, add_verbs
from genzoo.comparison.tables import tables
from genzoo.runs.run import Run
from genzoo.runs.sections import OF_THE_VERB

MODEL = '''
import genzoo
from genzoo_plugins.vae.vae import VAE

GENZOO_API = 2

class Scheduled(VAE):
    """A VAE with an option of the trainer's name."""

    @genzoo.config
    class Config(VAE.Config):
        schedule: genzoo.Fraction = 0.5
        """How far."""
        warm: bool = False
        """Warm."""

@genzoo.hookimpl
def register_models(register):
    target = f"{__name__}:Scheduled"
    register("scheduled", target, loss="timed", summary="a test", training={"ema": 0.5, "schedule": "cosine"})
'''
LOSS = '''
import genzoo
from genzoo_plugins.losses.elbo import ELBO

GENZOO_API = 2

class Timed(ELBO):
    """A loss with an option of the model's name."""

    @genzoo.config
    class Config(ELBO.Config):
        schedule: genzoo.Count = 3
        """When."""
        warm: bool = True
        """Warm."""

@genzoo.hookimpl
def register_losses(register):
    register("timed", f"{__name__}:Timed", summary="a test")
'''
RUN = "run scheduled --dataset moons --epochs 1 --hidden 4 --latent-dim 2 --data.train 200"
WAYS = "write --model.schedule or --loss.schedule or --train.schedule"


@pytest.fixture
def two(site: Site) -> None:
    """Two packages: a model and its loss, which share option names with each other and with the trainer."""
    site.add(MODEL, distribution="of-model", entry="one")
    site.add(LOSS, distribution="of-loss", entry="two")


def schedules(run: Run) -> tuple[object, object, object]:
    config = run.config
    return config.model_config.schedule, config.loss_config.schedule, config.training.schedule


@pytest.mark.usefixtures("two")
def test_each_section_has_its_own(tmp_path: Path) -> None:
    assert schedules(trained(tmp_path / "a", *RUN.split()[1:])) == (0.5, 3, "cosine")
    words = "--model.schedule 0.25 --loss.schedule=7 --train.schedule constant --model.warm --loss.no-warm"
    run = trained(tmp_path / "b", *RUN.split()[1:], *words.split())
    assert schedules(run) == (0.25, 7, "constant")
    assert (run.config.model_config.warm, run.config.loss_config.warm) == (True, False)
    assert type(run.config.model_config).__name__ == "Config"
    assert run.config.training.ema == 0.5


@pytest.mark.usefixtures("two")
def test_without_a_section_it_is_refused_in_one_line(tmp_path: Path) -> None:
    assert refused(genzoo(f"{RUN} --schedule 3")) == f"--schedule belongs to several sections: {WAYS}"
    assert refused(genzoo(f"{RUN} --no-warm")) == (
        "--warm belongs to several sections: write --model.warm or --loss.warm"
    )
    file = tmp_path / "c.toml"
    file.write_text('model = "scheduled"\ndataset = "moons"\nschedule = 3\n')
    assert refused(genzoo("run", "--config", file)) == f"{file}:3: --schedule belongs to several sections: {WAYS}"
    with pytest.raises(package.UsageError, match="--schedule belongs to several sections"):
        package.run("scheduled", "moons", schedule=3, runs=tmp_path / "runs")


@pytest.mark.usefixtures("two")
def test_a_file_has_a_table_for_each_section(tmp_path: Path) -> None:
    text = """\
    [model]
    name = "scheduled"
    schedule = 0.25
    hidden = [4]
    warm = true
    [loss]
    schedule = 7
    [data]
    name = "moons"
    train = 200
    [train]
    schedule = "constant"
    epochs = 1
    """
    (tmp_path / "c.toml").write_text(dedent(text))
    run = trained(tmp_path / "runs", "--config", tmp_path / "c.toml")
    assert schedules(run) == (0.25, 7, "constant")
    again = trained(tmp_path / "again", "--config", run.path / "config.json")
    assert again.config == run.config
    assert again.results["weights"] == run.results["weights"]
    (tmp_path / "d.toml").write_text(dedent(text).replace("schedule = 7", "schedule = 0"))
    message = f"{tmp_path / 'd.toml'}:7: --loss.schedule must be at least 1, not 0"
    assert refused(genzoo("run", "--config", tmp_path / "d.toml")) == message


@pytest.mark.usefixtures("two")
def test_the_same_in_python(tmp_path: Path) -> None:
    small = {"epochs": 1, "hidden": (4,), "quiet": True, "runs": tmp_path}
    sections = {"model.schedule": 0.25, "loss.schedule": 7, "train.schedule": "constant", "data.train": 200}
    assert schedules(package.run("scheduled", "moons", **small, **sections)) == (0.25, 7, "constant")
    with pytest.raises(package.UsageError, match=r"^--model.schedule must be at least 0 and at most 1, not 2"):
        package.run("scheduled", "moons", **small, **{"model.schedule": 2})


@pytest.mark.usefixtures("two")
def test_resuming_names_the_section_of_what_may_not_change(tmp_path: Path) -> None:
    run = trained(tmp_path / "runs", *RUN.split()[1:])
    for option, value in (("--model.schedule", 0.1), ("--train.schedule", "constant"), ("--loss.schedule", 4)):
        assert refused(genzoo("resume", run.path, option, value)).startswith(f"{option} cannot change in a run")
    assert genzoo("resume", run.path, "--train.epochs", 2, "--quiet").code == 0
    assert run.config.training.epochs == 2


@pytest.mark.usefixtures("two")
def test_help_names_the_section_where_it_is_needed() -> None:
    lines = genzoo(f"{RUN} --help").out.splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(word for line in lines for word in line.split() if word not in "│|")
    for shown in ("--model.schedule FLOAT How far. (default: 0.5)", "--loss.schedule INT When. (default: 3)"):
        assert shown in text
    for shown in ("--train.schedule STR", "(default: cosine)", "--latent-dim INT", "--lr FLOAT"):
        assert shown in text
    assert "--model.warm, --model.no-warm" in text
    for part in ("the model", "the loss", "the data", "training", "the command", "every command"):
        assert f" options of {part}" in text


@pytest.mark.long
@pytest.mark.usefixtures("two")
def test_a_comparison_tells_the_sections_apart(tmp_path: Path) -> None:
    for value in (0.25, 0.75):
        assert genzoo(f"{RUN} --model.schedule {value} --quiet --runs {tmp_path / 'runs'}").code == 0
    (table,) = tables(Run(path) for path in (tmp_path / "runs").iterdir())
    settings = [row.settings for row in table.rows]
    assert sorted(one["model.schedule"] for one in settings) == [0.25, 0.75]
    assert {(one["loss.schedule"], one["train.schedule"]) for one in settings} == {(3, "cosine")}
    assert sorted(map(table.label, table.rows)) == ["scheduled model.schedule=0.25", "scheduled model.schedule=0.75"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--train.lrr 3", "no option --train.lrr. Did you mean --train.lr?"),
        ("--model.epochs 3", "no option --model.epochs. Did you mean --train.epochs?"),
        ("--model.channels 3", "--model.channels belongs to model consistency, model conv-vae and "),
        ("--loss.beta x", "--beta must be a number, not 'x'"),
        ("--train.epochs 0", "--epochs must be at least 1, not 0"),
    ],
)
def test_what_does_not_exist_is_refused(words: str, message: str) -> None:
    assert refused(genzoo(f"run vae --dataset digits {words}")).startswith(message)


def test_metrics_that_a_run_asks_for_are_in_its_results(tmp_path: Path) -> None:
    words = "vae --dataset moons --epochs 1 --hidden 4 --latent-dim 2 --data.train 200 --metrics iwae:5,kl-per-dim"
    run = trained(tmp_path / "runs", *words.split())
    assert isinstance(run.results["test"]["iwae_5"], float)
    assert isinstance(run.results["validation"]["kl_per_dim"], float)
    assert run.config.training.metrics == ("iwae:5", "kl-per-dim")
    plain = trained(tmp_path / "plain", *words.split()[:-2])
    assert plain.results["weights"] == run.results["weights"]
    shared = {name: value for name, value in run.results["test"].items() if isinstance(value, float)}
    assert {name: value for name, value in shared.items() if name in plain.results["test"]}.items() <= (
        plain.results["test"].items()
    )
    assert refused(genzoo("run vae --dataset moons --metrics iwea")).startswith("no metric named 'iwea'")


@pytest.mark.long
def test_a_bench_ranks_by_a_metric_that_it_asked_for(tmp_path: Path) -> None:
    words = "bench --models vae --dataset moons --seeds 0 --epochs 1 --hidden 4 --data.train 200 --quiet --json"
    asked = [*words.split(), "--metrics", "iwae:5", "--sort", "iwae:5", "--runs", tmp_path]
    result = genzoo(*asked)
    assert result.code == 0, result.err
    assert "iwae_5" in result.out
    assert refused(genzoo(*words.split()[:-1], "--sort", "iwae:5", "--runs", tmp_path)).startswith(
        "--sort iwae:5: no run"
    )


def test_a_registration_with_a_wrong_option_of_the_trainer_is_refused(site: Site) -> None:
    site.add(MODEL.replace('"ema": 0.5', '"emma": 0.5'), distribution="of-model")
    site.add(LOSS, distribution="of-loss")
    message = "registration of model 'scheduled': unknown option 'emma'. Did you mean 'ema'?"
    assert refused(genzoo("run scheduled --dataset moons")) == message
    assert "FAIL  options" in genzoo("check scheduled --only options").out


def test_what_is_of_the_verb_is_what_its_parser_takes() -> None:
    parser = Parser(prog="genzoo")
    add_general_options(parser)
    run = add_verbs(parser, ["run"]).choices["run"]
    taken = {*parser._option_string_actions, *run._option_string_actions}
    assert {*OF_THE_VERB} == {word for word in taken if word.startswith("--")}
