"""genzoo report: a run as one page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_verb(verbs: Any) -> None:
    """Adds `report`."""
    from genzoo.cli.saved_run import RUN_HELP

    text = "write a run's report.html again"
    parser = verbs.add_parser("report", help=text, description=text)
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where run folders lie")
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Writes the page and prints where it is."""
    from genzoo.comparison.references import find
    from genzoo.reporting.report import write_report

    print(write_report(find(options.run, options.runs)))
    return 0
