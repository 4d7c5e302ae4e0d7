"""The interface of a launcher, which starts commands on other machines: `genzoo run … --on NAME`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genzoo.core.options import NoOptions


class Launcher:
    """Start copies of a command elsewhere, `genzoo bench … --on NAME --workers 8`.

    The copies share the folder in which they start, and agree by its files on who does what. Each may be ended by
    SIGTERM, after which it saves its run and ends with 143, and started again with the same words, at any time.

    Args:
        config: Its options: an instance of its `Config`, typed as `--NAME.option`.

    Raises:
        UsageError: It cannot start anything here.
    """

    Config: type = NoOptions

    def __init__(self, config: Any) -> None:
        self.config = config

    def start(self, command: Sequence[str], n: int) -> list[str]:
        """Start n copies of a command in the present folder, and return without waiting for them.

        Args:
            command: Its words, the first of which is a program.
            n: How many copies.

        Returns:
            What each copy is called where it was started, such as the number of a job.

        Raises:
            GenzooError: They cannot be started.
        """
        raise NotImplementedError(f"{type(self).__name__} must define start(command, n)")
