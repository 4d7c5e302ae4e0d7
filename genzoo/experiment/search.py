"""A search for the best options by Optuna. Any number of processes share its trials and its study, a journal file."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from genzoo.comparison.identity import Data, as_key
from genzoo.comparison.selection import selections
from genzoo.core.errors import UsageError
from genzoo.core.listener import STOPPED, Epoch, RunListener, StopRun
from genzoo.core.text import number
from genzoo.evaluation.order import default_metric, label_of, order_of
from genzoo.experiment.dimensions import Dimension
from genzoo.experiment.sweep import sweep_runs
from genzoo.experiment.worker import POLL, Worker
from genzoo.runs.claims import DONE, HELD, RELEASED, Claim, Claims, State
from genzoo.runs.config import RunConfig
from genzoo.runs.record import last_session
from genzoo.runs.run import Run, RunPaths
from genzoo.runs.schema import is_number

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import JournalStorage
    from optuna.trial import Trial

JOURNAL = "study.journal"
PRUNED = "pruned"


def refuse_without_optuna() -> None:
    """Refuse a search where Optuna is not installed.

    Raises:
        UsageError: With what to type.
    """
    try:
        import optuna
    except ImportError as error:
        raise UsageError(f"--search needs Optuna: {error}", 'pip install "genzoo[sweep]"') from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)


class Pruning(RunListener):
    """Ends a trial whose validation metric is worse than the median of others after the same epoch.

    Args:
        trial: It is told the metric after each epoch.
        metric: By its name in results; "": as `metric_among` says.
    """

    def __init__(self, trial: Trial, metric: str) -> None:
        self.trial, self.metric = trial, metric
        self.last = 0
        """The last epoch, after which there is nothing to save."""
        self.heard = False
        """Whether any epoch had the metric: the terms of a loss are not all metrics, nor the reverse."""

    def run_started(self, run: Run) -> None:
        self.last = last_session(run.record)["epochs"]

    def epoch_finished(self, run: Run, epoch: Epoch) -> None:
        metric = self.metric or metric_among(epoch.validation)
        if metric not in epoch.validation:
            return
        self.heard = True
        self.trial.report(order_of(metric).cost(epoch.validation[metric]), epoch.epoch)
        if epoch.epoch < self.last and self.trial.should_prune():
            raise StopRun(PRUNED)


@dataclass
class Search:
    """The trials of a search. Each has a claim; the one that takes it over goes on with the same trial."""

    dimensions: Sequence[Dimension]
    configured: Callable[[Mapping[str, str]], RunConfig]
    """Returns the configuration with some options, as they are typed."""
    trials: int
    paths: RunPaths
    """`runs` is the folder that the processes share."""
    seed: int = 0
    """That of every trial; the best ones are trained again with others."""
    metric: str = ""
    """By its name in results; "": the one that `selections` chooses."""
    prune: bool = False
    quiet: bool = False
    say: Callable[[str], None] = lambda line: None
    """Takes a line about each trial that is started."""
    told: Callable[[str], None] = lambda line: None
    """Takes a line about each trial that is finished."""
    outcomes: dict[int, str] = field(default_factory=dict)
    """What is known of the trials by their numbers: a cost, "pruned", or why there is none."""
    held: dict[int, str] = field(default_factory=dict)
    """Who makes the others."""
    unprunable: bool = False
    """Whether it was said that no epoch tells the metric."""
    data: dict[str, Data] = field(default_factory=dict)
    """Identities of the data, so that they are read once."""

    def __post_init__(self) -> None:
        self.claims = Claims(self.paths.runs)
        self.first = {one.option: one.choices[0] if one.choices else as_typed(one.low) for one in self.dimensions}
        """The first value of each option."""
        self.base = self.configured(self.first)
        """The configuration with these."""
        asked = [self.base.to_json(), [vars(one) for one in self.dimensions], self.metric, self.prune, self.seed]
        self.name = hashlib.sha256(as_key(asked).encode()).hexdigest()[:16]

    @cached_property
    def storage(self) -> JournalStorage:
        """The file of the study, which is made where it is not there."""
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        self.paths.runs.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(self.paths.runs / JOURNAL)))

    def study(self, slot: int) -> Study:
        """Return the study. Its sampler is seeded by the number of a trial, so every process draws the same options."""
        import optuna

        return optuna.create_study(
            storage=self.storage,
            study_name=self.name,
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=slot, constant_liar=True),
            pruner=optuna.pruners.MedianPruner() if self.prune else optuna.pruners.NopPruner(),
        )

    def make_free_trials(self) -> None:
        """Make what no other process makes, until nothing is left free."""
        made = 1
        while made:
            self.held.clear()
            made = sum(self.visit(slot) for slot in range(self.trials) if slot not in self.outcomes)

    def make_and_wait(self) -> None:
        """Make what no other process makes, and wait for the rest, which is made here if they do not."""
        while True:
            self.make_free_trials()
            if not self.held:
                return
            time.sleep(POLL)

    def look(self) -> None:
        """Learn which trials are finished."""
        for slot in range(self.trials):
            self.state(slot)

    def state(self, slot: int) -> State:
        """Return what is known of the claim of a trial, and remember how it ended or who has it."""
        state = self.claims.state(f"{self.name}-{slot}")
        if state.status == DONE:
            self.outcomes[slot] = state.notes["outcome"]
        elif state.status == HELD:
            self.held[slot] = state.holder
        return state

    def visit(self, slot: int) -> bool:
        """Make a trial if it is free; return whether that was done."""
        state = self.state(slot)
        if state.status != RELEASED:
            return False
        with self.claims.taken(f"{self.name}-{slot}", state) as claim:
            if claim is None:
                self.held[slot] = "another process"
                return False
            self.take(slot, claim)
        return True

    def take(self, slot: int, claim: Claim) -> None:
        """Make a trial whose claim this process has."""
        import optuna

        study = self.study(slot)
        if "trial" in claim.notes:  # its process ended
            frozen = study.get_trials(deepcopy=False)[int(claim.notes["trial"])]
            trial = optuna.trial.Trial(study, frozen._trial_id)
        else:
            trial = study.ask({one.option: one.distribution() for one in self.dimensions})
            claim.note(trial=str(trial.number))
        options = typed(trial.params)
        title = f"[trial {slot + 1}/{self.trials}] {' '.join(f'{name[2:]}={value}' for name, value in options.items())}"
        outcome = self.outcome(title, options, trial)
        states, cost = optuna.trial.TrialState, float(outcome) if is_cost(outcome) else None
        state = None if cost is not None else states.PRUNED if outcome == PRUNED else states.FAIL
        study.tell(trial.number, cost, state=state, skip_if_finished=True)
        claim.end(DONE, outcome=outcome, options=json.dumps(options))
        self.outcomes[slot] = outcome

    def outcome(self, title: str, options: Mapping[str, str], trial: Trial) -> str:
        """Make the run of a trial; return its cost as text, "pruned", or why there is none."""
        try:
            config = self.configured(options)
        except UsageError as error:  # options that do not fit each other
            self.told(f"{title}: {error.message}")
            return error.message
        (planned,) = sweep_runs([config], [self.seed])
        self.say(title)
        pruning = Pruning(trial, self.metric)
        listeners = {"pruning": pruning} if self.prune else {}
        worker = Worker([planned], self.paths, self.quiet, listeners=listeners, now=self.data)
        worker.make_and_wait()
        if planned.key in worker.failures:
            failure = worker.failures[planned.key].removeprefix(f"{planned.name}: ")
            self.told(f"{title}: {failure}")
            return PRUNED if failure == f"{STOPPED}: {PRUNED}" else failure
        run = worker.runs[planned.key]
        (selection,) = selections([run], self.metric)
        value = run.results["validation"].get(selection.metric)
        if not is_number(value):
            return f"no {label_of(selection.metric)}"
        self.told(f"{title}: {label_of(selection.metric)} {number(value)}")
        if self.prune and not pruning.heard and not self.unprunable:
            self.unprunable = True
            self.told(f"--prune ends no trial: epochs do not tell the {label_of(selection.metric)}")
        return repr(order_of(selection.metric).cost(value))

    def best(self, count: int) -> list[dict[str, str]]:
        """Return the options of the best trials, as they are typed, the best first; equal ones once."""
        found: dict[str, float] = {}
        for slot, outcome in sorted(self.outcomes.items()):
            if is_cost(outcome):
                options = self.claims.state(f"{self.name}-{slot}").notes["options"]
                found[options] = min(float(outcome), found.get(options, float(outcome)))
        return [json.loads(options) for options in sorted(found, key=lambda options: found[options])[:count]]

    def looked_at(self) -> str:
        """Return how many trials were looked at, such as "50 trials, 12 of them pruned and 1 without a result"."""
        pruned = sum(outcome == PRUNED for outcome in self.outcomes.values())
        failed = sum(not is_cost(outcome) for outcome in self.outcomes.values()) - pruned
        parts = [f"{pruned} of them pruned"] * bool(pruned) + [f"{failed} without a result"] * bool(failed)
        return ", ".join([f"{len(self.outcomes)} trials", *([" and ".join(parts)] if parts else [])])


def metric_among(terms: Iterable[str]) -> str:
    """Return the metric that trials are compared by, among the terms of a loss; "" if none has an order.

    A term that is no metric, such as the loss itself, comes last; a lower one counts as better.
    """
    ordered = [name for name in terms if order_of(name).better]
    return default_metric(sorted(ordered, key=lambda name: not order_of(name).known))


def is_cost(outcome: str) -> bool:
    """Return whether the outcome of a trial is a finite number."""
    try:
        return abs(float(outcome)) < float("inf")
    except ValueError:
        return False


def typed(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the options of a trial as they are typed."""
    return {name: as_typed(value) for name, value in params.items()}


def as_typed(value: Any) -> str:
    """Return a value of a trial as text, of four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
