"""genzoo new-plugin: create a plugin package from the tested example."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.registry.entries import WITH_OPTIONS, Kind

EPILOG = """\
  genzoo new-plugin genzoo-hvae --model hvae
  genzoo new-plugin my-zoo --model mine --loss my-bound --dataset my-data --metric my-metric
"""


def add_verb(verbs: Any) -> None:
    """Add `new-plugin`."""
    parser = verbs.add_parser("new-plugin", help="create a plugin package that works at once", epilog=EPILOG)
    parser.add_argument("name", help="name of the package and its folder, such as genzoo-hvae")
    for kind in WITH_OPTIONS:
        parser.add_argument(f"--{kind}", metavar="NAME", help=f"register a {kind} of this name")
    parser.add_argument(
        "--in", dest="parent", type=Path, default=Path(), metavar="FOLDER", help="parent folder (default: here)"
    )
    parser.set_defaults(handler=show)


def show(options: argparse.Namespace) -> int:
    """Write the package and print what to type next."""
    from genzoo.cli.scaffold import write_package

    names = {kind: name for kind in WITH_OPTIONS if (name := getattr(options, kind)) is not None}
    steps = next_steps(names)
    folder = write_package(options.parent, options.name, names, steps)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(path)
    print("\n".join(["next:", f"  pip install -e {folder}", *(f"  {step}" for step in steps)]))
    return 0


def next_steps(names: dict[Kind, str]) -> list[str]:
    """Return what to type once the package is installed."""
    steps = [f"genzoo check {name}" for name in names.values()]
    model, dataset = names.get("model", "vae"), names.get("dataset", "digits")
    loss = f" --loss {names['loss']}" if "loss" in names and "model" not in names else ""
    steps.append(f"genzoo run {model} --dataset {dataset} --epochs 1{loss}")
    if "metric" in names:
        steps.append(f"genzoo evaluate @last --metrics {names['metric']}")
    return steps
