"""Options that name another run.

    @genzoo.config
    class Config:
        on: Annotated[str, genzoo.RunRef] = ""
        '''The run whose model is used.'''

The user types a reference: a path, the beginning of a run's name, @last, @best:METRIC or
@best:METRIC@DATASET. Before anything is built, genzoo replaces it by a pinned reference,
"/absolute/path@sha256:DIGEST", with the digest of the run's model file. So the same model is used when the run is
resumed, evaluated or repeated, and another one is refused.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Annotated, Any, NamedTuple

PINNED = re.compile(r"(/.*)@sha256:([0-9a-f]{64})", re.DOTALL)


class RunRef:
    """Marks an option of a model, loss or dataset that names another run: `Annotated[str, genzoo.RunRef]`; "" is none.

    `genzoo.open_run(config.on)` and `genzoo.load(config.on)` take the value of the option.
    """


class PinnedRun(NamedTuple):
    """A reference to a run with this model, and no other."""

    path: str
    """The absolute path of the run folder."""
    digest: str
    """The SHA-256 of its model file, 64 hexadecimal digits."""

    def __str__(self) -> str:
        return f"{self.path}@sha256:{self.digest}"


def parse_pinned(reference: Any) -> PinnedRun | None:
    """Return the path and the digest of a pinned reference; None for any other value."""
    match = PINNED.fullmatch(reference) if isinstance(reference, str) else None
    return PinnedRun(match[1], match[2]) if match else None


def run_references(config: Any) -> dict[str, str]:
    """Return the options of a config that name a run, by their names; those that are "" are left out."""
    return {name: value for name in run_options(type(config)) if (value := getattr(config, name))}


def run_options(config: type) -> list[str]:
    """Return the names of a config's options that name a run."""
    hints = typing.get_type_hints(config, include_extras=True)
    return [field.name for field in dataclasses.fields(config) if _is_marked(hints[field.name])]


def _is_marked(annotation: Any) -> bool:
    """Return whether an annotation is Annotated[…, RunRef]."""
    return typing.get_origin(annotation) is Annotated and RunRef in typing.get_args(annotation)[1:]
