"""`genzoo.compare` and `genzoo.bench`: the tables of the commands of these names, as objects for programs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli import bench as bench_verb
from genzoo.cli import compare as compare_verb
from genzoo.cli.sharing import refuse_jobs, shared_sweep
from genzoo.comparison.references import finished_in
from genzoo.comparison.tables import Table, tables
from genzoo.core.calls import written
from genzoo.core.errors import NonFiniteError, UsageError, listed
from genzoo.core.late import late
from genzoo.core.spelling import spelled
from genzoo.core.values import plain_value
from genzoo.registry.current import registry
from genzoo.runs.new_run import refuse_unwritable
from genzoo.runs.run import Run, RunPaths
from genzoo.system.messages import warn

if TYPE_CHECKING:
    from genzoo.comparison.leaderboard import Leaderboard
    from genzoo.experiment.sweep import SweepRun
    from genzoo.reporting.comparison_page import Section
    from genzoo.reporting.tables import ReportTable

FIGURES = ("rate-distortion", "intervals")


@dataclass(frozen=True, repr=False)
class Comparison:
    """Runs as tables, one for each protocol: only rows of one table can be compared with each other."""

    chosen: tuple[tuple[Table, str], ...]
    """Each table, sorted, with the metric that it is sorted by."""
    boards: tuple[Leaderboard, ...] = ()
    """The same tables with speeds and baselines, of a benchmark."""

    @property
    def tables(self) -> list[Table]:
        """The tables."""
        return [table for table, _ in self.chosen]

    def _sections(self) -> list[Section]:
        from genzoo.reporting import leaderboard
        from genzoo.reporting.comparison_page import Section
        from genzoo.reporting.warnings import warnings

        if self.boards:
            shown = [(leaderboard.leaderboard_table(board), leaderboard.warnings(board)) for board in self.boards]
        else:
            shown = [(compare_verb.report_table(table, metric), warnings(table)) for table, metric in self.chosen]
        return [Section(in_python(table), [*map(spelled, lines)]) for table, lines in shown]

    def _repr_html_(self) -> str:
        html: str = late("genzoo.reporting.card:tables_html")(self._sections())
        return html

    def __str__(self) -> str:
        return self.to_markdown()

    __repr__ = __str__  # so that a prompt shows the tables

    def to_markdown(self) -> str:
        """Return the tables as Markdown, with their notes."""
        from genzoo.reporting.tables import as_markdown

        return as_markdown([section.table for section in self._sections()])

    def to_pandas(self) -> Any:
        """Return one row for each configuration: a `pandas.DataFrame` of protocol, model, seeds, rank and metrics.

        A metric has its mean over the seeds, and beside it the 95 % intervals over seeds and over test examples, in
        columns NAME_interval and NAME_test_interval. What is not available is missing, never 0.

        Raises:
            UsageError: pandas is not installed.
        """
        return frame([record for table, metric in self.chosen for record in records(table, metric)])

    def figure(self, name: str = FIGURES[0]) -> Any:
        """Return a figure of the tables, which a notebook shows.

        Args:
            name: "rate-distortion": the rate and the distortion of each row; "intervals": the metric that each table
                is sorted by, with its intervals.

        Returns:
            A `genzoo.figures.picture.Image`; `save(path)` writes it.

        Raises:
            UsageError: There is no such figure, or no run has what it shows.
        """
        from genzoo.figures.picture import drawn

        if name not in FIGURES:
            one = FIGURES[-1]
            raise UsageError(
                f"no figure {name!r} of a comparison",
                f'figures: {", ".join(FIGURES)}; .figure("{one}").save("{one}.png")',
            )
        return drawn(lambda file: compare_verb.draw(file, list(self.chosen), sorted_by=name == "intervals"))


def in_python(table: ReportTable) -> ReportTable:
    """Return a table whose notes name options as Python has them."""
    return replace(table, notes=[*map(spelled, table.notes)])


def records(table: Table, metric: str) -> list[dict[str, Any]]:
    """Return the rows of a table as flat values for `Comparison.to_pandas`."""
    found = []
    for record in table.records(metric):
        row = {
            "protocol": table.protocol,
            "model": record["model"],
            "seeds": len(record["seeds"]),
            "rank": record["rank"],
        }
        for name, value in record["test"].items():
            known = value if isinstance(value, dict) and "mean" in value else {}
            row |= {name: known.get("mean"), f"{name}_interval": known.get("interval_95")}
            row |= {f"{name}_test_interval": known.get("test_interval_95")}
        found.append({**row, "runs": record["runs"]})
    return found


def frame(rows: Sequence[dict[str, Any]]) -> Any:
    """Return rows as a `pandas.DataFrame`.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise UsageError("to_pandas needs pandas, which is not installed", "pip install pandas") from None
    return pandas.DataFrame(list(rows))


@written("genzoo.compare(FOLDER, dataset=DATASET)")
def compare(
    *places: str | Path | Run | Iterable[Run],
    dataset: str | None = None,
    sort: str | None = None,
    metrics: Sequence[str] = (),
) -> Comparison:
    """Compare finished runs, as `genzoo compare` does: one row for all seeds, one table for each protocol.

    Args:
        *places: Runs, names of runs, lists of runs, or folders of runs; default: "runs/".
        dataset: Only runs on this dataset.
        sort: The metric by which rows are sorted; default: the first that all rows have.
        metrics: The columns, in this order; default: all that any run has.

    Raises:
        UsageError: There are no finished runs there, or none has one of the metrics.
    """
    each = [[place] if isinstance(place, (str, Path, Run)) else list(place) for place in places or ("runs",)]
    folders = [place.path if isinstance(place, Run) else place for some in each for place in some]
    found = tables(finished_in(folders), dataset, lambda line: warn(line, "resume it: genzoo.resume(RUN)"))
    if not found:
        where = ", ".join(map(str, folders))
        raise UsageError(f"no finished run to compare in {where}", "leave dataset out to see all, or resume the runs")
    return Comparison(tuple(compare_verb.ordered(found, sort, ",".join(metrics))))


@written("genzoo.bench([MODEL, MODEL], DATASET)")
def bench(
    models: Iterable[str],
    dataset: Any = None,
    *,
    seeds: Sequence[int] = range(3),
    loss: str = "",
    runs: str | Path | None = None,
    sort: str | None = None,
    target: float | None = None,
    data: Mapping[str, Any] | None = None,
    jobs: int = 1,
    quiet: bool = False,
    **options: Any,
) -> Comparison:
    """Train several models under the same conditions and rank them, as `genzoo bench` does; finished runs are reused.

    Args:
        models: Names of registered models. Options of one model stand behind its name: "ddpm --net perceptron".
        dataset: Name of a registered dataset, or examples as `genzoo.run` takes them.
        seeds: Each model is trained with each of them.
        loss: One loss for all models; default: each model's own.
        runs: The folder of the runs; default: bench/DATASET.
        sort: The metric by which rows are sorted.
        target: A validation −ELBO in nats: the table has the training time until it is reached.
        data: Options of the dataset.
        jobs: By how many processes the runs are made; examples of this program are not in others.
        quiet: No progress.
        **options: Options that all models have, such as epochs=5.

    Raises:
        UsageError: A name, option or value that does not fit. Nothing was started.
        NonFiniteError: No run had a finite loss.
    """
    from genzoo.experiment.sweep import sweep_runs

    named = [models] if isinstance(models, str) else list(models)
    if not named:
        raise UsageError("no models to train", listed("known", registry().names("model"), "genzoo list --kind model"))
    name, words = words_of(dataset, data or {}, options, jobs)
    folder = Path(runs) if runs else Path("bench") / name.rpartition("/")[2]
    asked = request(name, words, folder, loss=loss, jobs=jobs, quiet=quiet, sort=sort, target=target)
    asked.models = ",".join(named)
    configs = bench_verb.usable_configs(asked, bench_verb.requested_models(asked, "bench", bench_verb.NOT_HERE))
    bench_verb.refuse_sort(sort, configs[0].training.metrics)
    bench_verb.refuse_uncomputable(asked, configs)
    every = seeds_of(seeds)
    plan = sweep_runs(configs, every)
    asked.command = ["bench", "--models", asked.models, "--seeds", ",".join(map(str, every)), *asked.command]
    boards = tuple(bench_verb.boards(asked, list(made(asked, plan).values())))
    return Comparison(tuple((board.table, board.metric) for board in boards), boards)


def seeds_of(seeds: Any) -> list[int]:
    """Return the seeds that a program gives, each once.

    Raises:
        UsageError: They are not several, or one is none.
    """
    from genzoo.experiment.sweep import parse_seeds

    if isinstance(seeds, str):  # as on the command line
        return parse_seeds(seeds)
    if isinstance(seeds, bytes) or not isinstance(seeds, Iterable):
        several = f"range({seeds})" if isinstance(seeds, int) and seeds > 0 else "range(3)"
        raise UsageError(f"seeds must be several numbers, not {seeds!r}", f"give each: seeds={several}, or seeds=[0]")
    every = [str(plain_value(seed)) for seed in seeds]
    if not every or not all(map(str.isdigit, every)):
        raise UsageError(f"seeds must be whole numbers from 0, not {seeds!r}", "such as seeds=range(5) or seeds=[0]")
    return parse_seeds(",".join(every))


def words_of(dataset: Any, data: Mapping[str, Any], options: Mapping[str, Any], jobs: int) -> tuple[str, list[str]]:
    """Return the name of a dataset, and options of it and of runs as words of the command line.

    Raises:
        UsageError: Examples of this program cannot be given to other processes.
    """
    from genzoo.experiment.given import named
    from genzoo.runs.config import to_arguments

    if jobs > 1 and not isinstance(dataset, str):
        raise UsageError("examples of this program are not in other processes", "jobs=1, or write them to a file")
    name, own = named(dataset, data)
    values = {**options, **{f"data.{key}": value for key, value in own.items()}}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    return name, to_arguments(plain, "options")


def request(dataset: str, words: list[str], folder: Path, **options: Any) -> Namespace:
    """Return what the command line makes of the same request.

    Raises:
        UsageError: Runs cannot be written to the folder, or the number of processes cannot be.
    """
    refuse_unwritable(folder, None)
    here = {"on": None, "worker": False, "workers": None, "runs": folder, "data_root": None}
    loss = ["--loss", options["loss"]] if options["loss"] else []
    asked = Namespace(dataset=dataset, rest=words, **here, **options)
    asked.command = ["--dataset", dataset, *loss, "--runs", str(folder), *words]
    refuse_jobs(asked)
    return asked


def made(asked: Namespace, plan: Sequence[SweepRun]) -> dict[str, Run]:
    """Make the missing runs of a plan, and return all by their keys; a line on standard error tells of failures.

    Raises:
        NonFiniteError: None had a finite loss.
    """
    from genzoo.system.isolation import one_run, own_settings

    with one_run(asked.quiet), own_settings():
        found, failures = shared_sweep(asked, plan, RunPaths(asked.runs))
    if not found:
        raise NonFiniteError("; ".join(failures))
    for failure in failures:
        warn(f"no result for {failure}", "the others are ranked")
    return found
