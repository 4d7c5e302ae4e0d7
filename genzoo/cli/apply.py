"""genzoo anomaly, embed, compress: figures and numbers of a finished run's model on any data."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.use import RUN_HELP
from genzoo.errors import HINT, UsageError, printable

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.cli.inputs import Work

BATCH = 500


def add_verbs(verbs: Any) -> None:
    """Adds `anomaly`, `embed` and `compress`, and those that draw."""
    from genzoo.cli import vary

    anomaly = add_verb(verbs, "anomaly", show_anomalies, "score how unlikely examples are; AUROC on labelled data")
    add_files(anomaly)
    anomaly.add_argument("--score", default="negative-elbo", metavar="METRIC", help="default: negative-elbo; or mse, …")
    anomaly.add_argument("--out", type=Path, metavar="FILE.csv", help="write every score, sorted")
    anomaly.add_argument("--json", action="store_true", help="as JSON")
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
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="where raw data files lie")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps; auto takes the GPU if there is one")
    parser.add_argument("--resize", action="store_true", help="scale pictures to the size the model takes")
    parser.set_defaults(handler=handler)
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    """Files in place of a split."""
    text = "PNG or JPEG files, folders of them, .npy, .npz or .csv; without any, the split"
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=text)


def show_anomalies(options: argparse.Namespace) -> int:
    """Prints scores, highest first, or how well they tell each class of a labelled split from the rest."""
    from genzoo.cli.inputs import open_work
    from genzoo.runs import plain

    refuse_suffix(options.out, (".csv",))
    work = open_work(options)
    scores = metric_values(work, [options.score])[options.score]
    order = scores.argsort(descending=True, stable=True).tolist()
    if options.out:
        rows = [[work.names[number], f"{scores[number].item():.6f}"] for number in order]
        if work.data.y is not None:
            rows = [[*row, str(int(work.data.y[number]))] for row, number in zip(rows, order, strict=True)]
        write_csv(options.out, ["example", "score", *(["class"] if work.data.y is not None else [])], rows)
    classes = 0 if work.data.y is None else len(work.data.y.unique())
    if classes > 1:
        table = class_table(work, scores, options.data_root)
        if options.json:
            print(json.dumps(plain({"run": str(work.run.path), "score": options.score, **table}), ensure_ascii=False))
        else:
            print_classes(table, options.score)
    elif options.json:
        ranked = [{"example": work.names[number], "score": scores[number].item()} for number in order]
        print(json.dumps(plain({"run": str(work.run.path), "score": options.score, "ranking": ranked})))
    else:
        for number in order:
            print(f"{scores[number].item():12.4f}  {printable(work.names[number], HINT)}")
    return 0


def class_table(work: Work, scores: Tensor, data_root: Path | None) -> dict[str, Any]:
    """AUROC of each class against the rest by the score, the sum of the pixels and the error of PCA."""
    import torch

    from genzoo.applications.anomaly import one_against_rest
    from genzoo.cli.use import load_split
    from genzoo.evaluation.baselines import pca_errors

    assert work.data.y is not None
    y = work.data.y.cpu()
    # As they are stored: in whole numbers equal sums stay equal, and ties count half.
    sums = work.data.x.cpu().flatten(1).sum(1, dtype=torch.float64)
    table: dict[str, Any] = {
        "model": one_against_rest(scores, y),
        "pixel_sum": one_against_rest(sums, y),
    }
    with torch.no_grad():
        codes = work.latent.encode(work.examples(1)).numel()
    if codes < work.model.spec.numel:
        train = load_split(work.run, "train", work.device, data_root)
        errors = pca_errors(train, work.data, codes)
        if errors is not None:
            table |= {"pca": one_against_rest(errors, y), "components": codes}
    return table


def print_classes(table: dict[str, Any], score: str) -> None:
    """The table of AUROCs, and what they mean."""
    from genzoo.tables import aligned

    columns = ["model", "pixel_sum", *(["pca"] if "pca" in table else [])]
    heads = {"model": score, "pixel_sum": "sum of values", "pca": f"PCA-{table.get('components')} error"}
    body = []
    for label in table["model"]:
        total = table["pixel_sum"][label]
        cells = {name: f"{table[name][label]:.3f}" for name in columns}
        cells["pixel_sum"] = f"{max(total, 1 - total):.3f} {'more' if total >= 0.5 else 'less'}"
        body.append([f"class {label}", *(cells[name] for name in columns)])
    means = {name: sum(table[name].values()) / len(table[name]) for name in columns}
    oriented = [max(value, 1 - value) for value in table["pixel_sum"].values()]
    means["pixel_sum"] = sum(oriented) / len(oriented)
    body.append(["mean", *(f"{means[name]:.3f}" + ("     " if name == "pixel_sum" else "") for name in columns)])
    print("AUROC of each class against the rest; a higher score is more anomalous, ties count half")
    print(aligned([["", *(heads[name] for name in columns)], *body]))
    print("sum of values: the better of its two orientations, named beside it, so it is a strict baseline")
    print("the model saw all classes in training: this says which it finds hard, not how it does on new ones")


def save_codes(options: argparse.Namespace) -> int:
    """Writes the posterior of every example: means and, where it is Gaussian, log-variances."""
    import numpy as np
    import torch

    from genzoo.cli.inputs import open_work
    from genzoo.distributions import DiagGaussian
    from genzoo.training.trainer import evaluating

    refuse_suffix(options.out, (".npz", ".csv"))
    work = open_work(options)
    means, log_vars = [], []
    with torch.no_grad(), evaluating(work.latent):
        for index in torch.arange(len(work.data), device=work.device).split(BATCH):
            q = work.latent.posterior(work.data.batch(index).x)
            means.append(q.mean.cpu())
            if isinstance(q, DiagGaussian):
                log_vars.append((q.log_var + torch.zeros_like(q.mean)).cpu())
    arrays: dict[str, Any] = {"index": np.arange(len(work.names)), "mean": torch.cat(means).numpy()}
    if log_vars:
        arrays["log_var"] = torch.cat(log_vars).numpy()
    if work.data.y is not None:
        arrays["y"] = work.data.y.cpu().numpy()
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
    from genzoo.applications.compression import bits, png_bits
    from genzoo.cli.inputs import open_work
    from genzoo.runs import plain

    work = open_work(options)
    values = metric_values(work, ["kl", "mse"])
    error = values["mse"].mean().item()
    figures: dict[str, Any] = {"n": len(work.data), "rate_bits": bits(values["kl"].mean().item()), "mse": error}
    if work.model.spec.is_image:
        import torch

        figures["psnr_db"] = (-10 * values["mse"].log10()).mean().item()
        sizes = [
            png_bits(image)
            for index in torch.arange(len(work.data), device=work.device).split(BATCH)
            for image in work.data.batch(index).x.cpu()
        ]
        figures["png_bits"] = sum(sizes) / len(sizes)
    if options.json:
        print(json.dumps(plain({"run": str(work.run.path), **figures}), ensure_ascii=False))
        return 0
    print(f"  rate        {figures['rate_bits']:10.1f} bits an example: the mean KL, an estimate")
    quality = f", PSNR {figures['psnr_db']:.2f} dB" if "psnr_db" in figures else ""
    print(f"  distortion  {error:10.5f} MSE a dimension{quality}")
    if "png_bits" in figures:
        print(f"  PNG         {figures['png_bits']:10.1f} bits a picture, file header and all, without loss")
    print("the KL is what a code of z needs by relative entropy coding; no such coder is run here")
    return 0


def metric_values(work: Work, names: Sequence[str]) -> dict[str, Tensor]:
    """Values of metrics for each example.

    Raises:
        UsageError: The model has no such figure, or it is none of single examples.
    """
    from genzoo.evaluation.evaluate import find_metrics, per_example
    from genzoo.registry import registry

    metrics = find_metrics(registry(), names)
    for name, metric in metrics.items():
        reason = metric.refuses(work.model)
        if reason:
            raise UsageError(f"{work.run.config.model} has no {name}: {reason}", "genzoo anomaly takes --score mse")
    values = per_example(work.model, work.data, metrics, BATCH)
    for name, column in values.items():
        if column.dim() != 1:
            raise UsageError(f"--score {name} is no figure of single examples", "use negative-elbo, kl or mse")
    return values


def refuse_suffix(out: Path | None, suffixes: tuple[str, ...]) -> None:
    """Refuses an output file of another kind, or whose folder is not there, before any work."""
    if out is None:
        return
    if out.suffix not in suffixes:
        raise UsageError(f"--out {out}: not {' or '.join(suffixes)}", f"name a file such as out{suffixes[0]}")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: no folder {out.parent}", f"mkdir {out.parent}")


def write_csv(out: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    """Writes a table with a header."""
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
