"""Files that hold examples as what they are: texts, sound, tables and plain numbers."""

from __future__ import annotations

import csv
import io
import math
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genzoo.core.dataset import DataSpec

BETWEEN = "\n--------\n"
"""Between two texts, if a text has several lines."""
RATE = 8000
"""Samples in a second of sound whose rate is not known."""
PAUSE = 0.15
"""Seconds of silence between two sounds."""
PEAK = 0.9
"""The largest amplitude in a file of sound."""
FEWEST_RATE = 3000
"""The lowest rate that browsers play, in samples a second."""


def write_examples(out: Path, x: Tensor, spec: DataSpec, columns: Sequence[str] = ()) -> None:
    """Write examples [N, *S] in the units of the data to a file whose ending says how.

    Args:
        out: A .txt, .wav, .csv or .npy file.
        x: The examples, on the CPU.
        spec: Of the data.
        columns: Names of the columns of a table.
    """
    if out.suffix == ".txt":
        out.write_text(as_text(spec.spell(x)), encoding="utf-8")
    elif out.suffix == ".wav":
        out.write_bytes(as_wav(x, spec.rate))
    elif out.suffix == ".csv":
        out.write_text(as_csv(x, column_names(spec, columns)), encoding="utf-8", errors="surrogateescape", newline="")
    else:
        np.save(out, x.numpy(), allow_pickle=False)


def as_text(texts: Sequence[str]) -> str:
    """Return texts one a line; with a line of dashes between them if one has several lines."""
    between = BETWEEN if any("\n" in text for text in texts) else "\n"
    return between.join(texts) + "\n"


def as_wav(x: Tensor, rate: float = 0.0) -> bytes:
    """Return signals [N, C, L] as one WAV file of 16 bits a sample, one after another with pauses.

    The largest amplitude becomes 0.9. Signals of one or two channels are sound in mono or stereo; of more channels, the
    mean is. A low rate is raised by repeating samples, for players that refuse it.
    """
    signals = x if x.shape[1] <= 2 else x.mean(1, keepdim=True)
    signals = signals.double().nan_to_num()
    own = rate or RATE
    signals = signals.repeat_interleave(times := math.ceil(FEWEST_RATE / own), -1)
    pause = signals.new_zeros(*signals.shape[:2], round(PAUSE * own * times))
    sound = torch.cat([signals, pause], 2).transpose(0, 1).flatten(1)  # [C, N·(L + pause)]
    sound = sound * (PEAK / sound.abs().max().clamp_min(1e-12))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(sound))
        file.setsampwidth(2)
        file.setframerate(round(own * times))
        file.writeframes((sound.T * 32767).round().numpy().astype("<i2").tobytes())
    return buffer.getvalue()


def column_names(spec: DataSpec, columns: Sequence[str] = ()) -> list[str]:
    """Return the name of each value of a row: of its column, or of its part, or x1, x2, …"""
    if columns:
        return list(columns)
    sizes = [(part.name, math.prod(part.shape)) for part in spec.parts] or [("x", spec.numel)]
    return [
        name if size == 1 and spec.parts else f"{name}{number + 1}" for name, size in sizes for number in range(size)
    ]


def as_csv(x: Tensor, header: Sequence[str]) -> str:
    """Return rows [N, F] with a header as CSV, six significant digits a number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{value:.6g}" for value in row] for row in x.flatten(1).tolist())
    return text.getvalue()
