"""The options of model, loss, dataset and trainer as one command line; tyro generates it from their dataclasses."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tyro

from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.core.options import OptionError, describe_fields, option
from genzoo.registry.configs import field_names
from genzoo.registry.current import registry
from genzoo.registry.entries import Entry
from genzoo.runs.config import Components, RunConfig

OF_THE_VERB = ("--dataset", "--loss", "--config", "--runs", "--out", "--data-root", "--json", "--quiet", "--debug")
"""Options of the command line that a configuration file cannot set."""


def parse(components: Components, file_words: list[str], words: list[str], file: str) -> RunConfig:
    """Parse options. Those of the command line override those of a file.

    Args:
        components: Model, loss and dataset.
        file_words: Options of the file, as words of a command line.
        words: Options of the command line.
        file: The file, for messages.

    Raises:
        UsageError: An option is unknown or has a wrong value.
        SystemExit: After printing the help for --help.
    """
    defaults = components.defaults()
    prefixless = tyro.conf.OmitArgPrefixes
    sections = [
        ("model", prefixless[type(defaults.model_config)], defaults.model_config),
        ("loss", prefixless[type(defaults.loss_config)], defaults.loss_config),
        ("data", type(defaults.data_config), defaults.data_config),
        ("training", prefixless[type(defaults.training)], defaults.training),
    ]
    combined = dataclasses.make_dataclass("options", sections, frozen=True, kw_only=True)
    model, _, dataset = components.names
    errors = io.StringIO()
    parsed: Any
    unknown: list[str]
    try:
        with contextlib.redirect_stderr(errors):
            parsed, unknown = tyro.cli(
                combined,
                args=[*file_words, *words],
                prog=f"genzoo run {model} --dataset {dataset}",
                description=f"{components.model.summary}. Loss: {components.loss.name}.",
                return_unknown_args=True,
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        message = one_line(errors.getvalue())
        raise UsageError(located(message, file, file_words, words)) from None
    except OptionError as error:
        message = error.message
        if error.config is type(defaults.data_config):
            message = message.replace("--", "--data.", 1)
        raise UsageError(located(message, file, file_words, words)) from None
    if unknown:
        refuse(unknown, components, file, file_words)
    return dataclasses.replace(
        defaults,
        model_config=parsed.model,
        loss_config=parsed.loss,
        data_config=parsed.data,
        training=parsed.training,
    )


WRONG_TYPE = re.compile(r"Error parsing (--\S+): .*(int|float)\(?\)?(?: with base 10)?: (.*)")
WRONG_FORM = re.compile(r"Error parsing (--\S+): .*(?:valid parse for arguments:|instantiated from) \[(.*)\]\.?")
KINDS = {"int": "a whole number", "float": "a number"}


def one_line(box: str) -> str:
    """Return the message of a tyro error box, which has a title, a message, a rule and advice."""
    lines = [line.strip("│╭╮╰╯| \n") for line in box.splitlines()[1:]]
    message = itertools.takewhile(lambda line: set(line) - {"─", "-"}, itertools.dropwhile(is_rule, lines))
    text = " ".join(message)
    if wrong := WRONG_TYPE.fullmatch(text):
        return f"{wrong[1]} must be {KINDS[wrong[2]]}, not {wrong[3]}"
    if wrong := WRONG_FORM.fullmatch(text):
        return f"{wrong[1]} cannot be {wrong[2]}"
    return text


def is_rule(line: str) -> bool:
    """Return whether a line is a horizontal rule or empty."""
    return not set(line) - {"─", "-"}


def located(message: str, file: str, file_words: list[str], words: list[str]) -> str:
    """Return a message, after file and line if the option that it names came from a file."""
    named = re.search(r"--[\w.-]*\w", message)
    if named and named[0] in file_words and named[0] not in (word.partition("=")[0] for word in words):
        return f"{file}{line_of(file, named[0])}: {message}"
    return message


def refuse(unknown: list[str], components: Components, file: str, file_words: list[str]) -> None:
    """Refuse an unknown option.

    Raises:
        UsageError: Always; the message names its owner or a similar option.
    """
    word = next((word for word in unknown if word.startswith("-")), unknown[0])
    spelling = word.partition("=")[0]
    where = f"{file}{line_of(file, spelling)}: " if spelling in file_words else ""
    if not spelling.startswith("-"):
        raise UsageError(f"{where}unrecognised: {spelling!r}", "put the model first: genzoo run MODEL --dataset NAME")
    if spelling in OF_THE_VERB:
        raise UsageError(f"{where}{spelling} is for the command line only", "remove it from the file")
    known = known_options(components)
    owners = list(owners_of(spelling))
    if owners and spelling not in known:
        asked = f"{components.model.name} with loss {components.loss.name} on {components.dataset.name}"
        raise UsageError(f"{where}{spelling} belongs to {listed(owners)}; this run is {asked}", help_hint(components))
    suggestion, names = suggested(spelling, known)
    hints = [f"{name} {known[name]}" for name in names if known[name]] + [help_hint(components)]
    raise UsageError(f"{where}no option {spelling}.{suggestion}", "\n".join(hints))


def suggested(spelling: str, known: Iterable[str]) -> tuple[str, list[str]]:
    """Return " Did you mean …?" and the options in it. The leading dashes do not count as similarity."""
    by_name = {name.lstrip("-"): name for name in known}
    sentence = did_you_mean(spelling.lstrip("-"), by_name)
    similar = [by_name[name] for name in re.findall(r"'([^']+)'", sentence)]
    return (f" Did you mean {' or '.join(similar)}?" if similar else ""), similar


def listed(owners: list[str]) -> str:
    """Return owners as text: "model ae and model vae", or "model ae, model vae and 5 others"."""
    if len(owners) > 3:
        owners = [*owners[:2], f"{len(owners) - 2} others"]
    return " and ".join(filter(None, (", ".join(owners[:-1]), owners[-1])))


def help_hint(components: Components) -> str:
    """Return the command that shows all options, as a hint."""
    return f"all options: genzoo run {components.names[0]} --dataset {components.names[2]} --help"


@contextlib.contextmanager
def hinted(components: Components) -> Iterator[None]:
    """Inside, a UsageError without a hint gets `help_hint`."""
    try:
        yield
    except UsageError as error:
        error.hint = error.hint or help_hint(components)
        raise


def known_options(components: Components) -> dict[str, str]:
    """Return every option and its description, such as "FLOAT  Weight of the KL term. (default: 1.0)"."""
    config = components.defaults()
    parts = (("", config.model_config), ("", config.loss_config), ("", config.training), ("data.", config.data_config))
    known = {
        option(prefix + name): f"{kind}  {text} (default: {default})"
        for prefix, part in parts
        for name, kind, default, text in describe_fields(part)
    }
    return known | dict.fromkeys(OF_THE_VERB, "")


def owners_of(spelling: str) -> Iterable[str]:
    """Yield the registered models, losses and datasets that have an option."""
    for kind, prefix in (("model", ""), ("loss", ""), ("dataset", "data.")):
        for entry in registry().matching(kind):  # type: ignore[arg-type]
            if spelling in (option(prefix + name) for name in _fields(entry)):
                yield f"{kind} {entry.name}"


def _fields(entry: Entry) -> tuple[str, ...]:
    try:
        return field_names(entry.load().Config)
    except GenzooError:  # its fault is not the subject of this message
        return ()


def line_of(file: str, spelling: str) -> str:
    """Return the line where a file sets an option as ":12", or "" if it is not found."""
    name = re.sub(r"^--(data\.)?(no-)?", "", spelling)
    pattern = re.compile(rf"""^\s*(data\.)?["']?{re.sub("[-_]", "[-_]", name)}["']?\s*[=:]""")
    for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), start=1):
        if pattern.search(line):
            return f":{number}"
    return ""
