"""Checks of a registered dataset. Missing files are fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from genzoo.core.dataset import PADDING, UNKNOWN, Dataset, DataSpec, Factored, KnownDensity, Split, Splits, token_type
from genzoo.core.noise import content_keys, seeded
from genzoo.data.store import Store
from genzoo.registry.configs import default_config
from genzoo.registry.entries import Entry
from genzoo.registry.parts import is_for_unit
from genzoo.testing.check import Check, require
from genzoo.testing.densities import SOLVED, examine_samples

EXAMPLES = 2000
"""Number of examples of each split that most checks use."""
NUMBERS = 100_000_000
"""Largest number of values of a split that is compared as a whole."""
DENSITY_DIMENSIONS = 8


@dataclass
class DatasetTarget:
    """A registered dataset with its default options."""

    entry: Entry
    store: Store = field(default_factory=Store)

    def build(self) -> Dataset:
        """Return a new instance."""
        dataset: Dataset = self.entry.load()(default_config(self.entry, self.entry.options))
        return dataset

    @cached_property
    def spec(self) -> DataSpec:
        return self.build().spec

    @cached_property
    def splits(self) -> Splits:
        return self.build().load(self.store)

    def parts(self) -> dict[str, Split]:
        """Return the existing splits by name."""
        return {name: split for name, split in self.splits._asdict().items() if split is not None}


def first(split: Split) -> Tensor:
    """Return the first examples of a split, in memory."""
    return torch.as_tensor(split.x[:EXAMPLES])


def whole(split: Split) -> Tensor:
    """Return all examples of a split, or the first ones of a very large split."""
    rows = max(EXAMPLES, NUMBERS // max(1, first(split)[0].numel()))
    return torch.as_tensor(split.x[:rows])


def check_form(target: DatasetTarget) -> None:
    """Every split holds uint8 images, float32 values, or tokens of a signed integer type, of spec's shape, and is not
    empty."""
    for name, split in target.parts().items():
        x = first(split)
        require(len(x) > 0, f"{name} is empty")
        require(
            tuple(x.shape[1:]) == target.spec.shape, f"{name} has {tuple(x.shape[1:])}; spec says {target.spec.shape}"
        )
        if target.spec.is_discrete:
            wanted = token_type(target.spec.levels)
            require(x.dtype == wanted, f"{name} is {x.dtype}; tokens below {target.spec.levels} are stored as {wanted}")
            continue
        require(x.dtype in (torch.uint8, torch.float32), f"{name} is {x.dtype}, not uint8 or float32")
        require(x.dtype == torch.float32 or target.spec.is_image, f"{name} is uint8, which is for images (C, H, W)")
    size = len(target.splits.train.x)
    require(target.spec.size in (0, size), f"spec says {target.spec.size:,} training examples; there are {size:,}")


def check_values(target: DatasetTarget) -> None:
    """Values are finite, and in [0, 1] if spec's likelihood requires that; tokens are below spec.levels, and only
    padding follows padding."""
    if target.spec.is_discrete:
        for name, split in target.parts().items():
            refuse_odd_tokens(first(split), target.spec.levels, name)
        return
    unit = is_for_unit(target.spec.likelihood)
    for name, split in target.parts().items():
        x = first(split).float() / (255 if split.x.dtype == torch.uint8 else 1)
        require(bool(x.isfinite().all()), f"{name} has values that are not finite")
        if split.x.dtype == torch.uint8:
            most = int(first(split).max())
            require(most > 1, f"{name} is uint8 from 0 to {most}, which a model sees as {most / 255:.2g}: white is 255")
        black_and_white = bool(((x == 0) | (x == 1)).all())
        require(black_and_white or not target.spec.binary, f"spec says binary, and {name} has values between 0 and 1")
        inside = not unit or bool((x >= 0).all() and (x <= 1).all())
        require(inside, f"{name} runs from {x.min():.3g} to {x.max():.3g}, and {target.spec.likelihood} is for [0, 1]")


def refuse_odd_tokens(x: Tensor, levels: int, name: str) -> None:
    """Refuse tokens outside the vocabulary, or after padding."""
    low, high = int(x.min()), int(x.max())
    require(low >= 0 and high < levels, f"{name} has tokens from {low} to {high}; the vocabulary has {levels}")
    after = (x[:, :-1] == PADDING) & (x[:, 1:] != PADDING)
    require(not bool(after.any()), f"{name} has tokens after the padding")


def check_labels(target: DatasetTarget) -> None:
    """Labels are int64 from 0 to classes − 1, or −1 in train for an unknown class, one per example; without classes
    there are no labels."""
    for name, split in target.parts().items():
        y, classes = split.y, target.spec.classes
        require((y is None) == (classes == 0), f"{name} has {'no' if y is None else ''} labels, {classes} classes")
        if y is not None:
            require(y.dtype == torch.int64, f"{name} has labels of {y.dtype}, not int64")
            require(len(y) == len(split.x), f"{name} has {len(y):,} labels for {len(split.x):,} examples")
            require(y.shape == (len(split.x),), f"{name} has labels of shape {tuple(y.shape)}")
            lowest = UNKNOWN if name == "train" else 0
            require(bool((y >= lowest).all() and (y < classes).all()), f"{name} has labels outside 0 … {classes - 1}")
    train = target.splits.train.y
    if train is not None and len(train) >= 20 * target.spec.classes:
        absent = sorted(set(range(target.spec.classes)) - set(train.unique().tolist()))
        require(not absent, f"spec says {target.spec.classes} classes, and train has none of class {absent[:1]}")


def check_binary(target: DatasetTarget) -> str | None:
    """spec.binary is True if every value is 0 or 1: only then is a Bernoulli likelihood a probability."""
    if target.spec.binary or target.spec.is_discrete:
        return None
    for split in target.parts().values():
        x = first(split).float() / (255 if split.x.dtype == torch.uint8 else 1)
        if not bool(((x == 0) | (x == 1)).all()):
            return None
    raise AssertionError("all values are 0 or 1, but spec has binary=False")


def check_log_density(target: DatasetTarget) -> str | None:
    """If a dataset knows its density, the examples follow it, and it integrates to 1."""
    dataset = target.build()
    if not isinstance(dataset, KnownDensity):
        return "its density is not known"
    if target.spec.numel > DENSITY_DIMENSIONS or target.spec.is_image or target.spec.is_discrete:
        return f"only densities of at most {DENSITY_DIMENSIONS} dimensions are integrated"
    dataset.load(target.store)
    shape = target.spec.shape

    def log_prob(rows: Tensor) -> Tensor:
        return dataset.log_density(rows.reshape(-1, *shape)).view(len(rows), 1)

    x = whole(target.splits.train)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[: 2 * EXAMPLES]
    with torch.no_grad(), seeded(0):
        return examine_samples(x[order].float().reshape(len(order), 1, -1), log_prob, "log_density", SOLVED)


def check_factors(target: DatasetTarget) -> str | None:
    """The examples of a dataset with factors are rendered from them, and each factor has as many values as it says."""
    dataset = target.build()
    if not isinstance(dataset, Factored):
        return "it has no factors"
    sizes = torch.tensor(dataset.factor_sizes)
    for name, split in target.parts().items():
        factors = split.factors
        require(factors is not None, f"{name} has no factors")
        assert factors is not None
        fits = factors.shape == (len(split.x), len(sizes)) and factors.dtype == torch.int64
        require(fits, f"{name} has factors of {factors.dtype} and shape {tuple(factors.shape)}")
        inside = bool(((factors >= 0) & (factors < sizes)).all())
        require(inside, f"{name} has factors outside 0 … {(sizes - 1).tolist()}")
        again = dataset.render(factors[:EXAMPLES])
        require(torch.equal(again, first(split)), f"{name}: render(factors) does not give the examples")
    return None


def check_again(target: DatasetTarget) -> None:
    """Loading again gives the same examples."""
    again = target.build().load(target.store)
    for name, split in target.parts().items():
        other = getattr(again, name)
        same = torch.equal(whole(split), whole(other))
        require(same, f"{name} differs when it is loaded again")
        same = (split.y is None) == (other.y is None) and (split.y is None or torch.equal(split.y, other.y))
        require(same, f"{name} has other labels when it is loaded again")


def check_apart(target: DatasetTarget) -> None:
    """No example is both in train and in another split."""
    keys = {name: set(content_keys(whole(split)).tolist()) for name, split in target.parts().items()}
    for name in keys.keys() - {"train"}:
        shared = len(keys[name] & keys["train"])
        require(not shared, f"{shared} of {len(keys[name]):,} examples of {name} are also in train")


DATASET: dict[str, Check[DatasetTarget]] = {
    "form": Check(check_form, "make spec and load agree; images are stored as uint8 [N, C, H, W]"),
    "values": Check(check_values, "scale the values, or set another likelihood in spec"),
    "labels": Check(check_labels, "number the classes from 0, or set classes=0 and give no labels"),
    "binary": Check(check_binary, "DataSpec(…, binary=True)", warns=True),
    "log-density": Check(check_log_density, "keep every constant of ln p, in the units of the examples"),
    "factors": Check(check_factors, "render each example from its row of Split.factors"),
    "again": Check(check_again, "draw from a generator of your own with a fixed seed"),
    "apart": Check(
        check_apart, "remove the test examples from train, unless the source itself repeats examples", warns=True
    ),
}
"""What every dataset must pass."""
