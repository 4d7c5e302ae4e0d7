"""genzoo list: models, datasets, losses, metrics, listeners and commands."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from genzoo.cli.info import origin_of
from genzoo.core.errors import UsageError
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, Kind

if TYPE_CHECKING:
    pass


HEADINGS: dict[Kind, str] = {
    "model": "MODELS",
    "dataset": "DATASETS",
    "loss": "LOSSES",
    "metric": "METRICS",
    "listener": "LISTENERS",
    "command": "COMMANDS",
}


def add_verb(verbs: Any) -> None:
    """Add `list`."""
    catalogue = verbs.add_parser("list", help="models, datasets, losses, metrics, listeners and commands")
    catalogue.add_argument("pattern", nargs="?", default="*", help="only names that match, such as '*vae*'")
    catalogue.add_argument("--kind", choices=KINDS, help="only one kind")
    catalogue.add_argument("--json", action="store_true", help="as JSON")
    catalogue.set_defaults(handler=show_list)


def show_list(options: argparse.Namespace) -> int:
    """Prints the catalogue. Imports neither torch nor any plugin's code."""
    kinds = [options.kind] if options.kind else list(HEADINGS)
    found = {kind: registry().matching(kind, options.pattern) for kind in kinds}
    if options.json:
        rows = [
            {"kind": e.kind, "name": e.name, "summary": e.summary, "paper": e.paper, "origin": str(e.origin)}
            for entries in found.values()
            for e in entries
        ]
        print(json.dumps(rows, indent=2))
        return 0
    if not any(found.values()):
        raise UsageError(f"nothing matches {options.pattern!r}", "type: genzoo list")
    everything = [entry for entries in found.values() for entry in entries]
    names = max(len(entry.name) for entry in everything)
    summaries = max(len(entry.summary) for entry in everything)
    for kind, entries in found.items():
        for number, entry in enumerate(entries):
            heading = HEADINGS[kind] if number == 0 else ""
            print(f"{heading:9} {entry.name:{names}}  {entry.summary:{summaries}}  {origin_of(entry)}")
    return 0
