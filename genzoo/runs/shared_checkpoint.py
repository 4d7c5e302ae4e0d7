"""A checkpoint of the first process in all processes of a run, which need not share a disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from genzoo.runs.checkpoints import Checkpoint
from genzoo.system.distributed import Processes


@dataclass(frozen=True)
class Received(Checkpoint):
    """A checkpoint whose files came from another process."""

    contents: dict[str, bytes]

    def content(self, name: str) -> bytes:
        return self.contents[name]


def share(checkpoint: Checkpoint | None, processes: Processes) -> Checkpoint | None:
    """Return the checkpoint of the first process, in all processes. All of them call this.

    The first process reads and verifies the files; the others get them from it, and verify them again when they read.

    Args:
        checkpoint: That of the first process, None if it has none; None in the others.
        processes: The processes of the run.

    Raises:
        Damaged: A file is not what was written, in the first process.
    """
    if processes.size == 1:
        return checkpoint
    header = checkpoint and [str(checkpoint.path), checkpoint.step, checkpoint.facts, checkpoint.files]
    header = json.loads(processes.broadcast_object(json.dumps(header)))
    if not header:
        return None
    path, step, facts, files = header
    contents = {}
    for name, (size, _) in files.items():
        content = bytearray(checkpoint.read(name) if checkpoint else size)
        if size:  # torch has no view of no bytes
            processes.broadcast([torch.frombuffer(content, dtype=torch.uint8)])
        if not checkpoint:
            contents[name] = bytes(content)
    return checkpoint or Received(Path(path), step, facts, files, contents)
