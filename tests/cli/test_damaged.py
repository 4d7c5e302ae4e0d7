"""Run folders that are damaged, or were made by a plugin that is not here."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

import pytest
import torch
from commandline import genzoo, refused
from plugin_factory import Site, registering
from safetensors.torch import load_file, save_file

import genzoo as package
from genzoo.core.errors import GenzooError, PluginError
from genzoo.registry import current as registry
from genzoo.runs.run import Run
from genzoo.system.checksummed import write_sealed


@pytest.fixture
def copy(moons_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder that may be damaged, called as people call it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(moons_run.path, "runs/moons")
    return Path("runs/moons")


def metadata(file: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        return dict(opened.metadata())


def rewrite(file: Path, tensors: dict[str, torch.Tensor] | None = None, **description: object) -> None:
    """Changes a model file as somebody would who knows how to seal it. A value of ... takes the entry out."""
    told = json.loads(metadata(file)["genzoo"]) | description
    told = {name: value for name, value in told.items() if value is not ... and name != "sha256"}
    write_sealed(file, load_file(file) if tensors is None else tensors, told)


def cuts(size: int) -> list[int]:
    return [0, 1, 7, 8, 9, 100, 700, size // 2, size - 4, size - 1]


@pytest.mark.parametrize("place", range(10))
def test_a_model_file_cut_short(copy: Path, place: int) -> None:
    file = copy / "model.safetensors"
    content = file.read_bytes()
    file.write_bytes(content[: cuts(len(content))[place]])
    message = refused(genzoo("evaluate", copy), 1)
    assert message.startswith(f"{file} ")
    assert "is truncated or damaged" in message


@pytest.mark.parametrize("seed", range(4))
def test_a_model_file_of_random_bytes(copy: Path, seed: int) -> None:
    (copy / "model.safetensors").write_bytes(random.Random(seed).randbytes(5000))
    assert f"{copy}/model.safetensors" in refused(genzoo("sample", copy), 1)


def test_a_header_that_claims_too_much_is_not_read(copy: Path) -> None:
    file = copy / "model.safetensors"
    file.write_bytes((1 << 40).to_bytes(8, "little") + file.read_bytes()[8:])
    message = refused(genzoo("sample", copy), 1)
    assert re.match(rf"{file} \(.* bytes\) is truncated or damaged: sha256 [0-9a-f]{{8}}… instead of ", message)
    assert message.endswith(": its header claims 1,099,511,627,776 bytes")


NAME = "encoder.1.weight"
CHANGES = {
    "missing": (lambda t: t.pop(NAME), f"{NAME} is missing"),
    "renamed": (lambda t: t.update(other=t.pop(NAME)), f"{NAME} is missing; other is unknown"),
    "added": (lambda t: t.update(other=torch.zeros(2)), "other is unknown"),
    "reshaped": (lambda t: t.update({NAME: t[NAME].T.contiguous()}), f"{NAME} is (2, 400) torch.float32, not (400, 2)"),
    "half": (
        lambda t: t.update({NAME: t[NAME].half()}),
        f"{NAME} is (400, 2) torch.float16, not (400, 2) torch.float32",
    ),
    "whole": (
        lambda t: t.update({NAME: t[NAME].long()}),
        f"{NAME} is (400, 2) torch.int64, not (400, 2) torch.float32",
    ),
    "empty": (lambda t: t.update({NAME: torch.zeros(0, 2)}), f"{NAME} is (0, 2) torch.float32, not (400, 2)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_tensors_that_do_not_fit(copy: Path, change: str) -> None:
    file = copy / "model.safetensors"
    alter, problem = CHANGES[change]
    tensors = load_file(file)
    alter(tensors)
    rewrite(file, tensors)
    message = refused(genzoo("sample", copy), 1)
    assert message.startswith(f"{file} does not fit vae: {problem}")


DESCRIPTIONS: list[tuple[dict[str, object], int, str]] = [
    ({"format": 2}, 1, "does not have format 1, the one that this version reads"),
    ({"format": ...}, 1, "does not have format 1"),
    ({"model": ...}, 1, ": its description of the model is damaged"),
    ({"spec": "parts"}, 1, ": its description of the model is damaged"),
    ({"spec": 3}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": "xy", "likelihood": "gaussian"}}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": [2], "likelihood": "gaussian", "more": 1}}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": [2], "likelihood": 5}}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": [-2], "likelihood": "gaussian"}}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": [2], "likelihood": "gaussian", "scale": 0.0}}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": [2], "likelihood": "gaussian", "size": "9"}}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": [2], "likelihood": "gaussian", "classes": -3}}, 1, ": its description of the model is damaged"),
    ({"spec": {"shape": [1 << 40], "likelihood": "gaussian"}}, 2, "vae with these options needs"),
    ({"config": {"latent_dims": 2}}, 2, ": unknown option 'latent_dims'. Did you mean 'latent_dim'?"),
    ({"config": {"latent_dim": 1 << 40}}, 2, "vae with these options needs"),
    ({"config": {"latent_dim": "x"}}, 2, ": --latent-dim must be a whole number, not 'x'"),
    ({"config": {"activation": "__import__"}}, 2, ": --activation must be one of relu"),
    ({"model": "unheard-of"}, 4, "was made with model 'unheard-of' of genzoo"),
    ({"distribution": "elsewhere", "distribution_version": "3.1"}, 4, "of elsewhere 3.1, which is not installed"),
]


@pytest.mark.parametrize(("changed", "code", "message"), DESCRIPTIONS)
def test_a_description_that_is_wrong(copy: Path, changed: dict[str, object], code: int, message: str) -> None:
    rewrite(copy / "model.safetensors", **changed)
    first = refused(genzoo("sample", copy), code)
    assert message in first


@pytest.mark.parametrize("described", [None, {}, {"genzoo": "{"}, {"genzoo": "[1]"}, {"genzoo": "[" * 100_000}])
def test_a_safetensors_file_that_is_no_model_of_genzoo(copy: Path, described: dict[str, str] | None) -> None:
    file = copy / "model.safetensors"
    save_file(load_file(file), file, metadata=described)
    message = refused(genzoo("sample", copy), 1)
    assert message.startswith((f"{file} holds no description", f"{file} has no SHA-256"))


@pytest.mark.parametrize("name", ["model.pt", "model.pkl", "model.bin"])
def test_a_pickle_is_refused_unread(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    torch.save({"weight": torch.zeros(1)}, file)
    with pytest.raises(GenzooError) as error:
        package.load(file)
    assert error.value.message == f"{file} is not a .safetensors file; genzoo never unpickles"
    file.rename(tmp_path / "model.safetensors")
    with pytest.raises(GenzooError, match="truncated or damaged"):
        package.load(tmp_path / "model.safetensors")


def test_a_model_file_that_is_not_there(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    assert refused(genzoo("sample", copy)) == f"{copy} has no model: model.safetensors is missing"


DAMAGED_JSON = [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null", b"[" * 100_000, b'{"model": {"name": "vae"']


@pytest.mark.parametrize("content", DAMAGED_JSON, ids=lambda content: repr(content[:12]))
def test_a_damaged_config(copy: Path, content: bytes) -> None:
    (copy / "config.json").write_bytes(content)
    assert refused(genzoo("evaluate", copy), 1).startswith(f"{copy}/config.json is damaged: no JSON")
    assert genzoo("sample", copy, "-n", 2, "--out", "s.npy").code == 1  # its picture takes training data
    assert package.load(copy / "model.safetensors").sample(2).shape == (2, 2)


@pytest.mark.parametrize(
    "changed",
    [{"model": "vae"}, {"data": {}}, {"loss": None}, {"training": 3}, {"model": {"name": 5}}, {"data": {"name": [1]}}],
    ids=str,
)
def test_a_config_of_another_form(copy: Path, changed: dict[str, object]) -> None:
    values = json.loads((copy / "config.json").read_text()) | changed
    (copy / "config.json").write_text(json.dumps(values))
    message = refused(genzoo("evaluate", copy))
    assert message == f"{copy}/config.json is not a resolved configuration: it needs model, loss, data, training"


def test_a_config_with_an_option_of_another_version(copy: Path) -> None:
    values = json.loads((copy / "config.json").read_text())
    values["training"]["momentum"] = 0.9
    (copy / "config.json").write_text(json.dumps(values))
    assert refused(genzoo("evaluate", copy)).startswith(f"{copy}/config.json: unknown option 'momentum'")
    assert refused(genzoo("run", "--config", copy / "config.json")).startswith(f"{copy}/config.json:")


@pytest.mark.parametrize("content", DAMAGED_JSON, ids=lambda content: repr(content[:12]))
def test_damaged_results_and_record(copy: Path, content: bytes) -> None:
    """They are read for their own sake; the model and its figures can be had without them."""
    for name in ("results.json", "run.json"):
        (copy / name).write_bytes(content)
    for read in (lambda: Run(copy).results, lambda: Run(copy).record):
        with pytest.raises(GenzooError, match="is damaged: no JSON"):
            read()
    assert genzoo("evaluate", copy).code == 0
    assert genzoo("evaluate", "@last", "--runs", copy.parent).code == 0


# plugins that have gone


@pytest.fixture
def made_by_plugin(site: Site, tmp_path: Path) -> Path:
    """A run of a model and on a dataset of an installed package, which is uninstalled again."""
    source = registering("hvae", target="genzoo_plugins.vae.vae:VAE")
    hoops = registering("hoops", "dataset", "genzoo_plugins.toy.moons:Moons")
    site.add(source + hoops, "genzoo-hvae", "0.2.0")
    for model, dataset in (("hvae", "moons"), ("vae", "hoops")):
        words = ("--epochs", 1, "--latent-dim", 2, "--out", tmp_path / model, "--quiet")
        result = genzoo("run", model, "--dataset", dataset, *words)
        assert result.code == 0, result.err
    shutil.rmtree(site.folder)
    site.folder.mkdir()
    registry.reset()
    return tmp_path


@pytest.mark.parametrize(
    "words", ["evaluate", *(pytest.param(verb, marks=pytest.mark.long) for verb in ("sample", "reconstruct"))]
)
def test_a_model_whose_plugin_is_not_installed(made_by_plugin: Path, words: str) -> None:
    result = genzoo(words, made_by_plugin / "hvae")
    file = made_by_plugin / "hvae"
    assert refused(result, 4).startswith(f"{file}")
    assert refused(result, 4).endswith(" was made with model 'hvae' of genzoo-hvae 0.2.0, which is not installed")
    assert result.err.splitlines()[1:] == ["  pip install genzoo-hvae    if you trust who made it"]
    with pytest.raises(PluginError, match=r"of genzoo-hvae 0\.2\.0, which is not installed"):
        package.load(file)


def test_a_dataset_whose_plugin_is_not_installed(made_by_plugin: Path) -> None:
    run = made_by_plugin / "vae"
    assert genzoo("reconstruct", run).code == genzoo("evaluate", run).code == 4
    message = refused(genzoo("evaluate", run), 4)
    assert message == f"{run} was made with dataset 'hoops' of genzoo-hvae 0.2.0, which is not installed"
    assert package.load(run).sample(2).shape == (2, 2)


def test_a_model_of_a_file_that_is_not_given(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(registering("mine", target="genzoo_plugins.vae.vae:VAE"))
    words = ("run", "mine", "--dataset", "moons", "--epochs", 1, "--out", tmp_path / "run", "--quiet")
    assert genzoo("-p", file, *words).code == 0
    assert genzoo("sample", tmp_path / "run", "-n", 2).code == 0
    registry.reset()
    result = genzoo("sample", tmp_path / "run", "-n", 2)
    assert refused(result, 4).endswith("was made with model 'mine' of mine.py, which is not installed")
    assert result.err.splitlines()[1:] == ["  give its file: genzoo -p FILE.py …"]
    assert genzoo("-p", file, "sample", tmp_path / "run", "-n", 2).code == 0
