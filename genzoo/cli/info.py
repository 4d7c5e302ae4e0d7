"""genzoo info: what one of them is, and its options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.registry.answer_cache import cached
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, WITH_OPTIONS, Entry, Kind

if TYPE_CHECKING:
    from genzoo.core.model import Model


USE: dict[Kind, str] = {
    "command": "genzoo {name} --help",
    "listener": "genzoo run MODEL --dataset NAME --listeners {name}",
}
"""What to type for those that have no options of their own."""


def add_verb(verbs: Any) -> None:
    """Add `info`."""
    info = verbs.add_parser("info", help="what one of them is, and its options")
    info.add_argument("name")
    info.set_defaults(handler=show_info)


def origin_of(entry: Entry) -> str:
    """Who brought an entry: "built-in", or a distribution and its version."""
    return "built-in" if entry.origin.distribution == "genzoo" else str(entry.origin)


def show_info(options: argparse.Namespace) -> int:
    """Prints all about one name, of whatever kind."""
    entries = registry().called(options.name)
    if not entries:
        known = [name for kind in KINDS for name in registry().names(kind)]
        raise UsageError(f"nothing is named {options.name!r}.{did_you_mean(options.name, known)}", "type: genzoo list")
    described = [description(entry) for entry in entries]
    for entry, lines in zip(entries, described, strict=True):
        print(f"{entry.kind} {entry.name} · {entry.summary}")
        print(f"  from      {origin_of(entry)}")
        if entry.paper:
            print(f"  paper     {entry.paper}")
        print("\n".join(lines))
    return 0


def description(entry: Entry) -> list[str]:
    """What its class tells of an entry, as lines: the losses and sizes of a model, the options; else how it is used."""
    if entry.kind not in WITH_OPTIONS:
        return [f"  use       {USE[entry.kind].format(name=registry().spelling(entry))}"]

    def work_out() -> list[str]:
        return [*(about_model(entry) if entry.kind == "model" else []), *about_options(entry)]

    lines: list[str] = cached(["info", entry.kind, entry.full_name], work_out)
    return lines


def about_model(entry: Entry) -> list[str]:
    """Which losses train a model and how large it is on each dataset."""
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
    return [f"  losses    {', '.join([entry.loss + (f' ({changed})' if changed else ''), *others])}", *sizes]


def accepts(loss: Entry, model: Model | None) -> bool:
    """Whether a loss trains a model; False for one whose plugin is broken."""
    try:
        return model is not None and loss.load().refuses(model) is None
    except GenzooError:
        return False


def about_options(entry: Entry) -> list[str]:
    """The options of an entry's Config, with type, default and help."""
    from genzoo.core.options import describe_fields
    from genzoo.registry.configs import default_config

    prefix = "data." if entry.kind == "dataset" else ""
    lines = []
    for name, type_name, default, text in describe_fields(default_config(entry, entry.options)):
        spelling = f"--{prefix}{name.replace('_', '-')} {type_name}"
        gap = "\n" + 37 * " " if len(spelling) > 34 else (35 - len(spelling)) * " "
        lines.append(f"  {spelling}{gap}{text} (default: {default})")
    return lines
