"""`pytest benchmarks`: its options and cases, the table at the end, and the comparison with a stored run."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from measuring import COMPARED, FIELDS, scale_to_now
from subjects import Case, abilities, modes, refusal

import genzoo
from genzoo.core.model import Model, count_parameters
from genzoo.core.text import gigabytes
from genzoo.experiment.sweep import parse_seeds
from genzoo.registry.current import registry
from genzoo.reporting.format import aligned
from genzoo.runs.environment import PACKAGES, environment, revision
from genzoo.system.devices import choose_device, describe_device, forget_peak, peak_memory

STORED = pytest.StashKey[dict[str, dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("genzoo")
    group.addoption("--quick", action="store_true", help="under three minutes on two cores: short rounds, digits")
    group.addoption("--models", default="", help="a,b (default: every registered model that fits)")
    group.addoption("--batch-sizes", default="", help="a,b (default: 128,1024; quick: 128)")
    group.addoption("--modes", default="", help="of " + ", ".join(modes()) + " (default: all available; quick: eager)")
    group.addoption("--precisions", default="", help="a,b of fp32, bf16 (default: both; quick: fp32)")
    group.addoption("--devices", default="", help="a,b of cpu, cuda, … (default: cpu, and cuda if available)")
    group.addoption("--shape-of", default="mnist", help="the dataset whose shape the made-up images have")
    group.addoption("--budget-dataset", default="", help="dataset of the quality runs (default: digits at 16x16)")
    group.addoption("--budget-epochs", type=int, default=0, help="(default: 10; quick: 2)")
    group.addoption("--budget-seeds", default="", help="(default: 0..2; quick: 0..1)")
    group.addoption("--slowed", action="store_true", help="train through a DataLoader: the comparison must notice")


@dataclass
class Budget:
    """The options of the quality runs."""

    dataset: str
    data: dict[str, Any]
    epochs: int
    seeds: int


class Scope:
    """The amount of measurement, from the options."""

    def __init__(self, config: pytest.Config) -> None:
        option = config.getoption
        self.quick: bool = option("quick")
        self.slowed: bool = option("slowed")
        self.dataset: str = option("shape_of")
        self.seconds, self.rounds = (0.6, 7) if self.quick else (5.0, 15)
        self.steps, self.images = (4, 1024) if self.quick else (20, 20_480)
        self.parameters = 0
        named = option("budget_dataset")
        seeds = parse_seeds(option("budget_seeds") or ("0..1" if self.quick else "0..2"))
        epochs = option("budget_epochs") or (2 if self.quick else 10)
        self.budget = Budget(named or "digits", {} if named else {"resize": 16}, epochs, len(seeds))

    def count(self, model: Model) -> None:
        """Record the size of the current model."""
        self.parameters = count_parameters(model)


@pytest.fixture
def scope(request: pytest.FixtureRequest) -> Scope:
    return Scope(request.config)


def chosen(config: pytest.Config, name: str, full: tuple[str, ...], quick: tuple[str, ...]) -> tuple[str, ...]:
    """Return an option's list, or the default."""
    words = tuple(filter(None, (word.strip() for word in config.getoption(name).split(","))))
    return words or (quick if config.getoption("quick") else full)


def models(config: pytest.Config) -> list[str]:
    """Return the models that were named, or all that fit."""
    everything = tuple(registry().spelling(entry) for entry in registry().matching("model"))
    named = chosen(config, "models", everything, everything)
    for name in named:
        registry().get("model", name)
    return [name for name in named if not refusal(name, config.getoption("shape_of"))]


def pytest_report_header(config: pytest.Config) -> list[str]:
    names = [registry().spelling(entry) for entry in registry().matching("model")]
    reasons = {name: refusal(name, config.getoption("shape_of")) for name in names}
    return [f"left out: {name}: {reason}" for name, reason in reasons.items() if reason]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    config = metafunc.config
    accelerators = ("cuda",) if torch.cuda.is_available() else ()
    devices = chosen(config, "devices", ("cpu", *accelerators), ("cpu", *accelerators))
    sizes = [int(size) for size in chosen(config, "batch_sizes", ("128", "1024"), ("128",))]
    if "training_case" in metafunc.fixturenames:
        ways = chosen(config, "modes", modes(), ("eager",))
        precisions = chosen(config, "precisions", ("fp32", "bf16"), ("fp32",))
        product = itertools.product(models(config), sizes, ways, precisions, devices)
        cases = [case for case in itertools.starmap(Case, product) if case.mode != "graph" or case.device == "cuda"]
        metafunc.parametrize("training_case", cases, ids=str)
    if "inference_case" in metafunc.fixturenames:
        pairs = [
            (kind, Case(model, size, modes()[0], "fp32", device))
            for model, size, device in itertools.product(models(config), sizes, devices)
            for kind in abilities(model, config.getoption("shape_of"))
        ]
        metafunc.parametrize("inference_case", pairs, ids=[f"{kind}-{case}" for kind, case in pairs])
    if "budget_model" in metafunc.fixturenames:
        metafunc.parametrize("budget_model", models(config))


@pytest.fixture
def record(benchmark: Any, scope: Scope, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Fill extra_info, and convert the stored times of this benchmark to the speed of this machine."""
    forget_peak(torch.device("cpu"))
    for name in chosen(request.config, "devices", (), ()):
        forget_peak(choose_device(name))

    def fill(kind: str, case: Case, images: int, mode: str = "") -> None:
        device = torch.device(case.device)
        source = revision(Path(genzoo.__file__).parent)
        benchmark.extra_info |= {
            "kind": kind, "model": case.model, "batch_size": case.batch_size, "mode": mode or case.mode,
            "precision": case.precision, "device": case.device, "device_name": describe_device(device),
            "threads": torch.get_num_threads(), "images": images,
            "images_per_second": images / benchmark.stats.stats.median, "peak_memory": peak_memory(device),
            "parameters": scope.parameters, "genzoo": genzoo.__version__, "torch": torch.__version__,
            "commit": source["commit"] + ("-dirty" if source["dirty"] else "") if source else None,
        }  # fmt: skip
        stored = request.config.stash.get(STORED, {}).get(benchmark.fullname)
        if stored:
            scale_to_now(stored, benchmark.stats.stats.median, benchmark.extra_info["calibration"])

    return fill


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("benchmark_histogram"):  # pytest-benchmark draws it only with its own table
        config.option.benchmark_quiet = True


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    known = environment(torch.device("cpu"), ())
    machine_info["packages"] = {"genzoo": known["genzoo"], **{name: known["packages"][name] for name in PACKAGES}}
    machine_info["threads"] = known["threads"]
    count = torch.cuda.device_count()
    machine_info["gpus"] = [torch.cuda.get_device_name(number) for number in range(count)]
    machine_info["cuda"] = torch.version.cuda


@pytest.hookimpl(tryfirst=True)
def pytest_benchmark_compare_machine_info(
    config: pytest.Config, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Keep what is comparable. The machine may differ: the calibration corrects for it."""
    kept = [one for one in compared_benchmark["benchmarks"] if one["extra_info"].get("kind") in COMPARED]
    compared_benchmark["benchmarks"] = kept
    config.stash[STORED] = {one["fullname"]: one for one in kept}
    compared_benchmark["machine_info"] = machine_info


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    for one in output_json["benchmarks"]:
        missing = set(FIELDS) - set(one["extra_info"])
        assert not missing, f"{one['fullname']} lacks {sorted(missing)}"


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print our own table: fastest first within a kind, with columns that pytest-benchmark's table lacks."""
    done = [one for one in config._benchmarksession.benchmarks if one and "kind" in one.extra_info]  # type: ignore[attr-defined]
    kinds = dict.fromkeys(one.extra_info["kind"] for one in done)
    stored = config.stash.get(STORED, {})
    for kind in kinds:
        rows = [["model", "batch", "mode", "precision", "device", "median", "± IQR/2", "images/s", "peak memory",
                 "parameters", *(["to stored"] if stored else [])]]  # fmt: skip
        for one in sorted((one for one in done if one.extra_info["kind"] == kind), key=lambda one: one.stats.median):
            info, before = one.extra_info, stored.get(one.fullname)
            share = f"{one.stats.median / before['stats']['median']:.2f}" if before else ""
            rows.append([
                info["model"], str(info["batch_size"]), info["mode"], info["precision"], info["device"],
                milliseconds(one.stats.median), milliseconds(one.stats.iqr / 2), f"{info['images_per_second']:,.0f}",
                gigabytes(info["peak_memory"]), f"{info['parameters']:,}", *([share] if stored else []),
            ])  # fmt: skip
        terminalreporter.write_line("")
        terminalreporter.write_line(kind)
        terminalreporter.write_line(aligned(rows))


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.3f} ms" if seconds < 0.1 else f"{seconds * 1e3:,.0f} ms"
