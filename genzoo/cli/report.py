"""genzoo report: write the report of a run again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.system.json_output import json_result


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

    run = find(options.run, options.runs)
    page = write_report(run)
    json_result(run=run.path, file=page)
    print(page)
    return 0
