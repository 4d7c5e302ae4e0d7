"""What the verbs on a finished run share: opening it, and where their output goes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.loading import add_data_options
from genzoo.core.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.core.dataset import DataSpec
    from genzoo.runs.run import Run


BYTES_PER_VALUE = 16  # float32: the net's last two layers, what it puts out and what is written


MOST_SAMPLES = 100_000


PICTURES = (".png", ".npy")


OUT_HELP = "a .png picture, or .npy for the numbers"
RUN_HELP = "a run folder, the beginning of its name, @last, or @best:mse for the run with the best validation MSE"


def add_run_verb(verbs: Any, name: str, handler: Any, text: str) -> argparse.ArgumentParser:
    """Add a verb with the options of all that open a finished run."""
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
    from genzoo.system.devices import choose_device  # and with it torch, which a refusal need not wait for

    return run, choose_device(options.device)


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
