"""All checks that concern one registered name, and what came of them."""

from __future__ import annotations

import contextlib
import io
import time
import traceback
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from genzoo.core.errors import GenzooError, UsageError
from genzoo.registry.current import registry
from genzoo.registry.discovery import debugging
from genzoo.registry.entries import Entry, describe
from genzoo.testing.check import Check
from genzoo.testing.dataset_checks import DATASET, Data
from genzoo.testing.forms import forms, of_counts, refusal
from genzoo.testing.listener_command_checks import COMMAND, LISTENER, Hearer, Verb
from genzoo.testing.metric_checks import METRIC, Figure
from genzoo.testing.model_checks import CHECKS, ONCE
from genzoo.testing.pair import SPECS, Pair
from genzoo.testing.registration_checks import REGISTRATION

Verdict = Literal["PASS", "WARN", "FAIL", "n/a"]
HOMES = (Path(__file__).parents[1], Path(torch.__file__).parent)
ONLY_COUNTS = (
    "its loss is finite on whole numbers and not on vectors of any sign: examined on whole numbers",
    "where that is not meant, keep logarithms and roots away from numbers below 0",
)
TRACEBACK = "for the traceback: genzoo --debug check …"
Case = tuple[str, str, Check[Any], Any]
"""On what, the check's name, the check and its subject."""


@dataclass(frozen=True)
class Finding:
    """What a check said."""

    on: str
    """"registration", or the form of data and the pair."""
    check: str
    verdict: Verdict
    expected: str = ""
    found: str = ""
    """The fault, or why the check does not apply."""
    suggestion: str = ""
    at: str = ""
    """Where an exception broke the check off, such as "genzoo_mine/model.py:40"."""
    seconds: float = 0.0
    """What the check took."""


def examine(
    entry: Entry, done: set[str] | None = None, on: Sequence[str] = (), only: Collection[str] = ()
) -> Iterator[Finding]:
    """Runs every check that concerns an entry, one after the other; a check that breaks is a fault too.

    Args:
        entry: What is examined.
        done: Pairs of a model and a loss that are left out; those examined are added to it.
        on: Datasets whose examples a model or a loss is examined on, besides made-up data; where there are none, those
            of its own package.
        only: Names of checks; none: all.
    """
    broken, done = False, set() if done is None else done
    for name, check in REGISTRATION.items():
        if only and name not in only:
            continue
        finding = _made("registration", name, check, entry)
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
                yield _made(*case)
        done |= examined


def cases(entry: Entry, on: Sequence[str] = ()) -> Iterator[Case | Finding]:
    """The checks beyond registration, and a finding for each form of data that a model refuses."""
    if entry.kind == "dataset":
        yield from _with(DATASET, "its data", lambda: Data(entry))
    elif entry.kind == "metric":
        yield from _with(METRIC, "an untrained model", lambda: Figure(entry))
    elif entry.kind == "command":
        yield from _with(COMMAND, "the command", lambda: Verb(entry))
    elif entry.kind == "listener":
        yield from _with(LISTENER, "made-up runs", lambda: Hearer(entry))
    else:
        yield from _of_pairs(entry, on)


def _with(checks: Mapping[str, Check[Any]], on: str, make: Callable[[], Any]) -> Iterator[Case]:
    subject = make()
    for name, check in checks.items():
        yield on, name, check, subject


def _of_pairs(entry: Entry, on: Sequence[str] = ()) -> Iterator[Case | Finding]:
    """A model with its loss; a loss with the first model that it trains, of those that have it for their own if any."""
    fits, once = False, set(ONCE)
    for form in forms(entry, on):
        if form.missing:
            yield Finding(form.name, "builds", "n/a", found=f"its examples cannot be had: {form.missing}")
            continue
        for model, loss in _models_and_losses(entry):
            pair = form.pair(model, loss)
            try:
                reason = refusal(pair, form.small)
            except Exception as error:  # a fault like any other, and no reason to stop
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
        suggestion = (
            f"it has to be built for one of: {', '.join(SPECS)}; or: genzoo check {entry.name} --dataset DATASET"
        )
        yield Finding(
            "all data", "builds", "FAIL", "it trains on something", "every form of data is refused", suggestion
        )


def _models_and_losses(entry: Entry) -> Iterator[tuple[Entry, Entry]]:
    if entry.kind == "model":
        yield entry, registry().loss_of(entry)
    else:
        for model in sorted(registry().matching("model"), key=lambda model: model.loss != entry.name):
            yield model, entry


def _broken(on: str, error: Exception) -> Finding:
    at = _place(error)
    return Finding(on, "builds", "FAIL", "it can be built", f"{describe(error)}, at {at}", TRACEBACK, at)


def _made(on: str, name: str, check: Check[Any], subject: Any) -> Finding:
    """Runs a check. What it prints is none of its results."""
    start = time.perf_counter()
    finding = _said(on, name, check, subject)
    return replace(finding, seconds=time.perf_counter() - start)


def _said(on: str, name: str, check: Check[Any], subject: Any) -> Finding:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            reason = check(subject)
    except AssertionError as fault:
        said = " ".join(str(fault).split()).removeprefix(f"{subject}: ")
        return Finding(
            on, name, "WARN" if check.warns else "FAIL", check.expected, said or describe(fault), check.suggestion
        )
    except GenzooError as error:
        return Finding(on, name, "FAIL", check.expected, error.message, error.hint or check.suggestion)
    except Exception as error:
        if debugging():
            traceback.print_exc()
        at = _place(error)
        return Finding(on, name, "FAIL", check.expected, f"{describe(error)}, at {at}", TRACEBACK, at)
    if reason is not None:
        return Finding(on, name, "n/a", check.expected, reason)
    return Finding(on, name, "PASS", check.expected)


def _place(error: Exception) -> str:
    """The last line of the plugin's own that led to an error: neither genzoo's nor torch's; else the last of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(Path(frame.filename).is_relative_to(home) for home in HOMES)]
    last = (own or frames)[-1]
    return f"{'/'.join(Path(last.filename).parts[-2:])}:{last.lineno}"


class ConformanceWarning(UserWarning):
    """A fault that may be meant."""


def parametrize_with_checks(*names: str, meant: Sequence[str] = (), on: Sequence[str] = ()) -> Any:
    """A pytest mark: the test function's argument `check` is each check of each registered name in turn, to be called.

    @parametrize_with_checks("my-model", "my-loss", meant=["batches"])
    def test_conformance(check):
        check()

    Args:
        names: Registered ones, of any kind.
        meant: Checks whose warnings are known and meant; those of others are a `ConformanceWarning`.
        on: Datasets whose examples models and losses are examined on, besides made-up data.
    """
    import pytest

    made: list[Any] = []
    done: set[str] = set()  # a model and its loss are examined together, once
    for name in names:
        entries = registry().called(name)
        if not entries:
            raise UsageError(f"nothing is named {name!r}", "is the package installed? genzoo plugins")
        for entry in entries:
            pairs = set()
            for case in [*(("registration", n, check, entry) for n, check in REGISTRATION.items()), *cases(entry, on)]:
                if isinstance(case, Finding):
                    if case.verdict == "FAIL":
                        made.append(pytest.param(_failing(case), id=f"{name}-{case.on}-{case.check}"))
                elif case[0] not in done:
                    made.append(
                        pytest.param(_bound(case[2], case[3], case[1] in meant), id=f"{name}-{case[0]}-{case[1]}")
                    )
                    pairs |= {case[0]} if isinstance(case[3], Pair) else set()
            done |= pairs
    return pytest.mark.parametrize("check", made)


def _failing(finding: Finding) -> Callable[[], None]:
    """A call that says what was found before any check could be made."""

    def call() -> None:
        raise AssertionError(f"{finding.on}: {finding.found}")

    return call


def _bound(check: Check[Any], subject: Any, silent: bool) -> Callable[[], None]:
    """The check as a call without arguments; what may be meant is a warning."""

    def call() -> None:
        try:
            check(subject)
        except AssertionError as fault:
            if not check.warns:
                raise
            if not silent:
                warnings.warn(str(fault), ConformanceWarning, stacklevel=2)

    return call
