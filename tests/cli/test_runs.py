"""genzoo runs: what it lists of runs of every status, and what it changes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import genzoo
from genzoo.cli.main import main
from genzoo.experiment.job import Job
from genzoo.runs.overview import Overview, run_folders, runs_in
from genzoo.runs.run import CHECKPOINTS, Run
from genzoo.system import lock


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, one of them in a folder of a sweep."""
    root = tmp_path_factory.mktemp("stored")
    small = {"hidden": (8,), "latent_dim": 2, "quiet": True}
    genzoo.run("vae", "digits", out=root / "runs/first", epochs=2, **small)
    genzoo.run("ae", "digits", out=root / "bench/digits/ae-0", epochs=1, lr=0.01, **small)
    return root


@pytest.fixture
def place(stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them, as the working folder."""
    shutil.copytree(stored, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(["runs", *words]) == code
    out = capsys.readouterr()
    return out.err if code else out.out


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    values = json.loads(said(capsys, *words, "--json"))
    assert values["schema"] == 1
    runs: list[dict[str, Any]] = values["runs"]
    return runs


def edit(run: str, **record: Any) -> None:
    file = Path(run) / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | record))


def test_runs_are_listed_the_newest_first_with_those_of_sweeps(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, newest, oldest = said(capsys).splitlines()
    assert header.split() == ["run", "status", "age", "epochs", "loss", "size"]  # no run has tags
    assert re.search(r" ae-0 +finished +\d+ (s|min) +1/1 +[\d.]+ +[\d.]+ \wB", newest)
    assert re.search(r" first +finished +\d+ (s|min) +2/2 +[\d.]+ +[\d.]+ \wB", oldest)
    first = listed(capsys, "list", "runs")[0]
    loss = Run(Path("runs/first")).history[-1]["validation"]["loss"]
    assert (first["model"], first["data"], first["epochs"], first["last_loss"]) == ("vae", "digits", 2, loss)
    assert first["bytes"] == sum(path.stat().st_size for path in Path("runs/first").rglob("*") if path.is_file())


def test_only_some_lines_are_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "-n", "1").splitlines()[-1] == "… 1 more: genzoo runs -n 0"
    assert len(said(capsys, "-n", "0").splitlines()) == 3


def test_a_status_is_that_of_the_process(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit("runs/first", status="running")
    assert [one["status"] for one in listed(capsys, "list", "runs")] == ["killed"]
    with held(Path("runs/first")):
        assert [one["status"] for one in listed(capsys, "list", "runs")] == ["running"]
    edit("runs/first", status="failed: the disk is full")
    (one,) = listed(capsys, "list", "--status", "failed,killed")
    assert (one["run"], one["status"], one["reason"]) == ("runs/first", "failed", "the disk is full")
    Path("runs/first/config.json").write_text("{")
    assert [one["status"] for one in listed(capsys, "list", "runs")] == ["damaged"]


HOLD = """
import sys
import time
from pathlib import Path
from genzoo.system import lock
with lock.locked(Path(sys.argv[1])):
    print(flush=True)
    input()
"""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Let another process hold the lock of a run."""
    words = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.communicate(b"\n")


def test_a_run_is_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show", "first")
    assert "vae with loss elbo on digits" in text
    assert "2 of 2" in text
    assert re.search(r"next +open runs/first/report.html", text)
    edit("runs/first", status="interrupted")
    assert re.search(r"next +genzoo resume runs/first", said(capsys, "show", "first"))
    assert re.search(r"bench/digits/ae-0", said(capsys, "show", "@last"))


def test_runs_of_one_model_are_told_apart_by_their_options(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, beta, seed in (("a", 1.0, 0), ("b", 4.0, 1), ("c", 1.0, 2)):
        shutil.copytree("runs/first", f"sweep/vae/{name}-0")
        file = Path(f"sweep/vae/{name}-0/config.json")
        config = json.loads(file.read_text())
        config["loss"]["beta"], config["training"]["seed"] = beta, seed
        config["data"]["contents"] = f"{seed:016x}"  # a digest tells a reader nothing
        file.write_text(json.dumps(config))

    def named(*words: str) -> dict[str, str]:
        rows = (re.split("  +", line.strip()) for line in said(capsys, *words).splitlines())
        return {row[0]: row[1] for row in rows}

    three = {"b-0": "beta=4 seed=1", "a-0": "seed=0", "c-0": "seed=2"}
    assert named("sweep") == {"run": "options", **three}
    assert "sweep/vae/b-0" in named("list", "sweep", "--runs", "bench")  # its name is not looked up there
    assert {**named(), "run": ""} == {  # most have beta 1, and the ae is alone
        "run": "", "ae-0": "finished", "first": "seed=0", "a-0": "seed=0", "b-0": "beta=4 seed=1", "c-0": "seed=2",
    }  # fmt: skip


def test_control_characters_in_options_are_spelled_out(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("runs/first", "runs/second")
    file = Path("runs/second/config.json")
    file.write_text(file.read_text().replace('"adam"', '"\\u001b[31m"'))
    for words in (("list",), ("show", "second", "-v")):
        text = said(capsys, *words)
        assert "\x1b" not in text
        assert r"\x1b[31m" in text


def test_the_options_and_the_commands_of_a_run_are_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit("runs/first", command=["/bin/genzoo", "run", "vae", "digits"])
    assert main(["resume", "runs/first", "--epochs", "3", "--quiet"]) == 0
    record = json.loads(Path("runs/first/run.json").read_text())
    record["sessions"][-1]["command"] = ["/bin/genzoo", "resume", "runs/first"]
    Path("runs/first/run.json").write_text(json.dumps(record))
    capsys.readouterr()
    text = said(capsys, "show", "first")
    assert re.search(r"options +--latent-dim 2 --hidden 8 --epochs 3\n", text)
    assert re.search(r"command +genzoo run vae digits\n +resumed +genzoo resume runs/first\n", text)
    assert "--batch-size" not in text
    assert re.search(r"--batch-size +128 +128\n", said(capsys, "show", "first", "-v"))
    Path("runs/first/config.json").write_text("{}")
    assert "options" not in said(capsys, "show", "runs/first")


def test_two_runs_are_compared_by_their_options(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit("bench/digits/ae-0", threads=7)
    values = json.loads(said(capsys, "diff", "first", "ae-0", "--json"))
    assert values["options"]["training.lr"] == [0.001, 0.01]
    assert values["options"]["training.epochs"] == [2, 1]
    assert values["options"]["model.name"] == ["vae", "ae"]
    assert "training.seed" not in values["options"]
    assert any(line.startswith("threads ") and line.endswith(" → 7") for line in values["environment"])
    assert re.search(r"training.lr +0.001 +0.01", said(capsys, "diff", "first", "ae-0"))
    assert said(capsys, "diff", "first", "first") == "the same options and versions\n"


def test_tags_and_notes_stay_with_a_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "tag", "first", "paper", "good") == "runs/first: good paper\n"
    said(capsys, "note", "first", "the one of figure 3")
    assert said(capsys, "tag", "first", "good", "--remove") == "runs/first: paper\n"
    assert [one["run"] for one in listed(capsys, "--tag", "paper")] == ["runs/first"]
    text = said(capsys, "show", "first")
    assert re.search(r"tags +paper", text)
    assert re.search(r"note +the one of figure 3", text)
    assert "no blanks" in said(capsys, "tag", "first", "two words", code=2)
    for words in (["-paper"], ["good", "-paper"], ["-verified"]):
        assert "genzoo runs tag RUN TAG --remove" in said(capsys, "tag", "first", *words, code=2)
    assert main(["resume", "runs/first", "--epochs", "3", "--quiet"]) == 0
    assert Overview(Run(Path("runs/first"))).labels == {"tags": ["paper"], "note": "the one of figure 3"}


def test_checkpoints_of_finished_runs_are_dropped(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("runs/first") / CHECKPOINTS
    size = Overview(Run(Path("runs/first"))).checkpoints
    assert size > 1000
    edit("runs/first", status="interrupted")
    assert "its checkpoints are needed" in said(capsys, "clean", "first", code=2)
    assert said(capsys, "clean").startswith("checkpoints of 0 runs removed")
    assert folder.exists()
    edit("runs/first", status="finished")
    assert "nobody is there to answer" in said(capsys, "clean", code=2)
    asked: list[str] = []
    answers = iter(("n", "y"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or next(answers))
    said(capsys, "clean", code=2)
    assert folder.exists()
    assert said(capsys, "clean").startswith("checkpoints of 1 run removed")
    assert all(question.startswith("runs/first (finished, ") for question in asked)
    assert "remove the checkpoints of 1 run, which cannot be trained further then?" in asked[0]
    assert not folder.exists()
    assert said(capsys, "clean", "ae-0", "--yes").startswith("checkpoints of 1 run removed")
    assert main(["resume", "runs/first", "--epochs", "3", "--quiet"]) == 1
    assert "no checkpoint to go on from: genzoo runs clean removes those of finished runs" in capsys.readouterr().err
    assert genzoo.load("runs/first") is not None


def test_a_run_is_removed(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nobody is there to answer" in said(capsys, "rm", "first", code=2)
    asked: list[str] = []
    answers = iter(("n", "y"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or next(answers))
    said(capsys, "rm", "first", code=2)
    assert Path("runs/first").exists()
    said(capsys, "rm", "first")
    assert all("remove 1 run?" in question for question in asked)
    assert os.listdir("runs") == []
    assert said(capsys, "rm", "ae-0", "--yes").startswith("1 removed, ")


def test_a_run_in_use_is_not_removed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(Path("runs/first")):
        assert "runs/first is being written by process" in said(capsys, "rm", "ae-0", "first", "--yes", code=2)
        assert "is being written" in said(capsys, "clean", "first", code=2)
    assert Path("bench/digits/ae-0").exists()
    assert Path("runs/first").exists()


def test_a_run_that_others_need_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path("bench/digits/ae-0/config.json")
    config = json.loads(file.read_text())
    config["model"]["on"] = f"{Path('runs/first').resolve()}@0123abcd"
    shutil.copytree("bench/digits/ae-0", "runs/second")
    Path("runs/second/config.json").write_text(json.dumps(config))
    from genzoo.cli.runs import describe_removal
    from genzoo.runs.overview import users_of

    first = Overview(Run(Path("runs/first")))
    users = users_of(first.run, runs_in([Path("runs")]))
    assert [path.name for path in users] == ["second"]
    assert "second cannot be used without it" in describe_removal(first, users)


def test_what_is_inside_a_run_is_its_own(place: Path) -> None:
    shutil.copytree("bench/digits/ae-0", "runs/first/copy")
    assert run_folders([Path("runs")]) == [Path("runs/first")]
    assert lock.is_free(Path("runs/first"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--status", "finishd"], "Did you mean 'finished'?"),
        (["list", "nowhere"], "no folder nowhere"),
        (["show", "nothing"], "no run 'nothing'"),
        (["--tag", "none"], "no such runs"),
        (["shwo"], "invalid choice: 'shwo'"),
    ],
)
def test_mistakes_are_one_line(place: Path, words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert text in said(capsys, *words, code=2)


def test_a_run_that_was_killed_before_its_record_is_killed_and_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small: dict[str, Any] = {"hidden": (8,), "epochs": 1, "quiet": True, "data": {"train": 200}}

    def killed(self: Job, run: Run) -> None:
        assert Overview(run).status == "running"
        raise SystemError  # as sudden as a kill: nothing is written after it

    with monkeypatch.context() as patched:
        patched.setattr(Job, "first_session", killed)
        with pytest.raises(SystemError):
            genzoo.run("vae", "moons", out="long", **small)
    assert {path.name for path in Path("long").iterdir()} == {"config.json", "data.json", "lock"}
    (one,) = listed(capsys)
    assert (one["run"], one["status"], one["epochs_asked"]) == ("long", "killed", 1)
    assert abs(one["started"] - time.time()) < 100
    text = said(capsys, "show", "@last")
    assert re.search(r"status +killed", text)
    assert re.search(r"started +20\d\d-.* ago", text)
    assert "unknown device" not in text
    assert re.search(r"next +genzoo resume long", text)
    with pytest.raises(genzoo.UsageError, match="long has no model yet: it was killed"):
        Run(Path("long")).model  # noqa: B018
    assert genzoo.resume("long", quiet=True).record["status"] == "finished"
    Path("long/run.json").unlink()
    assert [one["status"] for one in listed(capsys, "list", "long")] == ["damaged"]
    assert "started" not in said(capsys, "show", "long")


def test_a_killed_run_says_after_which_epoch_it_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = genzoo.run("vae", "moons", out="a", epochs=3, hidden=(8,), latent_dim=1, quiet=True)
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    more = [{**lines[-1], "epoch": epoch, "step": 8 * epoch} for epoch in (4, 5)]
    (run.path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in [*lines, *more]))
    record = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps(record | {"status": "interrupted"}))
    assert re.search(r"epochs +5 of 3; saved, and so resumed, after 3\n", said(capsys, "show", "a"))
    (run.path / "run.json").write_text(json.dumps(record))
    assert "resumed" not in said(capsys, "show", "a")
