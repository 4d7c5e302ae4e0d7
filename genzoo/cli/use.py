"""genzoo evaluate, sample, reconstruct: what to do with a finished run."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.loading import Source, add_data_options
from genzoo.core.errors import HINT, UsageError, printable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.core.model import Dataset, DataSpec, Model
    from genzoo.data.resident import Resident
    from genzoo.runs.run import Run

BYTES_PER_VALUE = 16  # float32: the net's last two layers, what it puts out and what is written
MOST_SAMPLES = 100_000
PICTURES = (".png", ".npy")
RUN_HELP = "a run folder, the beginning of its name, @last, or @best:mse for the run with the best validation MSE"


def add_verbs(verbs: Any) -> None:
    """Adds `evaluate`, `sample` and `reconstruct`."""
    evaluate = _add(verbs, "evaluate", show_evaluation, "compute figures of a run's model")
    evaluate.add_argument("--split", default="test", choices=("train", "validation", "test"))
    evaluate.add_argument("--metrics", metavar="A,B", help="such as kl,iwae:5000; genzoo list --kind metric")
    size = "examples at a time, at most; does not change the figures"
    evaluate.add_argument("--batch-size", type=int, default=500, metavar="N", help=size)
    samples = "posterior samples an example that figures are averaged over; from 2 on their Monte Carlo error is told"
    evaluate.add_argument("--samples", type=int, default=1, metavar="S", help=samples)
    evaluate.add_argument("--seed", type=int, default=0, metavar="N", help="of the noise; default 0, as in the run")
    evaluate.add_argument("--json", action="store_true", help="as JSON")
    sample = _add(verbs, "sample", save_samples, "draw new examples from a run's model")
    sample.add_argument("-n", type=int, metavar="N", help="how many; with --class, of each (default: 64 or so in all)")
    classes = "of which classes, such as 3, or cats,dogs, or all; for conditional models"
    sample.add_argument("--class", dest="classes", metavar="NAME", help=classes)
    sample.add_argument("--seed", type=int, default=0, metavar="N")
    source = (
        "where codes come from: prior, or gaussian or gmm:10, fitted to training codes; default: prior if there is one"
    )
    sample.add_argument("--sampler", metavar="NAME", help=source)
    sample.add_argument("--out", type=Path, metavar="FILE", help="a .png picture, or .npy for the numbers")
    reconstruct = _add(verbs, "reconstruct", save_reconstructions, "encode and decode examples")
    files = "pictures, folders of them, .npy, .npz or .csv; without any, test examples"
    reconstruct.add_argument("images", nargs="*", type=Path, metavar="FILE", help=files)
    reconstruct.add_argument("-n", type=int, default=30, metavar="N", help="how many test examples")
    reconstruct.add_argument("--resize", action="store_true", help="scale pictures to the size the model takes")
    reconstruct.add_argument("--out", type=Path, metavar="FILE", help="a .png picture, or .npy for the numbers")


def _add(verbs: Any, name: str, handler: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where run folders lie")
    add_data_options(parser)
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps; auto takes the GPU if there is one")
    parser.set_defaults(handler=handler)
    return parser


def open_run(options: argparse.Namespace) -> tuple[Run, torch.device]:
    """The run and the device that were asked for."""
    from genzoo.comparison.references import find

    counts = getattr(options, "n", None), getattr(options, "batch_size", None)
    if any(count is not None and count < 1 for count in counts):
        raise UsageError("-n and --batch-size must be at least 1", f"type: genzoo {options.verb} --help")
    if not 1 <= getattr(options, "samples", 1) <= MOST_SAMPLES:
        raise UsageError(f"--samples {options.samples}: between 1 and {MOST_SAMPLES:,}", "such as --samples 10")
    run = find(options.run, options.runs)
    from genzoo.runs.build import choose_device  # and with it torch, which a refusal need not wait for

    return run, choose_device(options.device)


def load_split(run: Run, name: str, device: torch.device, data_root: Path | None) -> Resident:
    """Return a split of the data that a run was trained on, seen the way the run saw it: for programs."""
    return Source(run, data_root).view(name, device)


def dataset_of(run: Run) -> Dataset:
    """Return the dataset that a run was trained on, with the run's options: for programs."""
    return Source(run).dataset


def show_evaluation(options: argparse.Namespace) -> int:
    """Prints the figures of one split."""
    from genzoo.registry.current import registry
    from genzoo.reporting.format import gaps, results_table
    from genzoo.runs.run import plain

    names = options.metrics.split(",") if options.metrics else []
    for name in names:
        registry().get("metric", name.partition(":")[0])
    run, device = open_run(options)
    from genzoo.evaluation.baselines import known_nll
    from genzoo.evaluation.evaluate import evaluate, find_metrics
    from genzoo.evaluation.measures import said

    metrics = find_metrics(registry(), names)
    model = run.model.to(device)
    source = Source.of(run, options)
    data = source.view(options.split, device)
    train = data if options.split == "train" else None
    if train is None and any(metric.needs_train for metric in metrics.values()):
        train = source.view("train", device)
    noise = {"samples": options.samples, "seed": options.seed}
    figures = evaluate(model, data, metrics, options.batch_size, train, **noise)
    known = known_nll(source.dataset, data, model.spec)
    if options.json:
        beside = {} if known is None else {"known_density": known}
        record = {"run": str(run.path), "split": options.split, **noise, **figures, **beside}
        print(json.dumps(plain(record)))
    else:
        print(results_table({options.split: figures}, metrics))
        own = said(model, data) if known else None
        for line in gaps(figures, known, own and own.measure) if known else ():
            print(f"  {line}")
    return 0


def save_samples(options: argparse.Namespace) -> int:
    """Writes new examples as a picture or as numbers."""
    refuse_output(options.out)
    run, device = open_run(options)
    import torch

    from genzoo.evaluation.sampling import IN_A_ROW, Sampler
    from genzoo.figures import draw as figures
    from genzoo.figures.samples import SAMPLES

    model = run.model.to(device)
    sampler = Sampler.parse(options.sampler) if options.sampler else Sampler.own(model)
    if reason := sampler.refuses(model):
        raise UsageError(f"--sampler {options.sampler}: {run.config.model} has {reason}", "leave --sampler out")
    classes = parse_classes(options.classes, model, run.config.model) if options.classes else []
    if classes and sampler.components:
        raise UsageError("--class draws from the prior, and so not with --sampler", "leave one of them out")
    each = options.n or max(IN_A_ROW, SAMPLES // max(len(classes), 1))
    n = each * max(len(classes), 1)
    refuse_too_many(n, model.spec, device)
    y = torch.tensor(classes, device=device).repeat_interleave(each) if classes else None
    asked = f"-{options.sampler.replace(':', '')}" if options.sampler else ""
    asked += f"-class{re.sub(r'[^A-Za-z0-9._]+', '-', options.classes)}" if classes else ""
    out: Path = options.out or own_figure(run, f"samples-{n}-seed{options.seed}{asked}.png")
    train, source = None, Source.of(run, options)
    if sampler.components:
        train = source.view("train", device)
    elif not model.spec.is_image and out.suffix != ".npy":
        train = source.view_if_there("train", device, "drawn without the data beside them")
    new, how = figures.draw_samples(model, train, n, options.seed, sampler, y)
    if out.suffix == ".npy":
        save_numbers(out, new if model.spec.is_image else run.form.unscaled(new))
    elif model.spec.is_image:
        of_classes = f" of class {options.classes}" if len(classes) == 1 else ", a row a class" if classes else ""
        title = f"{n} samples{of_classes}, {how}"
        figures.save_grid(out, new, title, each if len(classes) > 1 else None)
    else:
        real = None if train is None else train.x[: figures.points_shown(model.spec)].cpu()
        figures.scatter(out, real, new, f"{n} samples, {how}")
    print(out)
    return 0


def parse_classes(text: str, model: Model, name: str) -> list[int]:
    """The numbers of the classes of "cats", "3", "0,1,2" or "all".

    Raises:
        UsageError: The model is not conditional, or there are no such classes.
    """
    spec = model.spec
    if not (model.conditional and spec.classes):
        raise UsageError(f"--class {text}: {name} is not conditional, so nobody can ask it for a class", "leave it out")
    whole = spec.class_number(text)  # a name may have a comma in it
    if whole is None and text == "all":
        return list(range(spec.classes))
    found = [spec.class_number(word.strip()) for word in text.split(",")] if whole is None else [whole]
    classes = [number for number in found if number is not None]
    if len(classes) < len(found):
        known = ", ".join(spec.class_names[:20]) or f"0 to {spec.classes - 1}"
        example = spec.class_names[:2] or ("3", "0,1,2")
        raise UsageError(f"--class {text}: the classes are {known}", f"such as --class {' or '.join(example)}, or all")
    return classes


def save_reconstructions(options: argparse.Namespace) -> int:
    """Writes originals and reconstructions as a picture, or the reconstructions as numbers."""
    refuse_output(options.out)
    run, device = open_run(options)
    import torch

    from genzoo.cli.inputs import read_files
    from genzoo.core.model import LatentModel
    from genzoo.data.batching import evaluation_batch, in_parts
    from genzoo.figures import draw as figures
    from genzoo.system.computing import evaluating

    model = run.model.to(device)
    if not isinstance(model, LatentModel):
        raise UsageError(f"{run.config.model} has no encoder to reconstruct with", f"genzoo sample {options.run}")
    if options.images:
        data, names = read_files(options.images, run, model.spec, device, options.resize)
    else:
        data, names = Source.of(run, options).view("test", device), []
    shown = len(data) if options.images else min(options.n, len(data))
    x = data.batch(torch.arange(shown, device=device)).x
    with torch.no_grad(), evaluating(model):
        again = in_parts(lambda part: model.reconstruct(part).cpu(), x, evaluation_batch(model.spec))
    x, again = model.spec.original(x.cpu()), model.spec.original(again)
    error = (again - x).square().flatten(1).mean(1)
    out: Path = options.out or own_figure(run, "reconstructed.png")
    if out.suffix == ".npy":
        save_numbers(out, again if model.spec.is_image else run.form.unscaled(again))
    elif model.spec.is_image:
        figures.save_pairs(out, x, again, f"originals and reconstructions, MSE {error.mean():.4f}")
    else:
        figures.displacements(out, x, again, "points and their reconstructions")
    for name, value in zip(names, error.tolist(), strict=False):
        print(f"{printable(name, HINT)}  MSE {value:.5f}")
    print(out)
    return 0


def refuse_output(out: Path | None, suffixes: tuple[str, ...] = PICTURES, option: str = "--out") -> None:
    """Refuses an output file of another kind, or whose folder is not there, before any work."""
    if out is None:
        return
    if out.suffix not in suffixes:
        raise UsageError(f"{option} {out}: not {' or '.join(suffixes)}", f"name a file such as out{suffixes[0]}")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"{option} {out}: no folder {out.parent}", f"mkdir {out.parent}")


def own_figure(run: Run, name: str) -> Path:
    """Where a picture lies that was asked for without saying where: among the run's figures.

    Raises:
        UsageError: The folder cannot be made, or a link leads out of the run: who passed it on chose where to.
    """
    folder = run.path / "figures"
    for path in (folder, folder / name):
        if path.is_symlink():
            raise UsageError(f"{path} is a link out of the run", "say where to: --out FILE.png")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}", "say where to: --out FILE.png") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write to {folder}", "say where to: --out FILE.png")
    return folder / name


def refuse_too_many(n: int, spec: DataSpec, device: torch.device) -> None:
    """Refuses more new examples than the machine can hold, before any is drawn."""
    from genzoo.system.memory import gigabytes, memory_bytes

    needed, available = n * spec.numel * BYTES_PER_VALUE, memory_bytes(device)
    if needed > available:
        raise UsageError(
            f"-n {n} needs {gigabytes(needed)}; this machine has {gigabytes(available)}", "such as -n 64, and --seed 1"
        )


def save_numbers(out: Path, values: Tensor) -> None:
    """Writes values [N, *S] as .npy."""
    import numpy as np

    np.save(out, values.numpy(), allow_pickle=False)
