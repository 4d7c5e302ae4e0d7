"""The help of `genzoo run`: one page with the options of model, loss, data and training beside its own."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from genzoo.core.options import describe_fields, option
from genzoo.runs.config import Components

WIDTH = 80
TITLES = {
    "model_config": "options of the model",
    "sampling": "options of the model's sampling",
    "loss_config": "options of the loss",
    "data_config": "options of the data",
    "training": "options of training",
}
"""The heading of each part of a configuration."""


def help_page(parser: argparse.ArgumentParser, components: Components, dataset: str) -> str:
    """Return the page of a model with its loss on a dataset.

    Args:
        parser: The options of `genzoo run` itself; those of the parts are added to it, above them.
        components: Model, loss and dataset.
        dataset: The dataset as it was typed; a placeholder without one.
    """
    defaults, name = components.defaults(), components.names[0]
    parser.usage = f"genzoo run {name} {dataset} [options]"
    parser.description = textwrap.fill(f"{components.model.summary}; loss {components.loss.name}", WIDTH)
    own = parser._action_groups
    parser._action_groups = []
    for part, title in TITLES.items():
        group = parser.add_argument_group(title)
        for field, kind, default, text in describe_fields(getattr(defaults, part)):
            add_option(group, defaults.sections.key(part, field), kind, f"{text} (default: {default})")
    for former in own:
        former.title = former.title and former.title.replace("options", "options of the command")
    parser._action_groups += own
    return parser.format_help()


def add_option(group: Any, key: str, kind: str, text: str) -> None:
    """Add an option with its kind and help to a group; a switch has a second form that turns it off."""
    spellings = [option(key)]
    if kind == "BOOL":
        section, dot, name = key.rpartition(".")
        spellings.append(option(f"{section}{dot}no_{name}"))
    form = {"action": "store_true"} if kind == "BOOL" else {"metavar": kind}
    group.add_argument(*spellings, dest=key, help=text.replace("%", "%%"), **form)
