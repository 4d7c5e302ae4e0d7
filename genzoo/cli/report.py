"""genzoo report: write the report of a run again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_verb(verbs: Any) -> None:
    """Add `report`."""
    from genzoo.cli.saved_run import RUN_HELP, RUNS_HELP

    text = "write report.html of a run again"
    parser = verbs.add_parser("report", help=text, description=text)
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Write the page and print its path."""
    from genzoo.comparison.references import find
    from genzoo.reporting.report import write_report

    print(write_report(find(options.run, options.runs)))
    return 0
