"""genzoo new-plugin: create a plugin package from the tested examples."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genzoo.registry.entries import KINDS, PARTS, Kind
from genzoo.system.json_output import json_result

EPILOG = """\
  genzoo new-plugin genzoo-hvae --model hvae
  genzoo new-plugin my-flow --model mine --like realnvp
  genzoo new-plugin my-zoo --model mine --loss my-bound --dataset my-data --metric my-metric --prior my-prior
"""
USES: dict[Kind, str] = {
    "metric": "genzoo evaluate @last --metrics {name}",
    "figure": "genzoo report @last",
    "command": "genzoo {name} @last",
}
"""What to type after a run."""


def add_verb(verbs: Any) -> None:
    """Add `new-plugin`."""
    parser = verbs.add_parser("new-plugin", help="create a plugin package that works at once", epilog=EPILOG)
    parser.add_argument("name", help="name of the package and its folder, such as genzoo-hvae")
    for kind in KINDS:
        parser.add_argument(f"--{kind}", dest=f"new_{kind}", metavar="NAME", help=f"register a {kind} of this name")
    like = "a model of the capabilities that it has, such as vae, gan, realnvp, made, ddpm or ppca (default: vae)"
    parser.add_argument("--like", metavar="MODEL", help=like)
    parser.add_argument(
        "--in", dest="parent", type=Path, default=Path(), metavar="FOLDER", help="parent folder (default: here)"
    )
    parser.set_defaults(handler=show)


def show(options: argparse.Namespace) -> int:
    """Write the package and print what to type next."""
    from genzoo.cli import scaffold

    like = scaffold.like_of(options.like or scaffold.LIKE)
    asked = {kind: name for kind in KINDS if (name := getattr(options, f"new_{kind}")) is not None}
    names = scaffold.completed(asked, like)
    steps = next_steps(names, like)
    folder = scaffold.write_package(options.parent, options.name, names, steps, like)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    json_result(folder=folder, files=files, next=[f"pip install -e {folder}", *steps])
    print("\n".join(map(str, files)))
    print("\n".join(["next:", f"  pip install -e {folder}", *(f"  {step}" for step in steps)]))
    return 0


def next_steps(names: Mapping[Kind, str], like: str = "") -> list[str]:
    """Return what to type once the package is installed."""
    steps = [f"genzoo check {name}" for name in names.values()]
    dataset = names.get("dataset", "moons" if like == "flow" else "digits")
    listeners = f" --listeners {names['listener']}" if "listener" in names else ""
    if "model" in names:
        steps.append(f"genzoo run {names['model']} --dataset {dataset} --epochs 1{listeners}")
    options: list[Kind] = [kind for kind in PARTS if kind not in ("figure", "bijection")]
    options += [] if "model" in names else ["loss"]
    if "model" not in names or any(kind in names for kind in options):
        typed = "".join(f" --{kind} {names[kind]}" for kind in options if kind in names)
        steps.append(f"genzoo run vae --dataset {names.get('dataset', 'digits')} --epochs 1{typed}{listeners}")
    return [*steps, *(text.format(name=names[kind]) for kind, text in USES.items() if kind in names)]
