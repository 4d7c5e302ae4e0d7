"""What the applications of a trained model share: their options, and what they are applied to."""

from __future__ import annotations

import argparse
import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.input_files import original, read_files
from genzoo.cli.loading import Source, add_data_options
from genzoo.cli.saved_run import PICTURES, RUN_HELP, open_run, own_figure, refuse_output
from genzoo.core.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.core.model import LatentModel, Model
    from genzoo.data.resident import Resident
    from genzoo.runs.run import Run


@dataclass(frozen=True)
class Work:
    """An opened run and what it is applied to."""

    run: Run
    model: Model
    device: torch.device
    source: Source
    """The run's own data."""
    split: str
    files: list[Path]
    """In place of the split, if there are any."""
    resize: bool

    @cached_property
    def given(self) -> tuple[Resident, list[str]]:
        """The examples and their names, read when they are first asked for."""
        if self.files:
            return read_files(self.files, self.run, self.model.spec, self.device, self.resize)
        data = self.source.view(self.split, self.device)
        return data, [f"{self.split}:{number}" for number in range(len(data))]

    @property
    def data(self) -> Resident:
        """The examples of the files or, without any, of the split."""
        return self.given[0]

    @property
    def names(self) -> list[str]:
        """One for each example: its file, or such as "test:12"."""
        return self.given[1]

    @property
    def latent(self) -> LatentModel:
        """The model, which has an encoder."""
        from genzoo.core.model import LatentModel

        assert isinstance(self.model, LatentModel)
        return self.model

    def original(self, x: Tensor) -> Tensor:
        """What the model sees or puts out, in the data's own units and on the CPU."""
        return original(self.run, self.model.spec, x)

    def batches(self) -> Iterator[Tensor]:
        """The numbers of all examples, as many at a time as the model evaluates."""
        import torch

        yield from torch.arange(len(self.data), device=self.device).split(self.batch_size)

    @property
    def batch_size(self) -> int:
        """How many examples the model evaluates at a time."""
        from genzoo.data.batching import evaluation_batch

        return evaluation_batch(self.model.spec)

    def encode(self, x: Tensor) -> Tensor:
        """Codes [N, *D] of examples [N, *S]."""
        from genzoo.data.batching import in_parts

        return in_parts(self.latent.encode, x, self.batch_size)

    def decode(self, codes: Tensor) -> Tensor:
        """What codes [N, *D] decode to, in the data's own units and on the CPU."""
        from genzoo.data.batching import in_parts

        return in_parts(lambda part: self.original(self.latent.decode(part)), codes, self.batch_size)

    def examples(self, n: int | None = None) -> Tensor:
        """The first n examples (None: all), as the model sees them: [N, *S] on its device."""
        import torch

        count = len(self.data) if n is None else min(n, len(self.data))
        return self.data.batch(torch.arange(count, device=self.device)).x


def open_work(options: argparse.Namespace) -> Work:
    """The run that was asked for, with the files that were named or, without any, a split of its data.

    Neither is read yet: some applications need no examples.

    Raises:
        UsageError: No such run, or its model has no encoder, which all applications need.
    """
    run, device = open_run(options)
    from genzoo.core.model import LatentModel

    model = run.model.to(device)
    if not isinstance(model, LatentModel):
        raise UsageError(f"{run.config.model} has no encoder", f"genzoo sample {run.path}")
    source, files = Source.of(run, options), getattr(options, "files", [])
    return Work(run, model, device, source, options.split, files, options.resize)


def one_example(reference: str, work: Work, options: argparse.Namespace) -> Tensor:
    """One example [1, *S] called "test:12", or the first one of a file.

    Raises:
        UsageError: No such split, number or file.
    """
    import torch

    match = re.fullmatch(r"(train|validation|test):(\d{1,9})", reference)
    if match is None and not Path(reference).exists():
        raise UsageError(f"{reference}: neither an example nor a file", "such as test:12, or FILE.png")
    if match is None:
        data, _ = read_files([Path(reference)], work.run, work.model.spec, work.device, options.resize)
        number = 0
    else:
        data = work.source.view(match[1], work.device)
        number = int(match[2])
        if number >= len(data):
            raise UsageError(
                f"{reference}: there are {len(data):,} {match[1]} examples", f"up to {match[1]}:{len(data) - 1}"
            )
    return data.batch(torch.tensor([number], device=work.device)).x


def add_application(verbs: Any, name: str, handler: Any, text: str) -> argparse.ArgumentParser:
    """Add a verb with the options of all applications."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="default: test")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where run folders lie")
    add_data_options(parser)
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps; auto takes the GPU if there is one")
    parser.add_argument("--resize", action="store_true", help="scale pictures to the size the model takes")
    parser.set_defaults(handler=handler)
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    """Files in place of a split."""
    text = "pictures, folders of them, .npy, .npz or .csv; without any, the split"
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=text)


def metric_values(work: Work, names: Sequence[str]) -> dict[str, Tensor]:
    """Values of metrics for each example.

    Raises:
        UsageError: The model has no such figure, or it is none of single examples.
    """
    from genzoo.evaluation.evaluate import find_metrics, per_example
    from genzoo.registry.current import registry

    metrics = find_metrics(registry(), names)
    train = work.source.view("train", work.device) if any(metric.needs_train for metric in metrics.values()) else None
    return per_example(work.model, work.data, metrics, train=train, name=work.run.config.model)


def write_csv(out: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    """Writes a table with a header."""
    with out.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


LARGEST_STEPS = 200


def prepare(options: argparse.Namespace, kinds: tuple[str, ...] = PICTURES) -> tuple[Work, Path]:
    """The opened run, which must have an encoder, and the file to write."""
    refuse_output(options.out, kinds)
    if not 2 <= getattr(options, "steps", 2) <= LARGEST_STEPS:
        raise UsageError(f"--steps {options.steps}: between 2 and {LARGEST_STEPS}", "such as --steps 9")
    for name in ("sigma", "range", "scale"):
        value = getattr(options, name, None)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(
                f"--{name} {value} must be a finite number, not negative", f"type: genzoo {options.verb} --help"
            )
    work = open_work(options)
    assert work.latent is work.model
    if (options.out is None or options.out.suffix != ".npy") and not work.model.spec.is_image:
        raise UsageError("these data are no images to draw", "take the numbers: --out FILE.npy")
    return work, options.out or own_figure(work.run, f"{options.verb}.png")
