"""Train every registered model shortly on small data, and write the pages of the zoo.

    python benchmarks/zoo.py --missing       the models that have no row yet; then the pages
    python benchmarks/zoo.py vae 'gm*'       these models again; then the pages
    python benchmarks/zoo.py '*'             all: a quarter of an hour of one core
    python benchmarks/zoo.py                 the pages alone

Writes a row of benchmarks/results/zoo.json and a picture docs/zoo/MODEL.png as each model is measured, and from all of
them docs/zoo.md, docs/zoo.png and the table of families in README. Exits with 1 if a model cannot be measured.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from zoo_pages import LABELS, ROOT, ROWS, TILES, models, read_rows, write_pages
from zoo_tiles import save_tile

from genzoo.cli.main import main as type_command
from genzoo.core.model import Autoencoder, Density, LatentModel
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.runs.environment import revision
from genzoo.runs.run import Run
from genzoo.testing.theory import prove

DIGITS = "--dataset digits --binarize threshold"
LARGER = "--dataset digits --data.resize 16 --binarize threshold"
GREY = "--dataset digits"
PLANE = "--dataset pinwheel"
CHAIN = "--dataset markov"
DATA = (DIGITS, LARGER, "--dataset hmm", "--dataset mixed-table", "--dataset two-views")
"""A model is trained on the first of these data that it takes."""
OWN: dict[str, str] = {
    **dict.fromkeys(("realnvp", "nice", "maf", "spline-flow", "kde", "gmm", "flow-matching", "ebm"), PLANE),
    **dict.fromkeys(("char-model", "ngram"), CHAIN),
    **dict.fromkeys(("gan", "wgan-gp", "infogan", "r3gan", "sngan", "vae-gan", "cb-vae", "sigma-vae"), GREY),
    **dict.fromkeys(("consistency", "ddpm", "edm", "meanflow"), f"{GREY} --net perceptron"),
    "beta-vae": LARGER,
    "factor-analysis": "--dataset two-views",
    "fsq-vae": f"{DIGITS} --levels 2",
    "glow": f"{GREY} --scales 2 --steps 2 --channels 16",
    "guided-flow-matching": GREY,
    "mdlm": f"{CHAIN} --width 32 --depth 2",
    "pixelcnn": f"{DIGITS} --width 16 --layers 3",
    "rbm": f"{DIGITS} --units 100 --lr 0.005",
    "pixelcnn-pp": f"{GREY} --width 16 --layers 3",
    "scvi": "--dataset gene-counts",
    "tarflow": f"{GREY} --width 32",
    "transformer": f"{DIGITS} --width 32 --depth 2",
    "vdm": f"{DIGITS} --net perceptron",
}
"""Data that show more of a model than the first ones that it takes, and smaller nets of those that take long."""
EPOCHS = 30
"""Passes over the training data."""
OTHER_EPOCHS: dict[str, int] = {
    **dict.fromkeys(("glow", "mdlm", "pixelcnn", "pixelcnn-pp", "transformer"), 15),
    **dict.fromkeys(("consistency", "ddpm", "edm", "fsq-vae", "guided-flow-matching", "meanflow", "vdm", "vq-vae"), 60),
    **dict.fromkeys(("aae", "ebm", "flow-matching", "fvsbn", "gan", "infogan", "maf"), 100),
    **dict.fromkeys(("r3gan", "rbm", "sigma-vae", "sngan", "svae", "vae-gan"), 100),
    "cb-vae": 200,
    "char-model": 5,
    "conv-vae": 25,
    "text-vae": 10,
    "wgan-gp": 50,
}
"""Fewer for models whose steps take long, more for those that learn slowly."""
FIGURES = ("samples", "reconstructions")
"""The figures that are drawn: the others take longer than the training."""


def measure(entry: Entry, folder: Path, epochs: int = 0) -> dict[str, Any] | str:
    """Train, evaluate and draw a model; return its row, or why it cannot be measured."""
    model = entry.load()
    extra = "" if issubclass(model, (Density, LatentModel, Autoencoder)) else " --metrics sliced-wasserstein"
    passes = f" --epochs {epochs or OTHER_EPOCHS.get(entry.name, EPOCHS)}" if not model.in_closed_form() else ""
    why = ""
    for data in [OWN[entry.name]] if entry.name in OWN else DATA:
        words, begin = f"{data}{passes}{extra}", time.process_time()
        code, said = typed(f"run {entry.name} {words} --quiet --device cpu --out {folder}")
        if code == 0:
            seconds = time.process_time() - begin
            run, proof = Run(folder), prove(entry)
            save_tile(TILES / f"{entry.name}.png", run)
            return {
                "options": words,
                "cpu_seconds": round(seconds, 1),
                "parameters": run.results["parameters"],
                "metrics": metrics(run.results),
                "known_density": run.results["baselines"].get("known_density", {}).get("nats"),
                "cases": len(proof.cases),
                "verdict": proof.verdict,
                "commit": (revision(ROOT) or {}).get("commit"),
                "torch": torch.__version__,
            }
        if code > 128:  # interrupted
            sys.exit(code)
        why = why or said
        if code != 2:  # not a matter of the data
            break
    return why


def typed(command: str) -> tuple[int, str]:
    """Run a command of genzoo in this process; return its exit code and the first line of its errors."""
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors):
        code = type_command(command.split())
    return code, errors.getvalue().partition("\n")[0]


def metrics(results: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of the test data that the page shows, with what −ln p(x) is."""
    test = results["test"]
    details = {name: test.get("details", {}).get(name, {}) for name in LABELS}
    return {
        name: {"value": test[name], **{key: about[key] for key in ("exactness", "measure") if key in about}}
        for name, about in details.items()
        if test.get(name) is not None
    }


def as_text(rows: dict[str, Any]) -> str:
    """Return the rows as JSON, a line a model."""
    lines = [f"{json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}" for name, row in sorted(rows.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def chosen(names: Iterable[str], missing: bool) -> list[Entry]:
    """Return the models to measure."""
    rows = read_rows()
    return [
        entry
        for entry in models()
        if any(fnmatchcase(entry.name, name) for name in names) or (missing and entry.name not in rows)
    ]


def main() -> int:
    """Measure the models that are asked for, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="MODEL")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--epochs", type=int, default=0, help="for a trial")
    parser.add_argument("--runs", type=Path, help="keep the runs here")
    options = parser.parse_args()
    registry().entries[:] = [e for e in registry().entries if e.kind != "figure" or e.name in FIGURES]
    torch.set_num_threads(1)
    TILES.mkdir(parents=True, exist_ok=True)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for entry in chosen(options.names, options.missing):
            row = measure(entry, (options.runs or Path(folder)) / entry.name, options.epochs)
            failed |= isinstance(row, str)
            print(f"{entry.name}: {row}", flush=True)
            if not isinstance(row, str):
                ROWS.write_text(as_text({**read_rows(), entry.name: row}), encoding="utf-8")
    write_pages()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
