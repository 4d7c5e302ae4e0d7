"""One of the processes that make the runs of a sweep."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from genzoo.comparison.identity import Data, as_key
from genzoo.core.errors import GenzooError, NonFiniteError, OutOfMemory
from genzoo.core.listener import INTERRUPTED, RunListener
from genzoo.experiment.experiment import Experiment
from genzoo.experiment.resume import Resumption
from genzoo.experiment.reuse import (
    data_now,
    finished,
    has_ended,
    has_speed,
    is_complete,
    is_made_as,
    is_whole,
    missing_metrics,
)
from genzoo.experiment.speed import inference_speed, sampling_speed
from genzoo.registry.entries import describe
from genzoo.runs.claims import DONE, FAILED, HELD, Claim, Claims, State
from genzoo.runs.new_run import make_folder
from genzoo.runs.run import FINISHED, SPEED_FILE, Run, RunPaths
from genzoo.system.devices import choose_device
from genzoo.system.signals import interruption

if TYPE_CHECKING:
    from genzoo.experiment.sweep import SweepRun

POLL = 1.0
"""Seconds between two looks at runs that other processes make."""


class Stopped(GenzooError):
    """A listener ended the run before its last epoch."""


class Worker:
    """One of the processes that make the runs of a plan, or the only one.

    Args:
        plan: The runs.
        paths: `runs` is the folder that the processes share.
        quiet: No progress on standard error.
        say: Takes a line about each run that is started.
        told: Takes a line about each run that is finished.
        listeners: They hear of each run that is made, beside those of its own, by name.
        now: Identities of the data that are known, by configuration; others are added.
    """

    def __init__(
        self,
        plan: Sequence[SweepRun],
        paths: RunPaths,
        quiet: bool = False,
        say: Callable[[str], None] = lambda line: None,
        told: Callable[[str], None] = lambda line: None,
        listeners: Mapping[str, RunListener] | None = None,
        now: dict[str, Data] | None = None,
    ) -> None:
        self.plan, self.paths, self.quiet, self.say, self.told = plan, paths, quiet, say, told
        self.listeners = dict(listeners or {})
        self.claims = Claims(paths.runs)
        self.now = {} if now is None else now
        self.found = finished(plan, paths, self.now)
        """Runs that were there before, by their keys."""
        self.runs: dict[str, Run] = {}
        """The plan's finished runs by their keys, as far as they are known."""
        self.failures: dict[str, str] = {}
        """A line for each run that failed, by keys."""
        self.held: dict[str, str] = {}
        """Who makes the runs that are left, by their names."""

    def forgive(self) -> None:
        """Let the runs that failed earlier be made again: the plugin may be another one now."""
        for planned in self.plan:
            state = self.claims.state(planned.claim)
            if state.status == FAILED:
                with self.claims.taken(planned.claim, dataclasses.replace(state, notes={})):
                    pass

    def make_free_runs(self) -> None:
        """Make what no other process makes, until nothing is left free."""
        made = 1
        while made:
            self.held.clear()
            made = sum(self.visit(number, planned) for number, planned in enumerate(self.plan, start=1))

    def is_there(self, planned: SweepRun) -> bool:
        """Return whether a run is known to be finished and measured."""
        run = self.found.get(planned.key)
        if run and is_complete(run, planned):
            self.runs[planned.key] = run
        return planned.key in self.runs

    def make_and_wait(self) -> None:
        """Make what no other process makes, and wait for the rest, which is made here if they do not."""
        waited_for: dict[str, str] = {}
        while True:
            self.make_free_runs()
            if not self.held:
                return
            if new := {name: holder for name, holder in self.held.items() if waited_for.get(name) != holder}:
                self.say(f"waiting for {'; '.join(f'{name} by {holder}' for name, holder in new.items())}")
                waited_for |= new
            time.sleep(POLL)

    def visit(self, number: int, planned: SweepRun) -> bool:
        """Make or complete a run of the plan if it is free; return whether that was done."""
        key, run = planned.key, self.found.get(planned.key)
        if key in self.failures or self.is_there(planned):
            return False
        state = self.claims.state(planned.claim)
        if state.status == FAILED:
            self.failures[key] = f"{planned.name}: {state.notes.get('failure', 'failed')}"
            return False
        if state.status == HELD:
            self.held[planned.name] = state.holder
            return False
        run = run or self.made_by_others(planned, state)
        if run and is_complete(run, planned):
            self.runs[key] = run
            return False
        with self.claims.taken(planned.claim, state) as claim:
            if claim is None:
                self.held[planned.name] = "another process"
                return False
            self.take(f"[{number}/{len(self.plan)}] {planned.name}", planned, run, claim)
        return True

    def made_by_others(self, planned: SweepRun, state: State) -> Run | None:
        """Return the run that holders of its claim finished; None if they did not."""
        name = state.notes.get("run")
        run = Run(self.paths.runs / name) if name else None
        if run is None or not is_whole(run):
            return None
        config = planned.config.to_json()
        section = as_key(config["data"])
        if section not in self.now:
            self.now[section] = data_now(planned.config, self.paths.data_root)
        return run if is_made_as(run, config, self.now[section]) else None

    def take(self, title: str, planned: SweepRun, run: Run | None, claim: Claim) -> None:
        """Make a run whose claim this process has, and measure what is missing.

        Raises:
            KeyboardInterrupt: It was interrupted; it is resumed by who takes it next.
        """
        started = time.perf_counter()
        try:
            made = run or self.resumed(title, planned, claim) or self.begun(title, planned, claim)
            self.end(title, made)
            self.measure(title, planned, made)
        except Exception as error:
            known = isinstance(error, (NonFiniteError, OutOfMemory, Stopped))
            why = error.message if isinstance(error, GenzooError) else describe(error)
            claim.end(FAILED, failure=why)
            self.failures[planned.key] = f"{planned.name}: {why}"
            if not known:
                raise
            self.say(f"genzoo: {self.failures[planned.key]}")
        else:
            claim.end(DONE, run=made.path.name)
            self.runs[planned.key] = made
            self.told(f"{title}: finished after {time.perf_counter() - started:.0f} s, {made.path}")

    def begun(self, title: str, planned: SweepRun, claim: Claim) -> Run:
        """Make a run in a new folder."""
        self.say(title)
        folder = make_folder(self.paths.runs, None, planned.config.model, planned.config.dataset)
        claim.note(run=folder.name)
        experiment = Experiment(planned.config, dataclasses.replace(self.paths, out=folder), self.quiet)
        experiment.plan.listeners |= self.listeners
        run = experiment.run()
        assert run is not None, "alone, it is this process that writes"
        return ended(run, experiment)

    def resumed(self, title: str, planned: SweepRun, claim: Claim) -> Run | None:
        """Go on with the run of the claim's holder before, and return it; None if it cannot be gone on with."""
        name = claim.notes.get("run")
        run = Run(self.paths.runs / name) if name else None
        if run is None or not (run.path / "config.json").exists() or is_whole(run):  # whole: made on other data
            return None
        try:
            resumption = Resumption(run, planned.config, self.paths.data_root, self.quiet)
            resumption.experiment.plan.listeners |= self.listeners
            self.say(f"{title}: resumes {run.path}")
            resumption.run_on()
        except (NonFiniteError, OutOfMemory):
            raise
        except GenzooError:  # other data, damaged checkpoints, or its process is not dead but silent
            return None
        return run if is_whole(ended(run, resumption.experiment)) else None

    def end(self, title: str, run: Run) -> None:
        """Write the report and the record of a run whose process ended after its results. If that fails, they do."""
        if has_ended(run):
            return
        self.say(f"{title}: completes {run.path}")
        with suppress(GenzooError):
            resumption = Resumption(run, run.config, self.paths.data_root, self.quiet)
            resumption.run_on()
            ended(run, resumption.experiment)

    def measure(self, title: str, planned: SweepRun, run: Run) -> None:
        """Measure what a finished run lacks: metrics that are asked for, and its speed."""
        if missing := missing_metrics(run, planned):
            self.say(f"{title}: evaluates {', '.join(missing)}")
            Experiment(planned.config, self.paths, quiet=True).load().add_metrics(run, missing)
        if not has_speed(run):
            model, device = run.model, choose_device(planned.config.training.device)
            run.write(SPEED_FILE, {**inference_speed(model, device), **sampling_speed(model, device)})


def ended(run: Run, experiment: Experiment) -> Run:
    """Return a run that is finished.

    Raises:
        KeyboardInterrupt: It was interrupted.
        Stopped: A listener stopped it.
    """
    status = str(run.record["status"])
    if status == INTERRUPTED:
        raise interruption(experiment.stopped_by)
    if status != FINISHED:
        raise Stopped(status, f"go on: genzoo resume {run.path}")
    return run
