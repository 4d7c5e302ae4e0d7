"""The checks of `genzoo doctor`: each looks at one thing of this machine and yields what it finds."""

from __future__ import annotations

import locale
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from genzoo.core.errors import GenzooError, PluginError
from genzoo.core.hookspecs import API
from genzoo.core.text import gigabytes, significant
from genzoo.core.version import __version__
from genzoo.registry.entries import describe

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OK, NOTE, BROKEN = "ok", "note", "BROKEN"
"""States. A note may matter to you; what is broken makes the exit code 1."""
BAD_PAIRS = (
    ("tensorboard", "<2.21", "setuptools", ">=82", "imports pkg_resources, which is gone", "tensorboard>=2.21"),
)
"""Versions that do not work together: two packages with their versions, why, and what to install."""
LITTLE, TOO_LITTLE = 2_000_000_000, 100_000_000
"""Bytes of free disk from which on a run of usual size fits; and from which on no run does."""
PROGRAM = "#include <Python.h>\n#include <vector>\nint main() { return 0; }\n"
"""What torch's compiled steps include."""
DRIVER = Path("/proc/driver/nvidia/version")


class Finding(NamedTuple):
    """What a check found."""

    state: str
    text: str
    suggestion: str = ""
    """What to type; "" if nothing is to be done."""


def examined(check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Return what a check finds; one that fails itself is a finding too."""
    try:
        return list(check())
    except Exception as error:
        return [Finding(BROKEN, f"this check failed: {describe(error)}", "for the traceback: genzoo --debug doctor")]


def versions() -> Iterator[Finding]:
    """Versions of genzoo, Python and the system, and of what genzoo needs."""
    system = f"{platform.system()} {platform.machine()}"
    yield Finding(OK, f"genzoo {__version__} (plugin API {API}), Python {platform.python_version()}, {system}")
    needed = list(requirements(""))
    for name in dict.fromkeys(one.name for one in needed):
        wanted = next(one for one in needed if one.name == name)
        if problem := unmet(wanted):
            yield Finding(BROKEN, f"{name}: {problem}", f"pip install '{name}{wanted.specifier}'")


def requirements(extra: str) -> Iterator[Requirement]:
    """Yield what genzoo needs with an extra, and without one for ""."""
    from packaging.requirements import Requirement

    for line in metadata.requires("genzoo") or ():
        wanted = Requirement(line)
        of_extra = wanted.marker is not None and "extra" in str(wanted.marker)
        if of_extra == bool(extra) and (wanted.marker is None or wanted.marker.evaluate({"extra": extra})):
            yield wanted


def version_of(name: str) -> str:
    """Return the version of an installed distribution; "" if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def unmet(wanted: Requirement) -> str:
    """Return why a requirement is not met, or ""."""
    version = version_of(wanted.name)
    if not version:
        return "not installed"
    return "" if wanted.specifier.contains(version, prereleases=True) else f"{version}, not {wanted.specifier}"


def pairs() -> Iterator[Finding]:
    """Pairs of versions that do not work together."""
    from packaging.specifiers import SpecifierSet

    for one, of_one, other, of_other, why, cure in BAD_PAIRS:
        first, second = version_of(one), version_of(other)
        if first and second and first in SpecifierSet(of_one) and second in SpecifierSet(of_other):
            yield Finding(BROKEN, f"{one} {first} with {other} {second}: {why}", f"pip install '{cure}'")


def extras() -> Iterator[Finding]:
    """The extras that are installed, and those that are not."""
    missing = []
    for extra in metadata.metadata("genzoo").get_all("Provides-Extra") or ():
        problems = [f"{one.name} {problem}" for one in requirements(extra) if (problem := unmet(one))]
        old = [problem for problem in problems if not problem.endswith("not installed")]
        if problems and not old:
            missing.append(extra)
        elif old:
            yield Finding(NOTE, f"extra {extra}: {', '.join(old)}", f'pip install "genzoo[{extra}]"')
    if missing:
        yield Finding(OK, f"extras not installed: {', '.join(missing)}", 'pip install "genzoo[EXTRA]" if you need one')


def torch_build() -> Iterator[Finding]:
    """The build of torch against the driver of the GPU."""
    try:
        import torch
    except Exception as error:
        yield Finding(BROKEN, f"torch: cannot be imported: {describe(error)}", "pip install --force-reinstall torch")
        return
    built = torch.version.cuda or torch.version.hip
    text = f"torch {torch.__version__}, built for {f'CUDA {built}' if built else 'CPUs'}"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if not DRIVER.exists() or torch.cuda.is_available():
        yield Finding(OK, text)
    elif not built:
        yield Finding(NOTE, f"{text}: the NVIDIA GPU here is not used", "install torch for CUDA: https://pytorch.org")
    elif hidden:
        yield Finding(NOTE, f"{text}: CUDA_VISIBLE_DEVICES hides the GPU", "unset CUDA_VISIBLE_DEVICES")
    else:
        driver = DRIVER.read_text().partition("\n")[0]
        update = "update the driver, or install torch for an older CUDA: https://pytorch.org"
        yield Finding(BROKEN, f"{text}: it cannot use the driver here, {driver}", update)


def devices() -> Iterator[Finding]:
    """A matrix product on each device."""
    import torch

    from genzoo.system.devices import describe_device

    found = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    for device in map(torch.device, [*found, *(["mps"] if torch.backends.mps.is_available() else [])]):
        a = torch.linspace(-1, 1, 256 * 256).view(256, 256)
        product(a.to(device))  # the first one also loads the library
        began = time.perf_counter()
        error = float((product(a.to(device)).cpu().double() - a.double() @ a.double()).abs().max())
        text = f"{describe_device(device)}: a matrix product takes {1e3 * (time.perf_counter() - began):.1f} ms"
        if error < 1e-2:
            yield Finding(OK, text)
        else:
            yield Finding(BROKEN, f"{device}: a matrix product is wrong by {error:.2g}", "train with --device cpu")


def product(a: Any) -> Any:
    """Return a matrix [N, N] times itself."""
    return a @ a


def threads() -> Iterator[Finding]:
    """torch's threads against the cores that this process may use."""
    import torch

    from genzoo.system.threads import overloaded, usable_cores

    count, cores = torch.get_num_threads(), usable_cores()
    if count > cores:
        text = f"threads: torch uses {count}, and this process may use {significant(cores, 3)} cores"
        yield Finding(NOTE, text, f"export OMP_NUM_THREADS={max(int(cores), 1)}")
    else:
        yield Finding(OK, f"{count} of {significant(cores, 3)} cores are used by torch")
    if busy := overloaded():
        yield Finding(NOTE, busy)


def compiler() -> Iterator[Finding]:
    """The C++ compiler that `--mode compile` needs."""
    name = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    install = "xcode-select --install" if sys.platform == "darwin" else "apt install g++ python3-dev"
    if not shutil.which(name):
        yield Finding(NOTE, f"no compiler {name}: --mode compile cannot be used", f"{install}, or set CXX")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.cpp"
        file.write_text(PROGRAM)
        words = [name, "-fsyntax-only", f"-I{sysconfig.get_paths()['include']}", str(file)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    if done.returncode:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), "it fails").strip()
        yield Finding(BROKEN, f"{name}: --mode compile cannot be used: {reason}", install)
    else:
        yield Finding(OK, f"--mode compile has {shutil.which(name)}")


def disk() -> Iterator[Finding]:
    """Free space and the right to write in the folders of runs, of data and of the cache."""
    from genzoo.comparison.references import RUNS, default_runs
    from genzoo.data.store import Store
    from genzoo.system.atomic import user_cache

    runs = RUNS if examined(settings)[0].state == BROKEN else default_runs()
    folders = {"runs": runs, "data": Store(None, say=lambda text: None).writable_root, "cache": user_cache()}
    for name, folder in folders.items():
        if folder is None:
            yield Finding(NOTE, f"{name}: no folder: you have no home folder", "export XDG_CACHE_HOME=/some/folder")
            continue
        there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        free = shutil.disk_usage(there).free
        if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
            yield Finding(BROKEN, f"{name}: cannot write to {there}", f"ls -ld {there}")
        else:
            state = OK if free > LITTLE else NOTE if free > TOO_LITTLE else BROKEN
            tidy = "" if state == OK else "genzoo runs clean; genzoo data clear"
            yield Finding(state, f"{name}: {folder}, {gigabytes(free)} free", tidy)


def datasets() -> Iterator[Finding]:
    """Data sets whose files are here, and damaged ones."""
    from genzoo.data.raw_files import known_file_sets
    from genzoo.data.store import Store

    store, ready = Store(None, say=lambda text: None), []
    sets = {entry.name: files for entry, files in known_file_sets() if files is not None}
    for name, files in sets.items():
        try:
            ready += [name] if store.find(files) else []
        except GenzooError as error:
            yield Finding(BROKEN, f"data set {name}: {error.message}", f"genzoo data verify {name}")
    yield Finding(OK, f"data sets here: {', '.join(ready) or 'none'}; {len(sets) - len(ready)} are fetched when used")


def plugins() -> Iterator[Finding]:
    """Plugins that are disabled, and what other packages than genzoo registered and cannot be imported."""
    from genzoo.registry import discovery
    from genzoo.registry.current import registry

    registry()
    for plugin in discovery.plugins:
        if plugin.error:
            left_out = "left out by" in plugin.error
            state = NOTE if left_out else BROKEN
            yield Finding(state, f"plugin {plugin.origin.plugin}: {plugin.error}", plugin.suggestion)
        for entry in plugin.entries if plugin.origin.distribution != "genzoo" else ():
            try:
                entry.load()
            except PluginError as error:
                yield Finding(BROKEN, f"{entry.kind} {entry.name}: {error.message}", error.hint.partition("\n")[0])
    working = [plugin for plugin in discovery.plugins if not plugin.error]
    others = sorted({plugin.origin.distribution for plugin in working} - {"genzoo"})
    yield Finding(OK, f"{len(working)} plugins work{f', also of {chr(44).join(others)}' if others else ''}")


def settings() -> Iterator[Finding]:
    """The user's own defaults."""
    from genzoo.runs import user_defaults

    try:
        found = user_defaults.read()
        yield Finding(OK, f"{len(found)} own defaults in {user_defaults.path()}" if found else "no own defaults")
    except GenzooError as error:
        yield Finding(BROKEN, error.message, error.hint.partition("\n")[0])


def characters() -> Iterator[Finding]:
    """The encodings of output and of files."""
    output, files = str(getattr(sys.stdout, "encoding", None) or "utf-8"), locale.getencoding()
    odd = [name for name in (output, files) if name.lower().replace("-", "") != "utf8"]
    if odd:
        yield Finding(NOTE, f"encoding: {odd[0]}: β, ≤ and − are replaced by ASCII", "export LC_ALL=C.UTF-8")
    else:
        yield Finding(OK, "texts are UTF-8")


CHECKS: dict[str, Callable[[], Iterable[Finding]]] = {
    "versions": versions,
    "pairs": pairs,
    "torch": torch_build,
    "devices": devices,
    "threads": threads,
    "compiler": compiler,
    "disk": disk,
    "data": datasets,
    "plugins": plugins,
    "settings": settings,
    "extras": extras,
    "encoding": characters,
}
"""Every check, in the order in which they are shown."""
