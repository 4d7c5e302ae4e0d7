"""genzoo new-plugin: a package of one's own, to change rather than to write."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.registry.entries import WITH_OPTIONS, Kind

EPILOG = """\
  genzoo new-plugin genzoo-hvae --model hvae
  genzoo new-plugin my-zoo --model mine --loss my-bound --dataset my-data --metric my-figure
"""


def add_verb(verbs: Any) -> None:
    """Adds `new-plugin`."""
    parser = verbs.add_parser("new-plugin", help="a plugin package that runs at once, to change", epilog=EPILOG)
    parser.add_argument("name", help="the package, such as genzoo-hvae; a folder of that name is made")
    for kind in WITH_OPTIONS:
        parser.add_argument(f"--{kind}", metavar="NAME", help=f"what its {kind} is called")
    parser.add_argument(
        "--in", dest="parent", type=Path, default=Path(), metavar="FOLDER", help="where (default: here)"
    )
    parser.set_defaults(handler=show)


def show(options: argparse.Namespace) -> int:
    """Writes the package and says what to type next."""
    from genzoo.cli.scaffold import write_package

    wanted = {kind: given for kind in WITH_OPTIONS if (given := getattr(options, kind)) is not None}
    steps = next_steps(wanted)
    folder = write_package(options.parent, options.name, wanted, steps)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(path)
    print("\n".join(["next:", f"  pip install -e {folder}", *(f"  {step}" for step in steps)]))
    return 0


def next_steps(wanted: dict[Kind, str]) -> list[str]:
    """What to type once the package is installed."""
    steps = [f"genzoo check {given}" for given in wanted.values()]
    model, dataset = wanted.get("model", "vae"), wanted.get("dataset", "digits")
    loss = f" --loss {wanted['loss']}" if "loss" in wanted and "model" not in wanted else ""
    steps.append(f"genzoo run {model} --dataset {dataset} --epochs 1{loss}")
    if "metric" in wanted:
        steps.append(f"genzoo evaluate @last --metrics {wanted['metric']}")
    return steps
