"""Figures of signals: waveforms and spectrograms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genzoo.figures.canvas import DATA_COLOUR, MODEL_COLOUR, TITLE, new_figure, own_style, save
from genzoo.figures.scatter import tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = 6
"""Signals in a figure."""
WINDOW = 128
"""Largest number of samples in a window of a spectrogram."""
FLOOR = -80.0
"""Decibels below the loudest value that are drawn as silence."""


def spectrogram(signal: Tensor) -> Tensor:
    """Return the power of a signal [L] over frequency and time in decibels relative to the loudest value, [F, T].

    Windows are Hann windows of at most 128 samples, each a quarter later than the one before.
    """
    size = min(WINDOW, 1 << max(len(signal).bit_length() - 2, 1))
    window = torch.hann_window(size, dtype=torch.float64)
    spectrum = torch.stft(
        signal.double(), size, max(size // 4, 1), window=window, center=False, return_complex=True
    )  # fmt: skip
    power = spectrum.abs().square()
    return (10 * (power / power.max().clamp_min(1e-30)).clamp_min(1e-12).log10()).clamp_min(FLOOR)


@own_style()
def draw_signals(path: Path, sets: dict[str, Tensor], rate: float, title: str) -> None:
    """Draw the waveform and the spectrogram of signals, a row each.

    Args:
        path: A PNG file.
        sets: Signals [N, C, L] by name, such as "generated". Channels are drawn over each other; the spectrogram is of
            their mean.
        rate: Samples a second; 0: not known, time is counted in samples.
        title: Above the rows.
    """
    rows = [(name, signal.cpu()) for name, signals in sets.items() for signal in signals[:SHOWN]]
    figure = new_figure(9, 1.5 * len(rows) + 0.6)
    grid = figure.subplots(len(rows), 2, squeeze=False, width_ratios=(2, 1))
    highest = max(float(signal.abs().nan_to_num().max()) for _, signal in rows) or 1.0
    for (waveform, spectrum), (name, signal) in zip(grid, rows, strict=True):
        time = (torch.arange(signal.shape[1]) / (rate or 1)).numpy()
        colour = MODEL_COLOUR if name == "generated" else DATA_COLOUR
        for channel in signal:
            waveform.plot(time, channel.numpy(), color=colour, linewidth=0.7)
        waveform.set(ylim=(-1.05 * highest, 1.05 * highest), ylabel=name)
        waveform.margins(x=0)
        tidy(waveform)
        _draw_spectrogram(spectrum, signal.mean(0).nan_to_num(), rate)
    unit = "time in seconds" if rate else "time in samples"
    for axes in grid[-1]:
        axes.set_xlabel(unit)
    for axes in grid[:-1].flat:
        axes.set_xticklabels([])
    grid[0, 0].set_title(title, **TITLE)
    grid[0, 1].set_title("spectrogram" + (", Hz" if rate else ""), **TITLE)
    save(figure, path)


def _draw_spectrogram(axes: Axes, signal: Tensor, rate: float) -> None:
    extent = (0.0, len(signal) / (rate or 1), 0.0, (rate or 1) / 2)
    power = spectrogram(signal).numpy()
    axes.imshow(power, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=FLOOR, vmax=0)
