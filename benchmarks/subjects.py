"""The measured cases: registered models on made-up data of a dataset's shape."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from genzoo.core.dataset import Batch, DataSpec, Split
from genzoo.core.errors import GenzooError
from genzoo.core.loss import Loss
from genzoo.core.model import LatentModel, Model
from genzoo.data.resident import Resident
from genzoo.registry.current import registry
from genzoo.runs.build import build_loss, build_model, view_spec
from genzoo.runs.config import Components, RunConfig
from genzoo.system.devices import choose_device
from genzoo.training.callback import Listener
from genzoo.training.config import Training
from genzoo.training.trainer import Trainer


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    model: str
    batch_size: int
    mode: str
    precision: str
    device: str

    def __str__(self) -> str:
        return "-".join(map(str, dataclasses.astuple(self)))


def modes() -> tuple[str, ...]:
    """Return the execution modes of the trainer, without "auto"."""
    annotation = typing.get_type_hints(Training).get("mode")
    return tuple(mode for mode in typing.get_args(annotation) if mode != "auto") or ("eager",)


def configured(case: Case, dataset: str, **options: Any) -> RunConfig:
    """Return every option of a case; options that it does not set have their defaults."""
    options |= {"batch_size": case.batch_size, "precision": case.precision}
    if "mode" in {field.name for field in dataclasses.fields(Training)}:
        options["mode"] = case.mode
    return Components.find(registry(), case.model, dataset).defaults().replace({}, options)


def build(case: Case, dataset: str, **options: Any) -> tuple[Model, Loss, RunConfig, DataSpec]:
    """Return a case's model and loss on its device."""
    config = configured(case, dataset, **options)
    components = Components.find(registry(), case.model, dataset)
    spec = view_spec(components.dataset.load()(config.data_config), config.training)
    model = build_model(components.model, spec, config.model_config, 0, choose_device(case.device))
    return model, build_loss(components.loss, model, config.loss_config, case.model, 0), config, spec


@cache
def refusal(model: str, dataset: str) -> str:
    """Return why a model cannot be timed on a dataset; "" if it can."""
    if registry().get("model", model).load().in_closed_form():
        return "fitted in closed form, without steps"
    try:
        build(Case(model, 2, modes()[0], "fp32", "cpu"), dataset)
    except GenzooError as error:
        return error.message
    return ""


@cache
def abilities(model: str, dataset: str) -> tuple[str, ...]:
    """Return which of encode, decode and sample a trained model can do."""
    built = build(Case(model, 2, modes()[0], "fp32", "cpu"), dataset)[0]
    if not isinstance(built, LatentModel):
        return ("sample",)
    return ("encode", "decode") if built.prior() is None else ("encode", "decode", "sample")


def prepared(kind: str, model: Model, x: Tensor) -> Callable[[], object]:
    """Return the work of one round."""
    if kind == "sample":
        return lambda: model.sample(len(x))
    assert isinstance(model, LatentModel)
    if kind == "encode":
        return lambda: model.encode(x)
    z = model.encode(x)
    return lambda: model.decode(z)


def examples(spec: DataSpec, n: int) -> Tensor:
    """Return n made-up examples [n, *S] as a dataset stores them: mostly dark images, or normal values."""
    generator = torch.Generator().manual_seed(0)
    if spec.is_image:
        return (torch.rand((n, *spec.shape), generator=generator) ** 3 * 255.99).to(torch.uint8)
    return torch.randn((n, *spec.shape), generator=generator)


def make_trainer(
    case: Case, dataset: str, n: int, validation: int, listeners: tuple[Listener, ...], slowed: bool
) -> Trainer:
    """Return a trainer of n made-up examples that runs until it is stopped."""
    model, loss, config, spec = build(case, dataset, epochs=1_000_000)
    resident = Slowed if slowed else Resident
    train = resident(Split(examples(spec, n)), model.anchor.device)
    held_out = Resident(Split(examples(spec, validation)), model.anchor.device) if validation else None
    return Trainer(model, loss, config.training, train, held_out, listeners=listeners)


class Pictures(Dataset):  # type: ignore[type-arg]
    """Examples one by one, each converted from a PIL image as in torchvision's datasets."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, number: int) -> Tensor:
        x = self.x[number]
        if x.dtype != torch.uint8:
            return x.clone()
        planes = [numpy.asarray(Image.fromarray(plane.numpy())) for plane in x]
        return torch.from_numpy(numpy.stack(planes)).to(torch.float32).div(255)


class Slowed(Resident):
    """Train slowly, to show that the comparison notices it.

    A DataLoader converts and collates images one by one, and every step reads a value back.
    """

    def inputs(self, batches: Any) -> Generator[tuple[Tensor, ...], None, None]:
        assert isinstance(self.x, Tensor)
        for x in DataLoader(Pictures(self.x.cpu()), batch_sampler=[index.tolist() for index in batches]):
            assert x.sum().item() is not None
            yield (x.to(self.device),)

    def to_batch(self, *inputs: Tensor) -> Batch:
        return Batch(*inputs)
