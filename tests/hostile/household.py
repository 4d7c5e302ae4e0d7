"""Run every command without a network and a home folder, and then as a user that the system does not know.

    python household.py FOLDER

prints one line of JSON per command. Modules are imported once; the unknown user is a fork of that process.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import struct
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from guard import CONNECTS, run_captured

CAPABILITY_VERSION_3 = 0x20080522  # of capset(2)
Commands = list[tuple[str, list[Any]]]
connections: list[str] = []


def refuse_connections(event: str, arguments: tuple[Any, ...]) -> None:
    """Act as an audit hook that makes the network unreachable."""
    if event in CONNECTS:
        connections.append(event)
        raise OSError(101, "Network is unreachable")


def commands(runs: Path, raw: Path) -> Commands:
    """Return commands for every verb that needs no download; each works, and writes only into the current folder."""
    files = sorted(raw.iterdir())
    words = f"""
    run vae --dataset digits --epochs 1 --hidden 8 --latent-dim 2 --out vae --quiet
    run vae --dataset tiny --epochs 1 --hidden 8 --latent-dim 2 --data.validation 2 --out tiny --json
    resume vae --epochs 2 --quiet
    run --config vae/config.json --out again --quiet
    run ae digits --epochs 1 --hidden 8 --latent-dim 2 --out ae --quiet
    list
    info vae
    config show
    completion bash
    plugins
    check moons
    new-plugin my-zoo --model mine
    evaluate {runs}/good
    evaluate vae --metrics iwae:5,knn
    sample vae -n 4
    sample {runs}/good -n 4 --out s.png
    reconstruct vae --out r.npy
    anomaly vae
    denoise vae
    compress vae
    embed vae --out codes.npz
    interpolate vae --out i.png
    traverse vae --out t.gif
    augment vae
    report vae
    compare vae
    impute vae --steps 2 --draws 1 --out i.npy
    samplers ae --metrics kid
    prove mse
    runs list .
    runs tag vae good
    watch vae --once
    race vae digits --seeds 0 --budget 0.1s --baselines none --hidden 8 --latent-dim 2 --out race --quiet
    sweep vae digits --grid beta=1,2 --seeds 0 --epochs 1 --hidden 8 --latent-dim 2 --runs sweep --quiet
    reproduce --list
    bench --models vae --dataset digits --seeds 0 --epochs 1 --hidden 8 --latent-dim 2 --runs bench --quiet
    data list
    data path tiny
    data verify tiny
    data add tiny {" ".join(map(str, files))} --data-root root
    """
    return [("works", line.split()) for line in words.strip().splitlines()]


def closed(runs: Path) -> Commands:
    """Return commands that are refused in a read-only run or without a network."""
    return [
        ("refused", ["run", "vae", "--dataset", "digits", "--epochs", "1", "--runs", str(runs)]),
        ("refused", ["sample", f"{runs}/good"]),
        ("refused", ["report", f"{runs}/good"]),
        ("refused", ["denoise", f"{runs}/good"]),
    ]


def report(when: str, todo: Commands) -> None:
    """Run the commands and print their results."""
    for expected, words in todo:
        connections.clear()
        code, out, err = run_captured(words)
        print(json.dumps({
            "when": when, "words": words, "expected": expected, "code": code, "out": out[:500], "err": err,
            "connections": connections,
        }), flush=True)  # fmt: skip


def become_a_stranger(home: Path) -> None:
    """Become a user without an entry in the system's list, to whom permissions apply.

    Root gives up its capabilities but keeps its number: another user might not be able to read the interpreter.
    """
    os.environ["HOME"] = str(home)
    if os.geteuid() == 0:
        header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
        if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)):
            raise OSError(ctypes.get_errno(), "capset")

    def nobody(*_: object) -> NoReturn:
        raise KeyError("getpwuid(): uid not found")

    pwd.getpwuid = pwd.getpwnam = nobody


def main(folder: Path) -> None:
    """Run the commands twice: without a home folder, and as an unknown user who can write to only one folder."""
    sys.addaudithook(refuse_connections)
    from tiny_datasets import example

    import genzoo
    from genzoo.data.image_dataset import IdxImages
    from genzoo.data.sources import Https

    tiny, other = example("tiny", "Tiny", 1), example("other", "Other", 2)
    for made in (tiny, other):
        body = {"side": 8, "train_size": 20, "test_size": 10, "files": made.of(Https("https://example.org/"))}
        genzoo.register_dataset(made.files.name, type("Images", (IdxImages,), body))
    raw = tiny.put(folder / "data/Tiny/raw")
    os.environ["GENZOO_DATA"] = str(folder / "data")
    runs, open_to_all = folder / "runs", folder / "open"
    for place in (runs, open_to_all, folder / "home"):
        place.mkdir()
    os.chdir(open_to_all)
    fetch = ["run", "vae", "--dataset", "other", "--data.validation", "2", "--out", "other"]
    report(
        "without a home", [("works", f"run vae --dataset digits --epochs 1 --latent-dim 2 --out {runs}/good".split())]
    )
    report("without a home", [*commands(runs, raw), ("works", ["doctor"])])
    report("a fetch", [("refused", fetch)])
    os.environ["GENZOO_OFFLINE"] = "1"
    report("offline", [("refused", fetch)])
    del os.environ["GENZOO_OFFLINE"]
    (folder / "second").mkdir()
    os.chmod(folder / "second", 0o777)
    os.chdir(folder / "second")
    for place in (runs, folder / "home", folder / "data", raw, *runs.rglob("*")):
        os.chmod(place, 0o555 if place.is_dir() else 0o444)
    os.environ["TMPDIR"] = str(folder / "second")
    child = os.fork()
    if not child:
        try:
            become_a_stranger(folder / "home")
            cheaper = [todo for todo in commands(runs, raw) if "tiny" not in todo[1][:4] and "--config" not in todo[1]]
            report("as a stranger", [*cheaper, *closed(runs), ("finds", ["doctor"])])
            sys.stdout.flush()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    for place in (runs, folder / "data", raw, *runs.rglob("*")):  # so that it can be deleted
        os.chmod(place, 0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
