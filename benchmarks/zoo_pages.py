"""The pages of the zoo, written from the registry and from the rows that `zoo.py` measured."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from marked import fill
from zoo_tiles import save_sheet

from genzoo.cli.info import oracle
from genzoo.core.text import number
from genzoo.experiment.cards import Card, files, published, read
from genzoo.registry.current import registry
from genzoo.registry.discovery import plugins
from genzoo.registry.entries import Entry
from genzoo.reporting.tables import markdown_table

ROOT = Path(__file__).parents[1]
ROWS = ROOT / "benchmarks/results/zoo.json"
PAGE, SHEET, TILES = ROOT / "docs/zoo.md", ROOT / "docs/zoo.png", ROOT / "docs/zoo"
README, COMMAND = ROOT / "README.md", "python benchmarks/zoo.py"
BENCHMARKS = ROOT / "benchmarks/README.md"
SIGNS = {"exact": "", "bound": "≤ ", "estimate": "≈ "}
NATS = ("nll", "flow_nll")
LABELS = {"nll": " nats", "flow_nll": " nats", "mse": " MSE", "sliced_wasserstein": " SW₂"}
"""What stands behind the value of a metric."""
ROUNDING = 1e-9
"""The squared error of a bijection's reconstructions, which are exact, is below this."""
REMARKS = {
    "consistency": "A sample is one call of the net; the 35 calls of edm's, of the same size, reach 0.047",
    "ebm": "So few steps find the ring, and not yet its arms",
    "fsq-vae": "With the default of three levels an image of 8×8 has one code; its prior takes codes as independent",
    "glow": "On black and white pixels its samples are noise: each has one of two far intervals, and it has few layers",
    "infogan": "Nothing bounds the critic's slopes, and so few steps find few modes; r3gan and wgan-gp find more",
    "meanflow": "A sample is one call of the net; the 35 calls of edm's, of the same size, reach 0.047",
    "rae": "Samples of one Gaussian of the codes; a mixture fits them better: `--sampler gmm:10`",
    "svae": "It learns slowly at first: 23.88 nats after 30 epochs",
}
"""Why the numbers or samples of a row are weak, where the cause is not a fault."""
HEADER = ["model", "theory: what its numbers are held against", "published figures", "command", "measured"]
INTRODUCTION = """\
# The zoo

<!-- written by python benchmarks/zoo.py -->

The {count} models that come with genzoo, by family. `genzoo info MODEL` shows one with its options, and `genzoo prove
MODEL` runs its theory. The command of a row trains in seconds on the smallest data that fit the model; it is not what
the model can do. "Measured" has test metrics of that command with the default seed: −ln p(x) in nats an example (≤: a
bound, ≈: an estimate; compare only numbers of the same data), squared error of reconstructions (MSE), or, for models
without either, the sliced Wasserstein-2 distance of samples and data (SW₂); and the CPU seconds of the whole run with
one thread.

![Samples of every model](zoo.png)

The pictures are samples of these runs. Of rows of numbers the data are on the left and samples on the right; of tokens
a row is a sequence."""


def models() -> list[Entry]:
    """Return genzoo's own models, by family and name."""
    own = [entry for entry in registry().matching("model") if entry.origin.distribution == "genzoo"]
    return sorted(own, key=lambda entry: (entry.origin.plugin, entry.name))


def read_rows() -> dict[str, Any]:
    """Return the rows that were measured, by the models' names."""
    rows: dict[str, Any] = json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else {}
    return rows


def families() -> dict[str, list[Entry]]:
    """Return the models of each family."""
    found: dict[str, list[Entry]] = {}
    for entry in models():
        found.setdefault(entry.origin.plugin, []).append(entry)
    return found


def page(rows: dict[str, Any]) -> str:
    """Return the page of all models."""
    parts = [INTRODUCTION.format(count=len(models()))]
    for family, entries in families().items():
        table = [HEADER, *(line(entry, rows.get(entry.name)) for entry in entries)]
        parts.append(f"## {family}\n\n{about(entries[0])}\n\n{markdown_table(table)}")
    return "\n\n".join(parts) + "\n"


def about(entry: Entry) -> str:
    """Return what the family of a model is."""
    (file,) = {plugin.file for plugin in plugins if plugin.origin == entry.origin}
    text = ast.get_docstring(ast.parse(Path(file).read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def line(entry: Entry, row: dict[str, Any] | None) -> list[str]:
    """Return what the page says of a model."""
    what = f"**{entry.name}**: {entry.summary}. {entry.paper}"
    theory, command, measured = oracle(entry), "", f"not measured yet: `{COMMAND} --missing`"
    if row:
        what = f"![](zoo/{entry.name}.png) {what}"
        theory = f"{row['verdict']} by {row['cases']} case{'' if row['cases'] == 1 else 's'}: {theory}"
        command, measured = f"`genzoo run {entry.name} {row['options']}`", found(row)
        measured += f". {REMARKS[entry.name]}" if entry.name in REMARKS else ""
    return [what, theory, "; ".join(published(entry)), command, measured]


def found(row: dict[str, Any]) -> str:
    """Return the metrics of a row, and what they took."""
    known = row["known_density"]
    texts = [
        f"{SIGNS[metric.get('exactness', 'exact')]}{number(metric['value'])}{LABELS[name]}"
        + (f" (the data's own density: {number(known)})" if name in NATS and known is not None else "")
        for name, metric in row["metrics"].items()
        if name != "mse" or metric["value"] > ROUNDING
    ]
    return ", ".join([*texts, f"{row['parameters']:,} parameters", f"{row['cpu_seconds']:.0f} s"])


def family_table() -> str:
    """Return the table of families for README."""
    rows = [[family, ", ".join(entry.name for entry in entries)] for family, entries in families().items()]
    return markdown_table([["family", "models"], *rows])


def cards() -> list[Card]:
    """Return genzoo's own cards that were run, by name."""
    own = [card for plugin, file in files() if plugin.origin.distribution == "genzoo" for card in read(file)[0]]
    return sorted((card for card in own if any(claim.measured for claim in card.claims)), key=lambda card: card.name)


def claim_rows(card: Card) -> list[list[str]]:
    """Return a row for each claim of a card that was measured, as `genzoo reproduce` prints them."""
    return [[claim.expected, claim.published, *claim.outcome()] for claim in card.claims if claim.measured]


def card_table() -> str:
    """Return the table of the cards that were run, for the README of the benchmarks."""
    rows = [["card", "expected", "published", "ours", "seeds", "verdict"]]
    for card in cards():
        what = f"[{card.name}](results/reproduce-{card.name}.md): {card.summary}"
        rows += [["" if number else what, *row] for number, row in enumerate(claim_rows(card))]
    return markdown_table(rows)


def write_pages() -> None:
    """Write the page, the sheet, README's table and that of the cards."""
    rows = read_rows()
    PAGE.write_text(page(rows), encoding="utf-8")
    save_sheet(SHEET, [TILES / f"{entry.name}.png" for entry in models() if entry.name in rows])
    fill(README, COMMAND, family_table())
    fill(BENCHMARKS, COMMAND, card_table())
