"""genzoo evaluate, sample, reconstruct: what to do with a finished run."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.data.pictures import read_pixels
from genzoo.errors import HINT, UsageError, printable

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.data.resident import Resident
    from genzoo.protocols import DataSpec
    from genzoo.runs import Run

BYTES_PER_VALUE = 16  # float32: the net's last two layers, what it puts out and what is written
RUN_HELP = "a run folder, the beginning of its name, or @last"


def add_verbs(verbs: Any) -> None:
    """Adds `evaluate`, `sample` and `reconstruct`."""
    evaluate = _add(verbs, "evaluate", show_evaluation, "compute figures of a run's model")
    evaluate.add_argument("--split", default="test", choices=("train", "validation", "test"))
    evaluate.add_argument("--metrics", metavar="A,B", help="such as kl,iwae:5000; genzoo list --kind metric")
    evaluate.add_argument("--batch-size", type=int, default=500, metavar="N", help="does not change the figures")
    evaluate.add_argument("--json", action="store_true", help="as JSON")
    sample = _add(verbs, "sample", save_samples, "draw new examples from a run's model")
    sample.add_argument("-n", type=int, default=64, metavar="N", help="how many")
    sample.add_argument("--seed", type=int, default=0, metavar="N")
    sample.add_argument("--out", type=Path, metavar="FILE", help="a .png picture, or .npy for the numbers")
    reconstruct = _add(verbs, "reconstruct", save_reconstructions, "encode and decode images")
    reconstruct.add_argument("images", nargs="*", type=Path, help="PNG or JPEG files; without any, test images")
    reconstruct.add_argument("-n", type=int, default=30, metavar="N", help="how many test images")
    reconstruct.add_argument("--resize", action="store_true", help="scale images to the size the model takes")
    reconstruct.add_argument("--out", type=Path, metavar="FILE", help="a .png picture, or .npy for the numbers")


def _add(verbs: Any, name: str, handler: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where run folders lie")
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="where raw data files lie")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps; auto takes the GPU if there is one")
    parser.set_defaults(handler=handler)
    return parser


def open_run(options: argparse.Namespace) -> tuple[Run, torch.device]:
    """The run and the device that were asked for."""
    from genzoo.build import choose_device
    from genzoo.runs import find

    if getattr(options, "n", 1) < 1 or getattr(options, "batch_size", 1) < 1:
        raise UsageError("-n and --batch-size must be at least 1", f"type: genzoo {options.verb} --help")
    return find(options.run, options.runs), choose_device(options.device)


def load_split(run: Run, name: str, device: torch.device, data_root: Path | None) -> Resident:
    """A split of the data a run was trained on, seen the way the run saw it."""
    from genzoo.data.resident import Resident
    from genzoo.data.store import Store
    from genzoo.registry import registry

    config = run.config
    dataset = registry().get("dataset", config.dataset).load()(config.data_config)
    split = getattr(dataset.load(Store(data_root)), name)
    if split is None:
        raise UsageError(f"{run.path} was trained with no {name} data", "use --split test")
    spec = run.model.spec
    return Resident(split, device, config.training.binarize, shift=spec.shift, scale=spec.scale)


def show_evaluation(options: argparse.Namespace) -> int:
    """Prints the figures of one split."""
    from genzoo.evaluation.evaluate import evaluate, find_metrics
    from genzoo.registry import registry
    from genzoo.runs import plain
    from genzoo.tables import results_table

    run, device = open_run(options)
    metrics = find_metrics(registry(), options.metrics.split(",") if options.metrics else None)
    model = run.model.to(device)
    data = load_split(run, options.split, device, options.data_root)
    train = data if options.split == "train" else None
    if train is None and any(metric.needs_train for metric in metrics.values()):
        train = load_split(run, "train", device, options.data_root)
    figures = evaluate(model, data, metrics, options.batch_size, train)
    if options.json:
        print(json.dumps(plain({"run": str(run.path), "split": options.split, **figures}), ensure_ascii=False))
    else:
        print(results_table({options.split: figures}, metrics))
    return 0


def save_samples(options: argparse.Namespace) -> int:
    """Writes new examples as a picture or as numbers."""
    from genzoo import figures

    run, device = open_run(options)
    model = run.model.to(device)
    out: Path = options.out or own_figure(run, f"samples-{options.n}-seed{options.seed}.png")
    refuse_output(out)
    refuse_too_many(options.n, model.spec, device)
    needs_data = figures.needs_codes(model) or not model.spec.is_image  # points are drawn beside the data's
    train = load_split(run, "train", device, options.data_root) if needs_data else None
    new, how = figures.draw_samples(model, train, options.n, options.seed)
    if out.suffix == ".npy":
        save_numbers(out, new)
    elif model.spec.is_image:
        figures.save_grid(out, new, f"{len(new)} samples, {how}")
    else:
        assert train is not None
        figures.scatter(out, train.x[: figures.POINTS].cpu(), new, f"{len(new)} samples, {how}")
    print(out)
    return 0


def save_reconstructions(options: argparse.Namespace) -> int:
    """Writes originals and reconstructions as a picture, or the reconstructions as numbers."""
    import torch

    from genzoo import figures
    from genzoo.protocols import LatentModel

    run, device = open_run(options)
    model = run.model.to(device)
    if not isinstance(model, LatentModel):
        raise UsageError(f"{run.config.model} has no encoder to reconstruct with", f"genzoo sample {options.run}")
    out: Path = options.out or own_figure(run, "reconstructed.png")
    refuse_output(out)
    if options.images:
        x = read_images(options.images, model.spec, options.resize).to(device)
        x = model.spec.view(x)
    else:
        data = load_split(run, "test", device, options.data_root)
        x = data.batch(torch.arange(min(options.n, len(data)), device=device)).x
    with torch.no_grad():
        again = model.reconstruct(x).cpu()
    x = x.cpu()
    error = (again - x).square().flatten(1).mean(1)  # in the view's units, as in the run's results
    x, again = model.spec.original(x), model.spec.original(again)
    if out.suffix == ".npy":
        save_numbers(out, again)
    elif model.spec.is_image:
        figures.save_pairs(out, x, again, f"originals and reconstructions, MSE {error.mean():.4f}")
    else:
        figures.displacements(out, x, again, "points and their reconstructions")
    for path, value in zip(options.images, error.tolist(), strict=False):
        print(f"{printable(str(path), HINT)}  MSE {value:.5f}")
    print(out)
    return 0


def read_images(paths: list[Path], spec: DataSpec, resize: bool) -> Tensor:
    """Picture files as [N, C, H, W] in [0, 1], grey or in colour as the model takes them.

    Raises:
        UsageError: No image, or another size than the model's.
    """
    import torch

    if not spec.is_image:
        raise UsageError("this model takes no images", "leave the files out: test data are reconstructed")
    images = []
    for path in paths:
        image = torch.from_numpy(read_pixels(path, "L" if spec.shape[0] == 1 else "RGB")).permute(2, 0, 1)[None]
        size, wanted = tuple(image.shape[2:]), spec.shape[1:]
        if size != wanted and not resize:
            raise UsageError(
                f"{path} is {size[0]}x{size[1]}; the model takes {wanted[0]}x{wanted[1]}", "scale it: --resize"
            )
        if size != wanted:
            image = torch.nn.functional.interpolate(image, wanted, mode="bilinear", antialias=True)
        images.append(image)
    return torch.cat(images)


def own_figure(run: Run, name: str) -> Path:
    """A file among the run's own figures, whose folder is made.

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
    from genzoo.build import gigabytes, memory_bytes

    needed, available = n * spec.numel * BYTES_PER_VALUE, memory_bytes(device)
    if needed > available:
        raise UsageError(
            f"-n {n} needs {gigabytes(needed)}; this machine has {gigabytes(available)}", "such as -n 64, and --seed 1"
        )


def refuse_output(out: Path) -> None:
    """Refuses a file that is neither picture nor numbers, or whose folder is not there."""
    if out.suffix not in (".png", ".npy"):
        raise UsageError(f"--out {out}: neither .png nor .npy", "name a file such as out.png")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: no folder {out.parent}", f"mkdir {out.parent}")


def save_numbers(out: Path, values: Tensor) -> None:
    """Writes values [N, *S] as .npy."""
    import numpy as np

    np.save(out, values.numpy(), allow_pickle=False)
