"""The data of a finished run: their location now, and whether they are still the training data."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.words import add_data_root
from genzoo.core.calls import written
from genzoo.core.errors import GenzooError, UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.core.dataset import Dataset, DataSpec, Splits
    from genzoo.data.resident import Resident
    from genzoo.data.store import Store
    from genzoo.runs.run import Run


DATA_OPTION = re.compile(r"--data\.[\w.-]+(=.*)?", re.DOTALL)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the location of a run's data. Options of its dataset are parsed when the run is known."""
    add_data_root(parser)
    moved = "new location of your own data (any option of the run's dataset that is a path)"
    parser.add_argument("--data.path", dest="moved", metavar="PATH", help=moved)
    parser.set_defaults(moved=[])


def take_data_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate `--data.NAME VALUE` and `--data.NAME=VALUE` from the other words of a command line."""
    taken: list[str] = []
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            rest += [word, *remaining]
        elif match := DATA_OPTION.fullmatch(word):
            taken += [word] if match[1] else [word, *(value for value in [next(remaining, None)] if value is not None)]
        else:
            rest.append(word)
    return taken, rest


class Source:
    """The data of a run, read on first use and compared with the training data.

    Args:
        run: The run.
        data_root: Folder of raw data files, instead of the usual ones.
        moved: Options such as --data.path PATH.
        verb: The verb of the command line, for hints.

    Raises:
        UsageError: An option of `moved` is not a location, so that the data would change.
    """

    def __init__(self, run: Run, data_root: Path | None = None, moved: Sequence[str] = (), verb: str = "") -> None:
        self.run = run
        self.data_root = data_root
        self.command = shlex.join(["genzoo", verb or "evaluate", str(run.path)])
        self.config = self._moved(moved) if moved else run.config

    @classmethod
    def of(cls, run: Run, options: argparse.Namespace) -> Source:
        """Return the data of a run, with the options of a command line."""
        return cls(run, options.data_root, options.moved, options.verb)

    def _moved(self, words: Sequence[str]) -> Any:
        """Return the run's configuration with new locations of its data."""
        from genzoo.cli import options as command_line
        from genzoo.cli.run import from_file
        from genzoo.comparison.references import with_pinned_runs
        from genzoo.data.locations import locations, refuse_other_options
        from genzoo.registry.configs import differing
        from genzoo.registry.current import registry
        from genzoo.runs.config import Components

        before, file = self.run.config, self.run.path / "config.json"
        components = Components.find(registry(), before.model, before.dataset, before.loss)
        try:
            config = command_line.parse(components, from_file(file)[1], list(words), str(file))
        except UsageError as error:
            error.hint = error.hint or f"{self.command} --data.path PATH"
            raise
        changed = differing(before.data_config, config.data_config)
        refuse_other_options(changed, locations(before.data_config), self.command)
        return with_pinned_runs(config, self.run.path.parent, before)

    @cached_property
    def dataset(self) -> Dataset:
        """The run's dataset; it has not read data yet."""
        from genzoo.registry.current import registry

        dataset: Dataset = registry().get("dataset", self.config.dataset).load()(self.config.data_config)
        return dataset

    @cached_property
    def store(self) -> Store:
        """The store of raw data files."""
        from genzoo.data.store import Store

        return Store(self.data_root)

    @cached_property
    def splits(self) -> Splits:
        """All splits, as stored.

        Raises:
            GenzooError: The data cannot be read or do not fit the model.
        """
        from genzoo.data.locations import data_differ
        from genzoo.runs.record import data_of, former_record
        from genzoo.system.messages import warn

        with self._hints():
            splits = self.dataset.load(self.store)
        self._refuse_another_form(splits)
        if data_differ(former_record(self.run), data_of(self.store), splits):
            warn(f"these are not the data that {self.run.path} was trained on", "the results are of other data")
        return splits

    @property
    def shown_spec(self) -> DataSpec:
        """The description of what samples show: of the data, or of what their codes stand for."""
        from genzoo.core.dataset import Encoded

        if not isinstance(self.dataset, Encoded):
            return self.run.model.spec
        with self._hints():
            return self.dataset.decoded_spec()

    def meaning(self, x: Tensor) -> Tensor:
        """Return examples [N, *S] in the units of the data as they are shown: decoded if the data are codes."""
        from genzoo.core.dataset import Encoded

        if not isinstance(self.dataset, Encoded):
            return x
        with self._hints():
            return self.dataset.decode(x)

    def _hints(self) -> AbstractContextManager[None]:
        """Add to errors of data that cannot be read what to type."""
        from genzoo.data.locations import location_hints

        return location_hints(self.config.data_config, self.command)

    def _refuse_another_form(self, splits: Splits) -> None:
        from genzoo.data.splits import refuse_odd_labels

        spec, shape = self.run.model.spec, tuple(splits.train.x.shape[1:])
        if shape != spec.shape:
            shapes = ["x".join(map(str, shape)) for shape in (shape, spec.shape)]
            raise UsageError(
                f"these data hold examples of {shapes[0]}; {self.run.path} was trained on {shapes[1]}",
                "use the training data, or train a new model: genzoo run",
            )
        refuse_odd_labels(splits, spec.classes, self.config.dataset)

    def view(self, name: str, device: torch.device) -> Resident:
        """Return a split, preprocessed as in the run.

        Raises:
            UsageError: The run had no such split.
        """
        from genzoo.data.streamed import view_of

        split = getattr(self.splits, name)
        if split is None:
            raise UsageError(f"{self.run.path} was trained with no {name} data", "use --split test")
        spec, how = self.run.model.spec, self.config.training
        return view_of(split, device, how.binarize, shift=spec.shift, scale=spec.scale, stream=how.stream)

    def view_if_there(self, name: str, device: torch.device, without: str) -> Resident | None:
        """Return a split; if it cannot be read, warn that the result is made `without` it and return None."""
        from genzoo.system.messages import warn

        try:
            return self.view(name, device)
        except GenzooError as error:
            warn(error.message, without)
            return None


@written("genzoo.load_data(RUN)")
def load_data(
    run: Run | str | Path, device: str | torch.device = "cpu", store: Store | None = None
) -> dict[str, Resident]:
    """Load the data of a run, as its model sees them.

    Args:
        run: The run, or what `open_run` finds it by.
        device: The device of the examples.
        store: The store of raw files, as a dataset's `load` gets it; None: the usual folders.

    Returns:
        "train", "validation" (if the run has it) and "test". `data.batch(index)` is a batch, `data.keys` the keys of
        the examples' noise.

    Raises:
        GenzooError: The data cannot be read, or do not fit the run's model.
    """
    import torch

    source = Source(as_run(run))
    if store is not None:
        source.store = store
    names = [name for name, split in source.splits._asdict().items() if split is not None]
    return {name: source.view(name, torch.device(device)) for name in names}


@written("genzoo.dataset_of(RUN)")
def dataset_of(run: Run | str | Path) -> Dataset:
    """Return the dataset of a run, given by itself or by what `open_run` finds it by; no data are read yet."""
    return Source(as_run(run)).dataset


def as_run(run: Run | str | Path) -> Run:
    """Return a run; one that is given by its name or path is found."""
    from genzoo.comparison.references import open_run

    return open_run(run) if isinstance(run, (str, Path)) else run
