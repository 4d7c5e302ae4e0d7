"""`genzoo.sweep`: options that are tried and judged by validation data, as an object for programs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.choosing import default_folder, tried_in
from genzoo.cli.comparisons import frame, in_python, made, request, seeds_of, words_of
from genzoo.cli.search import best_plan, make_trials, prepared
from genzoo.cli.sweep import grid_plan, typed
from genzoo.core.calls import written
from genzoo.core.errors import NonFiniteError, UsageError
from genzoo.core.late import late
from genzoo.registry.current import registry
from genzoo.runs.run import Run
from genzoo.runs.schema import is_number

if TYPE_CHECKING:
    from genzoo.comparison.selection import Selection
    from genzoo.comparison.tables import Row
    from genzoo.experiment.sweep import SweepRun
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
        return self._chosen()[1].runs

    @property
    def options(self) -> dict[str, Any]:
        """The options of the best combination, as `genzoo.run` takes them: {"beta": 2.0, "hidden": (64, 32)}.

        Raises:
            UsageError: As of `best`.
        """
        selection, row = self._chosen()
        config = row.runs[0].config
        found = filter(None, (config.sections.find(name.replace("-", "_")) for name in selection.options(row)))
        return {config.sections.key(part, name): getattr(getattr(config, part), name) for part, name in found}

    def _chosen(self) -> tuple[Selection, Row]:
        first = self.selections[0]
        if len(self.selections) > 1 or first.best is None:
            several = len(self.selections) > 1
            what = "runs on several data cannot be compared" if several else "no run has the metric"
            raise UsageError(f"there is no best one: {what}", "look at the tables: .selections")
        return first, first.best

    def _tables(self) -> list[ReportTable]:
        from genzoo.reporting.selection import selection_table

        return [in_python(selection_table(one, self.looked_at)) for one in self.selections]

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


@written('genzoo.sweep(MODEL, DATASET, {"lr": [1e-3, 1e-4]})')
def sweep(
    model: str,
    dataset: Any = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    *,
    search: Mapping[str, str | Sequence[Any]] | None = None,
    trials: int | None = None,
    best: int | None = None,
    prune: bool = False,
    seeds: Sequence[int] | None = None,
    loss: str = "",
    runs: str | Path | None = None,
    sort: str | None = None,
    data: Mapping[str, Any] | None = None,
    jobs: int = 1,
    quiet: bool = False,
    **options: Any,
) -> Sweep:
    """Train a model with every combination of some options, or with such as Optuna draws, as `genzoo sweep` does.

    Finished runs are reused. Give a grid or a search. `genzoo.run(MODEL, DATASET, **found.options)` has its best ones.

    Args:
        model: Name of a registered model.
        dataset: Name of a registered dataset, or examples as `genzoo.run` takes them.
        grid: Options and the values that they take in turn: {"beta": [1, 4], "hidden": [(64,), (64, 32)]}.
        search: Options and their ranges as `--search` takes them, or their values: {"lr": "1e-4..1e-2:log",
            "hidden": [(64,), (64, 32)]}. The best trials are trained again with new seeds, and only these are returned.
        trials: Of a search: how many are drawn, each with one seed that is not in `seeds`; default: 20.
        best: Of a search: how many are trained again; default: 3.
        prune: Of a search: whether a trial that is worse than the median of others is ended.
        seeds: Each combination is trained with each of them; default: 0 to 2, of a search 1 to 3.
        loss: Name of a registered loss; default: the model's own.
        runs: The folder of the runs; default: sweep/MODEL-DATASET.
        sort: The metric to choose by; default: the first that all have on validation data, such as −ELBO.
        data: Options of the dataset.
        jobs: By how many processes the runs are made; examples of this program are not in others.
        quiet: No progress.
        **options: Options that all runs have, such as epochs=5.

    Raises:
        UsageError: A name, option or value that does not fit, or Optuna is not installed. Nothing was started.
        NonFiniteError: No run had a finite loss.
    """
    from genzoo.comparison.selection import selections
    from genzoo.evaluation.order import key

    wanted = {"grid": as_words("grid", grid), "search": as_words("search", search)}
    if not any(wanted.values()):
        raise UsageError(f"the grid is empty: {grid!r}", 'such as {"beta": [1, 2, 4]}')
    registry().get("model", model)
    name, words = words_of(dataset, data or {}, options, jobs)
    folder = Path(runs) if runs else default_folder(model, name)
    every = [] if seeds is None else seeds_of(seeds)
    own = {"trials": trials, "best": best, "prune": prune, "seeds": ",".join(map(str, every))}
    asked = request(name, words, folder, loss=loss, jobs=jobs, quiet=quiet, sort=sort, **wanted, **own)
    asked.command = ["sweep", model, *typed_again(asked), *asked.command]
    plan, looked_at = searched(asked, model) if asked.search else grid_plan(asked, model)
    found = made(asked, plan)
    return Sweep(tuple(selections(found.values(), key(sort or ""), tried_in(plan, found))), looked_at)


def searched(asked: Namespace, model: str) -> tuple[list[SweepRun], str]:
    """Make the trials of a search; return the runs of the best ones with new seeds, and how many were looked at.

    Raises:
        NonFiniteError: No trial has a result.
    """
    from genzoo.system.isolation import one_run, own_settings

    found = prepared(asked, model, asked.runs)
    with one_run(asked.quiet), own_settings():
        make_trials(asked, found)
    plan = best_plan(asked, model, found)
    if not plan:
        raise NonFiniteError(f"none of {found.looked_at()} has a result")
    return plan, found.looked_at()


def typed_again(asked: Namespace) -> list[str]:
    """Return what is asked of a sweep as words of the command line, for its workers."""
    pairs = [(kind, text) for kind in ("grid", "search") for text in getattr(asked, kind)]
    pairs += [(name, value) for name in ("trials", "best", "seeds", "sort") if (value := getattr(asked, name))]
    words = [word for name, value in pairs for word in (f"--{name}", str(value))]
    return [*words, "--prune"] if asked.prune else words


def as_words(kind: str, values: Mapping[str, Any] | None) -> list[str]:
    """Return the options of a grid or a search, each as it is typed behind `--grid` or `--search`.

    Raises:
        UsageError: It is none.
    """
    if values is None:
        return []
    if not isinstance(values, Mapping):
        raise UsageError(f"the {kind} is no mapping of options: {values!r}", 'such as {"beta": [1, 2, 4]}')
    ranges = kind == "search"
    for name, value in values.items():
        if ranges and isinstance(value, tuple) and len(value) == 2 and all(map(is_number, value)):
            of_range, choices = f'{{"{name}": "{value[0]}..{value[1]}"}}', f'{{"{name}": {list(value)}}}'
            how = f"write: search={of_range} for a range, {choices} for two choices"
            raise UsageError(f"search: {name}={value} may be a range or two choices", how)
    return [f"{n}={v}" if ranges and isinstance(v, str) else as_typed((n, v), kind) for n, v in values.items()]


def as_typed(item: tuple[str, Sequence[Any]], kind: str = "grid") -> str:
    """Return an option and its values as `--grid` takes them."""
    name, values = item
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise UsageError(f"the {kind} needs values of {name}, not {values!r}", f'such as {{"{name}": [1, 2, 4]}}')
    found = [list(value) if isinstance(value, tuple) else value for value in values]
    alone = "|" if len(found) == 1 and isinstance(found[0], list) else ""  # else it would be read as several values
    return f"{name}={typed(found)}{alone}"
