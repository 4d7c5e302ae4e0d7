"""genzoo reproduce: train what a published figure was measured on, and say whether it was reproduced."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.bench import say
from genzoo.cli.dry_run import asked_of, print_estimates
from genzoo.cli.sharing import add_sharing, refuse_jobs, shared_sweep, work
from genzoo.cli.words import add_data_root, add_formats
from genzoo.core.errors import UsageError
from genzoo.system.json_output import json_error, json_result

if TYPE_CHECKING:
    from genzoo.experiment.cards import Card
    from genzoo.reporting.tables import ReportTable

DESCRIPTION = """\
Reproduce a published figure by its card: train its runs with each seed and compare.
  reproduced       the whole 95 % interval over seeds keeps the bound; of one seed, its value
  not reproduced   none of the interval does
  undecided        a part of it does: give more seeds
Finished runs are reused, so the same command continues after an interruption."""


def add_verb(verbs: Any) -> None:
    """Add `reproduce`."""
    parser = verbs.add_parser("reproduce", help="reproduce published figures", description=DESCRIPTION)
    parser.add_argument("name", nargs="?", metavar="CARD", help="name of a card, see --list")
    parser.add_argument("--list", action="store_true", help="show the cards")
    parser.add_argument("--fits", choices=("cpu", "gpu"), help="list the cards that such a machine can reproduce")
    parser.add_argument("--seeds", default="0-2", metavar="0-4", help="with both ends; or 0,2,7 (default: 0-2)")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder of the runs (default: reproduce/CARD)")
    add_data_root(parser)
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps (default: the GPU if there is one)")
    add_sharing(parser)
    add_formats(parser, "markdown")
    parser.set_defaults(handler=handle)


def handle(options: argparse.Namespace) -> int:
    """List the cards, or reproduce one; return 1 if a claim was not reproduced and 3 if a run failed."""
    if options.list or options.fits:
        if options.name:
            raise UsageError(f"--list shows all cards, not {options.name}", f"type: genzoo reproduce {options.name}")
        show_cards(options)
        return 0
    from genzoo.experiment.cards import card, cards, results  # imports torch
    from genzoo.experiment.sweep import parse_seeds
    from genzoo.runs.new_run import refuse_unwritable
    from genzoo.runs.run import RunPaths
    from genzoo.system.signals import exit_code

    if not options.name:
        raise UsageError("which card? genzoo reproduce CARD", f"known: {', '.join(cards())}")
    chosen = card(options.name)
    folder = options.out or Path("reproduce") / chosen.name
    refuse_unwritable(folder, None)
    refuse_jobs(options)
    plan = chosen.plan(parse_seeds(options.seeds), **({"device": options.device} if options.device else {}))
    paths, every = RunPaths(folder, None, options.data_root), [planned for _, planned in plan]
    if options.dry_run:
        return print_estimates(options, asked_of(every, paths))
    if options.worker:
        return work(options, every, paths)
    try:
        runs, failures = shared_sweep(options, every, paths)
    except KeyboardInterrupt as error:
        again = shlex.join(["genzoo", *options.command])
        say(f"\ngenzoo: interrupted; to go on:\n  {again}")
        json_error("interrupted", again, exit_code(error))
        return exit_code(error)
    found = results(chosen, plan, runs)
    publish(options, chosen, found)
    json_result(failures=failures)
    for failure in failures:
        say(f"genzoo: no result for {failure}")
    return 3 if failures else int(any(claim["verdict"] == "not reproduced" for claim in found))


def show_cards(options: argparse.Namespace) -> None:
    """Print the cards; with `--fits` those of that machine."""
    from genzoo.experiment.cards import cards

    chosen = [card for card in cards().values() if options.fits in (None, "gpu", card.fits)]
    json_result(cards=[as_json(card) for card in chosen])
    header = ["card", "fits", "minutes a seed", "expected", "what"]
    rows = [
        [card.name, card.fits, f"{card.minutes:g}", "; ".join(claim.expected for claim in card.claims), card.summary]
        for card in chosen
    ]
    show(options, "reproduction cards", [header, *rows], ["reproduce one: genzoo reproduce CARD"])


def as_json(card: Card) -> dict[str, Any]:
    """Return a card as JSON values."""
    names = ("name", "summary", "source", "fits", "minutes", "runs")
    return {name: getattr(card, name) for name in names} | {"claims": [vars(claim) for claim in card.claims]}


def publish(options: argparse.Namespace, card: Card, found: list[dict[str, Any]]) -> None:
    """Print what was found for each claim."""
    from genzoo.experiment.cards import ours

    json_result(**as_json(card), found=found)
    header = ["expected", "published", "ours", "seeds", "verdict"]
    rows = [[one["expected"], one["published"], *ours(one["found"]), one["verdict"]] for one in found]
    protocol = [f"{name}: {words(run)}" for name, run in card.runs.items()]
    show(options, f"{card.name}: {card.summary}", [header, *rows], [f"source: {card.source}", *protocol])


def words(run: dict[str, Any]) -> str:
    """Return a run of a card as a command."""
    rest = {name: value for name, value in run.items() if name not in ("model", "dataset")}
    given = [
        f"--{name.replace('_', '-')} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in rest.items()
    ]
    return " ".join(["genzoo run", run["model"], "--dataset", run["dataset"], *given])


def show(options: argparse.Namespace, title: str, rows: list[list[str]], notes: list[str]) -> None:
    """Print a table as text or Markdown."""
    from genzoo.cli.terminal import print_tables
    from genzoo.reporting.tables import ReportTable, as_markdown

    table: ReportTable = ReportTable(title, rows, notes)
    print(as_markdown([table])) if options.format == "markdown" else print_tables([table])
