"""Isolation: settings of the program do not change a run, and a run restores them."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from torch import Tensor

import genzoo
from genzoo.core.noise import content_keys, keyed
from genzoo.system.isolation import one_run, own_settings

OPTIONS: dict[str, Any] = {"epochs": 2, "hidden": [8], "latent_dim": 2, "quiet": True, "binarize": "dynamic"}


def train(out: Path, **options: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights and the results of a small run."""
    run = genzoo.run("vae", "moons" if "data" in options else "digits", out=out, **{**OPTIONS, **options})
    return run.model.state_dict(), run.results["test"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """In a program that has set nothing."""
    return train(tmp_path_factory.mktemp("alone") / "run")


@contextmanager
def changed(get: Callable[[], Any], put: Callable[[Any], object], value: Any) -> Iterator[None]:
    before = get()
    put(value)
    try:
        yield
    finally:
        put(before)


SETTINGS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "float64": lambda: changed(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "bfloat16": lambda: changed(torch.get_default_dtype, torch.set_default_dtype, torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "device meta": lambda: torch.device("meta"),
    "default device": lambda: changed(lambda: None, torch.set_default_device, "meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "deterministic": lambda: changed(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True
    ),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    "numpy raises": lambda: np.errstate(all="raise"),
    "keyed noise": lambda: keyed(content_keys(torch.rand(7, 3))),
    "nothing": nullcontext,
}
"""What a program may set."""
QUICK = ("float64", "inference_mode", "default device", "autocast", "keyed noise")


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in SETTINGS]
)
def test_what_a_program_has_set_changes_no_run(
    name: str, tmp_path: Path, alone: tuple[dict[str, Tensor], dict[str, Any]]
) -> None:
    torch.manual_seed(5), np.random.seed(5), random.seed(5)  # noqa: NPY002
    with SETTINGS[name]():
        weights, results = train(tmp_path / "run")
        loaded = genzoo.load(tmp_path / "run").state_dict()
    for found in (weights, loaded):
        assert found.keys() == alone[0].keys()
        for key, value in alone[0].items():
            assert found[key].dtype == value.dtype
            assert torch.equal(found[key], value), key
            assert not found[key].is_inference()
    assert results == alone[1]


def state() -> dict[str, Any]:
    """All that a program may have set."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002
        "random": random.getstate(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "errors": np.geterr(),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)],
        "figures": dict(matplotlib.rcParams),
        "warnings": list(warnings.filters),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": list(sys.path),
    }


@pytest.mark.parametrize(
    "name", ["float64", *(pytest.param(name, marks=pytest.mark.long) for name in ("inference_mode", "device meta"))]
)
def test_a_run_leaves_all_as_it_was(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3), np.random.seed(3), random.seed(3)  # noqa: NPY002
    monkeypatch.setitem(matplotlib.rcParams, "axes.titlesize", 31)
    with SETTINGS[name]():
        before = state()
        train(tmp_path / "run")
        genzoo.resume(tmp_path / "run", epochs=3, quiet=True)
        genzoo.load(tmp_path / "run")
        after = state()
    assert {key: value for key, value in after.items() if value != before[key]} == {}


def test_a_run_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    with SETTINGS["float64"]():
        before = state()
        with pytest.raises(genzoo.NonFiniteError):
            train(tmp_path / "run", lr=1e38)
        assert state() == before


def in_threads(*actions: Callable[[], None]) -> None:
    """Does several things at once."""
    errors: list[BaseException] = []

    def guarded(action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_runs_in_threads_are_what_each_is_alone(
    tmp_path: Path, alone: tuple[dict[str, Tensor], dict[str, Any]]
) -> None:
    other = train(tmp_path / "other", seed=1)
    found: dict[str, tuple[dict[str, Tensor], dict[str, Any]]] = {}
    in_threads(
        lambda: found.update(a=train(tmp_path / "a")),
        lambda: found.update(b=train(tmp_path / "b", seed=1)),
        lambda: found.update(c=train(tmp_path / "c")),
    )
    for name, expected in (("a", alone), ("b", other), ("c", alone)):
        assert found[name][1] == expected[1], name
        assert all(torch.equal(value, expected[0][key]) for key, value in found[name][0].items()), name


@pytest.mark.long
def test_models_are_loaded_and_sampled_beside_a_training(
    tmp_path: Path, alone: tuple[dict[str, Tensor], dict[str, Any]]
) -> None:
    ready = genzoo.run("vae", "digits", out=tmp_path / "ready", **OPTIONS)
    done = threading.Event()
    found: dict[str, Any] = {}

    def training() -> None:
        try:
            found["run"] = train(tmp_path / "run")
        finally:
            done.set()

    def beside() -> None:
        while not done.is_set():
            genzoo.load(ready.path).sample(3)

    in_threads(training, beside)
    assert found["run"][1] == alone[1]
    assert all(torch.equal(value, alone[0][key]) for key, value in found["run"][0].items())


def test_a_second_thread_says_that_it_waits(capsys: pytest.CaptureFixture[str]) -> None:
    def second() -> None:
        with one_run():
            order.append("second")

    order: list[str] = []
    with one_run(), one_run():  # the thread itself may go in again
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert capsys.readouterr().err == (
        "genzoo: waiting for a run in another thread; to run in parallel, start one process each\n"
    )


def test_a_run_within_a_run(tmp_path: Path, alone: tuple[dict[str, Tensor], dict[str, Any]]) -> None:
    """From a listener, in the midst of a training: both are what they are alone."""
    inner: list[tuple[dict[str, Tensor], dict[str, Any]]] = []

    class Nested(genzoo.RunListener):
        def epoch_finished(self, run: genzoo.Run, record: genzoo.Epoch) -> None:
            if record.epoch == 1:
                inner.append(train(tmp_path / "inner", seed=0))

    genzoo.register_listener("nested", Nested)
    outer = train(tmp_path / "outer", listeners=["nested"])
    for weights, results in (outer, *inner):
        assert results == alone[1]
        assert all(torch.equal(value, alone[0][key]) for key, value in weights.items())
    assert len(inner) == 1


def test_threads_share_the_default_dtype() -> None:
    """The first one in changes it, and only the last one out puts it back."""
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with own_settings():
            inside.set()
            leave.wait(60)

    with SETTINGS["float64"]():
        thread = threading.Thread(target=other)
        with own_settings():
            thread.start()
            inside.wait(60)
        assert torch.get_default_dtype() == torch.float32
        leave.set()
        thread.join()
        assert torch.get_default_dtype() == torch.float64
