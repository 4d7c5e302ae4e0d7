"""The contestants: each is a function that makes a fresh model, trains two passes and times the second."""

from __future__ import annotations

import functools
import importlib.util
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from measuring import clock
from nets import NETS
from torch import nn
from torch.nn import functional as F

from genzoo.core.dataset import Split
from genzoo.core.listener import Epoch
from genzoo.core.model import count_parameters
from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.registry.current import registry
from genzoo.runs.build import build_loss, build_model
from genzoo.runs.config import Components
from genzoo.system.devices import synchronize
from genzoo.training.callback import Listener
from genzoo.training.trainer import Trainer


@dataclass(frozen=True)
class Task:
    """The same work for all contestants: Adam, batches of `batch`, the first `images` training images of MNIST."""

    model: str
    precision: str
    device: torch.device
    images: int
    batch: int = 128
    lr: float = 1e-3
    workers: int | None = None
    """DataLoader workers of pytorch/examples' loop; None: as there, 1 with CUDA and none without."""

    @functools.cached_property
    def folder(self) -> Path:
        """The folder above MNIST/raw, torchvision's `root`."""
        dataset = registry().get("dataset", "mnist").load()
        store = Store()
        dataset(dataset.Config(validation=0)).load(store)
        (found,) = store.found.values()
        return found.folder.parents[1]

    @functools.cached_property
    def split(self) -> Split:
        """The images as bytes, with their labels."""
        dataset = registry().get("dataset", "mnist").load()
        train = dataset(dataset.Config(validation=0)).load(Store()).train
        return Split(train.x[: self.images].clone(), train.y[: self.images].clone())

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the images as bytes, and their labels."""
        x, y = self.split.x, self.split.y
        assert isinstance(x, torch.Tensor)
        assert y is not None
        return x, y


@dataclass(frozen=True)
class Pass:
    """The result of the second pass over the images."""

    seconds: float
    loss: float | None = None
    """−ELBO in nats per image during training, to check that all do the same work; None: not reported."""
    parameters: int | None = None


class Watch(Listener):
    """Record when each epoch began and ended."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.start = self.seconds = self.loss = 0.0

    def epoch_started(self, epoch: int, steps: int) -> None:
        synchronize(self.device)
        self.start = clock(self.device)

    def epoch_finished(self, record: Epoch) -> None:
        self.seconds, self.loss = clock(self.device) - self.start, record.train["loss"]


def by_genzoo(task: Task) -> Pass:
    """Train with genzoo's trainer and the model's defaults, at the given precision."""
    components = Components.find(registry(), task.model, "mnist")
    options = {"epochs": 2, "batch_size": task.batch, "lr": task.lr, "precision": task.precision}
    config = components.defaults().replace({"validation": 0}, options)
    spec = components.dataset.load()(config.data_config).spec
    model = build_model(components.model, spec, config.model_config, 0, task.device)
    loss = build_loss(components.loss, model, config.loss_config, task.model, 0)
    watch = Watch(task.device)
    Trainer(model, loss, config.training, Resident(task.split, task.device), None, listeners=[watch]).fit()
    return Pass(watch.seconds, watch.loss, count_parameters(model))


def by_pythae(task: Task) -> Pass:
    """Train with Pythae's BaseTrainer, its defaults, its dataset and its collation, without its progress bar."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import CallbackHandler, TrainingCallback

    logging.getLogger("pythae").setLevel(logging.WARNING)
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("pythae")]:
        logging.getLogger(name).setLevel(logging.WARNING)
    encoder_class, decoder_class = NETS[task.model]

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = encoder_class()

        def forward(self, x: torch.Tensor) -> Any:
            mean, log_variance = self.net(x)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = decoder_class()

        def forward(self, z: torch.Tensor) -> Any:
            return ModelOutput(reconstruction=self.net(z))

    torch.manual_seed(0)
    settings = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    model = VAE(settings, encoder=Encoder(), decoder=Decoder())
    with tempfile.TemporaryDirectory() as folder:
        training = BaseTrainerConfig(
            output_dir=folder, num_epochs=2, learning_rate=task.lr, per_device_train_batch_size=task.batch,
            no_cuda=task.device.type != "cuda",
        )  # fmt: skip
        x, y = task.tensors()
        trainer = BaseTrainer(model, BaseDataset(x.float() / 255, y), training_config=training)
        trainer.prepare_training()
        trainer.callback_handler = CallbackHandler([TrainingCallback()], trainer.model)
        trainer.train_step(1)
        synchronize(task.device)
        start = clock(task.device)
        loss = trainer.train_step(2)
        synchronize(task.device)
        return Pass(clock(task.device) - start, loss, count_parameters(model))


class TutorialVAE(nn.Module):
    """Return a VAE as in the tutorials."""

    def __init__(self, model: str) -> None:
        super().__init__()
        encoder, decoder = NETS[model]
        self.encode, self.decode = encoder(), decoder()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mean, log_variance = self.encode(x)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decode(z), mean, log_variance


def by_loop_like_pytorch_examples(task: Task) -> Pass:
    """Train with a rewrite of pytorch/examples' vae loop: its data path, its loss, and the loss read in every step.

    The data are torchvision's MNIST, one image at a time through ToTensor and a DataLoader. The loss is the summed
    cross-entropy of probabilities, with default Adam. Its printing and a worker's start-up time are left out.
    """
    from torchvision.datasets import MNIST
    from torchvision.transforms import ToTensor

    dataset = MNIST(str(task.folder), train=True, transform=ToTensor())
    dataset.data, dataset.targets = dataset.data[: task.images], dataset.targets[: task.images]
    cuda = task.device.type == "cuda"
    workers = int(cuda) if task.workers is None else task.workers
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=task.batch, shuffle=True, num_workers=workers, pin_memory=cuda
    )
    torch.manual_seed(0)
    model = TutorialVAE(task.model).to(task.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=task.lr)

    def one_pass(batches: Iterator[Any]) -> float:
        total = 0.0
        for x, _ in batches:
            x = x.to(task.device)
            optimizer.zero_grad()
            again, mean, log_variance = model(x)
            kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            loss = F.binary_cross_entropy(again, x, reduction="sum") + kl
            loss.backward()
            total += loss.item()
            optimizer.step()
        return total / len(dataset)

    one_pass(iter(loader))
    batches = iter(loader)
    start = clock(task.device)
    loss = one_pass(batches)
    synchronize(task.device)
    return Pass(clock(task.device) - start, loss, count_parameters(model))


def by_lightning(task: Task) -> Pass:
    """Train with Lightning's Trainer as usual: a LightningModule with `self.log`, a DataLoader over a TensorDataset.

    Logger, checkpoints, progress bar and model summary are off, as is usual for timing.
    """
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings(
        "ignore", module="lightning"
    )  # it suggests more workers, which are slower for images in memory

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.vae = TutorialVAE(task.model)
            self.start = self.seconds = 0.0

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            x, _ = batch
            again, mean, log_variance = self.vae(x)
            kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            loss = (F.binary_cross_entropy(again, x, reduction="sum") + kl) / len(x)
            self.log("loss", loss, on_step=False, on_epoch=True)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=task.lr)

        def on_train_epoch_start(self) -> None:
            synchronize(task.device)
            self.start = clock(task.device)

        def on_train_epoch_end(self) -> None:
            synchronize(task.device)
            self.seconds = clock(task.device) - self.start

    torch.manual_seed(0)
    x, y = task.tensors()
    data = TensorDataset(x.reshape(-1, 1, 28, 28).float() / 255, y)
    loader = DataLoader(data, batch_size=task.batch, shuffle=True, pin_memory=task.device.type == "cuda")
    module = Module()
    trainer = lightning.Trainer(
        accelerator="cuda" if task.device.type == "cuda" else "cpu", devices=1, max_epochs=2, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, loader)
    return Pass(module.seconds, float(trainer.callback_metrics["loss"]), count_parameters(module))


def by_bare_loop(task: Task) -> Pass:
    """Train with the loop of benchmarks/ceiling.py: the same mathematics, written by hand only for speed."""
    import ceiling

    x = task.tensors()[0].to(task.device)
    turns = ceiling.bare_steps(x, task.batch, task.precision)
    steps = task.images // task.batch
    return Pass(ceiling.seconds_for(turns, steps, task.device, warm_up=steps))


CONTESTANTS: dict[str, Callable[[Task], Pass]] = {
    "genzoo": by_genzoo,
    "pythae": by_pythae,
    "pytorch-examples-like": by_loop_like_pytorch_examples,
    "lightning": by_lightning,
}
if importlib.util.find_spec("ceiling"):
    CONTESTANTS["bare-loop"] = by_bare_loop
ONLY = {"bare-loop": "vae"}
"""Contestants that support only one model."""
NEEDS = {"pythae": "pythae", "lightning": "lightning"}
"""Packages of the extra `peers` that contestants need."""


def present(model: str) -> list[str]:
    """Return the contestants for a model whose packages are installed."""
    names = [name for name in CONTESTANTS if ONLY.get(name, model) == model]
    return [name for name in names if name not in NEEDS or importlib.util.find_spec(NEEDS[name])]
