"""genzoo list: the registered models, datasets, losses, metrics, parts, listeners and commands."""

from __future__ import annotations

import argparse
import json
from typing import Any

from genzoo.cli.info import origin_of
from genzoo.cli.terminal import print_table
from genzoo.core.errors import UsageError
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, Kind

HEADINGS: dict[Kind, str] = {
    "model": "MODELS",
    "dataset": "DATASETS",
    "loss": "LOSSES",
    "metric": "METRICS",
    "likelihood": "LIKELIHOODS",
    "prior": "PRIORS",
    "posterior": "POSTERIORS",
    "bijection": "BIJECTIONS",
    "quantiser": "QUANTISERS",
    "listener": "LISTENERS",
    "command": "COMMANDS",
}


def add_verb(verbs: Any) -> None:
    """Add `list`."""
    catalogue = verbs.add_parser("list", help="list models, datasets, losses, metrics, parts of models, …")
    catalogue.add_argument("pattern", nargs="?", default="*", help="only names that match, such as '*vae*'")
    catalogue.add_argument("--kind", choices=KINDS, help="only one kind")
    catalogue.add_argument("--json", action="store_true", help="print JSON")
    catalogue.set_defaults(handler=show_list)


def show_list(options: argparse.Namespace) -> int:
    """Print the catalogue, without importing torch or the code of a plugin."""
    kinds = [options.kind] if options.kind else list(HEADINGS)
    found = {kind: registry().matching(kind, options.pattern) for kind in kinds}
    if options.json:
        records = [
            {"kind": e.kind, "name": e.name, "summary": e.summary, "paper": e.paper, "origin": str(e.origin)}
            for entries in found.values()
            for e in entries
        ]
        print(json.dumps(records, indent=2))
        return 0
    if not any(found.values()):
        raise UsageError(f"nothing matches {options.pattern!r}", "type: genzoo list")
    rows = [
        ("" if number else HEADINGS[kind], entry.name, entry.summary, origin_of(entry))
        for kind, entries in found.items()
        for number, entry in enumerate(entries)
    ]
    names, summaries = (max(len(row[column]) for row in rows) for column in (1, 2))
    lines = (f"{heading:11} {name:{names}}  {summary:{summaries}}  {origin}" for heading, name, summary, origin in rows)
    print_table(rows, left=4, header=False, plain="\n".join(lines))
    return 0
