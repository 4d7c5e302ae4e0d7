"""Mutate files of every kind that genzoo reads: each is accepted, or refused in one line.

    python tests/hostile/fuzz.py 10000        # that many, some minutes

The cases are deterministic: case 17 is always the same file.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from forge import gz_of_zeros, idx, picture
from guard import Watch, run_captured, texts_of_types
from mutations import json_altered, model_altered, mutated

Reader = Callable[[Path], object]
Mutation = Callable[[bytes, random.Random], bytes]


def readers(run: Path) -> dict[str, tuple[bytes, Mutation, Reader]]:
    """Return for each file name its valid content, mutation and reader. Files of a run are in that run."""
    import genzoo
    from genzoo.cli.run import from_file
    from genzoo.core.errors import GenzooError, UsageError
    from genzoo.data.readers.idx import read_idx
    from genzoo.data.store import Store
    from genzoo.experiment.reuse import finished
    from genzoo.registry.current import registry
    from genzoo.reporting.report import page, write_report
    from genzoo.runs.config import Components
    from genzoo.runs.run import Run, RunPaths

    def own(name: str) -> Reader:
        dataset = registry().get("dataset", name).load()
        return lambda path: dataset(dataset.Config(path=str(path))).load(Store(offline=True))

    def options(path: Path) -> None:
        from genzoo.cli import options as command_line

        named, words = from_file(path)
        components = Components.find(registry(), named["model"], named["dataset"], named["loss"])
        try:
            command_line.parse(components, words, [], str(path))
        except UsageError as error:  # as `genzoo run` does
            error.hint = error.hint or command_line.help_hint(components)
            raise

    def compared(path: Path) -> None:
        for form in ("text", "markdown", "csv", "html"):
            code, _, err = run_captured(["compare", path.parent, *([] if form == "text" else [f"--{form}"])])
            first, *hints = err.splitlines() or [""]
            assert "this is a bug" not in err, err
            if code:
                raise GenzooError(first.removeprefix("genzoo: "), "\n".join(hints))
        assert not finished([], RunPaths(path.parents[1]))  # reads every run that `bench` may reuse

    def reported(path: Path) -> None:
        write_report(Run(path.parent))

    def configured(path: Path) -> None:
        assert Run(path.parent).config
        compared(path)

    def tabled(path: Path) -> None:
        compared(path)
        reported(path)

    assert page(Run(run))
    table = "a,b\n" + "\n".join(f"{n / 7:.4f},{n}" for n in range(40)) + "\n"
    zipped, array, x = io.BytesIO(), io.BytesIO(), np.linspace(0, 1, 40, dtype=np.float32).reshape(10, 4)
    np.savez_compressed(zipped, x=x, y=np.arange(10) % 2)
    np.save(array, x)
    toml = 'model = "vae"\ndataset = "moons"\nlatent-dim = 2\nhidden = [64, 32]\nlr = 1e-3\n[data]\nnoise = 0.1\n'
    bytes_of = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    return {
        "model.safetensors": (bytes_of["model.safetensors"], mutated, genzoo.load),
        "sealed.safetensors": (bytes_of["model.safetensors"], model_altered, genzoo.load),
        "config.json": (bytes_of["config.json"], json_altered, configured),
        "results.json": (bytes_of["results.json"], json_altered, tabled),
        "run.json": (bytes_of["run.json"], json_altered, reported),
        "metrics.jsonl": (bytes_of["metrics.jsonl"], mutated, lambda path: Run(path.parent).history),
        "run.toml": (toml.encode(), mutated, options),
        "x.npz": (zipped.getvalue(), mutated, own("npz")),
        "x.npy": (array.getvalue(), mutated, own("npz")),
        "images.gz": (gz_of_zeros(idx((10, 8, 8)), 640), mutated, read_idx),
        "images": (idx((10, 8, 8), bytes(640)), mutated, read_idx),
        "pictures/a.png": (picture("PNG"), mutated, lambda path: own("folder")(path.parent)),
        "pictures/a.jpg": (picture("JPEG"), mutated, lambda path: own("folder")(path.parent)),
        "x.csv": (table.encode(), mutated, own("csv")),
    }


def judged(read: Reader, path: Path) -> str:
    """Return "taken" or "refused", or the fault."""
    from genzoo.core.errors import GenzooError

    start = time.process_time()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            read(path)
        outcome = "taken"
    except GenzooError as error:
        first, *hints = f"genzoo: {error}".split("\n")
        right = len(first) <= 200 and all(c.isprintable() for c in first) and error.exit_code in (1, 2, 4)
        outcome = "refused" if right and hints else f"refused in the wrong form: {first!r} {hints}"
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - start
    return outcome if seconds < 2 else f"{outcome} after {seconds:.1f} s"


def fuzz(cases: range, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Return the counts of accepted and refused files, by file, and the faults."""
    import genzoo
    from genzoo.registry.current import registry

    watch = Watch([Path(sys.prefix), Path(sys.base_prefix), *map(Path, filter(None, sys.path))])
    run = folder / "run"
    genzoo.run("vae", "moons", epochs=1, latent_dim=2, hidden=(8,), data={"train": 64}, out=run, quiet=True)
    (folder / "pictures").mkdir()
    for name in ("b", "c", "d"):
        (folder / f"pictures/{name}.png").write_bytes(picture("PNG"))
    for kind in ("model", "loss", "dataset", "metric"):
        for entry in registry().matching(kind):
            watch.known |= texts_of_types(entry.load())
    kinds = readers(run)
    for name, (content, _, read) in kinds.items():  # valid files are accepted; this imports what reading needs
        path = place(folder, name)
        path.write_bytes(content)
        assert (outcome := judged(read, path)) == "taken", (name, outcome)
    counts: dict[str, int] = {}
    wrong = []
    for number in cases:
        name = list(kinds)[number % len(kinds)]
        content, change, read = kinds[name]
        path = place(folder, name)
        changed = change(content, random.Random(number))
        path.write_bytes(changed)
        with watch.over(folder) as seen:
            outcome = judged(read, path)
        path.write_bytes(content)
        silent = name == "model.safetensors" and outcome == "taken" and changed != content
        if outcome not in ("taken", "refused") or seen or silent:
            wrong.append(f"case {number}: {name}: {outcome} {seen}"[:500])
        counts[f"{name} {outcome}"[:60]] = counts.get(f"{name} {outcome}"[:60], 0) + 1
    return counts, wrong


def place(folder: Path, name: str) -> Path:
    """Return the path of a file: files of a run are in that run."""
    own = folder / "run" / name
    return own if own.exists() else folder / name


def main(count: int) -> int:
    """Print counts and faults; return 1 if there is a fault."""
    os.environ["OMP_NUM_THREADS"] = os.environ["GENZOO_OFFLINE"] = "1"
    folder = Path(tempfile.mkdtemp(prefix="genzoo-fuzz-")).resolve()
    try:
        counts, wrong = fuzz(range(count), folder)
    finally:
        shutil.rmtree(folder)
    print(json.dumps({"counts": dict(sorted(counts.items())), "wrong": wrong}, indent=1))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
