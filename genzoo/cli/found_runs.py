"""`genzoo.find_runs`: the runs in a folder as a list that can be searched, shown and turned into a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from genzoo.cli.run_rows import age, run_rows
from genzoo.cli.runs import chosen
from genzoo.comparison.best import best_of
from genzoo.core.calls import written
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.late import late
from genzoo.runs.overview import Overview, runs_in
from genzoo.runs.run import Run
from genzoo.runs.schema import is_number


class FoundRuns(Sequence[Run]):
    """Runs, the newest first.

    Args:
        found: What their files tell of them.
        where: Where they were looked for, in messages.
    """

    def __init__(self, found: Sequence[Overview], where: str) -> None:
        self.overviews = list(found)
        self.where = where

    def __len__(self) -> int:
        return len(self.overviews)

    @overload
    def __getitem__(self, place: int) -> Run: ...
    @overload
    def __getitem__(self, place: slice) -> FoundRuns: ...
    def __getitem__(self, place: int | slice) -> Run | FoundRuns:
        if isinstance(place, slice):
            return FoundRuns(self.overviews[place], self.where)
        return self.overviews[place].run

    def __iter__(self) -> Iterator[Run]:
        return (one.run for one in self.overviews)

    def __repr__(self) -> str:
        lines = ["  ".join(filter(None, row)) for row in self._rows()[1:]]
        return "\n".join(lines) or f"no runs in {self.where}"

    def _repr_html_(self) -> str:
        html: str = late("genzoo.reporting.card:list_html")(self._rows())
        return html

    def _rows(self) -> list[list[str]]:
        return run_rows(self.overviews, [str(one.run.path) for one in self.overviews])

    def best(self, metric: str) -> Run:
        """Return the finished run with the best validation metric, as "@best:METRIC" on the command line does.

        Args:
            metric: Such as "mse" or "negative-elbo"; "mse@digits" leaves out runs on other datasets.

        Raises:
            UsageError: No run has it, it has no order, or the runs cannot be compared.
        """
        if not self:
            raise UsageError(f"no runs in {self.where}", "train a model: genzoo.run(MODEL, DATASET)")
        return best_of(list(self), metric, self.where)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each run: name, state, options and test metrics, when finished.

        Raises:
            UsageError: pandas is not installed.
        """
        from genzoo.cli.comparisons import frame

        return frame([record(one) for one in self.overviews])


def record(one: Overview) -> dict[str, Any]:
    """Return a run as one flat row."""
    try:
        test = one.run.results["test"]
        metrics = {name: value for name, value in test.items() if is_number(value) and name != "n"}
    except (GenzooError, KeyError, AttributeError):
        metrics = {}
    known = {name: value for name, value in one.as_json().items() if not isinstance(value, (list, dict))}
    training = one.config.get("training")
    seed = training.get("seed") if isinstance(training, dict) else None
    return {**known, "age": age(one.started), "seed": seed, "tags": " ".join(one.labels["tags"]), **metrics}


@written("genzoo.find_runs(FOLDER, model=MODEL)")
def find_runs(*places: str | Path, dataset: str = "", model: str = "", status: str = "", tag: str = "") -> FoundRuns:
    """Return the runs in folders, the newest first.

    Args:
        *places: Runs, folders of runs, or folders of sweeps; default: "runs/".
        dataset: Only runs on this dataset.
        model: Only runs of this model.
        status: Only runs with one of these, such as "finished" or "killed,failed".
        tag: Only runs with this tag.

    Raises:
        UsageError: A folder does not exist, or there is no such status.
    """
    folders = [Path(place) for place in places or ("runs",)]
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"no folder {folder}", "name a folder of runs, such as runs/")
    found = chosen(runs_in(folders), status, tag)
    found = [one for one in found if dataset in ("", one.name_of("data")) and model in ("", one.name_of("model"))]
    return FoundRuns(found, ", ".join(map(str, folders)))
