"""Run folders with folders, pipes, devices and links in place of files, and hostile names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from corpus import CASES, Place, Words, case
from forge import link, pipe


def instead(name: str, file: str, replace: Callable[[Path, Place], object], *words: Any) -> None:
    """Add cases in which a file of a run is replaced by something else."""

    @case(f"run: {name}")
    def recipe(place: Place) -> Words:
        path = place.run() / file
        path.unlink(missing_ok=True)
        replace(path, place)
        return list(words)


def a_file(folder: Path) -> None:
    """Replace a folder by a file."""
    shutil.rmtree(folder)
    folder.touch()


FILES = {
    "model.safetensors": ("sample", "run"),
    "config.json": ("evaluate", "run"),
    "results.json": ("report", "run"),
    "run.json": ("report", "run"),
}
for file, words in FILES.items():
    instead(f"{file} is a folder", file, lambda path, place: path.mkdir(), *words)
    instead(f"{file} is a pipe", file, lambda path, place: pipe(path), *words)
    instead(f"{file} is a device", file, lambda path, place: link(path, "/dev/zero"), *words)
    instead(f"{file} is a link to itself", file, lambda path, place: link(path, path.name), *words)
instead("its figures lead outside", "figures/x", lambda path, place: link(path.parent, place.outside), "sample", "run")
instead(
    "a figure leads outside",
    "figures/samples-64-seed0.png",
    lambda path, place: link(path, place.outside / "secret"),
    "sample",
    "run",
)
instead("its figures are a file", "figures/x", lambda path, place: a_file(path.parent), "sample", "run")


@case("run: a history that is a pipe")
def _(place: Place) -> Callable[[], object]:
    from genzoo.runs.run import Run

    run = place.run()
    pipe(run / "metrics.jsonl")
    return lambda: Run(run).history


REFERENCES = {
    "leads outside": "../../etc",
    "is a system file": "/etc/passwd",
    "is a device": "/dev/zero",
    "has a NUL": "a\0b",
    "has 300 characters": "x" * 300,
    "has 10,000 characters": "x/" * 5000,
    "has control characters": "\x1b[2J\x07\nmodel: fine",
    "is a pattern": "*",
    "is a lone surrogate": "\udcff",
    "is a command": "$(touch canary)",
    "is empty": "",
    "is a dot": "..",
}


def typed(*words: str) -> Callable[[Place], Words]:
    """Return the case of a command that needs no file."""
    return lambda place: list(words)


def registering(name: str) -> Callable[[Place], Callable[[], object]]:
    """Return the case of a model that is registered by a name."""
    return lambda place: partial(registered, name)


for what, reference in REFERENCES.items():
    CASES[f"reference: {what}"] = typed("sample", reference)
    CASES[f"model name: {what}"] = typed("run", f"{reference}x", "--dataset", "moons")
    CASES[f"dataset name: {what}"] = typed("run", "vae", f"--dataset={reference}x")
    CASES[f"loss name: {what}"] = typed("run", "vae", "--dataset", "moons", f"--loss={reference}x")
for twin in ("ｖａｅ", "VAE", "vаe", "vae\u200b", "ᵛᵃᵉ"):
    CASES[f"model name: {twin!a}"] = typed("run", twin, "--dataset", "moons")
    CASES[f"registered name: {twin!a}"] = registering(twin)
for bad in ("..", "a/b", "a\0", "x" * 300, "\x1b[2J", "con.", "", "-v", "a\n"):
    CASES[f"registered name: {bad!a:.20}"] = registering(bad)
CASES["metric name: leads outside"] = lambda place: ["evaluate", place.run(), "--metrics", "../../etc/passwd"]


def registered(name: str) -> None:
    import genzoo

    genzoo.register_dataset(name, object)


# more than a machine holds
CASES["sample: a trillion"] = lambda place: ["sample", place.run(), "-n", 10**12, "--out", "x.npy"]
CASES["sample: beyond 64 bits"] = lambda place: ["sample", place.run(), "-n", 10**30, "--out", "x.npy"]
CASES["augment: a trillion"] = lambda place: ["augment", place.run(), "-n", 10**12, "--out", "x.npy"]
CASES["traverse: a trillion"] = lambda place: ["traverse", place.run(), "--steps", 10**12, "--out", "x.npy"]
CASES["run: a seed of 5,000 digits"] = lambda place: ["run", "vae", "--dataset", "moons", "--seed", "9" * 5000]
