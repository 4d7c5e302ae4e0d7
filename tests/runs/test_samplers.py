"""Samplers in a run's folder: written once, read, and fitted again if the weights or the file changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from genzoo.core.noise import seeded
from genzoo.core.parts import Sampler
from genzoo.data.resident import Resident
from genzoo.runs import samplers as module
from genzoo.runs.model_file import save_model
from genzoo.runs.run import MODEL_FILE, Run
from genzoo.runs.samplers import FILE, StoredSamplers
from genzoo.testing import SPECS, Pair

CPU = torch.device("cpu")


def saved(folder: Path, name: str = "ae") -> tuple[Run, Pair]:
    """Return a folder with a model file, as a run has it, and what it was made of."""
    pair = Pair.of(name, spec=SPECS["points"])
    save_model(folder / MODEL_FILE, pair.build().model, pair.model)
    return Run(folder), pair


def samplers_of(run: Run, pair: Pair, read: list[str]) -> StoredSamplers:
    def train() -> Resident:
        read.append("data")
        return Resident(pair.split(80), CPU)

    return StoredSamplers(run, run.model, train, lambda line: read.append(line))


def drawn(sampler: Sampler | None) -> torch.Tensor:
    assert sampler is not None
    with seeded(0):
        return sampler.sample(50)


@pytest.mark.parametrize("name", ["gaussian", "gmm:3", "kde", "maf:1"])
def test_a_fitted_sampler_is_stored_and_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genzoo_plugins.samplers.maf.STEPS", 5)
    run, pair = saved(tmp_path)
    read: list[str] = []
    first = drawn(samplers_of(run, pair, read)(name))
    assert read == ["data", f"sampler {name} fitted to 80 codes of the training data"]
    assert (tmp_path / "samplers" / name.replace(":", "-") / FILE).is_file()
    assert torch.equal(first, drawn(samplers_of(run, pair, read)(name)))
    assert len(read) == 2  # neither data nor words


def test_other_weights_are_fitted_again(tmp_path: Path) -> None:
    run, pair = saved(tmp_path)
    read: list[str] = []
    first = drawn(samplers_of(run, pair, read)("gaussian"))
    model = run.model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    save_model(tmp_path / MODEL_FILE, model, pair.model)
    assert not torch.equal(first, drawn(samplers_of(Run(tmp_path), pair, read)("gaussian")))
    assert read.count("data") == 2


def test_a_damaged_file_is_a_warning_and_written_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, pair = saved(tmp_path)
    read: list[str] = []
    first = drawn(samplers_of(run, pair, read)("gmm:2"))
    file = tmp_path / "samplers/gmm-2" / FILE
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    assert torch.equal(first, drawn(samplers_of(run, pair, read)("gmm:2")))
    assert "is truncated or damaged" in capsys.readouterr().err
    assert torch.equal(first, drawn(samplers_of(run, pair, read)("gmm:2")))
    assert (read.count("data"), capsys.readouterr().err) == (2, "")


def test_a_killed_writer_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, pair = saved(tmp_path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            samplers_of(run, pair, [])("gaussian")
    folder = tmp_path / "samplers/gaussian"
    assert list(folder.iterdir()) == []
    samplers_of(run, pair, [])("gaussian")
    assert [file.name for file in folder.iterdir()] == [FILE]


@pytest.fixture
def link(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/samplers").symlink_to(tmp_path / "elsewhere")
    return tmp_path / "run"


def test_a_link_out_of_the_run_is_not_followed(link: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, pair = saved(link)
    assert samplers_of(run, pair, [])("gaussian") is not None
    assert list((link.parent / "elsewhere").iterdir()) == []
    assert "is a link out of the run" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, pair = saved(tmp_path)
    (tmp_path / "samplers").write_text("a file")
    assert samplers_of(run, pair, [])("gaussian") is not None
    assert "the sampler is not stored" in capsys.readouterr().err


def test_a_file_of_another_format_is_fitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, pair = saved(tmp_path)
    first = drawn(samplers_of(run, pair, [])("gaussian"))
    monkeypatch.setattr(module, "FORMAT", 2)  # as a later version would write it
    read: list[str] = []
    assert torch.equal(first, drawn(samplers_of(run, pair, read)("gaussian")))
    assert read[0] == "data"
