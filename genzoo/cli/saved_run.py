"""What the verbs on a finished run share: opening the run, and their output files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.cli.loading import add_data_options
from genzoo.core.errors import GenzooError, UsageError
from genzoo.figures import formats
from genzoo.system.json_output import json_result

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from genzoo.core.dataset import DataSpec
    from genzoo.runs.run import Run


BYTES_PER_VALUE = 16  # float32: the last two layers of the network, its output and the file
MOST_SAMPLES = 100_000
PICTURES = (*formats.PICTURES, ".npy")
"""Kinds of files that hold pictures."""
EXAMPLES = (*PICTURES, ".txt", ".wav", ".csv")
"""Kinds of files that hold examples of any kind of data."""
OUT_HELP = "a .png, .jpg or .webp picture, or .npy for numbers; .txt for texts, .wav for sound, .csv for tables"
RUN_HELP = (
    "a run folder, the beginning of its name, @last, or @best:mse for the run with the best validation MSE; "
    "@best:mse@digits is the best one on digits"
)
RUNS_HELP = "folder of runs (default: runs/)"
DEVICE_HELP = "cpu, cuda, cuda:1, mps; auto uses a GPU if there is one (default: auto)"


def add_run_verb(
    verbs: Any, name: str, handler: Any, text: str, add_help: bool = True, several: bool = False
) -> argparse.ArgumentParser:
    """Add a verb with the options that all verbs on a finished run share; some take `several` runs."""
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text, add_help=add_help)
    if several:
        parser.add_argument("run", nargs="+", metavar="RUN", help=RUN_HELP)
    else:
        parser.add_argument("run", help=RUN_HELP)
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help=RUNS_HELP)
    add_data_options(parser)
    parser.add_argument("--device", default="auto", help=DEVICE_HELP)
    parser.set_defaults(handler=handler)
    return parser


def one_of(options: argparse.Namespace, name: str) -> argparse.Namespace:
    """Return the options of a command on several runs for one of them."""
    return argparse.Namespace(**{**vars(options), "run": name})


def for_each(options: argparse.Namespace, do: Callable[[argparse.Namespace], dict[str, Any]]) -> int:
    """Do the work of a verb for each run that is named, give the results for `--json`, and return the exit code.

    Args:
        options: Those of the verb; `run` has the names.
        do: Takes the options of one run and returns its result.

    Raises:
        UsageError: One file is named for several runs.
    """
    if len(options.run) > 1 and options.out:
        raise UsageError(
            f"--out {options.out}: one file for {len(options.run)} runs", "leave --out out, or name one run"
        )
    for name in options.run:
        refuse_ending(find_run(name, options), options.out)
    results = [do(one_of(options, name)) for name in options.run]
    json_result(**(results[0] if len(results) == 1 else {"runs": results}))
    return 0


def find_run(name: str, options: argparse.Namespace) -> Run:
    """Return the run of a name on a command line.

    Raises:
        UsageError: There is no such run.
    """
    from genzoo.comparison.references import find

    return find(name, options.runs)


def open_run(options: argparse.Namespace) -> tuple[Run, torch.device]:
    """Return the run and the device of a command line; warn of a run whose training has not reached its end.

    Raises:
        UsageError: There is no such run or device, or a number is out of range.
    """
    counts = getattr(options, "n", None), getattr(options, "batch_size", None)
    if any(count is not None and count < 1 for count in counts):
        raise UsageError("-n and --batch-size must be at least 1", f"type: genzoo {options.verb} --help")
    if not 1 <= getattr(options, "samples", 1) <= MOST_SAMPLES:
        raise UsageError(f"--samples {options.samples}: between 1 and {MOST_SAMPLES:,}", "try --samples 10")
    run = find_run(options.run, options)
    from genzoo.runs.unfinished import warn_if_unfinished

    warn_if_unfinished(run)
    from genzoo.system.devices import choose_device  # and with it torch, which a refusal need not wait for

    return run, choose_device(options.device)


def refuse_output(out: Path | None, suffixes: tuple[str, ...] = PICTURES, option: str = "--out") -> None:
    """Refuse an output file of another kind or in a missing folder, before any work."""
    if out is None:
        return
    if out.suffix not in suffixes:
        raise UsageError(f"{option} {out}: not {formats.either(suffixes)}", f"use a name such as out{suffixes[0]}")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"{option} {out}: no folder {out.parent}", f"mkdir {out.parent}")


def refuse_ending(run: Run, out: Path | None) -> None:
    """Refuse an output file that does not fit the run's data, before torch is imported; where its files tell them."""
    from genzoo.runs.run import MODEL_FILE
    from genzoo.system.checksummed import stated_description

    spec = stated_description(run.path / MODEL_FILE).get("spec") if out else None
    if out and isinstance(spec, dict) and isinstance(shape := spec.get("shape"), list):
        kind = spec.get("kind", "image" if len(shape) == 3 else "vector")  # as `DataSpec` has it
        if kind in formats.ENDINGS and not of_another_run(run):
            formats.refuse_other_ending(out, kind)


def of_another_run(run: Run) -> bool:
    """Return whether a run was made with another one: its examples may stand for data of another kind."""
    try:
        return "runs" in run.record
    except GenzooError:  # said of the run when it is opened
        return True


def figure_path(run: Run, name: str) -> Path:
    """Return the path of a picture without `--out`: in the figures folder of the run.

    Raises:
        UsageError: The folder cannot be made or written, or is a link: a run from someone else could lead anywhere.
    """
    folder = run.path / "figures"
    for path in (folder, folder / name):
        if path.is_symlink():
            raise UsageError(f"{path} is a link out of the run", "name the file: --out FILE.png")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}", "name the file: --out FILE.png") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write to {folder}", "name the file: --out FILE.png")
    return folder / name


def refuse_too_many(n: int, spec: DataSpec, device: torch.device) -> None:
    """Refuse more new examples than fit in memory, before any is drawn."""
    from genzoo.core.text import gigabytes
    from genzoo.system.memory import memory_bytes

    needed, available = n * spec.numel * BYTES_PER_VALUE, memory_bytes(device)
    if needed > available:
        raise UsageError(
            f"-n {n} needs {gigabytes(needed)}; this machine has {gigabytes(available)}",
            "try -n 64",
        )


def save_numbers(out: Path, values: Tensor) -> None:
    """Write values [N, *S] as .npy."""
    import numpy as np

    np.save(out, values.numpy(), allow_pickle=False)
