"""The MLflow listener against MLflow's own server, with a database of its own on this machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killed_run import kill_run

import genzoo
from genzoo.core.errors import UsageError

QUICK = {"epochs": 2, "hidden": (8,), "quiet": True}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Server:
    """`mlflow server` with a database in a folder."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        words = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", self.url.rpartition(":")[2]]
        words += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)]
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=log, env={**os.environ, **quiet}, start_new_session=True
            )
        deadline = time.monotonic() + 300
        while not self.answers():
            assert self.process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.5)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """End it and its workers."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("mlflow.server", reason="pip install 'genzoo[trackers]'", exc_type=ImportError)
    made = Server(tmp_path_factory.mktemp("mlflow"))
    yield made
    made.kill()


@pytest.fixture(autouse=True)
def uri(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "server" in request.fixturenames:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("server").url)


def trained(folder: Path, listeners: str = "mlflow", **options: Any) -> genzoo.Run:
    return genzoo.run("vae", "digits", out=folder, listeners=[listeners], **{**QUICK, **options})


def tracked_runs(url: str) -> list[Any]:
    """The runs of a server that go on and have values."""
    from mlflow import MlflowClient

    client = MlflowClient(url)
    experiment = client.get_experiment_by_name("genzoo")
    runs = client.search_runs([experiment.experiment_id], "status = 'RUNNING'") if experiment else []
    return [run for run in runs if "loss/train" in run.data.metrics]


class Tracked:
    """What the server has of a run: exactly one of its runs."""

    def __init__(self, run: genzoo.Run) -> None:
        from mlflow import MlflowClient

        self.client = MlflowClient()
        found = self.client.get_experiment_by_name("genzoo")
        (self.found,) = self.client.search_runs([found.experiment_id], f"tags.`genzoo.id` = '{run.identity}'")
        self.id = self.found.info.run_id

    def history(self, name: str) -> list[tuple[int, float]]:
        return sorted((one.step, one.value) for one in self.client.get_metric_history(self.id, name))

    def files(self, folder: str) -> set[str]:
        return {Path(file.path).name for file in self.client.list_artifacts(self.id, folder)}


@pytest.mark.long
def test_mlflow_gets_options_curves_results_and_figures(server: Server, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "mlflow:model", metrics=("nll:10",))
    tracked = Tracked(run)
    assert tracked.found.info.status == "FINISHED"
    parameters = tracked.found.data.params
    assert parameters["model.name"] == "vae"
    assert parameters["model.hidden"] == "[8]"
    assert parameters["training.lr"] == "0.001"
    assert parameters["model.nets"] == ""
    for split in ("train", "validation"):
        for term in run.history[0][split]:
            expected = [(epoch["step"], epoch[split][term]) for epoch in run.history]
            assert tracked.history(f"{term}/{split}") == expected
    results = {name: value for name, value in run.results["test"].items() if isinstance(value, float)}
    found = {name.removesuffix("/test"): value for name, value in tracked.found.data.metrics.items() if "/test" in name}
    assert found == results
    assert run.results["test"]["nll"] is None  # of grey pixels
    assert tracked.files("figures") == {path.name for path in (run.path / "figures").glob("*.png")} != set()
    assert tracked.files("model") == {"model.safetensors"}


@pytest.mark.long
def test_a_resumed_run_is_one_run(server: Server, tmp_path: Path) -> None:
    run = trained(tmp_path / "run")
    assert Tracked(run).files("model") == set()
    genzoo.resume(run.path, epochs=4, quiet=True)
    tracked = Tracked(run)
    assert tracked.history("loss/train") == [(epoch["step"], epoch["train"]["loss"]) for epoch in run.history]
    assert tracked.found.data.params["training.epochs"] == "2"  # MLflow's parameters never change
    assert tracked.found.data.tags["resumed.training.epochs"] == "4"


@pytest.mark.long
def test_a_killed_and_resumed_run_is_one_run_with_each_epoch_once(server: Server, tmp_path: Path) -> None:
    run = genzoo.Run(tmp_path / "run")
    done = kill_run(run.path, "mlflow", when=lambda: tracked_runs(server.url))
    before = Tracked(run)
    assert before.found.info.status == "RUNNING"
    assert before.history("loss/train")
    genzoo.resume(run.path, epochs=done + 2, quiet=True)
    after = Tracked(run)
    assert after.history("loss/train") == [(epoch["step"], epoch["train"]["loss"]) for epoch in run.history]
    assert after.found.info.status == "FINISHED"


@pytest.mark.long
@pytest.mark.parametrize(
    ("listeners", "lr", "status"), [("mlflow,stop", 1e-3, "KILLED"), ("mlflow", 1e30, "FAILED")], ids=["Ctrl-C", "nan"]
)
def test_a_run_that_stops_is_closed(listeners: str, lr: float, status: str, server: Server, tmp_path: Path) -> None:
    class Stop(genzoo.RunListener):
        def epoch_finished(self, run: genzoo.Run, epoch: genzoo.Epoch) -> None:
            raise KeyboardInterrupt

    genzoo.register_listener("stop", Stop)
    with pytest.raises((KeyboardInterrupt, genzoo.NonFiniteError)):
        trained(tmp_path / "run", listeners, lr=lr)
    tracked = Tracked(genzoo.Run(tmp_path / "run"))
    assert tracked.found.info.status == status
    assert not any("/test" in name for name in tracked.found.data.metrics)


@pytest.mark.long
def test_a_server_that_is_down_at_the_start_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow", reason="pip install 'genzoo[mlflow]'")
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    assert trained(tmp_path / "run").record["status"] == "finished"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("genzoo: listener mlflow is dropped: its ")
    assert line.endswith(f" failed: GenzooError: no server answers at {url}")


@pytest.mark.long
def test_a_server_that_goes_down_in_the_midst_costs_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow.server", reason="pip install 'genzoo[trackers]'", exc_type=ImportError)
    server = Server(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

    class Kill(genzoo.RunListener):
        def epoch_finished(self, run: genzoo.Run, epoch: genzoo.Epoch) -> None:
            if epoch.epoch == 2:
                deadline = time.monotonic() + 60
                while not tracked_runs(server.url) and time.monotonic() < deadline:
                    time.sleep(0.2)
                server.kill()

    genzoo.register_listener("kill", Kill)
    run = trained(tmp_path / "run", "mlflow,kill", epochs=4)
    assert run.record["status"] == "finished"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("genzoo: listener mlflow is dropped: its ")


def test_without_a_server_only_the_whole_of_mlflow_can_track(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "sqlalchemy" else object())
    with pytest.raises(UsageError, match="which server") as refused:
        trained(tmp_path / "run")
    assert "MLFLOW_TRACKING_URI" in refused.value.hint
