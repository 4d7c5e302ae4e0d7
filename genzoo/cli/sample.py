"""genzoo sample: draw new examples from a trained model."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from genzoo.cli.loading import Source
from genzoo.cli.made_file import add_file, add_open, print_file
from genzoo.cli.saved_run import (
    EXAMPLES,
    OUT_HELP,
    add_run_verb,
    figure_path,
    find_run,
    for_each,
    open_run,
    refuse_output,
    refuse_too_many,
)
from genzoo.core.errors import UsageError
from genzoo.core.text import list_in
from genzoo.system.streams import tell

if TYPE_CHECKING:
    from genzoo.core.model import Model


DESCRIPTION = """\
Draw new examples from trained models. A model's own sampling options, such as --steps 50, may follow:
genzoo sample RUN --help shows those of a run. --model.NAME is the model's option where both have one."""


class RunHelp(argparse.Action):
    """`--help`: below the options of the verb, those of sampling of the run that is named before it."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: Any) -> NoReturn:
        if namespace.run:
            parser.epilog = sampling_help(namespace)
        parser.print_help()
        parser.exit()


def add_verb(verbs: Any) -> None:
    """Add `sample`."""
    sample = add_run_verb(
        verbs, "sample", sample_runs, "draw new examples from trained models", add_help=False, several=True
    )
    sample.add_argument("-h", "--help", nargs=0, action=RunHelp, help="show this text; after RUN, with its own options")
    sample.description = DESCRIPTION
    sample.set_defaults(of_model=[])
    sample.add_argument(
        "-n", type=int, metavar="N", help="examples in all, or of each --class (default: about 64 in all)"
    )
    classes = "classes to draw, such as 3, 0-4, cats,dogs or all; for conditional models"
    sample.add_argument("--class", dest="classes", metavar="NAME", help=classes)
    sample.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draws (default: 0)")
    source = "source of codes: prior (default, if there is one), or what genzoo list --kind sampler shows"
    sample.add_argument("--sampler", metavar="NAME", help=source)
    add_file(sample, "--out", metavar="FILE", help=OUT_HELP)
    add_open(sample)


def sample_runs(options: argparse.Namespace) -> int:
    """Write new examples of each run."""
    refuse_output(options.out, EXAMPLES)
    return for_each(options, save_samples)


def save_samples(options: argparse.Namespace) -> dict[str, Any]:
    """Write new examples of a run as a picture or as numbers, and return the record for `--json`."""
    run, device = open_run(options)
    import torch

    from genzoo.cli.drawing import samplers_of
    from genzoo.evaluation.samplers import PRIOR, default_sampler, full_sampler_name, why_no_sampler
    from genzoo.evaluation.sampling import IN_A_ROW
    from genzoo.figures import draw as figures
    from genzoo.figures.files import write_examples
    from genzoo.figures.formats import ENDINGS, is_picture, refuse_other_ending
    from genzoo.figures.samples import SAMPLES
    from genzoo.registry.configs import differing

    model = run.model.to(device)
    source = Source.of(run, options)
    spec = source.shown_spec
    ending = ENDINGS[spec.kind][0]
    if options.out:
        refuse_other_ending(options.out, spec.kind)
    how = own_options(model, options, run.config.model)
    sampler = full_sampler_name(options.sampler) if options.sampler else default_sampler(model)
    if reason := why_no_sampler(model, sampler):
        raise UsageError(f"--sampler {options.sampler}: {run.config.model} has {reason}", "leave --sampler out")
    classes = parse_classes(options.classes, model, run.config.model) if options.classes else []
    if classes and sampler != PRIOR:
        raise UsageError("--class draws codes from the prior, not with this --sampler", "leave one of them out")
    per_class = options.n or max(IN_A_ROW, SAMPLES // max(len(classes), 1))
    n = per_class * max(len(classes), 1)
    refuse_too_many(n, max(model.spec, spec, key=lambda one: one.numel), device)
    y = torch.tensor(classes, device=device).repeat_interleave(per_class) if classes else None
    suffix = f"-{re.sub('[:/]', '', sampler)}" if options.sampler else ""
    changed = {} if how is None else differing(model.sampling, how)
    suffix += "".join(f"-{name}{value}" for name, (_, value) in changed.items())
    suffix += f"-class{re.sub(r'[^A-Za-z0-9._]+', '-', options.classes)}" if classes else ""
    out: Path = options.out or figure_path(run, f"samples-{n}-seed{options.seed}{suffix}{ending}")
    fitted = samplers_of(source, model, tell)(sampler)
    new, drawn = figures.draw_samples(model, fitted, n, options.seed, y, options=how)
    new = source.meaning(new)
    if not is_picture(out):
        values = run.form.unscaled(new) if spec.kind == "vector" else new
        write_examples(out, values, spec, run.form.columns)
    elif spec.kind == "signal":
        figures.draw_signals(out, {"generated": new}, spec.rate, f"{n} signals, {drawn}")
    elif spec.is_image:
        of_classes = f" of class {options.classes}" if len(classes) == 1 else ", a row a class" if classes else ""
        title = f"{n} samples{of_classes}, {drawn}"
        figures.save_grid(out, new, title, per_class if len(classes) > 1 else None)
    else:
        train = source.view_if_there("train", device, "drawn without the data")
        real = None if train is None else source.meaning(train.x[: figures.points_shown(spec)].cpu())
        figures.scatter(out, real, new, f"{n} samples, {drawn}")
    print_file(out, options)
    return {"run": run.path, "file": out, "n": n, "drawn": drawn}


def own_options(model: Model, options: argparse.Namespace, name: str) -> Any:
    """Return the sampling options of a command line for the model of this name; None if there are none.

    `--sampler` is the model's option if the model has one of that name, since it then has no codes to draw.

    Raises:
        UsageError: The model has no such option, or a value is wrong.
    """
    from genzoo.cli.options import read_words
    from genzoo.evaluation.sampling import sampling_options
    from genzoo.registry.configs import differing, field_names

    own, words = model.sampling, [re.sub("^--model[.]", "--", word) for word in options.of_model]
    if options.sampler and "sampler" in field_names(type(own)):
        words += ["--sampler", options.sampler]
        options.sampler = None
    try:
        parsed, unknown = read_words(type(own), words, default=own) if field_names(type(own)) else (own, words)
    except UsageError as error:
        error.hint = error.hint or f"sampling options: genzoo info {name}"
        raise
    if unknown:
        sampling_options(own, {unknown[0].lstrip("-").partition("=")[0].replace("-", "_"): None})  # refuses it
    return sampling_options(own, {name: value for name, (_, value) in differing(own, parsed).items()})


def sampling_help(options: argparse.Namespace) -> str:
    """Return the sampling options of a run's model with their defaults, those that it was trained with, as text.

    Raises:
        UsageError: There is no such run.
    """
    from genzoo.cli.info import option_line
    from genzoo.core.options import describe_fields, option

    config = find_run(options.run[0], options).config
    rows = describe_fields(config.sampling)
    if not rows:
        return f"{config.model} has no sampling options of its own"
    lines = [
        option_line(f"  {option(name)} {kind}", f"{text} (default: {default})") for name, kind, default, text in rows
    ]
    return "\n".join([f"sampling options of {config.model}:", *lines])


def parse_classes(text: str, model: Model, name: str) -> list[int]:
    """Return the class numbers of "cats", "3", "0,1,2" or "all".

    Raises:
        UsageError: The model is not conditional, or there is no such class.
    """
    spec = model.spec
    if not (model.conditional and spec.classes):
        raise UsageError(f"--class {text}: {name} is not a conditional model", "leave --class out")
    single = spec.class_number(text)  # a name may contain a comma
    if single is None and text == "all":
        return list(range(spec.classes))
    words = [text] if single is not None else list_in(text, "--class")
    numbers = [spec.class_number(word) for word in words]
    classes = [number for number in numbers if number is not None]
    if len(classes) < len(numbers) or not numbers:
        known = ", ".join(spec.class_names[:20]) or f"0 to {spec.classes - 1}"
        example = spec.class_names[:2] or ("3", "0,1,2")
        raise UsageError(f"--class {text}: the classes are {known}", f"try --class {' or '.join(example)}, or all")
    return classes
