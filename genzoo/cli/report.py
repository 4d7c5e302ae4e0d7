"""genzoo report: write the report of runs again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.cli.made_file import add_open, print_file
from genzoo.system.json_output import json_result


def add_verb(verbs: Any) -> None:
    """Add `report`."""
    from genzoo.cli.saved_run import RUN_HELP, RUNS_HELP

    text = "write report.html of one or several runs again"
    parser = verbs.add_parser("report", help=text, description=text)
    parser.add_argument("run", nargs="+", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    add_open(parser, "the page")
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """Write the pages and print their paths."""
    from genzoo.comparison.references import find
    from genzoo.reporting.report import write_report

    pages = [(run.path, write_report(run)) for run in [find(name, options.runs) for name in options.run]]
    json_result(reports=[{"run": run, "file": page} for run, page in pages])
    for _, page in pages:
        print_file(page, options)
    return 0
