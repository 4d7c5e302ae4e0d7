"""Make the published results, tables, figure and README rows from the suite's JSON files.

    python benchmarks/gpu/publish.py FOLDER                 stores the files of suite.py --out FOLDER as a card's record
    python benchmarks/gpu/publish.py                        makes tables, figure and rows again from the stored records
    python benchmarks/gpu/publish.py FOLDER --into OTHER    a trial: writes only into the folder OTHER

A card's record is benchmarks/results/gpu-CARD.json, with all stages. Stages of a later run replace earlier ones.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]

from marked import fill  # noqa: E402
from suite import STAGES  # noqa: E402
from tables import MODES, NONE_YET, PEERS, Card, name, order, page, row_of, rows_of, short  # noqa: E402

from genzoo.figures.canvas import CLASS_COLOURS, TITLE, new_figure, save  # noqa: E402

RESULTS = HERE.parent / "results"
READMES = (ROOT / "README.md", HERE.parent / "README.md")
COMMAND = "python benchmarks/gpu/publish.py"
"""Marks its rows in the READMEs."""
PRECISIONS = {"fp32": CLASS_COLOURS[0], "bf16": CLASS_COLOURS[1]}


def slug(text: str) -> str:
    """Return a name in the form used in file names: "nvidia-h100-80gb-hbm3"."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def take(folder: Path, results: Path, rehearsal: bool) -> Path:
    """Merge the suite's files into the record of their card and return its file.

    Raises:
        SystemExit: There are no files, or they are of a rehearsal, which is not a result.
    """
    records = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("[0-9]-*.json"))]
    records = [record for record in records if record.get("machine")]
    if not records:
        raise SystemExit(f"{folder} has no files of benchmarks/gpu/suite.py")
    if any(record["rehearsal"] for record in records) and not rehearsal:
        raise SystemExit(f"{folder} is of a rehearsal, which is not a result; to try it, add --into FOLDER")
    made = {record["stage"]: {key: value for key, value in record.items() if key != "output"} for record in records}
    file = results / f"gpu-{slug(name(made))}.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    merged = known | made
    ordered = {stage: merged[stage] for stage in STAGES if stage in merged}
    file.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    return file


def draw(cards: Sequence[Card], file: Path) -> None:
    """Draw one panel per model and card: bars of images per second in training, on a logarithmic scale."""
    figure = new_figure(11, 4.6 * len(cards))
    rows = figure.subplots(len(cards), 2, squeeze=False)
    figure.suptitle("Training speed on a GPU; longer is better", x=0.01, ha="left", fontsize=12)
    for card, panels in zip(cards, rows, strict=True):
        for model, axes in zip(("vae", "conv-vae"), panels, strict=True):
            bars = bars_of(card, model)
            for place, (_, values, colour) in enumerate(reversed(bars)):
                middle = statistics.median(values)
                whisker = [[middle - min(values)], [max(values) - middle]]
                axes.barh(place, middle, color=colour, xerr=whisker, ecolor="#444444", capsize=2)
                axes.text(max(values), place, f"  {middle:,.0f}", va="center", fontsize=7)
            axes.set_yticks(range(len(bars)), [label for label, _, _ in reversed(bars)], fontsize=7)
            axes.set_xscale("log")
            every = [value for _, values, _ in bars for value in values]
            if every:  # whole decades
                axes.set_xlim(10 ** math.floor(math.log10(min(every))), 10 ** math.ceil(math.log10(max(every)) + 0.4))
            axes.xaxis.set_minor_formatter("")
            axes.set_title(f"{model}, {name(card)}", **TITLE)
            axes.set_xlabel("images per second: median, minimum and maximum")
            axes.margins(y=0.02)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
    save(figure, file)


def bars_of(card: Card, model: str) -> list[tuple[str, list[float], str]]:
    """Return label, speeds and colour of each bar: genzoo by batch, mode and precision, then the others at 128."""
    found = {(row["model"], row["batch"], row["mode"], row["precision"]): row for row in rows_of(card, "speed")}
    bars = []
    for batch in dict.fromkeys(key[1] for key in sorted(found, key=order) if key[0] == model):
        for mode, precision in MODES:
            if row := found.get((model, batch, mode, precision)):
                values = [row["least"], row["images_per_second"], row["most"]]
                bars.append((f"batch {batch:,}, {mode}, {precision}", values, PRECISIONS[precision]))
    race = row_of(card, "peers", f"{model} race")
    labels = {**PEERS, "bare-loop": "bare loop"}
    others = [(labels[peer], values) for peer, values in race.get("speeds", {}).items() if peer in labels]
    return bars + [(f"batch {race['batch']}, {label}", values, "#999999") for label, values in others]


def known(results: Path) -> list[dict[str, Any]]:
    """Return the records of all cards."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(results.glob("gpu-*.json"))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="output folder of suite.py")
    parser.add_argument("--into", type=Path, help="write here instead, and do not change the READMEs")
    options = parser.parse_args(arguments)
    results = options.into or RESULTS
    results.mkdir(parents=True, exist_ok=True)
    if options.folder:
        print(take(options.folder, results, rehearsal=options.into is not None))
    cards = known(results)
    text = "\n\n".join(map(page, cards)) or NONE_YET
    if cards:
        (results / "gpu.md").write_text(text + "\n", encoding="utf-8")
        draw(cards, results / "gpu.png")
    for readme in () if options.into else READMES:
        fill(readme, COMMAND, short(cards))
    print(short(cards) if not options.into else text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
