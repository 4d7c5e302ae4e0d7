"""Run hostile cases in one process and record the output, the cost, and whether any code of a file ran.

    python guard.py FOLDER [CASE …]

prints one line of JSON per case. `Watch` is an audit hook, which cannot be removed: therefore it needs its own process.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

QUICK = "--quick"
"""The word that asks for the cases of the quick suite."""
HANGS = 20
"""Seconds of wall time after which a case counts as hung."""
STARTS_SOMETHING = ("pickle.find_class", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.spawn")
CONNECTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "urllib.Request")
CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.chmod", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """An audit hook that records actions that no file may cause."""

    def __init__(self, trusted: list[Path]) -> None:
        self.trusted = [os.path.realpath(path) for path in trusted]
        self.allowed: str | None = None
        """The only folder that may be written to; None disables the watch."""
        self.seen: list[str] = []
        self.known: set[str] = set()
        """Texts that are compiled without any hostile file: annotations of dataclasses."""
        self.text = ""
        self.learning = True
        sys.addaudithook(self)

    @contextlib.contextmanager
    def over(self, folder: Path) -> Iterator[list[str]]:
        """Watch, and yield the list of recorded actions."""
        self.seen, self.learning = [], False
        self.allowed = os.path.realpath(folder)
        try:
            yield self.seen
        finally:
            self.allowed = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "compile":
            self.compiled(arguments)
        if self.allowed is None:
            return
        if event in STARTS_SOMETHING or event in CONNECTS:
            self.seen.append(f"{event} {arguments}"[:200])
        elif event == "subprocess.Popen":
            self.seen.append(f"{event} {arguments[1]}"[:200])
        elif event == "exec":
            self.executed(arguments[0])
        elif event == "open":
            path, mode, flags = arguments
            if isinstance(path, (str, bytes)) and (flags & WRITING or set(mode or "") & set("wax+")):
                self.written(event, path)
        elif event in CHANGES:
            self.written(event, arguments[0])

    def compiled(self, arguments: tuple[Any, ...]) -> None:
        source = arguments[0]
        self.text = source.decode(errors="replace") if isinstance(source, bytes) else str(source)
        if self.learning:
            self.known.add(self.text)

    def executed(self, code: Any) -> None:
        """Allow modules of the installation and annotations of dataclasses."""
        file = os.path.realpath(code.co_filename)
        if not any(file.startswith(folder) for folder in self.trusted) and self.text not in self.known:
            self.seen.append(f"exec {code.co_filename}: {self.text}"[:200])

    def written(self, event: str, path: str | bytes | int) -> None:
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path))
        assert self.allowed is not None
        if not real.startswith(self.allowed + os.sep) and real != os.devnull:
            self.seen.append(f"{event} {real}")


class Hanging(BaseException):
    """Raised at the time limit; not an Exception, so that `except Exception` does not catch it."""


def peak() -> int:
    """Return the peak resident size since `forget_peak`, in bytes; since the start if the system cannot reset it."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << (0 if sys.platform == "darwin" else 10)


def forget_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def run_captured(work: list[Any] | Callable[[], object]) -> tuple[int, str, str]:
    """Return exit code, standard output and standard error of a command, or of a call in its place."""
    from genzoo.cli.main import main
    from genzoo.core.errors import GenzooError

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if not callable(work):
            return main([str(word) for word in work]), out.getvalue(), err.getvalue()
        try:
            work()
        except GenzooError as error:
            return error.exit_code, out.getvalue(), f"genzoo: {error}\n"
    return 0, out.getvalue(), err.getvalue()


def measured(watch: Watch, folder: Path, work: list[Any] | Callable[[], object]) -> dict[str, Any]:
    """Run one case and return its result."""

    def hang(*_: object) -> None:
        raise Hanging

    signal.signal(signal.SIGALRM, hang)
    signal.alarm(HANGS)
    forget_peak()
    before, start = peak(), time.process_time()
    code, out, err, problem = -1, "", "", ""
    with watch.over(folder) as seen:
        try:
            code, out, err = run_captured(work)
        except Hanging:
            problem = f"it hung for more than {HANGS} s"
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - start
    signal.alarm(0)
    return {
        "code": code, "out": out[:2000], "err": err[:4000], "problem": problem, "seen": seen,
        "seconds": seconds, "growth": peak() - before,
    }  # fmt: skip


def texts_of_types(registered: type) -> set[str]:
    """Return the annotations of a class's options, which typing compiles."""
    classes = getattr(registered, "Config", object).__mro__
    return {str(text) for cls in classes for text in vars(cls).get("__annotations__", {}).values()}


def prepare(folder: Path, watch: Watch) -> Path:
    """Make an intact run, and import all that commands import on first use."""
    import corpus
    from forge import picture
    from PIL import Image

    import genzoo
    from genzoo.registry.current import registry

    for kind in ("model", "loss", "dataset", "metric"):
        for entry in registry().matching(kind):
            watch.known |= texts_of_types(entry.load())
    genzoo.run("vae", "moons", epochs=1, latent_dim=2, hidden=(8,), data={"train": 64}, out=folder / "good", quiet=True)
    good = folder / "good"
    warm = folder / "warm"
    warm.mkdir()
    os.chdir(warm)
    place = corpus.Place(warm, good, folder / "outside")
    (folder / "outside").mkdir()
    Image.new("L", (16, 16)).save(folder / "outside/secret.png")
    (warm / "pictures").mkdir()
    for name in ("a", "b", "c"):
        (warm / "pictures" / f"{name}.png").write_bytes(picture("PNG"))
    commands: list[list[Any]] = [
        ["sample", place.run(), "-n", 2], ["evaluate", good], ["report", "run"], ["compare", "run"],
        ["run", "vae", "--dataset", "folder", "--data.path", "pictures", "--out", "w", "--epochs", 1],
        ["reconstruct", "w"], ["anomaly", "w"], ["augment", "w"], ["traverse", "w"], ["list"], ["data", "list"],
        ["run", "--config", "run/config.json", "--out", "again", "--quiet"], ["sample", "nothing"],
    ]  # fmt: skip
    for words in commands:
        code, _, err = run_captured(words)
        assert code in (0, 2), (words, err)
    return good


def main(folder: Path, names: list[str]) -> None:
    """Prepare, and run every case in its own folder."""
    import corpus
    import hostile_data
    import hostile_models
    import hostile_records
    import hostile_runs

    assert all((hostile_data, hostile_models, hostile_records, hostile_runs))

    watch = Watch([Path(sys.prefix), Path(sys.base_prefix), *map(Path, filter(None, sys.path))])
    good = prepare(folder, watch)
    quick, names = QUICK in names, [name for name in names if name != QUICK]
    for number, (name, recipe) in enumerate(corpus.CASES.items()):
        if (quick and number % corpus.EACH) or (names and not any(part in name for part in names)):
            continue
        here = folder / f"{number}"
        here.mkdir()
        os.chdir(here)
        work = recipe(corpus.Place(here, good, folder / "outside"))
        result = measured(watch, here, work)
        result["canary"] = (folder / "outside/canary").exists() or (here / "canary").exists()
        print(json.dumps({"name": name, **result}), flush=True)
    with watch.over(folder) as seen:  # test that it would notice
        import pickle

        pickle.loads(pickle.dumps(Path))
        eval("1 + 1")
        (folder / "outside/x").touch()
        (Path("/tmp") / f"genzoo-guard-{os.getpid()}").touch()
    (Path("/tmp") / f"genzoo-guard-{os.getpid()}").unlink()
    print(json.dumps({"name": "control", "seen": seen}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
