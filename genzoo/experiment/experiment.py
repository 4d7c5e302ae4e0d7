"""One run from its configuration to its folder."""

from __future__ import annotations

from collections.abc import Callable

from genzoo.comparison.references import with_pinned_runs
from genzoo.core.dataset import Splits
from genzoo.data.store import Store
from genzoo.experiment.data import load
from genzoo.experiment.introduction import introduce
from genzoo.experiment.job import Job
from genzoo.experiment.notebook import console_for
from genzoo.experiment.plan import Plan
from genzoo.runs import new_run
from genzoo.runs.config import RunConfig
from genzoo.runs.run import Run, RunPaths
from genzoo.system.distributed import ALONE, Processes
from genzoo.system.messages import detail, stage
from genzoo.system.signals import terminable


class Experiment:
    """A run that is being made. Everything that can be refused is refused in the constructor, before any work.

    Args:
        config: The resolved configuration.
        paths: Where its folder and the raw data lie.
        quiet: No progress on standard error.
        processes: Those that share the work. The first one reads, writes and prints.

    Raises:
        UsageError: The options do not fit each other, the data or the machine.
    """

    def __init__(self, config: RunConfig, paths: RunPaths, quiet: bool = False, processes: Processes = ALONE) -> None:
        self.config = config = with_pinned_runs(config, paths.runs)
        self.paths = paths
        self.processes = processes
        self.plan = Plan(config, processes)
        self.console = console_for(config, quiet or not processes.first)
        self.stopped_by = 0
        """The number of the signal that ended the run; 0 if none did."""

    def run(self) -> Run | None:
        """Train, evaluate and draw. After Ctrl-C the status in the run's record is "interrupted".

        Returns:
            The run; None in all processes but the first.

        Raises:
            NonFiniteError: The last finite weights are saved before it is raised.
        """
        config, paths = self.config, self.paths
        if self.processes.first:
            new_run.refuse_unwritable(paths.runs, paths.out)
        with terminable():
            job = self.load()
            introduce(job)
            self.processes.barrier("data")
            if not self.processes.first:
                job.follow(None)
                return None
            with new_run.claim(paths.runs, paths.out, config.model, config.dataset) as run:
                self.console.say(f"run folder  {run.path}")
                run.write("config.json", config.to_json())
                job.write_input_format(run)
                self.stopped_by = job.work(run, job.first_session(run), None, paths.profile)
        return run

    def load(self, accept: Callable[[Store, Splits], None] = lambda store, splits: None) -> Job:
        """Load the data, then build the model and its loss for them.

        Args:
            accept: Called with what was loaded, before anything is made of it; may raise.
        """
        with stage("data"):
            data = load(self.plan, self.paths.data_root, self.console, self.processes.first, accept)
        for name, found in data.store.found.items():
            detail(f"{name}: {found.folder}")
        with stage("model"):
            return Job(self.plan, data, self.console, self.processes)
