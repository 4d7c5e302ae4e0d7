"""Fill a folder with what a GPU machine without a network may lack: wheels and MNIST's files.

    python benchmarks/gpu/prepare.py
    python benchmarks/gpu/prepare.py --python 3.13 --data ~/data

Fills benchmarks/gpu/carried, which git ignores. Copy it to the machine together with the checkout: suite.py takes from
it what the machine lacks. Prints the sizes and the command for the GPU machine; exits with 1 above 60 MB.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CARRIED = Path(__file__).resolve().parent / "carried"
PACKAGES = (
    "tyro", "docstring-parser", "typeguard", "typing-extensions",  # the command line
    "pluggy", "safetensors", "tqdm",
    "pytest-benchmark", "py-cpuinfo",
    "pythae", "pydantic", "pydantic-core", "annotated-types", "typing-inspection", "cloudpickle", "imageio",
)  # fmt: skip
"""Without their own requirements: torch, numpy, scipy, scikit-learn and Lightning must be on the machine or are left
out."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")
SETS = ("MNIST/raw", "FashionMNIST/raw")
LIMIT = 60e6
"""Maximum bytes in total."""


def download(python: str, folder: Path) -> None:
    """Fetch a wheel of each package for a Python version on 64-bit Linux.

    Pydantic works only with one version of its core, so these two are resolved together.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    pip += ["--python-version", python, "--implementation", "cp", "--dest", str(folder)]
    pip += [word for platform in PLATFORMS for word in ("--platform", platform)]
    subprocess.run([*pip, "--no-deps", *(name for name in PACKAGES if not name.startswith("pydantic"))], check=True)
    subprocess.run([*pip, "pydantic"], check=True)


def copy_data(root: Path, folder: Path) -> list[str]:
    """Copy the raw files of image sets, compressed; return the sets that exist."""
    found = []
    for name in SETS:
        files = [file for file in sorted((root / name).glob("*-ubyte*")) if file.is_file()]
        for file in files:
            target = folder / name / f"{file.name.removesuffix('.gz')}.gz"
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".gz":
                shutil.copyfile(file, target)
            else:
                with gzip.GzipFile(target, "wb", mtime=0) as packed:
                    packed.write(file.read_bytes())
        found += [name] if files else []
    return found


def sizes(folder: Path) -> dict[str, int]:
    """Return the size in bytes of every file below a folder, by relative path."""
    return {str(file.relative_to(folder)): file.stat().st_size for file in sorted(folder.rglob("*")) if file.is_file()}


def commit() -> str:
    """Return the commit of this checkout; "unknown" outside of one."""
    command = ["git", "-C", str(CARRIED.parent), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill the folder and print how to use it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=CARRIED)
    parser.add_argument("--python", default="3.12", help="version on the GPU machine (default: 3.12)")
    root = os.environ.get("GENZOO_DATA") or Path.home() / ".cache/genzoo/data"
    parser.add_argument("--data", type=Path, default=Path(root), help="a folder that holds MNIST/raw")
    options = parser.parse_args(arguments)
    shutil.rmtree(options.out, ignore_errors=True)
    (options.out / "wheels").mkdir(parents=True)
    download(options.python, options.out / "wheels")
    found = copy_data(options.data, options.out / "data")
    files = sizes(options.out)
    for name, size in files.items():
        print(f"{size / 1e6:8.2f} MB  {name}")
    total = sum(files.values())
    print(f"{total / 1e6:8.2f} MB  in total, in {options.out}")
    if not found:
        print(f"no images in {options.data}: the suite will make some up (genzoo data fetch mnist)", file=sys.stderr)
    print("\nOn the GPU machine, in the checkout, with this folder in its place:")
    print(f"  python3 benchmarks/gpu/suite.py --out FOLDER --commit {commit()}")
    if total > LIMIT:
        print(f"more than {LIMIT / 1e6:.0f} MB", file=sys.stderr)
    return int(total > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
