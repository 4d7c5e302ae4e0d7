"""`genzoo.sweep`: a grid of options, judged by validation data, as an object for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.choosing import (
    configured,
    counted,
    default_folder,
    label,
    labels_of,
    planned,
    refuse_fixed,
    refuse_unjudged,
)
from genzoo.cli.comparisons import frame, made, request, words_of
from genzoo.cli.sweep import typed
from genzoo.core.errors import UsageError
from genzoo.core.late import late
from genzoo.registry.current import registry
from genzoo.runs.run import Run

if TYPE_CHECKING:
    from genzoo.comparison.selection import Selection
    from genzoo.reporting.tables import ReportTable


@dataclass(frozen=True)
class Sweep:
    """Combinations of options, the best first by validation data; of the best one the test data too."""

    selections: tuple[Selection, ...]
    """One for each protocol: options of the data make several."""
    looked_at: str
    """How many were looked at to choose among."""

    @property
    def best(self) -> tuple[Run, ...]:
        """The runs of the best combination, one for each seed.

        Raises:
            UsageError: There are several protocols, or no run has the metric.
        """
        rows = [selection.best for selection in self.selections]
        if len(rows) > 1 or rows[0] is None:
            what = "runs on several data cannot be compared" if len(rows) > 1 else "no run has the metric"
            raise UsageError(f"there is no best one: {what}", "look at the tables: .selections")
        return rows[0].runs

    def _tables(self) -> list[ReportTable]:
        from genzoo.reporting.selection import selection_table

        return [selection_table(one, self.looked_at) for one in self.selections]

    def _repr_html_(self) -> str:
        from genzoo.reporting.comparison_page import Section

        html: str = late("genzoo.reporting.card:tables_html")(map(Section, self._tables()))
        return html

    def __str__(self) -> str:
        return self.to_markdown()

    def to_markdown(self) -> str:
        """Return the tables as Markdown, with their notes."""
        from genzoo.reporting.tables import as_markdown

        return as_markdown(self._tables())

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each combination: its options and its validation metrics.

        Raises:
            UsageError: pandas is not installed.
        """
        return frame([row for selection in self.selections for row in rows_of(selection)])


def rows_of(selection: Selection) -> list[dict[str, Any]]:
    """Return the combinations of a selection as flat rows for `Sweep.to_pandas`."""
    found = []
    for row in selection.record()["rows"]:
        values = {name: value.get("mean") for name, value in row["validation"].items()}
        found.append({"model": row["model"], "seeds": len(row["seeds"]), **values, "runs": row["runs"]})
    return found


def sweep(
    model: str,
    dataset: Any,
    grid: Mapping[str, Sequence[Any]],
    *,
    seeds: Sequence[int] = range(3),
    loss: str = "",
    runs: str | Path | None = None,
    sort: str | None = None,
    data: Mapping[str, Any] | None = None,
    jobs: int = 1,
    quiet: bool = False,
    **options: Any,
) -> Sweep:
    """Train a model with every combination of some options, as `genzoo sweep --grid` does; finished runs are reused.

    Args:
        model: Name of a registered model.
        dataset: Name of a registered dataset, or examples as `genzoo.run` takes them.
        grid: Options and the values that they take in turn: {"beta": [1, 4], "hidden": [(64,), (64, 32)]}.
        seeds: Each combination is trained with each of them.
        loss: Name of a registered loss; default: the model's own.
        runs: The folder of the runs; default: sweep/MODEL-DATASET.
        sort: The metric to choose by; default: −ELBO, or the first.
        data: Options of the dataset.
        jobs: By how many processes the runs are made; examples of this program are not in others.
        quiet: No progress.
        **options: Options that all runs have, such as epochs=5.

    Raises:
        UsageError: A name, option or value that does not fit. Nothing was started.
        NonFiniteError: No run had a finite loss.
    """
    from genzoo.comparison.selection import selections
    from genzoo.evaluation.order import key
    from genzoo.experiment.grid import axis, combinations

    if not isinstance(grid, Mapping) or not grid:
        raise UsageError(f"the grid is empty: {grid!r}", 'such as {"beta": [1, 2, 4]}')
    registry().get("model", model)
    axes = [axis(text) for text in map(as_typed, grid.items())]
    name, words = words_of(dataset, data or {}, options, jobs)
    folder = Path(runs) if runs else default_folder(model, name)
    asked = request(name, words, folder, loss=loss, jobs=jobs, quiet=quiet, sort=sort)
    refuse_fixed(asked, [one.option for one in axes], "--grid")
    tried = {label(combination): configured(model, asked, combination) for combination in combinations(axes)}
    refuse_unjudged(asked, next(iter(tried.values())))
    plan = planned(tried, seeds)
    given = [word for text in map(as_typed, grid.items()) for word in ("--grid", text)]
    asked.command = ["sweep", model, *given, "--seeds", ",".join(map(str, seeds)), *asked.command]
    found = made(asked, plan)
    return Sweep(tuple(selections(found.values(), key(sort or ""), labels_of(plan, found))), counted(tried))


def as_typed(item: tuple[str, Sequence[Any]]) -> str:
    """Return an option and its values as `--grid` takes them."""
    name, values = item
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UsageError(f"the grid needs values of {name}, not {values!r}", f'such as {{"{name}": [1, 2, 4]}}')
    found = [list(value) if isinstance(value, tuple) else value for value in values]
    alone = "|" if len(found) == 1 and isinstance(found[0], list) else ""  # else it would be read as several values
    return f"{name}={typed(found)}{alone}"
