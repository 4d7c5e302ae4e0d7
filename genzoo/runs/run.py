"""The run folder: its files, and claiming a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, UsageError, not_installed
from genzoo.core.late import late
from genzoo.core.values import plain as plain
from genzoo.runs.config import RunConfig
from genzoo.runs.reference import MODEL_FILE as MODEL_FILE
from genzoo.runs.results import Results
from genzoo.system import lock
from genzoo.system.atomic import to_bytes, write_atomically
from genzoo.system.reading import parse_json, read_text

if TYPE_CHECKING:
    from genzoo.core.model import Model
    from genzoo.data.input_format import InputFormat

INPUT_FORMAT_FILE = "data.json"
EXAMPLES_FILE = "examples.safetensors"
RUNNING, FINISHED, FAILED = "running", "finished", "failed"
"""The status of a run in its record while it is trained, and at its end."""
CHECKPOINTS = "checkpoints"
"""The folder of the checkpoints of a run."""
REPORT_FILE = "report.html"
SPEED_FILE = "speed.json"
TRACE_FILE = "trace.json"
DAMAGED = "copy it again; the model can be loaded without it: genzoo.load('RUN/model.safetensors')"


@dataclass(frozen=True)
class RunPaths:
    """The folders that a run reads and writes."""

    runs: Path = Path("runs")
    """The parent folder of new run folders."""
    out: Path | None = None
    """The folder of this run, instead of a new one in `runs`."""
    data_root: Path | None = None
    """The folder of raw data files, searched first."""
    profile: bool = False
    """Whether to write a trace of some training steps into the run's folder."""


@dataclass(frozen=True)
class Run:
    """An existing run folder.

    config.json          every option, resolved; `genzoo run --config` repeats the run
    data.json            the input format: columns, their scale, the range of the values
    run.json             the record: times, hardware, versions, sessions
    metrics.jsonl        one line for each epoch
    results.json         the final evaluation
    examples.safetensors each metric of each test example
    model.safetensors    the model with its description
    checkpoints/         for `genzoo resume`
    samplers/            densities fitted to codes of the training data, `genzoo sample --sampler`
    labels.json          tags and a note, `genzoo runs tag`
    tracker.json         the run's identity in MLflow, W&B and other trackers
    lock                 held while a process writes
    figures/             pictures, and texts, sound and tables
    report.html          all of this on one page
    """

    path: Path

    @property
    def config(self) -> RunConfig:
        """The resolved configuration.

        Raises:
            GenzooError: The file is missing or damaged, or a plugin is not installed.
        """
        from genzoo.registry.current import registry

        file = self.path / "config.json"
        values = read_json(file)
        self._refuse_missing_plugins()
        try:
            return RunConfig.from_json(values, registry(), str(file))
        except GenzooError as error:
            error.hint = error.hint or DAMAGED
            raise

    @property
    def plain_config(self) -> dict[str, Any]:
        """The resolved configuration as JSON values; its plugins need not be installed."""
        return read_json(self.path / "config.json")

    def _refuse_missing_plugins(self) -> None:
        """Refuse a run whose recorded plugins are not installed; warn if their versions differ.

        Raises:
            PluginError: A plugin is not installed.
        """
        from genzoo.registry.current import registry
        from genzoo.registry.discovery import warn_of_other_version
        from genzoo.registry.entries import KINDS

        try:
            plugins = dict(self.record["plugins"])
        except (GenzooError, KeyError, TypeError, ValueError):
            return
        for kind in KINDS:
            plugin = plugins.get(kind)
            if not isinstance(plugin, dict):
                continue
            name, origin = str(plugin.get("name")), str(plugin.get("origin"))
            entries = registry().called(name, [kind])
            if not entries:
                raise not_installed(self.path, f"{kind} {name!r}", origin)
            distribution, _, version = origin.partition(" ")
            for entry in entries:
                if version and entry.origin.distribution == distribution:
                    warn_of_other_version(entry.origin, version)

    @property
    def form(self) -> InputFormat:
        """The input format of the training data; an empty one for runs of older versions."""
        from genzoo.data.input_format import InputFormat, read_input_format

        file = self.path / INPUT_FORMAT_FILE
        return read_input_format(read_json(file), self.model.spec, file) if file.exists() else InputFormat()

    @property
    def results(self) -> Results:
        """The final evaluation: metrics by split, such as results.test.mse or results["test"]["negative_elbo"]."""
        return Results(read_json(self.path / "results.json"))

    @property
    def record(self) -> dict[str, Any]:
        """The record: command, versions, hardware, times, status, sessions."""
        return read_json(self.path / "run.json")

    @property
    def history(self) -> list[dict[str, Any]]:
        """The epochs, oldest first. An incomplete last line, left by a crash, is ignored."""
        epochs: list[dict[str, Any]] = []
        file = self.path / "metrics.jsonl"
        try:
            lines = read_text(file, errors="replace").splitlines()
        except FileNotFoundError:  # stopped in its first epoch
            return epochs
        except OSError as error:
            raise GenzooError(f"{file} is damaged: {error.strerror}", DAMAGED) from None
        for line in lines:
            try:
                epochs.append(dict(parse_json(line)))
            except (TypeError, ValueError, RecursionError):
                break
        return epochs

    @property
    def identity(self) -> str:
        """What trackers know the run by, 16 hexadecimal digits; drawn and stored when the first of them asks.

        Raises:
            GenzooError: The file is damaged, or cannot be written.
        """
        from genzoo.runs.identity import identity

        return identity(self.path)

    @cached_property
    def model(self) -> Model:
        """The trained model, in evaluation mode, on the CPU."""
        from genzoo.runs.model_file import load_model

        refuse_without(self, MODEL_FILE, "model")
        return load_model(self.path / MODEL_FILE)

    def figure(self, name: str) -> Any:
        """Return a figure of the run, such as "traversals"; a notebook shows it.

        Returns:
            A `genzoo.figures.picture.Picture`: its `path` is the file.

        Raises:
            UsageError: The run has no such figure; the message names those that it has.
        """
        return late("genzoo.figures.picture:picture_of")(self, name)

    def _repr_html_(self) -> str:
        html: str = late("genzoo.reporting.card:run_html")(self)
        return html

    def write(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file of the run atomically."""
        text = json.dumps(plain(values), indent=2, ensure_ascii=False, allow_nan=False)
        write_atomically(self.path / name, to_bytes(text + "\n"))

    def append(self, values: Mapping[str, Any]) -> None:
        """Append one line to metrics.jsonl, in one write."""
        line = json.dumps(plain(values), ensure_ascii=False, allow_nan=False) + "\n"
        with open(self.path / "metrics.jsonl", "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line)

    def write_history(self, lines: list[dict[str, Any]]) -> None:
        """Replace metrics.jsonl atomically."""
        text = "".join(json.dumps(plain(line), ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
        write_atomically(self.path / "metrics.jsonl", to_bytes(text))


def refuse_without(run: Run, file: str, lacks: str) -> None:
    """Refuse a run without a file that it has when its training has ended, with how to go on.

    Args:
        run: The run.
        file: The name of the file.
        lacks: What is in it, "model" or "results".

    Raises:
        UsageError: It is still running, was stopped or failed, or the file is lost.
    """
    if (run.path / file).exists():
        return
    try:
        status = str(run.record["status"]).partition(":")[0]
    except (GenzooError, KeyError):
        status = RUNNING if has_no_record_yet(run.path) else FINISHED
    killed = was_killed(run.path, status)
    if status == RUNNING and not killed:
        raise UsageError(f"{run.path} has no {lacks} yet: it is running", f"look at it: genzoo watch {run.path}")
    if status != FINISHED:
        how = "was killed" if killed else "failed" if status == FAILED else f"was {status}"
        raise UsageError(f"{run.path} has no {lacks} yet: it {how}", f"go on: genzoo resume {run.path}")
    again = f"copy it back, or train again: genzoo run --config {run.path}/config.json"
    raise UsageError(f"{run.path} has no {lacks}: {file} is missing", again)


def has_no_record_yet(path: Path) -> bool:
    """Return whether a run has only its first files: its process is about to write its record, or was killed then."""
    later = ("run.json", MODEL_FILE, CHECKPOINTS, "results.json")
    begun = all((path / name).is_file() for name in ("config.json", lock.FILE))
    return begun and not any((path / name).exists() for name in later)


def was_killed(path: Path, status: str) -> bool:
    """Return whether a run ended without saying so: its record says that it is running, and no process has its lock."""
    return status == RUNNING and lock.is_free(path)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a run folder.

    Raises:
        GenzooError: The file is missing or damaged.
    """
    try:
        values = parse_json(read_text(path))
    except OSError as error:
        raise GenzooError(f"{path}: {error.strerror}", "is the run complete? ls the folder") from None
    except ValueError as error:
        raise GenzooError(f"{path} is damaged: no JSON ({str(error)[:60]})", DAMAGED) from None
    if not isinstance(values, dict):
        raise GenzooError(f"{path} is damaged: no JSON object", DAMAGED)
    return values
