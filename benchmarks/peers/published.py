"""Make the published table and figure of genzoo compared with its peers.

    python benchmarks/peers/published.py                runs the comparisons that this machine lacks: 20 minutes
    python benchmarks/peers/published.py --again        runs all of it on this machine
    python benchmarks/peers/published.py --only-draw    runs nothing

Writes benchmarks/results/peers.{md,png} and README's table from the JSON files of benchmarks/peers/compare.py: for
every machine that has run the comparisons in fp32 on its CPU. bf16 is only for processors that compute in it.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

import compare
import torch
from marked import fill

from genzoo.figures.canvas import CLASS_COLOURS, TITLE, new_figure, save
from genzoo.reporting.tables import markdown_table
from genzoo.runs.environment import environment

README = compare.HERE.parents[1] / "README.md"
COMMAND = "python benchmarks/peers/published.py"
RESULTS = compare.HERE.parent / "results"
RACES = [(model, precision) for model in ("vae", "conv-vae") for precision in ("fp32", "bf16")]
PEERS = {
    "pythae": "Pythae", "lightning": "Lightning", "pytorch-examples-like": "pytorch/examples' loop",
    "bare-loop": "bare loop",
}  # fmt: skip
Race = dict[str, Any]


def spread(values: list[float], digits: str) -> str:
    """Return the median with the minimum and maximum in brackets."""
    return f"{statistics.median(values):{digits}} ({min(values):{digits}}–{max(values):{digits}})"


def speeds(race: dict[str, Any], name: str) -> list[float]:
    """Return images per second in each alternation."""
    return [race["images"] / passes[name]["seconds"] for passes in race["alternations"]]


def where(race: Race) -> str:
    """Return the machine and its threads, as in rows and panels."""
    made = race["environment"]
    return f"{compare.machine_name(made)}, {made['device'].removeprefix('cpu, ')}"


def on_record() -> dict[str, list[Race]]:
    """Return the races of each machine that has run those in fp32 on its CPU, by name."""
    found: dict[str, dict[str, Race]] = {}
    for model, precision in RACES:
        for file in sorted(RESULTS.glob(f"peers-{model}-{precision}-*.json")):
            race = json.loads(file.read_text())
            if race["environment"]["device"].startswith("cpu"):
                name = compare.machine_name(race["environment"])
                found.setdefault(name, {})[f"{model}, {precision}"] = race
    needed = {f"{model}, fp32" for model, _ in RACES}
    return {name: list(races.values()) for name, races in found.items() if needed <= races.keys()}


def table(machines: dict[str, list[Race]]) -> str:
    """Return one row per race and machine: genzoo's speed, and how many times as fast as each other one it is."""
    rows = [["trained in batches of 128", "on", "genzoo, images/s", *(f"× {label}" for label in PEERS.values())]]
    races = [race for races in machines.values() for race in races]
    for race in sorted(races, key=lambda race: RACES.index((race["model"], race["precision"]["genzoo"]))):
        ratios = [spread(race["ratios"][name], ".2f") if name in race["ratios"] else "" for name in PEERS]
        what = f"{race['model']}, {race['precision']['genzoo']}"
        rows.append([what, where(race), spread(speeds(race, "genzoo"), ",.0f"), *ratios])
    return markdown_table(rows)


def origin(race: Race) -> str:
    """Return machine, load, versions, commit and date in one line."""
    made, versions = race["environment"], race["versions"]
    names = {"torch": "torch", "pythae": "Pythae", "lightning": "Lightning"}
    known = [f"{label} {versions[name]}" for name, label in names.items() if versions.get(name)]
    settings = [f"{name}={value}" for name, value in race.get("threads", {}).items() if name.isupper()]
    parts = [f"load {race['load'][0]:.1f}", *settings, *known, f"Python {made['python']}"]
    return f"{where(race)}: {', '.join(parts)}; commit {made['source']['commit'][:7]}, {race['date']}"


def bars_of(mine: list[Race]) -> list[tuple[str, list[float], str]]:
    """Return label, speeds and colour of each bar of a panel: genzoo by precision, then the others."""
    bars = [(f"genzoo, {race['precision']['genzoo']}", speeds(race, "genzoo"), CLASS_COLOURS[0]) for race in mine]
    others = [name for name in PEERS if name in mine[0]["ratios"]]
    return bars + [(PEERS[name], speeds(mine[0], name), "#999999") for name in others]


def draw(machines: dict[str, list[Race]]) -> None:
    """Draw a row of panels per machine, a panel per model: bars of images/s, whiskers from minimum to maximum."""
    models = list(dict.fromkeys(model for model, _ in RACES))
    figure = new_figure(11, 0.4 + 3.0 * len(machines))
    figure.suptitle("Training speed on MNIST, batches of 128; longer is better", x=0.01, ha="left", fontsize=12)
    panels = figure.subplots(len(machines), len(models), squeeze=False)
    for row, races in zip(panels, machines.values(), strict=True):
        for axes, model in zip(row, models, strict=True):
            mine = [race for race in races if race["model"] == model]
            bars = bars_of(mine)
            for place, (_, values, colour) in enumerate(reversed(bars)):
                middle = statistics.median(values)
                whisker = [[middle - min(values)], [max(values) - middle]]
                axes.barh(place, middle, color=colour, xerr=whisker, ecolor="#444444", capsize=3)
                axes.text(max(values), place, f"  {middle:,.0f}", va="center", fontsize=8)
            axes.set_yticks(range(len(bars)), [label for label, _, _ in reversed(bars)])
            axes.set_title(f"{model}, {where(mine[0])}", **TITLE)
            axes.set_xlabel("images per second: median and range")
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.locator_params(axis="x", nbins=5)
            axes.margins(x=0.18)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
    save(figure, RESULTS / "peers.png")


def main(words: list[str]) -> int:
    if "--only-draw" not in words:
        made = environment(torch.device("cpu"), ())
        for model, precision in RACES:
            file = RESULTS / compare.file_name(model, precision, made)
            if "--again" in words or not file.exists():
                compare.main(["--model", model, "--precision", precision])
    machines = on_record()
    notes = "\n".join(f"- {origin(races[0])}" for races in machines.values())
    text = f"{table(machines)}\n\n{notes}\n"
    (RESULTS / "peers.md").write_text(text)
    fill(README, COMMAND, text.rstrip())
    draw(machines)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
