"""Test that every built-in model trains on the device: eagerly, captured, as a whole run; and `genzoo check`."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench import Bench
from subjects import Case, refusal
from timing import rounds
from training import fit, loss_of

import genzoo
from genzoo.registry.current import registry
from genzoo.registry.discovery import GROUP
from genzoo.registry.entries import Entry

MODES = ("eager", "graph")
REHEARSED = ("class", "options", "contract")
"""Checks that a rehearsal runs."""


def run(bench: Bench) -> None:
    """Measure the most important rows first: one epoch of each model in each mode; in a rehearsal of a few."""
    built_in = (entry for entry in registry().matching("model") if entry.origin.distribution == GROUP)
    entries = list(first_of_each_family(built_in) if bench.tiny else filter(trains, built_in))
    bench.row("hardware", lambda: hardware(bench))
    for mode in MODES:
        for entry in entries:
            bench.row(f"{entry.name} {mode}", of_model(bench, entry.name, mode))
    for entry in entries[: 1 if bench.tiny else None]:
        bench.row(f"run {entry.name}", of_run(bench, entry.name), needs=10)
    for entry in entries[: 1 if bench.tiny else None]:
        bench.row(f"check {entry.name}", of_check(bench, entry), needs=15)


def trains(entry: Entry) -> bool:
    """Return whether a model is trained on images by steps."""
    return not refusal(entry.name, "mnist")


def first_of_each_family(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the first model of each family that is trained on images by steps."""
    families = set()
    for entry in entries:
        if entry.origin not in families and trains(entry):
            families.add(entry.origin)
            yield entry


def hardware(bench: Bench) -> dict[str, Any]:
    """Return the speed of the device: bytes per second of a copy, read and written, and of matrix products."""
    size, side = (1 << 22, 256) if bench.tiny else (1 << 30, 8192)
    source = torch.zeros(size, dtype=torch.uint8, device=bench.device)
    target = torch.empty_like(source)
    values = {"copy_bytes_per_second": 2 * size / min(rounds(lambda: target.copy_(source), bench.device))}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(side, side, device=bench.device).to(dtype) for _ in range(2))
        seconds = min(rounds(partial(torch.matmul, a, b), bench.device))
        values[f"{str(dtype).removeprefix('torch.')}_flop_per_second"] = 2 * side**3 / seconds
    return values


def of_model(bench: Bench, model: str, mode: str) -> Callable[[], dict[str, Any]]:
    """Return a row: one epoch of training and a validation."""

    def work() -> dict[str, Any]:
        train, test, source = bench.images
        case = Case(model, 8 if bench.tiny else 128, mode, "fp32", bench.device.type)
        trainer, values = fit(bench, case, train, test, epochs=1)
        (epoch,) = trainer.outcome.epochs
        return {
            "validation": loss_of(epoch.validation),
            "epoch_seconds": epoch.seconds,
            "data": source,
            **values,
        }

    return work


def of_run(bench: Bench, model: str) -> Callable[[], dict[str, Any]]:
    """Return a row: a whole `genzoo run` with training, metrics, figures, report and checkpoints."""

    def work() -> dict[str, Any]:
        options: dict[str, Any] = {} if bench.tiny else {"mode": "graph"}
        with tempfile.TemporaryDirectory() as folder:
            options |= {"out": Path(folder) / "run", "quiet": True, "data": {"resize": 16}}
            made = genzoo.run(model, "digits", epochs=1, device=bench.device.type, **options)
            results = made.results
            return {"mode": results["training"]["mode"], "test": results["test"]}

    return work


def of_check(bench: Bench, entry: Entry) -> Callable[[], dict[str, Any]]:
    """Return a row: `genzoo check`, which computes on the CPU, with this Python and torch."""

    def work() -> dict[str, Any]:
        from genzoo.testing.runner import examine

        found = list(examine(entry, only=REHEARSED if bench.tiny else ()))
        verdicts = Counter(finding.verdict for finding in found)
        faults = [asdict(finding) for finding in found if finding.verdict == "FAIL"]
        values = {"passed": verdicts["PASS"], "warnings": verdicts["WARN"], "faults": faults}
        if faults:
            raise AssertionError(f"{len(faults)} checks failed: {faults}")
        return values

    return work
