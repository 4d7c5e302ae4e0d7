"""Waveforms and spectrograms."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from genzoo.figures.signals import FLOOR, draw_signals, spectrogram


@pytest.mark.parametrize("cycles", [4, 16, 40])
def test_the_spectrogram_of_a_sine_is_loudest_at_its_frequency(cycles: int) -> None:
    """Windows of 128 samples have their bins at multiples of 1/128."""
    signal = torch.sin(2 * torch.pi * cycles / 128 * torch.arange(1024))
    power = spectrogram(signal)
    assert power.shape[0] == 65
    assert (power.argmax(0) == cycles).all()
    assert (power.max(), power.min()) == (0, FLOOR)


def test_short_and_silent_signals_have_one() -> None:
    assert spectrogram(torch.rand(4)).numel() > 0
    assert (spectrogram(torch.zeros(64)) == FLOOR).all()


@pytest.mark.usefixtures("drawn_figures")
def test_a_row_a_signal_is_drawn(tmp_path: Path) -> None:
    signals = torch.rand(3, 2, 64)
    draw_signals(tmp_path / "a.png", {"real": signals[:1], "generated": signals[1:]}, 0.0, "signals")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1080, round(120 * (1.5 * 3 + 0.6)))
