"""genzoo embed: write posterior means and log-variances to a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from genzoo.cli.application import add_application, add_files, open_application, write_csv
from genzoo.cli.made_file import add_file, add_open, print_file
from genzoo.cli.saved_run import refuse_output
from genzoo.system.json_output import json_result


def add_verb(verbs: Any) -> None:
    """Add `embed`."""
    embed = add_application(verbs, "embed", save_codes, "write codes: posterior means and log-variances")
    add_files(embed)
    add_file(embed, "--out", required=True, metavar="FILE", help="codes.npz or codes.csv")
    add_open(embed)


def save_codes(options: argparse.Namespace) -> int:
    """Write the code of every example: the posterior's mean and, for a Gaussian, its log-variance."""

    refuse_output(options.out, (".npz", ".csv"))
    opened = open_application(options, needs="Encoder")
    import numpy as np
    import torch

    from genzoo.core.distributions import DiagGaussian
    from genzoo.core.model import Encoder, LatentModel
    from genzoo.system.computing import evaluating

    means, log_vars = [], []
    model = opened.model
    with torch.no_grad(), evaluating(model):
        for index in opened.batches():
            x = opened.data.batch(index).x
            if not isinstance(model, LatentModel):
                assert isinstance(model, Encoder)
                means.append(model.encode(x).cpu())
                continue
            q = model.posterior(x)
            means.append(q.centre.cpu())
            if isinstance(q, DiagGaussian):
                log_vars.append((q.log_var + torch.zeros_like(q.mean)).cpu())
    arrays: dict[str, Any] = {"index": np.arange(len(opened.names)), "mean": torch.cat(means).numpy()}
    if log_vars:
        arrays["log_var"] = torch.cat(log_vars).numpy()
    if opened.data.y is not None:
        arrays["y"] = np.array(opened.model.spec.labels(opened.data.y))
    if options.files:
        arrays["name"] = np.array(opened.names)
    if options.out.suffix == ".npz":
        np.savez(options.out, allow_pickle=False, **arrays)
    else:
        write_codes(options.out, arrays)
    json_result(run=opened.run.path, file=options.out, n=len(opened.names), arrays=sorted(arrays))
    print_file(options.out, options)
    return 0


def write_codes(out: Path, arrays: dict[str, Any]) -> None:
    """Write the arrays as CSV: one line for each example, with flattened codes."""
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
    rows = ([str(value) for column in columns for value in column[row]] for row in range(len(arrays["index"])))
    write_csv(out, header, rows)
