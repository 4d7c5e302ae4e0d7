"""genzoo check: whether a plugin does what it must, before it is published."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import UsageError, did_you_mean, printable
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS

if TYPE_CHECKING:
    from genzoo.testing import Finding

EPILOG = """\
  genzoo check my-model                        an installed plugin's
  genzoo -p my_model.py check my-model         a file's
  genzoo check my-model --dataset my-data      on examples of a dataset too
In a package's own tests: genzoo.testing.parametrize_with_checks("my-model").
"""


SLOW = 10.0
"""Seconds of one check from which on it is said what it took."""


def add_verb(verbs: Any) -> None:
    """Adds `check`."""
    parser = verbs.add_parser("check", help="whether what a plugin registers does what it must", epilog=EPILOG)
    parser.add_argument("name")
    parser.add_argument("--kind", choices=KINDS, help="where several kinds have the name")
    parser.add_argument("--dataset", dest="on", action="append", default=[], metavar="NAME",
                        help="examine models and losses on its examples too (may be repeated)")  # fmt: skip
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="run no other checks")
    parser.add_argument("--all", action="store_true", help="show also what passed")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(handler=show)


def show(options: argparse.Namespace) -> int:
    """Prints what was found; 1 if something failed."""
    kinds = [options.kind] if options.kind else KINDS
    entries = registry().called(options.name, kinds)
    if not entries:
        close = did_you_mean(options.name, [name for kind in kinds for name in registry().names(kind)])
        raise UsageError(
            f"nothing is named {options.name!r}.{close}", "type: genzoo list, or genzoo -p FILE.py check …"
        )
    from genzoo.testing.runner import examine

    rows, verdicts = [], Counter[str]()
    done: set[str] = set()  # a model and its loss of one name are examined together, once
    for entry in entries:
        if not options.json:
            print(f"{entry.kind} {entry.name} of {entry.origin}")
        broken, told = Counter[str](), set[tuple[str, str]]()
        for finding in examine(entry, done, options.on, options.only):
            verdicts[finding.verdict] += 1
            rows.append({"kind": entry.kind, "name": entry.name, **asdict(finding)})
            if not options.json and (options.all or matters(entry.kind, finding)):
                tell(finding, broken, told)
            if not options.json and finding.seconds > SLOW:
                print(f"  slow  {finding.check:10}  {finding.on}: {finding.seconds:.0f} s", flush=True)
        for at, times in broken.items():
            if times > 1:
                print(f"  the fault at {at} breaks {times - 1} more checks: mend it first")
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(f"{verdicts['PASS']} passed, {verdicts['WARN']} warnings, {verdicts['FAIL']} failed")
    return 1 if verdicts["FAIL"] else 0


def matters(kind: str, finding: Finding) -> bool:
    """Whether a finding is shown without --all: faults, data that are refused, and a metric that could not be run."""
    not_run = finding.verdict == "n/a" and (kind == "metric" or finding.check == "builds")
    return not_run or finding.verdict in ("WARN", "FAIL")


def tell(finding: Finding, broken: Counter[str], told: set[tuple[str, str]]) -> None:
    """Prints a finding: nothing where an exception of the same place broke another check off, which is counted, and a
    line where the same check found a fault on other data."""
    fault = finding.check, finding.verdict
    if not finding.at and fault in told:
        print(f"{lines(finding)[0]}: {printable(finding.found)}", flush=True)
        return
    if finding.at:
        broken[finding.at] += 1
    elif finding.verdict in ("FAIL", "WARN"):
        told.add(fault)
    if broken[finding.at] <= 1:
        print("\n".join(lines(finding)), flush=True)


def lines(finding: Finding) -> list[str]:
    """A finding as a user reads it: what was found, what must hold, what to change."""
    first = f"  {finding.verdict:4}  {finding.check:10}  {finding.on}"
    if finding.verdict == "PASS":
        return [first]
    if finding.verdict == "n/a":
        return [f"{first}: {printable(finding.found)}"]
    texts = {"found": finding.found, "must": finding.expected, "change": finding.suggestion}
    return [first, *(f"        {name:6}  {printable(text)}" for name, text in texts.items())]
