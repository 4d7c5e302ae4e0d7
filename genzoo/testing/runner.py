"""Run all checks of a registered entry, for `genzoo check` and as a pytest mark."""

from __future__ import annotations

import contextlib
import io
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.options import option
from genzoo.core.parts import INTERFACES
from genzoo.core.run_reference import run_options
from genzoo.registry.current import registry
from genzoo.registry.discovery import debugging
from genzoo.registry.entries import PARTS, Entry, describe
from genzoo.system.progress import working
from genzoo.testing.check import Check, place_of
from genzoo.testing.dataset_checks import DATASET, DatasetTarget
from genzoo.testing.figure_checks import FIGURE, FigureTarget
from genzoo.testing.forms import forms, of_counts, refusal
from genzoo.testing.launcher_checks import LAUNCHER
from genzoo.testing.listener_command_checks import COMMAND, LISTENER, CommandTarget, ListenerTarget
from genzoo.testing.metric_checks import METRIC, MetricTarget
from genzoo.testing.model_checks import CHECKS, ONCE
from genzoo.testing.pair import SPECS, Pair
from genzoo.testing.part_checks import PartTarget, checks_of
from genzoo.testing.registration_checks import REGISTRATION

Verdict = Literal["PASS", "WARN", "FAIL", "n/a"]
ONLY_COUNTS = (
    "its loss is finite on whole numbers but not on real vectors: checked on whole numbers",
    "if this is not intended, keep logarithms and roots away from numbers below 0",
)
TRACEBACK = "for the traceback: genzoo --debug check …"
NAMES = tuple(dict.fromkeys([*REGISTRATION, *CHECKS, *DATASET, *METRIC, *COMMAND, *LISTENER, *LAUNCHER, *FIGURE]))
"""The names of all checks."""
Checked = tuple[str, str, Check[Any], Any]
"""What is checked, the check's name, the check and its target."""


@dataclass(frozen=True)
class Finding:
    """The result of a check."""

    on: str
    """"registration", or the form of data and the pair."""
    check: str
    verdict: Verdict
    expected: str = ""
    found: str = ""
    """The fault, or why the check does not apply."""
    suggestion: str = ""
    at: str = ""
    """Where an exception ended the check, such as "genzoo_mine/model.py:40"."""
    seconds: float = 0.0
    """Time that the check took."""


def known_checks() -> set[str]:
    """Return the names of all checks."""
    of_kinds: list[Mapping[str, Check[Any]]] = [
        REGISTRATION,
        CHECKS,
        DATASET,
        METRIC,
        COMMAND,
        LISTENER,
        LAUNCHER,
        FIGURE,
    ]
    return {name for checks in (*of_kinds, *map(checks_of, INTERFACES)) for name in checks}


def examine(
    entry: Entry, done: set[str] | None = None, on: Sequence[str] = (), only: Collection[str] = ()
) -> Iterator[Finding]:
    """Run every check of an entry and yield its findings; an exception in a check is a fault.

    Args:
        entry: The entry to check.
        done: Pairs of a model and a loss to leave out; the pairs that are checked are added to it.
        on: Datasets whose examples a model or a loss is checked on, besides made-up data; if empty, those of its own
            package.
        only: Names of the checks to run; empty: all.
    """
    broken, done = False, set() if done is None else done
    for name, check in REGISTRATION.items():
        if only and name not in only:
            continue
        finding = _timed("registration", name, check, entry)
        broken |= finding.verdict == "FAIL" and name in ("class", "options")
        yield finding
    if not broken:
        examined = set()
        for case in cases(entry, on):
            if isinstance(case, Finding):
                yield case
            elif only and case[1] not in only:
                continue
            elif case[0] not in done:
                examined.add(case[0])
                yield _timed(*case)
        done |= examined


def cases(entry: Entry, on: Sequence[str] = ()) -> Iterator[Checked | Finding]:
    """Yield the checks beyond registration, and a finding for each form of data that a model refuses."""
    if entry.kind == "dataset":
        yield from _with(DATASET, "its data", DatasetTarget(entry))
    elif entry.kind == "metric":
        yield from _with(METRIC, "an untrained model", MetricTarget(entry))
    elif entry.kind == "command":
        yield from _with(COMMAND, "the command", CommandTarget(entry))
    elif entry.kind == "figure":
        yield from _with(FIGURE, "untrained models", FigureTarget(entry))
    elif entry.kind in PARTS:
        target = PartTarget(entry)
        yield from _with(checks_of(target.kind), "the part alone", target)
    elif entry.kind == "launcher":
        yield from _with(LAUNCHER, "the launcher", entry)
    elif entry.kind == "listener":
        yield from _with(LISTENER, "made-up runs", ListenerTarget(entry))
    else:
        yield from _of_pairs(entry, on)


def _with(checks: Mapping[str, Check[Any]], on: str, target: Any) -> Iterator[Checked]:
    """Yield the cases of several checks of one target."""
    for name, check in checks.items():
        yield on, name, check, target


def _of_pairs(entry: Entry, on: Sequence[str] = ()) -> Iterator[Checked | Finding]:
    """Yield the cases of a model with its loss, or of a loss with the first model that it trains.

    For a loss, models registered with it come first.
    """
    fits, once = False, set(ONCE)
    for form in forms(entry, on):
        if form.spare and fits:
            continue
        if form.missing:
            yield Finding(form.name, "builds", "n/a", found=f"its examples cannot be loaded: {form.missing}")
            continue
        for model, loss in _models_and_losses(entry):
            pair = form.pair(model, loss)
            try:
                reason = refusal(pair, form.small)
            except Exception as error:  # reported as a fault; the other forms are still checked
                yield _broken(f"{form.name}: {pair}", error)
                continue
            if reason is not None and entry.kind == "model":
                yield Finding(f"{form.name}: {pair}", "builds", "n/a", found=reason)
            if reason is None:
                fits = True
                if (counts := of_counts(pair)) is not None:
                    yield Finding(f"{form.name}: {pair}", "builds", "WARN", "its loss is finite", *ONLY_COUNTS)
                    pair = counts
                for name in form.checks:
                    if name not in ONCE or name in once:
                        once.discard(name)
                        yield f"{form.name}: {pair}", name, CHECKS[name], pair
                break
    if not fits:
        command = f"genzoo check {entry.name}"
        suggestion = f"it has to be built for one of: {', '.join(SPECS)}; or: {command} --dataset DATASET"
        if of_runs := run_options(entry.load().Config):
            suggestion = f"{command} {option(of_runs[0])} RUN"
        yield Finding(
            "all data", "builds", "FAIL", "it trains on something", "every form of data is refused", suggestion
        )


def _models_and_losses(entry: Entry) -> Iterator[tuple[Entry, Entry]]:
    """Yield the pairs to try for a model or a loss, in order."""
    if entry.kind == "model":
        yield entry, registry().loss_of(entry)
    else:
        for model in sorted(registry().matching("model"), key=lambda model: model.loss != entry.name):
            yield model, entry


def _broken(on: str, error: Exception) -> Finding:
    """Return the finding for a pair that cannot be built because of an exception."""
    at = place_of(error)
    return Finding(on, "builds", "FAIL", "it can be built", f"{describe(error)}, at {at}", TRACEBACK, at)


def _timed(on: str, name: str, check: Check[Any], target: Any) -> Finding:
    """Run a check and return its finding with the time that it took."""
    working(f"{name}: {on}")
    start = time.perf_counter()
    finding = _run(on, name, check, target)
    return replace(finding, seconds=time.perf_counter() - start)


def _run(on: str, name: str, check: Check[Any], target: Any) -> Finding:
    """Run a check and return its finding; what it prints is discarded."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            reason = check(target)
    except AssertionError as fault:
        text = " ".join(str(fault).split()).removeprefix(f"{target}: ")
        return Finding(
            on, name, "WARN" if check.warns else "FAIL", check.expected, text or describe(fault), check.suggestion
        )
    except GenzooError as error:
        return Finding(on, name, "FAIL", check.expected, error.message, error.hint or check.suggestion)
    except Exception as error:
        if debugging():
            traceback.print_exc()
        at = place_of(error)
        return Finding(on, name, "FAIL", check.expected, f"{describe(error)}, at {at}", TRACEBACK, at)
    if reason is not None:
        return Finding(on, name, "n/a", check.expected, reason)
    return Finding(on, name, "PASS", check.expected)


class ConformanceWarning(UserWarning):
    """A fault that may be intended."""


def parametrize_with_checks(
    *names: str, meant: Sequence[str] = (), on: str | Sequence[str] = (), skip: Mapping[str, str] | None = None
) -> Any:
    """Return a pytest mark that parametrises a test's argument `check` by each check of each registered name.

    @parametrize_with_checks("my-model", "my-loss", meant=["batches"])
    def test_conformance(check):
        check()

    Args:
        names: Registered names of any kind.
        meant: Checks whose warnings are intended; other warnings are a `ConformanceWarning`.
        on: A dataset, or several, whose examples models and losses are checked on, besides made-up data.
        skip: Checks that are left out, and why, such as {"learns": "a game has no falling loss"}.

    Raises:
        UsageError: Nothing is registered under a name, or no check has the name of a skipped one.
    """
    import pytest

    on, skip = [on] if isinstance(on, str) else on, skip or {}
    if unknown := set(skip) - set(NAMES):
        raise UsageError(f"no check is named {min(unknown)!r}", f"checks: {', '.join(NAMES)}")
    parameters: list[Any] = []
    done: set[str] = set()  # a model and its loss are checked together, once
    for name in names:
        entries = registry().called(name)
        if not entries:
            raise UsageError(f"nothing is named {name!r}", "is the package installed? genzoo plugins")
        for entry in entries:
            pairs = set()
            for case in [*(("registration", n, check, entry) for n, check in REGISTRATION.items()), *cases(entry, on)]:
                if isinstance(case, Finding):
                    if case.verdict == "FAIL":
                        parameters.append(pytest.param(_failing(case), id=f"{name}-{case.on}-{case.check}"))
                elif case[0] not in done:
                    call, of = _bound(case[2], case[3], case[1] in meant), f"{name}-{case[0]}-{case[1]}"
                    marks = [pytest.mark.skip(reason=skip[case[1]])] if case[1] in skip else []
                    parameters.append(pytest.param(call, id=of, marks=marks))
                    pairs |= {case[0]} if isinstance(case[3], Pair) else set()
            done |= pairs
    return pytest.mark.parametrize("check", parameters)


def _failing(finding: Finding) -> Callable[[], None]:
    """Return a call that raises a finding that was made before any check could run."""

    def call() -> None:
        raise AssertionError(f"{finding.on}: {finding.found}")

    return call


def _bound(check: Check[Any], target: Any, silent: bool) -> Callable[[], None]:
    """Return a check as a call without arguments; a fault that may be intended is a warning, or nothing if `silent`."""

    def call() -> None:
        try:
            check(target)
        except AssertionError as fault:
            if not check.warns:
                raise
            if not silent:
                warnings.warn(str(fault), ConformanceWarning, stacklevel=2)

    return call
