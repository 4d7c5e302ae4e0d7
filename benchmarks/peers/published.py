"""The published table and picture of genzoo beside its peers.

    python benchmarks/peers/published.py            runs what is missing of compare.py, about a quarter of an hour
    python benchmarks/peers/published.py --again    runs all of it

Writes benchmarks/results/peers.{md,png} from the JSON files of benchmarks/peers/compare.py on a CPU.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

import compare

from genzoo.figures.canvas import CLASS_COLOURS, TITLE, new_figure, save
from genzoo.sheets import grid

RESULTS = compare.HERE.parent / "results"
RACES = [(model, precision) for model in ("vae", "conv-vae") for precision in ("fp32", "bf16")]
PEERS = {"pythae": "Pythae", "pytorch-examples-like": "pytorch/examples' loop", "bare-loop": "bare loop"}


def spread(values: list[float], digits: str) -> str:
    """The median, and in brackets the least and the most."""
    return f"{statistics.median(values):{digits}} ({min(values):{digits}}–{max(values):{digits}})"


def speeds(race: dict[str, Any], name: str) -> list[float]:
    """Images a second in each alternation."""
    return [race["images"] / passes[name]["seconds"] for passes in race["alternations"]]


def table(races: list[dict[str, Any]]) -> str:
    """A row a race: genzoo's speed, and how many times as fast as each of the others it was."""
    rows = [["trained in batches of 128", "genzoo, images/s", *(f"× {label}" for label in PEERS.values())]]
    for race in races:
        ratios = [spread(race["ratios"][name], ".2f") if name in race["ratios"] else "" for name in PEERS]
        rows.append(
            [f"{race['model']}, {race['precision']['genzoo']}", spread(speeds(race, "genzoo"), ",.0f"), *ratios]
        )
    return grid(rows)


def origin(race: dict[str, Any]) -> str:
    """Machine, versions, commit and date, in a line."""
    made, versions = race["environment"], race["versions"]
    machine = made.get("processor") or made["platform"]
    return (
        f"{machine}, {made['device']}; torch {versions['torch']}, Pythae {versions['pythae']}, "
        f"Python {made['python']}; commit {made['source']['commit'][:7]}, {race['date']}"
    )


def draw(races: list[dict[str, Any]]) -> None:
    """Bars of images a second, the whiskers from the least to the most."""
    figure = new_figure(11, 3.4)
    where = races[0]["environment"]["device"]
    figure.suptitle(f"Training speed, {where}, batches of 128; longer is better", x=0.01, ha="left", fontsize=12)
    models = list(dict.fromkeys(race["model"] for race in races))
    for axes, model in zip(figure.subplots(1, len(models)), models, strict=True):
        mine = [race for race in races if race["model"] == model]
        bars = [(f"genzoo, {race['precision']['genzoo']}", speeds(race, "genzoo"), CLASS_COLOURS[0]) for race in mine]
        bars += [(PEERS[name], speeds(mine[0], name), "#999999") for name in mine[0]["ratios"]]
        for place, (_, values, colour) in enumerate(reversed(bars)):
            middle = statistics.median(values)
            whisker = [[middle - min(values)], [max(values) - middle]]
            axes.barh(place, middle, color=colour, xerr=whisker, ecolor="#444444", capsize=3)
            axes.text(max(values), place, f"  {middle:,.0f}", va="center", fontsize=8)
        axes.set_yticks(range(len(bars)), [label for label, _, _ in reversed(bars)])
        axes.set_title(f"{model} on MNIST", **TITLE)
        axes.set_xlabel("images a second: median, least and most")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.margins(x=0.18)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    save(figure, RESULTS / "peers.png")


def main(words: list[str]) -> int:
    races = []
    for model, precision in RACES:
        file = RESULTS / f"peers-{model}-{precision}-cpu.json"
        if "--again" in words or not file.exists():
            compare.main(["--model", model, "--precision", precision])
        races.append(json.loads(file.read_text()))
    text = f"{table(races)}\n\n{origin(races[0])}\n"
    (RESULTS / "peers.md").write_text(text)
    draw(races)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
