"""genzoo list: the registered models, datasets, losses, metrics, parts, listeners and commands."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from genzoo.cli.info import badge, origin_of, summary
from genzoo.cli.prove import verdicts_here
from genzoo.cli.terminal import in_terminal, print_table
from genzoo.core.errors import UsageError
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, PARTS, Entry, Kind
from genzoo.system.json_output import json_result

HEADINGS: dict[Kind, str] = {
    "model": "MODELS",
    "dataset": "DATASETS",
    "loss": "LOSSES",
    "metric": "METRICS",
    "likelihood": "LIKELIHOODS",
    "prior": "PRIORS",
    "posterior": "POSTERIORS",
    "nets": "NETS",
    "bijection": "BIJECTIONS",
    "figure": "FIGURES",
    "sampler": "SAMPLERS",
    "optimizer": "OPTIMIZERS",
    "schedule": "SCHEDULES",
    "quantiser": "QUANTISERS",
    "listener": "LISTENERS",
    "launcher": "LAUNCHERS",
    "command": "COMMANDS",
}
LABEL, LINES = 18, 42
"""Width of the labels of the overview, and the largest number of its lines: one screen."""
FORMULAS: tuple[Kind, ...] = ("model", "loss", *(part for part in PARTS if part != "figure"))
"""The kinds whose names are formulas, that a theory can be held against."""
MARKS = {"unproved": "°", "bounded": "≥", "refuted": "!", "broken": "!"}
"""What follows a name in the overview; nothing: proved, or not yet run."""
MEANINGS: dict[Kind, str] = {
    "model": "what is trained: genzoo run MODEL --dataset NAME",
    "loss": "what training minimises: --loss NAME; a model has its own",
    "dataset": "examples: --dataset NAME",
    "metric": "a number that describes a model: --metrics NAME",
    "likelihood": "part: p(x|z), from what a decoder puts out: --likelihood NAME",
    "prior": "part: p(z): --prior vamp:100",
    "posterior": "part: q(z|x), from what an encoder puts out: --posterior iaf:2",
    "nets": "part: the nets of encoder and decoder: --nets conv",
    "bijection": "part: an invertible map, in priors and posteriors",
    "quantiser": "part: codes of what an encoder puts out: --quantiser fsq",
    "optimizer": "part: what moves the weights: --optimizer adamw",
    "schedule": "part: the learning rate over the steps: --train.schedule cosine",
    "sampler": "part: where codes of samples come from: --sampler gmm:10",
    "figure": "part: a picture that runs draw, where model and data allow it",
    "listener": "what each run notifies: --listeners NAME",
    "launcher": "what starts runs on other machines: --on NAME",
    "command": "a verb of a plugin: genzoo NAME",
}
"""What each kind is, for the help."""
EPILOG = f"""\
kinds:
{chr(10).join(f"  {kind:12} {meaning}" for kind, meaning in MEANINGS.items())}
A part is what an option of a model names; a number may follow after a colon.

theory: a registration names the cases that genzoo prove runs. What it found
last with the installed code is shown as proved, bounded, refuted or broken;
"theory" is one that was not run yet.

  genzoo list --kind model       one line each
  genzoo list '*vae*'            names that match
"""


def add_verb(verbs: Any) -> None:
    """Add `list`."""
    help_text = "list models, datasets, losses, metrics, parts of models, …"
    catalogue = verbs.add_parser("list", help=help_text, epilog=EPILOG)
    catalogue.add_argument(
        "pattern", nargs="?", default="", help="only names that match, such as '*vae*'; one line each"
    )
    catalogue.add_argument("--kind", choices=KINDS, metavar="KIND", help="only one kind, one line each")
    catalogue.set_defaults(handler=show_list)


def show_list(options: argparse.Namespace) -> int:
    """Print the catalogue, without importing torch or the code of a plugin."""
    kinds = [options.kind] if options.kind else list(HEADINGS)
    found = {kind: registry().matching(kind, options.pattern or "*") for kind in kinds}
    badges = verdicts_here()
    if options.json:
        json_result(entries=[summary(entry, badges) for entries in found.values() for entry in entries])
    elif not any(found.values()):
        kind = next((kind for kind in KINDS if options.pattern in (kind, f"{kind}s", f"{kind}es")), "")
        raise UsageError(f"nothing matches {options.pattern!r}", f"type: genzoo list{kind and ' --kind '}{kind}")
    elif options.kind or options.pattern:
        show_lines(found, badges)
    else:
        width = shutil.get_terminal_size().columns if in_terminal() else 80
        print("\n".join(overview(found, badges, min(max(width, 60), 100))))
    return 0


def show_lines(found: dict[Kind, list[Entry]], verdicts: dict[str, str]) -> None:
    """Print one line for each entry: its name, theory, summary, and origin if it is not built in."""
    rows = [
        (
            "" if number else HEADINGS[kind],
            entry.name,
            badge(entry, verdicts) if kind in FORMULAS or entry.theory else "",
            entry.summary if origin_of(entry) == "built-in" else f"{entry.summary}  ({origin_of(entry)})",
        )
        for kind, entries in found.items()
        for number, entry in enumerate(entries)
    ]
    names, badges = (max(len(row[column]) for row in rows) for column in (1, 2))
    lines = (f"{heading:11} {name:{names}}  {proof:{badges}}  {summary}" for heading, name, proof, summary in rows)
    print_table(rows, left=4, header=False, plain="\n".join(line.rstrip() for line in lines))


def overview(found: dict[Kind, list[Entry]], verdicts: dict[str, str], width: int) -> list[str]:
    """Return all names on one screen: models by family, the others by kind.

    Where there are too many, the longest groups other than models end with the number of names left out.
    """

    def lines(label: str, names: Sequence[str]) -> list[str]:
        text = textwrap.wrap("  ".join(names), width - LABEL, break_on_hyphens=False)
        return [f"{label if not number else '':{LABEL}}{part}" for number, part in enumerate(text)]

    models = [line for family, own in families(found["model"]) for line in lines(f"  {family}", marked(own, verdicts))]
    groups = {
        kind: lines(HEADINGS[kind], marked(own, verdicts)) for kind, own in found.items() if kind != "model" and own
    }
    legend = legend_of(found, verdicts)
    while len(models) + 1 + len(legend) + sum(map(len, groups.values())) > LINES:
        kind = max(groups, key=lambda one: len(groups[one]))
        if len(groups[kind]) == 1:
            break
        shown = " ".join(groups[kind][:-2]).split()[1:]
        more = f"… {len(found[kind]) - len(shown)} more: genzoo list --kind {kind}"
        groups[kind] = [*groups[kind][:-2], f"{'':{LABEL}}{more}"]
        if len(groups[kind]) == 1:
            groups[kind] = [f"{HEADINGS[kind]:{LABEL}}{more}"]
    return ["MODELS", *models, *(line for own in groups.values() for line in own), *legend]


def families(models: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return models by family: the plugin of genzoo that registers them, or another package."""
    found: dict[str, list[Entry]] = {}
    for entry in models:
        of = entry.origin
        found.setdefault(of.plugin if of.distribution == "genzoo" else of.distribution, []).append(entry)
    return sorted(found.items())


def marked(entries: Sequence[Entry], verdicts: dict[str, str]) -> list[str]:
    """Return names, each with the mark of its theory; those of kinds that are no formulas without one."""
    return [e.name + (MARKS.get(badge(e, verdicts), "") if e.kind in FORMULAS else "") for e in entries]


def legend_of(found: dict[Kind, list[Entry]], verdicts: dict[str, str]) -> list[str]:
    """Return what the marks mean and what to type next."""
    counts = Counter(badge(entry, verdicts) for kind in FORMULAS for entry in found.get(kind, []))
    parts = [f"{n} {'with theory, not yet run' if name == 'theory' else name + MARKS.get(name, '')}" for name, n in
             counts.most_common()]  # fmt: skip
    return [
        f"models, losses and parts: {'; '.join(parts)}",
        "one line each: genzoo list --kind model    genzoo info NAME    genzoo prove NAME",
    ]
