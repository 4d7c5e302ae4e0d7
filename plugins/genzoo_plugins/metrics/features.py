"""Features of 28×28 images: a small classifier of MNIST, trained by benchmarks/train_features.py and pinned by SHA-256.

Distances between sets of features depend on the classifier as much as on the images. They are comparable only with
distances on features of the same NAME, and never with an FID.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn

import genzoo
from genzoo.data.batching import EVALUATION_BATCH

NAME = "mnist-v1"
SHAPE = (1, 28, 28)
FILE = Path(__file__).with_name(f"features-{NAME}.safetensors")
SHA256 = "e0800e6e481922533a116ca9d3cbb0302e8f19a7b50fd7013f71f8089458dd76"


class Pool(nn.Module):
    """The largest of each 2×2 pixels; on a CPU 6 times as fast as `nn.MaxPool2d`."""

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.maximum(x[..., ::2, :], x[..., 1::2, :])
        return torch.maximum(rows[..., ::2], rows[..., 1::2])


class Classifier(nn.Module):
    """28×28 grey images → 64 features → 10 digits: two convolutions, 106,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            Pool(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            Pool(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 64),
            nn.ReLU(),
        )
        self.digits = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, 10] of images x [B, 1, 28, 28] in [0, 1]."""
        logits: Tensor = self.digits(self.features(x))
        return logits


@lru_cache(maxsize=1)
def pinned() -> Classifier:
    """Return the classifier with the weights shipped beside this module, on the CPU.

    Raises:
        GenzooError: The file's SHA-256 is not the pinned one.
    """
    content = FILE.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise genzoo.GenzooError(f"{FILE} has SHA-256 {found}, not {SHA256}", "install genzoo again")
    with torch.device("meta"):  # no random initialisation: it would shift the noise of the metric that asks first
        classifier = Classifier()
    classifier.load_state_dict(load(content), assign=True)
    return classifier.eval()


@torch.no_grad()
def features(x: Tensor) -> Tensor:
    """Return the features [N, 64] of images x [N, 1, 28, 28] in [0, 1], float64 on the CPU."""
    net = pinned().features
    return torch.cat([net(chunk.cpu().clamp(0, 1)) for chunk in x.split(EVALUATION_BATCH)]).double()


def why_no_features(model: genzoo.Model) -> str | None:
    """Return why a model's data have no features; None if they have."""
    shape = model.spec.shape
    grey = len(shape) == len(SHAPE) and shape[0] == SHAPE[0]
    return None if shape == SHAPE else "features are for images of 1x28x28" + ": --data.resize 28" * grey
