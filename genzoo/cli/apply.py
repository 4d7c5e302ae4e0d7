"""genzoo embed, compress: codes and figures of a finished run's model on any data. And what applications share."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.loading import add_data_options
from genzoo.cli.use import RUN_HELP, refuse_output

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.cli.inputs import Work


def add_verbs(verbs: Any) -> None:
    """Adds `anomaly`, `embed`, `compress`, and those that draw."""
    from genzoo.cli import anomaly, vary

    anomaly.add_verb(verbs)
    embed = add_verb(verbs, "embed", save_codes, "write posterior means and log-variances")
    add_files(embed)
    embed.add_argument("--out", type=Path, required=True, metavar="FILE", help="codes.npz or codes.csv")
    compress = add_verb(verbs, "compress", show_compression, "rate and distortion, beside PNG")
    add_files(compress)
    compress.add_argument("--json", action="store_true", help="as JSON")
    vary.add_verbs(verbs)


def add_verb(verbs: Any, name: str, handler: Any, text: str) -> argparse.ArgumentParser:
    """A verb with the options that all applications have."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="default: test")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where run folders lie")
    add_data_options(parser)
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps; auto takes the GPU if there is one")
    parser.add_argument("--resize", action="store_true", help="scale pictures to the size the model takes")
    parser.set_defaults(handler=handler)
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    """Files in place of a split."""
    text = "pictures, folders of them, .npy, .npz or .csv; without any, the split"
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=text)


def save_codes(options: argparse.Namespace) -> int:
    """Writes the posterior of every example: means and, where it is Gaussian, log-variances."""
    from genzoo.cli.inputs import open_work

    refuse_output(options.out, (".npz", ".csv"))
    work = open_work(options)
    import numpy as np
    import torch

    from genzoo.core.distributions import DiagGaussian
    from genzoo.system.computing import evaluating

    means, log_vars = [], []
    with torch.no_grad(), evaluating(work.latent):
        for index in work.batches():
            q = work.latent.posterior(work.data.batch(index).x)
            means.append(q.mean.cpu())
            if isinstance(q, DiagGaussian):
                log_vars.append((q.log_var + torch.zeros_like(q.mean)).cpu())
    arrays: dict[str, Any] = {"index": np.arange(len(work.names)), "mean": torch.cat(means).numpy()}
    if log_vars:
        arrays["log_var"] = torch.cat(log_vars).numpy()
    if work.data.y is not None:
        arrays["y"] = np.array(work.model.spec.labels(work.data.y))
    if options.files:
        arrays["name"] = np.array(work.names)
    if options.out.suffix == ".npz":
        np.savez(options.out, allow_pickle=False, **arrays)
    else:
        write_codes(options.out, arrays)
    print(options.out)
    return 0


def write_codes(out: Path, arrays: dict[str, Any]) -> None:
    """The same as a table, a line an example, codes flattened."""
    header, columns = ["index"], [arrays["index"][:, None]]
    for name in ("name", "y"):
        if name in arrays:
            header.append(name)
            columns.append(arrays[name][:, None])
    for name in ("mean", "log_var"):
        if name in arrays:
            flat = arrays[name].reshape(len(arrays[name]), -1)
            header += [f"{name}_{dim}" for dim in range(flat.shape[1])]
            columns.append(flat)
    rows = ([str(cell) for column in columns for cell in column[row]] for row in range(len(arrays["index"])))
    write_csv(out, header, rows)


def show_compression(options: argparse.Namespace) -> int:
    """Prints rate and distortion of the model as a lossy code, and PNG's size."""
    from genzoo.cli.inputs import open_work
    from genzoo.runs.run import plain

    work = open_work(options)
    figures = compression(work)
    if options.json:
        print(json.dumps(plain({"run": str(work.run.path), **figures})))
        return 0
    if figures["rate_bits"] is None:
        print(f"  rate               n/a ({figures['not_available']['rate_bits']})")
    else:
        print(f"  rate        {figures['rate_bits']:10.1f} bits an example: the mean KL, an estimate")
    quality = f", PSNR {figures['psnr_db']:.2f} dB" if "psnr_db" in figures else ""
    print(f"  distortion  {figures['mse']:10.5f} MSE a dimension{quality}")
    if "png_bits" in figures:
        print(f"  PNG         {figures['png_bits']:10.1f} bits a picture, file header and all, without loss")
    if figures["rate_bits"] is not None:
        print("the KL is what a code of z needs by relative entropy coding; no such coder is run here")
    return 0


def compression(work: Work) -> dict[str, Any]:
    """Rate and distortion of the model as a lossy code, of pictures also PNG's size, in the data's own units."""
    from genzoo.evaluation.compression import bits, png_bits
    from genzoo.evaluation.evaluate import evaluate, find_metrics
    from genzoo.registry.current import registry

    found = evaluate(work.model, work.data, find_metrics(registry(), ["kl", "mse", "psnr"]))
    rate = None if found["kl"] is None else bits(found["kl"])
    figures: dict[str, Any] = {"n": len(work.data), "rate_bits": rate, "mse": found["mse"]}
    if rate is None:
        figures["not_available"] = {"rate_bits": found["not_available"]["kl"]}
    if found["psnr"] is not None:
        figures["psnr_db"] = found["psnr"]
        batches = (work.original(work.data.batch(index).x) for index in work.batches())
        sizes = [png_bits(image) for images in batches for image in images]
        figures["png_bits"] = sum(sizes) / len(sizes)
    return figures


def metric_values(work: Work, names: Sequence[str]) -> dict[str, Tensor]:
    """Values of metrics for each example.

    Raises:
        UsageError: The model has no such figure, or it is none of single examples.
    """
    from genzoo.evaluation.evaluate import find_metrics, per_example
    from genzoo.registry.current import registry

    metrics = find_metrics(registry(), names)
    train = work.source.view("train", work.device) if any(metric.needs_train for metric in metrics.values()) else None
    return per_example(work.model, work.data, metrics, train=train, name=work.run.config.model)


def write_csv(out: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    """Writes a table with a header."""
    with out.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
