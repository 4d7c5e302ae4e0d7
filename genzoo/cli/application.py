"""What the verbs that apply a trained model share: their options, the opened run and its examples."""

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
from genzoo.cli.loading import Source
from genzoo.cli.saved_run import PICTURES, add_run_verb, figure_path, open_run, refuse_output
from genzoo.core.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.core.model import Autoencoder, Decoder, Encoder, Model
    from genzoo.data.resident import Resident
    from genzoo.runs.run import Run


MOST_STEPS = 200
"""Largest number of steps of a traversal or interpolation."""


@dataclass(frozen=True)
class Application:
    """An opened run and the examples that its model is applied to."""

    run: Run
    model: Model
    device: torch.device
    source: Source
    """The data of the run."""
    split: str
    files: list[Path]
    """Used instead of the split if not empty."""
    resize: bool
    """Whether to resize pictures to the size that the model takes."""

    @cached_property
    def named_examples(self) -> tuple[Resident, list[str]]:
        """The examples and their names, read on first use."""
        if self.files:
            return read_files(self.files, self.run, self.model.spec, self.device, self.resize)
        data = self.source.view(self.split, self.device)
        return data, [f"{self.split}:{number}" for number in range(len(data))]

    @property
    def data(self) -> Resident:
        """The examples of the files or, without any, of the split."""
        return self.named_examples[0]

    @property
    def names(self) -> list[str]:
        """The name of each example: its file, or such as "test:12"."""
        return self.named_examples[1]

    @property
    def autoencoder(self) -> Autoencoder:
        """The model, which encodes and decodes."""
        from genzoo.core.model import Autoencoder

        assert isinstance(self.model, Autoencoder)
        return self.model

    @property
    def encoder(self) -> Encoder:
        """The model, which encodes."""
        from genzoo.core.model import Encoder

        assert isinstance(self.model, Encoder)
        return self.model

    @property
    def decoder(self) -> Decoder:
        """The model, which decodes."""
        from genzoo.core.model import Decoder

        assert isinstance(self.model, Decoder)
        return self.model

    def original(self, x: Tensor) -> Tensor:
        """Return an input or output of the model in the units of the data, on the CPU."""
        return original(self.run, self.model.spec, x)

    def batches(self) -> Iterator[Tensor]:
        """Yield the indices of all examples in evaluation batches."""
        import torch

        yield from torch.arange(len(self.data), device=self.device).split(self.batch_size)

    @property
    def batch_size(self) -> int:
        """The evaluation batch size of the model."""
        from genzoo.data.batching import evaluation_batch

        return evaluation_batch(self.model.spec)

    def encode(self, x: Tensor) -> Tensor:
        """Return codes [N, *D] of examples [N, *S]."""
        from genzoo.data.batching import in_parts

        return in_parts(self.encoder.encode, x, self.batch_size)

    def decode(self, codes: Tensor) -> Tensor:
        """Return decoded codes [N, *D] in the units of the data, on the CPU."""
        from genzoo.data.batching import in_parts

        return in_parts(lambda part: self.original(self.decoder.decode(part)), codes, self.batch_size)

    def examples(self, n: int | None = None) -> Tensor:
        """Return the first n examples (None: all) as model inputs [N, *S] on its device."""
        import torch

        count = len(self.data) if n is None else min(n, len(self.data))
        return self.data.batch(torch.arange(count, device=self.device)).x


def open_application(options: argparse.Namespace, needs: str = "Model") -> Application:
    """Open the run of a command line, with its files or a split of the run's data. No examples are read yet.

    Args:
        options: Of the command line.
        needs: The capability that the model must have: the name of a class of `genzoo.core.model`.

    Raises:
        UsageError: There is no such run, or its model lacks the capability.
    """
    run, device = open_run(options)
    model = run.model.to(device)
    require(run, model, needs, f"genzoo {options.verb}")
    source, files = Source.of(run, options), getattr(options, "files", [])
    return Application(run, model, device, source, options.split, files, options.resize)


def require(run: Run, model: Model, needs: str, what: str) -> None:
    """Refuse the model of a run that lacks a capability.

    Args:
        run: The run.
        model: Its model.
        needs: The name of a class of `genzoo.core.model`.
        what: What needs it, such as a command.

    Raises:
        UsageError: It lacks the capability.
    """
    from genzoo.core import model as kinds

    kinds.require_capability(model, getattr(kinds, needs), what, run.config.model, f"genzoo sample {run.path}")


def split_example(reference: str) -> re.Match[str] | None:
    """Return split and number of a reference such as "test:12" as groups; None for anything else."""
    return re.fullmatch(r"(train|validation|test):(\d{1,9})", reference)


def one_example(reference: str, opened: Application, options: argparse.Namespace) -> Tensor:
    """Return one example [1, *S]: of a reference such as "test:12", or the first one of a file.

    Raises:
        UsageError: There is no such split, number or file.
    """
    import torch

    match = split_example(reference)
    if match is None and not Path(reference).exists():
        raise UsageError(f"{reference}: neither an example nor a file", "give test:12, or FILE.png")
    if match is None:
        data, _ = read_files([Path(reference)], opened.run, opened.model.spec, opened.device, options.resize)
        number = 0
    else:
        data = opened.source.view(match[1], opened.device)
        number = int(match[2])
        if number >= len(data):
            raise UsageError(
                f"{reference}: there are {len(data):,} {match[1]} examples", f"up to {match[1]}:{len(data) - 1}"
            )
    return data.batch(torch.tensor([number], device=opened.device)).x


def add_application(verbs: Any, name: str, handler: Any, text: str) -> argparse.ArgumentParser:
    """Add a verb with the options that all applications share."""
    parser = add_run_verb(verbs, name, handler, text)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="default: test")
    parser.add_argument("--resize", action="store_true", help="resize pictures to the size that the model takes")
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add files, which replace the split."""
    text = "pictures, folders of pictures, .npy, .npz or .csv (default: the split)"
    parser.add_argument("files", nargs="*", default=[], type=Path, metavar="FILE", help=text)


def metric_values(opened: Application, names: Sequence[str]) -> dict[str, Tensor]:
    """Return the values of metrics on each example.

    Raises:
        UsageError: A metric is not available for the model, or not defined for single examples.
    """
    from genzoo.evaluation.evaluate import find_metrics, per_example
    from genzoo.registry.current import registry

    metrics = find_metrics(registry(), names)
    train = (
        opened.source.view("train", opened.device) if any(metric.needs_train for metric in metrics.values()) else None
    )
    return per_example(opened.model, opened.data, metrics, train=train, name=opened.run.config.model)


def write_csv(out: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    """Write rows with a header as CSV."""
    with out.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def prepare(
    options: argparse.Namespace, kinds: tuple[str, ...] = PICTURES, needs: str = "Autoencoder"
) -> tuple[Application, Path]:
    """Check the options of a verb that writes a file; return the opened run and the file.

    Args:
        options: Of the command line.
        kinds: The endings that the file may have.
        needs: The capability that the model must have, as for `open_application`.

    Raises:
        UsageError: An option, the run or the file is not usable.
    """
    refuse_output(options.out, kinds)
    if not 2 <= getattr(options, "steps", 2) <= MOST_STEPS:
        raise UsageError(f"--steps {options.steps}: between 2 and {MOST_STEPS}", "try --steps 9")
    for name in ("sigma", "range", "scale"):
        value = getattr(options, name, None)
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise UsageError(
                f"--{name} {value} must be a finite number, not negative", f"type: genzoo {options.verb} --help"
            )
    opened = open_application(options, needs)
    if (options.out is None or options.out.suffix != ".npy") and not opened.model.spec.is_image:
        raise UsageError("these data are not images", "write numbers: --out FILE.npy")
    return opened, options.out or figure_path(opened.run, f"{options.verb}.png")
