"""Examples in files of their kind."""

from __future__ import annotations

import csv
import io
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core.dataset import DataSpec, Part
from genzoo.core.errors import UsageError
from genzoo.figures.files import BETWEEN, as_csv, as_text, as_wav, column_names, write_examples
from genzoo.figures.formats import refuse_other_ending


def read_wav(content: bytes) -> tuple[np.ndarray, int]:
    """The samples [n, channels] and the rate."""
    with wave.open(io.BytesIO(content)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        assert file.getsampwidth() == 2
        return frames, file.getframerate()


def test_sound_is_one_signal_after_another_with_the_loudest_at_90_percent() -> None:
    time = torch.arange(4000) / 4000
    x = torch.stack([torch.sin(2 * torch.pi * 200 * time), 0.5 * torch.sin(2 * torch.pi * 300 * time)])[:, None]
    frames, rate = read_wav(as_wav(x, 4000.0))
    assert (rate, frames.shape) == (4000, (2 * (4000 + 600), 1))
    first, second = frames[:4000, 0], frames[4600:8600, 0]
    assert not frames[4000:4600].any()
    for signal, frequency in ((first, 200), (second, 300)):
        assert np.abs(np.fft.rfft(signal)).argmax() == frequency  # in Hz, for one second
    assert np.abs(first).max() == pytest.approx(0.9 * 32767, abs=2)
    assert np.abs(second).max() == pytest.approx(0.45 * 32767, abs=2)


def test_two_channels_are_stereo_and_more_are_mixed() -> None:
    x = torch.stack([torch.ones(50), torch.zeros(50), torch.ones(50)])[None]
    assert read_wav(as_wav(x[:, :2], 8000.0))[0][0].tolist() == [29490, 0]
    assert read_wav(as_wav(x, 8000.0))[0].shape[1] == 1


def test_a_low_rate_is_raised_to_one_that_plays() -> None:
    frames, rate = read_wav(as_wav(torch.rand(1, 1, 100), 100.0))
    assert rate == 3000
    assert len(np.unique(frames[:3000].reshape(100, 30), axis=1)[0]) == 1


def test_silence_and_faulty_values_are_written() -> None:
    assert not read_wav(as_wav(torch.zeros(1, 1, 10)))[0].any()
    as_wav(torch.full((1, 1, 10), torch.nan))


def test_texts_of_several_lines_are_kept_apart() -> None:
    assert as_text(["ab", "c"]) == "ab\nc\n"
    assert as_text(["a\nb", "c"]).removesuffix("\n").split(BETWEEN) == ["a\nb", "c"]


def test_tables_have_names_of_columns_of_parts_or_of_numbers() -> None:
    parts = (Part("age"), Part("left", (2,)))
    assert column_names(DataSpec((3,), "gaussian", parts=parts)) == ["age", "left1", "left2"]
    assert column_names(DataSpec((1,), "gaussian")) == ["x1"]
    assert column_names(DataSpec((2,), "gaussian"), ["height, cm", "b"]) == ["height, cm", "b"]
    rows = list(csv.reader(io.StringIO(as_csv(torch.tensor([[1.5, -2.0]]), ["height, cm", "b"]))))
    assert rows == [["height, cm", "b"], ["1.5", "-2"]]


def test_the_ending_says_how_examples_are_written(tmp_path: Path) -> None:
    tokens = DataSpec((2,), "", kind="tokens", levels=2, symbols=("", "é"))
    write_examples(tmp_path / "a.txt", torch.tensor([[1, 1], [1, 0]]), tokens)
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "éé\né\n"
    write_examples(tmp_path / "a.npy", torch.tensor([[1, 1]]), tokens)
    assert np.load(tmp_path / "a.npy").tolist() == [[1, 1]]


@pytest.mark.parametrize(
    ("spec", "name", "fitting"),
    [
        (DataSpec((4,), "", kind="tokens"), "a.wav", ".txt or .npy"),
        (DataSpec((1, 4), "gaussian", kind="signal"), "a.csv", ".png, .jpg, .jpeg, .webp, .wav or .npy"),
        (DataSpec((1, 4, 4), "bernoulli"), "a.txt", ".png, .jpg, .jpeg, .webp or .npy"),
        (DataSpec((4,), "gaussian"), "a.wav", ".png, .jpg, .jpeg, .webp, .csv or .npy"),
    ],
)
def test_a_file_of_another_kind_is_refused(spec: DataSpec, name: str, fitting: str) -> None:
    with pytest.raises(UsageError, match=f"examples of kind {spec.kind} are written to {fitting}"):
        refuse_other_ending(Path(name), spec.kind)
