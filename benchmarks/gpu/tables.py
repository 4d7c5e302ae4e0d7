"""Markdown tables of the suite's results on a card."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from genzoo.reporting.tables import markdown_table

Card = Mapping[str, Mapping[str, Any]]
"""The records of a card's stages, by their names."""
MODES = [(mode, precision) for mode in ("eager", "compile", "graph") for precision in ("fp32", "bf16")]
PEERS = {"pythae": "Pythae", "lightning": "Lightning", "pytorch-examples-like": "pytorch/examples' loop"}
NONE_YET = "No GPU has been measured yet. `python benchmarks/gpu/suite.py --out FOLDER` does so in eight minutes."


def rows_of(card: Card, stage: str) -> list[Mapping[str, Any]]:
    """Return the rows of a stage that have values."""
    rows = card.get(stage, {}).get("rows", [])
    return [row for row in rows if not {"error", "left_out", "refused", "not_here"} & row.keys()]


def row_of(card: Card, stage: str, key: str) -> Mapping[str, Any]:
    """Return a row by its key; {} if it has no values."""
    return next((row for row in rows_of(card, stage) if row["key"] == key), {})


def count(value: float | None) -> str:
    """Return images per second as text: 950, 12,300, 1.24 M; "" for None."""
    if value is None:
        return ""
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value:,.0f}"


def title(card: Card) -> str:
    """Return the card, with driver, torch, commit and date, in one line."""
    record = next(iter(card.values()))
    machine = record["machine"]
    commit = (machine.get("source") or {}).get("commit", "unknown")[:7]
    parts = [name(card), f"driver {machine['driver']}" if machine.get("driver") else ""]
    parts += [f"torch {machine['packages']['torch']}", f"Python {machine['python']}", f"commit {commit}"]
    return ", ".join(filter(None, [*parts, record["date"]]))


def name(card: Card) -> str:
    """Return the name of the card; a CPU in a rehearsal."""
    machine = next(iter(card.values()))["machine"]
    return str(machine.get("gpu") or f"REHEARSAL on {machine['device']}")


def training(card: Card) -> str:
    """Return images per second in training, with the share of time in kernels, by batch size, mode and precision."""
    rows = [["", "batch", *(f"{mode} {precision}" for mode, precision in MODES)]]
    found = {(row["model"], row["batch"], row["mode"], row["precision"]): row for row in rows_of(card, "speed")}
    for model, batch in dict.fromkeys((model, batch) for model, batch, *_ in sorted(found, key=order)):
        cells = [found.get((model, batch, *way)) for way in MODES]
        rows.append([model, f"{batch:,}", *(with_share(cell) for cell in cells)])
    return markdown_table(rows)


def order(key: tuple[str, int, str, str]) -> tuple[bool, int]:
    """Sort vae before conv-vae, then by batch size."""
    return key[0] != "vae", key[1]


def with_share(row: Mapping[str, Any] | None) -> str:
    """Return a row's speed, with the share of time in kernels in brackets."""
    return "" if row is None else f"{count(row['images_per_second'])} ({row['busy']:.0%})"


def race(card: Card) -> str:
    """Return how many times as fast as each of the others genzoo is: median, minimum and maximum."""
    rows = [["batches of 128", "genzoo, images/s", *(f"× {label}" for label in PEERS.values()), "× bare loop"]]
    for model in ("vae", "conv-vae"):
        if row := row_of(card, "peers", f"{model} race"):
            ratios = [spread(row["ratios"].get(peer, [])) for peer in (*PEERS, "bare-loop")]
            rows.append([model, count(statistics.median(row["speeds"]["genzoo"])), *ratios])
    return markdown_table(rows)


def spread(values: Sequence[float]) -> str:
    """Return the median, with the minimum and maximum in brackets; "" for no values."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})" if values else ""


def agreement(card: Card) -> str:
    """Return the difference between captured and eager steps, and the bounds that both reach."""
    lines = []
    if row := row_of(card, "modes", "weights after 200 steps"):
        lines.append(
            f"After {row['steps']} steps of `vae` the weights of captured steps lie {row['graph_to_eager']:.1e} of "
            f"the way they went from those of eager steps; two eager trainings lie {row['eager_to_eager']:.1e} apart."
        )
    bounds = {mode: [row["negative_elbo"] for row in rows_of(card, "modes") if row["key"].startswith(start)]
              for mode in ("eager", "graph") for start in [f"bound after 3 epochs, {mode}"]}  # fmt: skip
    if all(bounds.values()):
        texts = [f"{mode} {', '.join(f'{value:.2f}' for value in values)}" for mode, values in bounds.items()]
        lines.append(f"−ELBO on the test images after 3 epochs, one value per seed, in nats: {'; '.join(texts)}.")
    return " ".join(lines)


def ceilings(card: Card) -> str:
    """Return genzoo's captured steps compared with the bare loop of the same mathematics."""
    rows = [["`vae`", "genzoo, graph", "bare loop", "bare graph of 1 step", "of 8 steps", "share of a bare graph"]]
    for row in rows_of(card, "modes"):
        if row["key"].startswith("ceiling"):
            names = ("genzoo", "bare_eager", "bare_graph_of_1", "bare_graph_of_8")
            share = f"{row['share_of_bare_graph']:.2f}"
            rows.append([row["key"].removeprefix("ceiling "), *(count(row[each]) for each in names), share])
    return markdown_table(rows)


def zoo(card: Card) -> str:
    """Return a row for every model: training, encoding, decoding and sampling."""
    kinds = ("images_per_second", "encode", "decode", "sample")
    rows = [["", "batch", "mode", "train", *kinds[1:], "peak memory"]]
    for row in rows_of(card, "zoo"):
        speeds = [count(row.get(kind)) for kind in kinds]
        rows.append([row["model"], f"{row['batch']:,}", row["mode"], *speeds, f"{row['peak_memory'] / 1e6:,.0f} MB"])
    return markdown_table(rows)


def targets(card: Card) -> str:
    """Return the targets, and whether they were reached."""
    graph = {row["key"]: row["images_per_second"] for row in rows_of(card, "speed")}
    race = {model: row_of(card, "peers", f"{model} race").get("times_pythae") for model in ("vae", "conv-vae")}
    bare = row_of(card, "modes", "ceiling 128 fp32").get("share_of_bare_graph")
    rows = [["", "at least", "measured", ""]]
    for label, least, found in (
        ("`vae`, batch 128, images/s", 1e6, graph.get("vae 128 graph fp32")),
        ("`vae`, batch 4,096, images/s", 15e6, graph.get("vae 4096 graph fp32")),
        ("`vae`, batch 128, × Pythae", 10.0, race["vae"]),
        ("`conv-vae`, batch 128, × Pythae", 5.0, race["conv-vae"]),
        ("`vae`, batch 128, share of a bare graph", 0.9, bare),
    ):
        show = count if least > 100 else "{:.2f}".format
        verdict = "" if found is None else "reached" if found >= least else "MISSED"
        rows.append([label, show(least), "not measured" if found is None else show(found), verdict])
    return markdown_table(rows)


def failures(card: Card) -> str:
    """Return one line for each failure."""
    lines = []
    for stage, record in card.items():
        if record["status"] != "finished":
            lines.append(f"- {stage}: {record['status']}")
        lines += [f"- {stage}, {row['key']}: `{row['error'].strip().splitlines()[-1]}`"
                  for row in record["rows"] if "error" in row]  # fmt: skip
    return "\n".join(lines) or "Nothing failed."


def page(card: Card) -> str:
    """Return all tables of a card."""
    parts = [f"## {name(card)}", title(card) + "."]
    parts += ["Targets:", targets(card)]
    parts += ["Images per second in training, and the share of time in kernels:", training(card)]
    parts += ["Compared with others on the same card (median, minimum and maximum over alternations):", race(card)]
    parts += [agreement(card), "Compared with a bare loop, images per second:", ceilings(card)]
    parts += ["Every model, images per second:", zoo(card), "Failures:", failures(card)]
    return "\n\n".join(filter(None, parts))


def short(cards: Sequence[Card]) -> str:
    """Return README's table with one row per card, or a sentence if no card has been measured."""
    if not cards:
        return NONE_YET
    head = ["training, images/s", "`vae`, batch 128", "4,096", "`conv-vae`, batch 128", "4,096, bf16", "`vae` × Pythae"]
    rows = [[*head, "`conv-vae` × Pythae"]]
    for card in cards:
        speeds = {row["key"]: row["images_per_second"] for row in rows_of(card, "speed")}
        keys = ("vae 128 graph fp32", "vae 4096 graph fp32", "conv-vae 128 graph fp32", "conv-vae 4096 graph bf16")
        ratios = [row_of(card, "peers", f"{model} race").get("ratios", {}) for model in ("vae", "conv-vae")]
        cells = [count(speeds.get(key)) for key in keys] + [spread(one.get("pythae", [])) for one in ratios]
        rows.append([name(card), *cells])
    notes = "\n".join(f"{title(card)}." for card in cards)
    return f"{markdown_table(rows)}\n\n{notes} Captured steps; all results: benchmarks/results/gpu.md."
