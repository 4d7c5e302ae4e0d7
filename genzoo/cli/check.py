"""genzoo check: run the conformance checks on what a plugin registers."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli import prove
from genzoo.cli.saved_run import RUNS_HELP
from genzoo.core.errors import UsageError, did_you_mean, printable
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.testing import Finding

EPILOG = """\
  genzoo check my-model                        from an installed plugin
  genzoo -p my_model.py check my-model         from a file
  genzoo check my-model --dataset my-data      also on examples of a dataset
  genzoo check my-model --model.hidden 16      with other options of what is checked
  genzoo check codes --on @last                of another run, for what needs one

Options of the model, its loss and the datasets of --dataset are typed with their
section, --model.x, --loss.x and --data.x, or without it if only one of them has it.
In a package's own tests: genzoo.testing.parametrize_with_checks("my-model").
"""


SLOW = 10.0
"""Seconds from which on the time of a check is printed."""


def add_verb(verbs: Any) -> None:
    """Add `check`."""
    parser = verbs.add_parser("check", help="run the conformance checks on a registered name", epilog=EPILOG)
    parser.add_argument(
        "name", help="a registered model, loss, dataset, metric, part, command or listener; or a package"
    )
    parser.add_argument("--kind", choices=KINDS, metavar="KIND", help="if several kinds have this name")
    parser.add_argument("--dataset", dest="on", action="append", default=[], metavar="NAME",
                        help="also check models and losses on its examples (may be repeated)")  # fmt: skip
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="only these checks: A,B")
    parser.add_argument("--theory", action="store_true", help="only its theory, as genzoo prove shows it")
    parser.add_argument("--all", action="store_true", help="also show passed checks")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    parser.set_defaults(handler=show, of_model=[])


def show(options: argparse.Namespace) -> int:
    """Print the findings; return 1 if a check failed."""
    kinds = [options.kind] if options.kind else KINDS
    of_package = [one for one in registry().entries if one.origin.distribution == options.name and one.kind in kinds]
    entries = registry().called(options.name, kinds) or of_package
    if not entries:
        close = did_you_mean(options.name, [name for kind in kinds for name in registry().names(kind)])
        raise UsageError(
            f"nothing is named {options.name!r}.{close}", "type: genzoo list, or genzoo -p FILE.py check …"
        )
    if options.of_model:
        from genzoo.cli.check_options import with_options

        entries = with_options(entries, options.on, options.of_model, options.runs)
    if options.theory:
        return prove.show(entries)
    from genzoo.testing.runner import examine, known_checks

    only = [name for text in options.only for name in text.split(",")]
    for name in only:
        if name not in (known := known_checks()):
            what = f"no check named {name!r}.{did_you_mean(name, known)}"
            raise UsageError(what, f"known: {', '.join(sorted(known))}")
    rows, counts = [], Counter[str]()
    done: set[str] = set()  # a model and a loss of the same name are checked together, once
    for entry in entries:
        print(f"{entry.kind} {entry.name} of {entry.origin}")
        broken, printed = Counter[str](), set[tuple[str, str]]()
        for finding in examine(entry, done, options.on, only):
            counts[finding.verdict] += 1
            rows.append({"kind": entry.kind, "name": entry.name, **asdict(finding)})
            if options.all or matters(entry.kind, finding):
                print_finding(finding, broken, printed)
            if finding.seconds > SLOW:
                print(f"  slow  {finding.check:10}  {finding.on}: {finding.seconds:.0f} s", flush=True)
        for at, times in broken.items():
            if times > 1:
                print(f"  the fault at {at} breaks {times - 1} more checks: fix it first")
    json_result(findings=rows)
    print(f"{counts['PASS']} passed, {counts['WARN']} warnings, {counts['FAIL']} failed")
    return 1 if counts["FAIL"] else 0


def matters(kind: str, finding: Finding) -> bool:
    """Return whether a finding is shown without --all: a fault, refused data, or a metric that could not run."""
    not_run = finding.verdict == "n/a" and (kind == "metric" or finding.check == "builds")
    return not_run or finding.verdict in ("WARN", "FAIL")


def print_finding(finding: Finding, broken: Counter[str], printed: set[tuple[str, str]]) -> None:
    """Print a finding, unless it repeats another one.

    Args:
        finding: The finding.
        broken: Counts exceptions by their location; only the first one of each is printed.
        printed: Faults that were printed; the same fault on other data gets one line.
    """
    fault = finding.check, finding.verdict
    if not finding.at and fault in printed:
        print(f"{lines(finding)[0]}: {printable(finding.found)}", flush=True)
        return
    if finding.at:
        broken[finding.at] += 1
    elif finding.verdict in ("FAIL", "WARN"):
        printed.add(fault)
    if broken[finding.at] <= 1:
        print("\n".join(lines(finding)), flush=True)


def lines(finding: Finding) -> list[str]:
    """Return a finding as lines: what was found, what must hold, what to change."""
    first = f"  {finding.verdict:4}  {finding.check:10}  {finding.on}"
    if finding.verdict == "PASS":
        return [first]
    if finding.verdict == "n/a":
        return [f"{first}: {printable(finding.found)}"]
    texts = {"found": finding.found, "must": finding.expected, "change": finding.suggestion}
    return [first, *(f"        {name:6}  {printable(text)}" for name, text in texts.items())]
