"""genzoo info: what a registered name is, and its options."""

from __future__ import annotations

import argparse
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import starmap
from typing import TYPE_CHECKING, Any

from genzoo.cli.prove import verdicts_here
from genzoo.cli.terminal import print_table, print_text
from genzoo.core.errors import GenzooError, UsageError, did_you_mean
from genzoo.core.options import option
from genzoo.registry.answer_cache import cached
from genzoo.registry.current import registry
from genzoo.registry.entries import KINDS, PARTS, WITH_OPTIONS, Entry, Kind
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    from genzoo.core.loss import Loss
    from genzoo.core.model import Model


USE: dict[Kind, str] = {
    "command": "genzoo {name} --help",
    "launcher": "genzoo bench --models A,B --dataset NAME --on {name} --workers 8",
    "listener": "genzoo run MODEL --dataset NAME --listeners {name}",
    "likelihood": "genzoo run MODEL --dataset NAME --likelihood {name}",
    "prior": "genzoo run vae --dataset NAME --prior {name}",
    "posterior": "genzoo run vae --dataset NAME --posterior {name}",
    "nets": "genzoo run vae --dataset NAME --nets {name}",
    "figure": "genzoo run draws figures/{name}.png where it is defined",
    "bijection": 'in Python: genzoo.make_part("bijection", "{name}", DIM, 0)',
    "sampler": "genzoo sample RUN --sampler {name}",
    "optimizer": "genzoo run MODEL --dataset NAME --optimizer {name}",
    "schedule": "genzoo run MODEL --dataset NAME --schedule {name}",
    "quantiser": "genzoo run vq-vae --dataset NAME --quantiser {name}",
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
        known = {name: text for kind in KINDS for name, text in registry().summaries(kind).items()}
        meant = did_you_mean(options.name, known, known)
        raise UsageError(f"nothing is named {options.name!r}.{meant}", "type: genzoo list")
    described = [description(entry) for entry in entries]
    verdicts = verdicts_here()
    json_result(entries=[record(*one, verdicts) for one in zip(entries, described, strict=True)])
    for entry, (about, options_of) in zip(entries, described, strict=True):
        print_text(f"{entry.kind} {entry.name} · {entry.summary}", "bold")
        shown = badge(entry, verdicts).replace("theory", "not yet run")
        theory = f"{shown}: genzoo prove {registry().spelling(entry)}" if entry.theory else ""
        rows = [["from", origin_of(entry)], ["paper", entry.paper], ["theory", theory], *about]
        print("\n".join(labelled(rows)))
        if options_of:
            print_table(options_of, left=2, header=False, plain="\n".join(starmap(option_line, options_of)))
    return 0


def record(
    entry: Entry, described: tuple[list[list[str]], list[list[str]]], verdicts: dict[str, str]
) -> dict[str, Any]:
    """Return the details of an entry as a JSON value."""
    about: dict[str, list[str]] = {}
    for label, text in described[0]:
        about.setdefault(label, []).extend([text] if text else [])
    options = [{"option": spelling.split()[0], "kind": " ".join(spelling.split()[1:]), "help": text}
               for spelling, text in described[1]]  # fmt: skip
    return {**summary(entry, verdicts), "about": about, "options": options}


def summary(entry: Entry, verdicts: dict[str, str]) -> dict[str, str]:
    """Return what `genzoo list` says of an entry as a JSON value."""
    return {"kind": entry.kind, "name": entry.name, "summary": entry.summary, "paper": entry.paper,
            "origin": str(entry.origin), "theory": badge(entry, verdicts)}  # fmt: skip


def labelled(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield labels and texts as lines of at most 80 characters, without empty texts and repeated labels."""
    before = ""
    for label, text in rows:
        first = "" if label == before else label
        if text:
            before = label
            yield from textwrap.wrap(text, 80, initial_indent=f"  {first:10}", subsequent_indent=" " * 12,
                                     break_on_hyphens=False, break_long_words=False)  # fmt: skip


def badge(entry: Entry, verdicts: dict[str, str]) -> str:
    """Return what `genzoo prove` found last, "theory" if it was not run yet, or "unproved" without theory."""
    return verdicts.get(f"{entry.kind} {entry.full_name}", "theory") if entry.theory else "unproved"


def description(entry: Entry) -> tuple[list[list[str]], list[list[str]]]:
    """Return what an entry is and needs, or how to use it, as labels and texts; its options, see `about_options`."""
    use = USE.get(entry.kind, "").format(name=registry().spelling(entry))
    if entry.kind not in (*WITH_OPTIONS, *PARTS):
        return [["use", use]], []

    def work_out() -> list[Any]:
        abouts = {"model": about_model, "loss": about_loss, "metric": about_metric, "dataset": None, "launcher": None}
        tell = abouts.get(entry.kind, about_part)
        about = tell(entry) if tell else []
        return [[["oracle", oracle(entry)], *about], about_options(entry) if entry.kind in WITH_OPTIONS else []]

    about, options = cached(["info", entry.kind, entry.full_name], work_out)
    return [*about, ["use", use]], options


def oracle(entry: Entry) -> str:
    """Return what the theory cases of an entry are held against: the first sentence of their function."""
    try:
        theory: object = entry.load_theory() if entry.theory else ""
        return first_sentence(theory.func if isinstance(theory, partial) else theory) if entry.theory else ""
    except Exception:  # a theory that cannot be imported is reported by `genzoo prove`
        return ""


def about_part(entry: Entry) -> list[list[str]]:
    """Return what a part takes after the colon, with its default, and which values a likelihood is for."""
    part = entry.load()
    about = []
    if part.symbol:
        default = format(part.default, ".3g") if isinstance(part.default, float) else part.default
        meaning = part.symbol.removeprefix("N, ").rstrip(",")
        about = [["argument", f"{entry.name}:N, where N is {meaning} (default: {default})"]]
    if entry.kind == "likelihood":
        values = {"any": "any numbers", "unit": "numbers from 0 to 1", "grey": "grey levels", "counts": "counts"}
        about.append(["for", values[part.values]])
    return about


def about_loss(entry: Entry) -> list[list[str]]:
    """Return what a loss minimises and which models it trains."""
    loss = entry.load()
    accepts = f"models of type {loss.accepts.__name__}" + (" with a prior p(z)" if loss.needs_prior else "")
    models = ", ".join(model.name for model in registry().matching("model") if registry().loss_of(model) == entry)
    phases = ", ".join(phase.term for phase in loss.phases) if len(loss.phases) > 1 else ""
    return [
        *(["minimises", first_sentence(loss)], ["trade-off", trade_off(loss)]),
        *(["trains", accepts], ["own of", models], ["phases", phases]),
    ]


def trade_off(loss: type[Loss]) -> str:
    """Return which options of a loss trade rate for distortion, and how to choose their values; "" if none does."""
    options = ", ".join(option(name) for name in loss.rate_options)
    how = "what is best depends on the use: genzoo sweep … --metrics NAME --sort NAME"
    return options and f"{options}: rate for distortion, which −ELBO counts equally; {how}"


def about_metric(entry: Entry) -> list[list[str]]:
    """Return the unit of a metric and which of its values are better."""
    metric = entry.load()
    better = f"{metric.better} is better" if metric.ideal is None else f"nearer to {metric.ideal:g} is better"
    reported = "in every run" if entry.in_every_run else f"on request: --metrics {entry.name}"
    unit = f", in {metric.unit}" if metric.unit else ""
    return [["is", f"{metric.label}{unit}; {better if metric.better or metric.ideal else 'neither is better'}"],
            ["reported", reported]]  # fmt: skip


def first_sentence(documented: object) -> str:
    """Return the first paragraph of the docstring of a class or function on one line."""
    return " ".join((inspect.getdoc(documented) or "").split("\n\n")[0].split())


def about_model(entry: Entry) -> list[list[str]]:
    """Return the objective of a model, the losses that can train it, what it can and needs, and its size on data."""
    from genzoo.core.model import count_parameters
    from genzoo.experiment.cards import published
    from genzoo.registry.configs import default_config
    from genzoo.runs.build import meta_model

    model = None
    sizes: dict[str, list[str]] = {}
    refused: dict[str, list[str]] = {}
    for dataset in registry().matching("dataset"):
        try:
            spec = dataset.load()(default_config(dataset, dataset.options)).spec
            model = meta_model(entry.load(), spec, default_config(entry, entry.options))
            sizes.setdefault(f"{count_parameters(model):,} parameters", []).append(dataset.name)
        except GenzooError as error:
            refused.setdefault(error.message, []).append(dataset.name)
        except (RuntimeError, NotImplementedError):  # its constructor needs weights with values
            sizes.setdefault("unknown until it is built", []).append(dataset.name)
    changed = ", ".join(f"{name} {value}" for name, value in entry.loss_options.items())
    own = registry().loss_of(entry)
    others = [loss.name for loss in registry().matching("loss") if loss != own and accepts(loss, model)]
    trained = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in entry.training.items())
    return [
        *(["published", text] for text in published(entry)),
        ["objective", first_sentence(own.load())],
        ["losses", ", ".join([entry.loss + (f" ({changed})" if changed else ""), *others])],
        *([["trained", f"with {trained}"]] if trained else []),
        ["trade-off", trade_off(own.load())],
        *about_capabilities(entry.load()),
        *(["size", f"{size} on {', '.join(names)}"] for size, names in sizes.items()),
        *(["not on", f"{', '.join(names)}: {reason}"] for reason, names in refused.items()),
    ]


def about_capabilities(model: type[Model]) -> list[list[str]]:
    """Return what a model can do and the kinds of data that it needs."""
    from genzoo.core.model import Decoder, Density, Encoder, LatentModel

    can = ["sample"]
    can += ["encode"] if issubclass(model, Encoder) else []
    can += ["decode"] if issubclass(model, Decoder) else []
    can += ["p(x) by a bound"] if issubclass(model, LatentModel) and not issubclass(model, Density) else []
    if issubclass(model, Density):
        can.append(
            {"exact": "p(x) exactly", "bound": "p(x) by a bound", "estimate": "p(x) by an estimate"}[model.exactness]
        )
    can += ["sample classes that are asked for"] if model.conditional else []
    fitted = [["fitted", "in closed form, without an optimiser"]] if model.in_closed_form() else []
    return [["can", ", ".join(can)], ["needs", f"data of kind {', '.join(model.kinds)}"], *fitted]


def accepts(loss: Entry, model: Model | None) -> bool:
    """Return whether a loss can train a model; False if its plugin is broken or the model lacks a method."""
    from genzoo.runs.shapes import on_meta

    try:
        with on_meta():
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
        own = {"dataset": "data.", "launcher": f"{entry.name}."}
        return own.get(entry.kind, f"{entry.kind}." if shared else "")

    rows = describe_fields(default_config(entry, entry.options))
    rows += describe_fields(default_sampling(entry, entry.options)) if entry.kind == "model" else []
    return [
        [f"  --{section(name)}{name.replace('_', '-')} {type_name}", f"{text} (default: {default})"]
        for name, type_name, default, text in rows
    ]


def option_line(spelling: str, text: str) -> str:
    """Return an option as a line, or as two if its spelling is long."""
    return f"{spelling:36} {text}" if len(spelling) <= 36 else f"{spelling}\n{'':37}{text}"
