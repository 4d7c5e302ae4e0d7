"""The folder of a new run: its name, its claim, and what refuses it before any work is done."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genzoo.core.errors import UsageError
from genzoo.runs.run import Run
from genzoo.system import lock
from genzoo.system.atomic import is_temporary


def refuse_unwritable(root: Path, out: Path | None) -> None:
    """Refuse an output folder that exists or cannot be made, before any work is done.

    Raises:
        UsageError: The folder cannot be used; it is named.
    """
    folder = out or root
    if out and out.exists() and not is_unused(out):
        raise _exists(out)
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(
            f"cannot write to {above}", f"choose another folder with {'--out' if out else '--runs'} FOLDER"
        )


@contextmanager
def claim(root: Path, out: Path | None, model: str, dataset: str) -> Iterator[Run]:
    """Make a new run folder and hold its lock: `out`, or <root>/<model>-<dataset>-<date>-<time>-<four digits>.

    Making the folder is the claim, so runs started at the same time get different folders. If several processes name
    the same `out`, the first one to lock it gets it.

    Raises:
        UsageError: The folder exists or cannot be made.
    """
    with lock.locked(make_folder(root, out, model, dataset)) as path:
        if not is_unused(path):  # another process has used it meanwhile
            raise _exists(path)
        yield Run(path)


def make_folder(root: Path, out: Path | None, model: str, dataset: str) -> Path:
    """Make the empty folder of a new run and return it, see `claim`.

    Raises:
        UsageError: It exists or cannot be made.
    """
    stamp = time.strftime("%Y%m%d-%H%M", time.gmtime())
    short = "-".join(name.rpartition("/")[2] for name in (model, dataset))
    while True:
        path = out or root / f"{short}-{stamp}-{secrets.token_hex(2)}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=out is not None and is_unused(path))
        except FileExistsError:
            if out:
                raise _exists(out) from None
            continue
        except OSError as error:
            raise UsageError(f"cannot make {path}: {error.strerror}", "choose another with --runs FOLDER") from None
        return path


def is_unused(folder: Path) -> bool:
    """Return whether a run can begin in a folder: it has no files, except those of a run that never began.

    These are its lock, and an unfinished first file.
    """
    return folder.is_dir() and all(path.name == lock.FILE or is_temporary(path) for path in folder.iterdir())


def _exists(out: Path) -> UsageError:
    how = "name another folder, or delete it"
    if (out / "config.json").exists():
        how = f"go on with the run there: genzoo resume {out}; or add --or-resume; or name another folder"
    return UsageError(f"--out {out}: it exists already; nothing was changed", how)
