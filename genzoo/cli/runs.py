"""`genzoo runs list | show | diff | tag | note | clean | rm`: what runs there are, and tidying them up."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.run_rows import SPARE, about, age, all_options, next_commands, run_rows
from genzoo.cli.saved_run import RUN_HELP, RUNS_HELP
from genzoo.cli.terminal import print_commands, print_table, print_text
from genzoo.core.errors import UsageError, did_you_mean
from genzoo.core.text import counted, gigabytes
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.runs.overview import Overview

EPILOG = """\
without a verb: list.

  genzoo runs sweep/                         the runs in a folder
  genzoo runs list --status killed,failed
  genzoo runs show @last
  genzoo runs diff vae-digits @last          options and versions in which two runs differ
  genzoo runs tag @last good paper; genzoo runs list --tag paper
  genzoo runs note @last "the first one with 20 latents"
  genzoo runs clean                          drop the checkpoints of finished runs
  genzoo runs rm vae-digits-20261128 --yes
"""


def add_verb(subparsers: Any) -> None:
    """Add `runs` with its own verbs."""
    summary = "list, show, tag, compare the options of, and remove runs"
    runs = subparsers.add_parser("runs", help=summary, description=summary, epilog=EPILOG)
    verbs = runs.add_subparsers(dest="runs_verb", metavar="VERB")
    add_list_options(runs)
    add_list_options(made(verbs, "list", list_runs, "one line for each run, the newest first"))
    show = made(verbs, "show", show_runs, "what a run is, and what to type next; -v: with all its options")
    show.add_argument("run", nargs="+", help=RUN_HELP)
    diff = made(verbs, "diff", show_differences, "the options and the versions in which two runs differ")
    diff.add_argument("run", nargs=2, help=RUN_HELP)
    tag = made(verbs, "tag", tag_run, "give a run tags, or take them from it")
    tag.add_argument("run", nargs=1, help=RUN_HELP)
    tag.add_argument("tags", nargs="+", metavar="TAG")
    tag.add_argument("--remove", action="store_true", help="take these tags from it")
    tag.set_defaults(advice="genzoo runs tag RUN TAG; to take it from the run: genzoo runs tag RUN TAG --remove")
    note = made(verbs, "note", note_run, 'write a note beside a run; "" removes it')
    note.add_argument("run", nargs=1, help=RUN_HELP)
    note.add_argument("text", metavar="TEXT")
    note.set_defaults(advice='genzoo runs note RUN "what it is for"')
    clean = made(
        verbs, "clean", clean_runs, "drop the checkpoints of finished runs; they cannot be trained further then"
    )
    clean.add_argument("run", nargs="*", help=f"{RUN_HELP}; default: all finished runs")
    rm = made(verbs, "rm", remove_runs, "remove runs")
    rm.add_argument("run", nargs="+", help=RUN_HELP)
    for parser in (clean, rm):
        parser.add_argument("--yes", action="store_true", help="do not ask")
    for parser in (show, diff, tag, note, clean, rm):
        parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    runs.set_defaults(handler=list_runs)


def made(verbs: Any, name: str, handler: Any, summary: str) -> argparse.ArgumentParser:
    """Add a verb below `runs`."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.set_defaults(handler=handler)
    return parser


def add_list_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the list."""
    parser.set_defaults(places=[], folder_verb="list")
    if parser.prog.endswith(" list"):
        here = "runs, or folders of runs (default: those of runs/, bench/, race/, sweep/ and reproduce/ here)"
        parser.add_argument("places", nargs="*", type=Path, metavar="FOLDER", help=here)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    parser.add_argument("--status", metavar="A,B", default="", help="only runs that are running, finished, …")
    parser.add_argument("--tag", default="", help="only runs with this tag")
    parser.add_argument("-n", type=int, default=20, help="lines; 0: all (default: 20)")


def list_runs(options: argparse.Namespace) -> int:
    """Print a line for each run."""
    from genzoo.comparison.references import places as default_places
    from genzoo.comparison.references import shortest
    from genzoo.runs.overview import runs_in

    root = options.runs
    places = options.places or [place for place in default_places(root) if place.is_dir()]
    if missing := [place for place in places if not place.is_dir()]:
        raise UsageError(f"no folder {missing[0]}", "runs here: genzoo runs; two of them: genzoo runs diff A B")
    found = chosen(runs_in(places), options.status, options.tag)
    if options.json:  # also of none, and of all
        json_result(runs=[one.as_json() for one in found])
        return 0
    if not found:
        such = " such" * bool(options.status or options.tag)
        raise UsageError(f"no{such} runs in {', '.join(map(str, places)) or 'runs/'}", "train a model: genzoo run …")
    shown = found[: options.n] if options.n > 0 else found
    rows = run_rows(shown, shortest([one.run.path for one in shown], root))
    print_table(rows, left=1 + rows[0].index("status"), spare=SPARE, cut="options")
    if len(shown) < len(found):
        print_text(f"… {len(found) - len(shown):,} more: genzoo runs -n 0", "dim")
    return 0


def chosen(found: list[Overview], statuses: str, tag: str) -> list[Overview]:
    """Return the runs with one of the statuses and with a tag.

    Raises:
        UsageError: There is no such status.
    """
    from genzoo.core.text import names_in
    from genzoo.runs.overview import STATUSES

    for name in names_in(statuses):
        if name not in STATUSES:
            raise UsageError(f"--status {name}: no such status.{did_you_mean(name, STATUSES)}", ", ".join(STATUSES))
    found = [one for one in found if one.status in names_in(statuses)] if statuses else found
    return [one for one in found if tag in one.labels["tags"]] if tag else found


def overviews(options: argparse.Namespace) -> list[Overview]:
    """Return the runs that the words of a command line name.

    Raises:
        UsageError: There is no such run.
    """
    from genzoo.comparison.references import find
    from genzoo.runs.overview import Overview

    return [Overview(find(name, options.runs)) for name in options.run]


def show_runs(options: argparse.Namespace) -> int:
    """Print what each run is."""
    found = overviews(options)
    json_result(runs=[one.as_json() for one in found])
    for one in found:
        print_text(str(one.run.path), "bold")
        print_table(about(one), left=2, header=False)
        if options.verbose:
            print_table(all_options(one.config), left=3)
        print_commands(next_commands(one))
    return 0


def show_differences(options: argparse.Namespace) -> int:
    """Print the options and the parts of the environment in which two runs differ."""
    from genzoo.runs.overview import differing_options
    from genzoo.runs.record import differences

    one, other = overviews(options)
    pairs = differing_options(one, other)
    environment = differences(one.record, other.record)
    json_result(options=pairs, environment=environment)
    if not pairs and not environment:
        print("the same options and versions")
        return 0
    rows = [[name, *("" if value is None else str(value) for value in values)] for name, values in pairs.items()]
    if rows:
        print_table([["option", one.run.path.name, other.run.path.name], *rows], left=3)
    for line in environment:
        print_text(line, indent=2)
    return 0


def tag_run(options: argparse.Namespace) -> int:
    """Change the tags of a run, and print them."""
    from genzoo.runs.overview import label

    (one,) = overviews(options)
    if wrong := next((tag for tag in options.tags if not tag.isprintable() or set(tag) & set(", ")), None):
        raise UsageError(f"the tag {wrong!r}: no blanks and commas", "type: genzoo runs tag RUN ONE TWO")
    labels = label(one.run, remove=options.tags) if options.remove else label(one.run, add=options.tags)
    json_result(run=one.run.path, tags=labels["tags"])
    print(f"{one.run.path}: {' '.join(labels['tags']) or 'no tags'}")
    return 0


def note_run(options: argparse.Namespace) -> int:
    """Write the note of a run."""
    from genzoo.runs.overview import label

    (one,) = overviews(options)
    label(one.run, note=options.text)
    json_result(run=one.run.path, note=options.text)
    print(f"{one.run.path}: {options.text or 'no note'}")
    return 0


def clean_runs(options: argparse.Namespace) -> int:
    """Remove the checkpoints of finished runs, after a question in a terminal, and print what was freed."""
    from genzoo.runs.overview import refuse_in_use, remove_checkpoints, runs_in
    from genzoo.runs.run import FINISHED

    found = overviews(options) if options.run else [o for o in runs_in([options.runs]) if o.status == FINISHED]
    if unfinished := [one for one in found if one.status != FINISHED]:
        one = unfinished[0]
        raise UsageError(f"{one.run.path} is {one.status}: its checkpoints are needed", f"genzoo resume {one.run.path}")
    cleaned = {one.run.path.resolve(): one for one in found if one.checkpoints}.values()
    for one in cleaned:
        refuse_in_use(one.run)
    if cleaned and not options.yes:
        lines = [f"{describe(one)}: checkpoints of {gigabytes(one.checkpoints)}" for one in cleaned]
        ask(lines, f"remove the checkpoints of {counted(len(cleaned), 'run')}, which cannot be trained further then?")
    freed = [remove_checkpoints(one.run) for one in cleaned]
    json_result(cleaned=len(freed), bytes=sum(freed))
    print(f"checkpoints of {counted(len(freed), 'run')} removed, {gigabytes(sum(freed))}")
    return 0


def remove_runs(options: argparse.Namespace) -> int:
    """Remove runs, after a question in a terminal."""
    from genzoo.runs.overview import refuse_in_use, remove, runs_in, users_of

    found = {one.run.path.resolve(): one for one in overviews(options)}
    for one in found.values():
        refuse_in_use(one.run)
    others = runs_in({one.run.path.parent for one in found.values()})
    used = {one.run.path: users_of(one.run, others) for one in found.values()}
    lines = [describe_removal(one, used[one.run.path]) for one in found.values()]
    if not options.yes:
        ask(lines, f"remove {counted(len(lines), 'run')}?")
    freed = [remove(one.run) for one in found.values()]
    json_result(removed=[one.run.path for one in found.values()], bytes=sum(freed))
    print(f"{len(freed)} removed, {gigabytes(sum(freed))}")
    return 0


def describe_removal(one: Overview, users: Sequence[Path]) -> str:
    """Return the line of a question about a run."""
    needed = f"; {', '.join(path.name for path in users)} cannot be used without it" if users else ""
    return f"{describe(one)}{needed}"


def describe(one: Overview) -> str:
    """Return a run as a question has it."""
    return f"{one.run.path} ({one.status}, {age(one.started)} old)"


def ask(lines: Sequence[str], question: str) -> None:
    """Go on if the answer is yes.

    Args:
        lines: What it is about.
        question: The question.

    Raises:
        UsageError: It is not, or there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{question} nobody is there to answer", "add --yes")
    if input("\n".join([*lines, f"{question} [y/N] "])).strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was removed")
