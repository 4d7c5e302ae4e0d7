"""The log of a run's epochs, metrics.jsonl."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from genzoo.core.errors import GenzooError
from genzoo.core.listener import Epoch
from genzoo.runs.run import Run
from genzoo.training.callback import Listener


class Log(Listener):
    """Write each epoch to the run's metrics.jsonl. An epoch that could not be written is written with the next one."""

    def __init__(self, run: Run, history: list[Epoch], warn: Callable[[str], None]) -> None:
        self.run = run
        self.lines = [asdict(record) for record in history]
        self.warn = warn
        self.error: GenzooError | None = None
        """Why the last line could not be written; None if it was."""

    def epoch_finished(self, record: Epoch) -> None:
        self.lines.append(asdict(record))
        try:
            if self.error:
                self.run.write_history(self.lines)
            else:
                self.run.append(self.lines[-1])
            self.error = None
        except (OSError, GenzooError) as error:
            if not self.error:
                self.warn(f"cannot write {self.run.path / 'metrics.jsonl'}: {error}; training goes on")
            self.error = GenzooError(f"{self.run.path / 'metrics.jsonl'} lacks epochs: {error}", "df -h")
