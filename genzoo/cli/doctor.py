"""genzoo doctor: what is broken or missing on this machine, and what to type."""

from __future__ import annotations

import argparse
from typing import Any

from genzoo.system.json_output import json_result


def add_verb(verbs: Any) -> None:
    """Add `doctor`."""
    text = "find what is broken or missing here, and say what to do"
    what = "Look at versions, devices, threads, the compiler, disk, data, plugins, settings and the encoding."
    doctor = verbs.add_parser("doctor", help=text, description=f"{what} Exit code 1 if something is broken.")
    doctor.set_defaults(handler=show)


def show(options: argparse.Namespace) -> int:
    """Print what each check finds; return 1 if something is broken."""
    from genzoo.cli.doctor_checks import BROKEN, CHECKS, examined
    from genzoo.cli.terminal import print_table, print_text

    found = [(name, one) for name, check in CHECKS.items() for one in examined(check)]
    broken = sum(one.state == BROKEN for _, one in found)
    json_result(broken=broken, checks=[{"check": name, **one._asdict()} for name, one in found])
    rows = []
    for name, one in found:
        rows += [[name, one.state, one.text], *([["", "do", one.suggestion]] if one.suggestion else [])]
    print_table(rows, left=3, header=False)
    print_text(f"{broken} broken" if broken else "nothing is broken", "bold red" if broken else "bold")
    return int(broken > 0)
