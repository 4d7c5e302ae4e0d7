"""Checks of a registered dataset. The files it needs are fetched if they are not there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from genzoo.core.dataset import Dataset, DataSpec, KnownDensity, Split, Splits
from genzoo.core.likelihoods import likelihood_class
from genzoo.core.noise import content_keys, seeded
from genzoo.data.store import Store
from genzoo.registry.configs import default_config
from genzoo.registry.entries import Entry
from genzoo.testing.check import Check, require
from genzoo.testing.densities import SOLVED, examine_samples

EXAMPLES = 2000
"""So many of each split are looked at."""
NUMBERS = 100_000_000
"""Splits of at most so many numbers are looked at whole where rows are held against each other."""
DENSITY_DIMENSIONS = 8


@dataclass
class Data:
    """A registered dataset with its default options."""

    entry: Entry
    store: Store = field(default_factory=Store)

    def made(self) -> Dataset:
        """A new instance."""
        dataset: Dataset = self.entry.load()(default_config(self.entry, self.entry.options))
        return dataset

    @cached_property
    def spec(self) -> DataSpec:
        return self.made().spec

    @cached_property
    def splits(self) -> Splits:
        return self.made().load(self.store)

    def parts(self) -> dict[str, Split]:
        """The splits that there are, by name."""
        return {name: split for name, split in self.splits._asdict().items() if split is not None}


def first(split: Split) -> Tensor:
    """The first examples of a split, in memory."""
    return torch.as_tensor(split.x[:EXAMPLES])


def whole(split: Split) -> Tensor:
    """All examples of a split, or of a very large one the first."""
    rows = max(EXAMPLES, NUMBERS // max(1, first(split)[0].numel()))
    return torch.as_tensor(split.x[:rows])


def check_form(data: Data) -> None:
    """Every split is uint8 images or float32 values of the shape that spec says, and none is empty."""
    for name, split in data.parts().items():
        x = first(split)
        require(len(x) > 0, f"{name} is empty")
        require(tuple(x.shape[1:]) == data.spec.shape, f"{name} has {tuple(x.shape[1:])}; spec says {data.spec.shape}")
        require(x.dtype in (torch.uint8, torch.float32), f"{name} is {x.dtype}, not uint8 or float32")
        require(x.dtype == torch.float32 or data.spec.is_image, f"{name} is uint8, which is for images (C, H, W)")
    size = len(data.splits.train.x)
    require(data.spec.size in (0, size), f"spec says {data.spec.size:,} training examples; there are {size:,}")


def check_values(data: Data) -> None:
    """Values are finite, and where the likelihood is for values in [0, 1] they are."""
    unit = likelihood_class(data.spec.likelihood).values != "any"
    for name, split in data.parts().items():
        x = first(split).float() / (255 if split.x.dtype == torch.uint8 else 1)
        require(bool(x.isfinite().all()), f"{name} has values that are not finite")
        if split.x.dtype == torch.uint8:
            most = int(first(split).max())
            require(most > 1, f"{name} is uint8 from 0 to {most}, which a model sees as {most / 255:.2g}: white is 255")
        black_and_white = bool(((x == 0) | (x == 1)).all())
        require(black_and_white or not data.spec.binary, f"spec says binary, and {name} has values between 0 and 1")
        inside = not unit or bool((x >= 0).all() and (x <= 1).all())
        require(inside, f"{name} runs from {x.min():.3g} to {x.max():.3g}, and {data.spec.likelihood} is for [0, 1]")


def check_labels(data: Data) -> None:
    """Labels are int64 from 0 to classes − 1, one an example; without classes there are none."""
    for name, split in data.parts().items():
        y, classes = split.y, data.spec.classes
        require((y is None) == (classes == 0), f"{name} has {'no' if y is None else ''} labels, {classes} classes")
        if y is not None:
            require(y.dtype == torch.int64, f"{name} has labels of {y.dtype}, not int64")
            require(len(y) == len(split.x), f"{name} has {len(y):,} labels for {len(split.x):,} examples")
            require(y.shape == (len(split.x),), f"{name} has labels of shape {tuple(y.shape)}")
            require(bool((y >= 0).all() and (y < classes).all()), f"{name} has labels outside 0 … {classes - 1}")
    train = data.splits.train.y
    if train is not None and len(train) >= 20 * data.spec.classes:
        absent = sorted(set(range(data.spec.classes)) - set(train.unique().tolist()))
        require(not absent, f"spec says {data.spec.classes} classes, and train has none of class {absent[:1]}")


def check_binary(data: Data) -> str | None:
    """spec.binary says whether every value is 0 or 1: only then is a Bernoulli likelihood a probability."""
    if data.spec.binary:
        return None
    for split in data.parts().values():
        x = first(split).float() / (255 if split.x.dtype == torch.uint8 else 1)
        if not bool(((x == 0) | (x == 1)).all()):
            return None
    raise AssertionError("all values are 0 or 1, and spec does not say binary=True")


def check_log_density(data: Data) -> str | None:
    """Where a dataset knows the density of its examples, they follow it, and it integrates to 1."""
    dataset = data.made()
    if not isinstance(dataset, KnownDensity):
        return "it knows no density"
    if data.spec.numel > DENSITY_DIMENSIONS or data.spec.is_image:
        return f"only densities of at most {DENSITY_DIMENSIONS} dimensions are integrated"
    dataset.load(data.store)
    shape = data.spec.shape

    def log_prob(rows: Tensor) -> Tensor:
        return dataset.log_density(rows.reshape(-1, *shape)).view(len(rows), 1)

    x = whole(data.splits.train)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[: 2 * EXAMPLES]
    with torch.no_grad(), seeded(0):
        return examine_samples(x[order].float().reshape(len(order), 1, -1), log_prob, "log_density", SOLVED)


def check_again(data: Data) -> None:
    """Loading again gives the same examples."""
    again = data.made().load(data.store)
    for name, split in data.parts().items():
        other = getattr(again, name)
        same = torch.equal(whole(split), whole(other))
        require(same, f"{name} is another one when it is loaded again")
        same = (split.y is None) == (other.y is None) and (split.y is None or torch.equal(split.y, other.y))
        require(same, f"{name} has other labels when it is loaded again")


def check_apart(data: Data) -> None:
    """No example is in two splits."""
    keys = {name: set(content_keys(whole(split)).tolist()) for name, split in data.parts().items()}
    for name in keys.keys() - {"train"}:
        shared = len(keys[name] & keys["train"])
        require(not shared, f"{shared} of {len(keys[name]):,} examples of {name} are in train too")


DATASET: dict[str, Check[Data]] = {
    "form": Check(check_form, "make spec and load agree; images are stored as uint8 [N, C, H, W]"),
    "values": Check(check_values, "scale the values, or name another likelihood in spec"),
    "labels": Check(check_labels, "number the classes from 0, or say classes=0 and give no labels"),
    "binary": Check(check_binary, "DataSpec(…, binary=True)", warns=True),
    "log-density": Check(check_log_density, "keep every constant of ln p, in the units that the examples have"),
    "again": Check(check_again, "draw from a generator of your own with a fixed seed"),
    "apart": Check(
        check_apart, "take the test examples from others than train, unless the source itself repeats some", warns=True
    ),
}
"""What every dataset must pass."""
