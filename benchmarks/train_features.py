"""Train the classifier whose features the sample metrics use: 5 epochs on MNIST, under a minute on two cores.

    python benchmarks/train_features.py FILE.safetensors

Prints the test accuracy and the file's SHA-256. It made the weights that genzoo ships. Another machine or version of
PyTorch gives other weights, so new ones need a new name in genzoo_plugins/metrics/features.py.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import torch
from genzoo_plugins.metrics.features import Classifier
from safetensors.torch import save
from torch.nn.functional import cross_entropy

from genzoo.data.resident import Resident
from genzoo.data.store import Store
from genzoo.registry.current import registry

EPOCHS, BATCH, LR, SEED = 5, 128, 2e-3, 0
REQUIRED = 0.975
"""Minimum test accuracy; below it nothing is written."""


def train(data: Resident) -> Classifier:
    """Return a classifier after EPOCHS epochs of Adam with a learning rate that falls linearly to 0."""
    torch.manual_seed(SEED)
    net = Classifier()
    optimizer = torch.optim.Adam(net.parameters(), LR)
    steps = EPOCHS * (len(data) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(data))
        for index in order[: len(order) // BATCH * BATCH].split(BATCH):
            x, y = data.batch(index)
            assert y is not None
            optimizer.zero_grad()
            cross_entropy(net(x), y).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


@torch.no_grad()
def accuracy(net: Classifier, data: Resident) -> float:
    """Return the share of images whose digit is predicted correctly."""
    right = 0.0
    for index in torch.arange(len(data)).split(500):
        x, y = data.batch(index)
        right += (net(x).argmax(1) == y).sum().item()
    return right / len(data)


def main(path: Path) -> int:
    """Train, test and write the classifier; return 1 if it is not good enough."""
    dataset = registry().get("dataset", "mnist").load()
    splits = dataset(dataset.Config(validation=0)).load(Store())
    cpu = torch.device("cpu")
    net = train(Resident(splits.train, cpu))
    found = accuracy(net, Resident(splits.test, cpu))
    print(f"test accuracy {found:.4f}")
    if found < REQUIRED:
        return 1
    content = save({name: tensor.contiguous() for name, tensor in net.state_dict().items()})
    path.write_bytes(content)
    print(f"{path}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
