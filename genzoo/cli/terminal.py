"""Text that depends on the terminal, such as a help text in boxes as wide as it: worked out once for each kind."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable
from typing import Any

from genzoo.registry.answer_cache import cached

LOOKS = ("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE")
"""Environment variables by which programs choose colours, beside those of tyro."""


class Likeness(io.StringIO):
    """Collect printed text; report the terminal properties of the stream that it stands for."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.like = stream

    def isatty(self) -> bool:
        return bool(self.like.isatty())

    @property
    def encoding(self) -> Any:  # type: ignore[override]  # None for a text in memory
        return getattr(self.like, "encoding", None)


def rendered(question: list[Any], show: Callable[[], object]) -> str:
    """Return what `show` prints to standard output; see `genzoo.registry.answer_cache.cached`. SystemExit is no error.

    Args:
        question: What is shown, as a JSON value; what the terminal is like is added to it.
        show: Prints.
    """
    looks = {name: value for name, value in os.environ.items() if name in LOOKS or name.startswith("PYTHON_TYRO_")}
    stream = Likeness(sys.stdout)
    terminal = [shutil.get_terminal_size().columns, stream.isatty(), stream.encoding, looks]

    def work_out() -> str:
        with contextlib.redirect_stdout(stream), contextlib.suppress(SystemExit):
            show()
        return stream.getvalue()

    text: str = cached([*question, *terminal], work_out)
    return text
