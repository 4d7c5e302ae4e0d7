"""genzoo info: what a registered name is, and its options."""

from __future__ import annotations

import argparse
from itertools import starmap
from typing import TYPE_CHECKING, Any

from genzoo.cli.terminal import print_table, print_text
from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.registry.answer_cache import cached
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, PARTS, WITH_OPTIONS, Entry, Kind

if TYPE_CHECKING:
    from genzoo.core.model import Model


USE: dict[Kind, str] = {
    "command": "genzoo {name} --help",
    "listener": "genzoo run MODEL --dataset NAME --listeners {name}",
    "likelihood": "genzoo run MODEL --dataset NAME --likelihood {name}",
    "prior": "genzoo run vae --dataset NAME --prior {name}",
    "posterior": "genzoo run vae --dataset NAME --posterior {name}",
    "figure": "genzoo run MODEL --dataset NAME draws it where it is defined: RUN/figures/{name}.png",
    "bijection": 'in Python: genzoo.make_part("bijection", "{name}", DIM, 0)',
    "sampler": "genzoo sample RUN --sampler {name}",
    "optimizer": "genzoo run MODEL --dataset NAME --optimizer {name}",
    "schedule": "genzoo run MODEL --dataset NAME --schedule {name}",
}
"""What to type for entries without options of their own."""


def add_verb(verbs: Any) -> None:
    """Add `info`."""
    info = verbs.add_parser("info", help="show what a registered name is, and its options")
    info.add_argument("name")
    info.set_defaults(handler=show_info)


def origin_of(entry: Entry) -> str:
    """Return the origin of an entry: "built-in", or a distribution and its version."""
    return "built-in" if entry.origin.distribution == "genzoo" else str(entry.origin)


def show_info(options: argparse.Namespace) -> int:
    """Print the details of a name; several kinds may have it."""
    entries = registry().called(options.name)
    if not entries:
        known = [name for kind in KINDS for name in registry().names(kind)]
        raise UsageError(f"nothing is named {options.name!r}.{did_you_mean(options.name, known)}", "type: genzoo list")
    described = [description(entry) for entry in entries]
    for entry, (lines, options_of) in zip(entries, described, strict=True):
        print_text(f"{entry.kind} {entry.name} · {entry.summary}", "bold")
        print(f"  from      {origin_of(entry)}")
        if entry.paper:
            print(f"  paper     {entry.paper}")
        print("\n".join(lines))
        if options_of:
            print_table(options_of, left=2, header=False, plain="\n".join(starmap(option_line, options_of)))
    return 0


def description(entry: Entry) -> tuple[list[str], list[list[str]]]:
    """Return the losses and sizes of an entry, or how to use it, as lines; and its options, see `about_options`."""
    if entry.kind not in WITH_OPTIONS:
        use = f"  use       {USE[entry.kind].format(name=registry().spelling(entry))}"
        about = cached(["info", entry.kind, entry.full_name], lambda: about_part(entry)) if entry.kind in PARTS else []
        return [*about, use], []

    def work_out() -> list[Any]:
        return [about_model(entry) if entry.kind == "model" else [], about_options(entry)]

    lines, options = cached(["info", entry.kind, entry.full_name], work_out)
    return lines, options


def about_part(entry: Entry) -> list[str]:
    """Return the argument that a part takes after the colon, and its default."""
    part = entry.load()
    if not part.symbol:
        return []
    default = format(part.default, ".3g") if isinstance(part.default, float) else part.default
    return [f"  argument  {entry.name}:N, where N is {part.symbol} (default: {default})"]


def about_model(entry: Entry) -> list[str]:
    """Return which losses can train a model, and its size on each dataset."""
    from genzoo.core.model import count_parameters
    from genzoo.registry.configs import default_config
    from genzoo.runs.build import meta_model

    model = None
    sizes = []
    for dataset in registry().matching("dataset"):
        try:
            spec = dataset.load()(default_config(dataset, dataset.options)).spec
            model = meta_model(entry.load(), spec, default_config(entry, entry.options))
            sizes.append(f"  on {dataset.name:14} {count_parameters(model):>10,} parameters")
        except GenzooError as error:
            sizes.append(f"  on {dataset.name:14} {error.message}")
        except (RuntimeError, NotImplementedError):  # its constructor needs weights with values
            sizes.append(f"  on {dataset.name:14} unknown until it is built")
    changed = ", ".join(f"{name} {value}" for name, value in entry.loss_options.items())
    own = registry().loss_of(entry)
    others = [loss.name for loss in registry().matching("loss") if loss != own and accepts(loss, model)]
    trained = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in entry.training.items())
    losses = f"  losses    {', '.join([entry.loss + (f' ({changed})' if changed else ''), *others])}"
    return [losses, *([f"  trained   with {trained}"] if trained else []), *sizes]


def accepts(loss: Entry, model: Model | None) -> bool:
    """Return whether a loss can train a model; False if its plugin is broken or the model lacks a method."""
    try:
        return model is not None and loss.load().refuses(model) is None
    except (GenzooError, NotImplementedError):
        return False


def about_options(entry: Entry) -> list[list[str]]:
    """Return the spelling and type, and the help and default, of each option of an entry."""
    from genzoo.core.options import describe_fields
    from genzoo.registry.configs import default_config, default_sampling, field_names
    from genzoo.training.config import Training

    def section(name: str) -> str:
        shared = entry.kind in ("model", "loss") and name in field_names(Training)
        return "data." if entry.kind == "dataset" else f"{entry.kind}." if shared else ""

    rows = describe_fields(default_config(entry, entry.options))
    rows += describe_fields(default_sampling(entry, entry.options)) if entry.kind == "model" else []
    return [
        [f"  --{section(name)}{name.replace('_', '-')} {type_name}", f"{text} (default: {default})"]
        for name, type_name, default, text in rows
    ]


def option_line(spelling: str, text: str) -> str:
    """Return an option as a line, or as two if its spelling is long."""
    return f"{spelling:36} {text}" if len(spelling) <= 36 else f"{spelling}\n{'':37}{text}"
