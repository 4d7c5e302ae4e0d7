"""A model in one file: exact, whole or not at all, and nothing in it is ever run."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import genzoo
from genzoo.core.errors import GenzooError, UsageError
from genzoo.core.model import Model
from genzoo.core.options import to_json
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs import model_file
from genzoo.runs.build import build_model
from genzoo.runs.model_file import load_model, mismatches, save_model
from genzoo.system.atomic import write_atomically

SPECS = {
    "images": genzoo.DataSpec((1, 16, 17), "bernoulli", classes=10, size=100),
    "colours": genzoo.DataSpec((3, 16, 16), "gaussian-learned"),
    "points": genzoo.DataSpec((2,), "gaussian:0.1"),
    "views": genzoo.DataSpec((3,), "gaussian", parts=(genzoo.Part("a", (2,)), genzoo.Part("b", levels=3))),
    "signals": genzoo.DataSpec((1, 16), "gaussian", kind="signal", rate=8000.5),
    "tokens": genzoo.DataSpec((6,), "", kind="tokens", levels=3, symbols=("", "a", "é")),
    "counts": genzoo.DataSpec((4,), "nb"),
}


QUICK = ("conv-vae", "m2-vae", "tvae", "transformer", "gmm")
"""Models of the quick suite: of images, of points, of rows of parts, of tokens, and one that is fitted in closed form;
the check `weights` saves and loads every model."""
SEEN_AS_STORED = {"binary": False, "shift": 0.0, "scale": 1.0}


def build(name: str = "vae", spec: str = "points", seed: int = 0, **options: Any) -> Model:
    entry = registry().get("model", name)
    few = {"latent_dim": 3} if hasattr(entry.load().Config(), "latent_dim") and name != "infogan" else {}
    config = default_config(entry, {**entry.options, **few, **options})
    return build_model(entry, SPECS[spec], config, seed, torch.device("cpu"))


def fits(name: str, spec: str) -> bool:
    """Whether a model takes such data at all."""
    try:
        build(name, spec)
    except UsageError:
        return False
    return True


def save(path: Path, model: Model, name: str = "vae") -> None:
    save_model(path, model, registry().get("model", name))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in registry().names("model")],
)
def test_what_is_loaded_is_what_was_saved(name: str, tmp_path: Path, long: bool) -> None:
    specs = (spec for spec in SPECS if fits(name, spec))
    for spec in [next(specs), *(specs if long else ())]:
        model = build(name, spec, seed=5)
        save(tmp_path / "m.safetensors", model, name)
        loaded = load_model(tmp_path / "m.safetensors")
        assert (type(loaded), loaded.spec, loaded.config) == (type(model), model.spec, model.config)
        assert not loaded.training
        expected = model.state_dict()
        assert list(loaded.state_dict()) == list(expected)
        assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items())


def test_parts_stored_by_an_earlier_version_hold_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = model_file._to_store
    monkeypatch.setattr(
        model_file, "_to_store", lambda spec: {**stored(spec), "parts": [part[:2] for part in spec.parts]}
    )
    save(tmp_path / "m.safetensors", build(spec="views"))
    assert load_model(tmp_path / "m.safetensors").spec.parts == (genzoo.Part("a", (2,)), genzoo.Part("b"))


def test_a_file_describes_its_model(tmp_path: Path) -> None:
    model = build()
    save(tmp_path / "m.safetensors", model)
    with safe_open(tmp_path / "m.safetensors", framework="pt") as file:
        description = json.loads(file.metadata()["genzoo"])
    assert description == {
        "sha256": description["sha256"],
        "format": 1,
        "genzoo": genzoo.__version__,
        "model": "vae",
        "distribution": "genzoo",
        "distribution_version": genzoo.__version__,
        "spec": {"shape": [2], "likelihood": "gaussian:0.1", "classes": 0, "size": 0, **SEEN_AS_STORED},
        "config": to_json(model.config),
    }


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    save(tmp_path / "one.safetensors", build())
    save(tmp_path / "two.safetensors", build())
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()


def test_loading_draws_no_random_numbers(tmp_path: Path) -> None:
    save(tmp_path / "m.safetensors", build())
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load_model(tmp_path / "m.safetensors")
    assert torch.equal(torch.get_rng_state(), before)


def test_views_and_shared_rows_are_saved_as_they_read(tmp_path: Path) -> None:
    """safetensors refuses tensors that share memory or are not contiguous."""
    model = build()
    with torch.no_grad():
        weight = model.encoder[1].weight  # type: ignore[index, union-attr]
        weight.data = torch.randn(weight.shape[1], weight.shape[0]).T
    assert not weight.is_contiguous()
    save(tmp_path / "m.safetensors", model)
    assert torch.equal(load_model(tmp_path / "m.safetensors").encoder[1].weight, weight)  # type: ignore[index, union-attr]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_mode_of_a_file_follows_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        save(tmp_path / "m.safetensors", build())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m.safetensors").stat().st_mode) == 0o666 & ~mask


CALLS = ("fsync", "replace")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(5, "Input/output error")])
def test_a_write_that_fails_leaves_the_old_file(
    call: str, error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "m.safetensors"
    save(file, build())
    old = file.read_bytes()

    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(GenzooError) as told:
        save(file, build(seed=1))
    assert told.value.message == f"cannot write {file}: {error.strerror}"
    monkeypatch.undo()
    assert file.read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize("call", CALLS)
def test_a_write_that_is_interrupted_leaves_the_old_file(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "m.safetensors"
    file.write_bytes(b"old")

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, b"new")
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    real = {"fsync": os.fsync, "replace": os.replace}
    for name in real:
        monkeypatch.setattr(os, name, lambda *a, name=name: (order.append(name), real[name](*a))[1])
    write_atomically(tmp_path / "file", b"x" * 10_000)
    assert order == ["fsync", "replace"]
    assert (tmp_path / "file").read_bytes() == b"x" * 10_000


def test_a_name_of_a_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(GenzooError, match=r"cannot write .*folder: Is a directory"):
        write_atomically(tmp_path / "folder", b"")
    with pytest.raises(GenzooError, match="No such file or directory"):
        write_atomically(tmp_path / "none" / "file", b"")


def test_differences_between_two_models_are_named() -> None:
    expected = {"a": torch.zeros(2), "b": torch.zeros(3), "c": torch.zeros(1)}
    found = {"b": torch.zeros(3), "c": torch.zeros(1, dtype=torch.int64), "d": torch.zeros(1)}
    assert mismatches(expected, found) == [
        "a is missing", "d is unknown", "c is (1,) torch.int64, not (1,) torch.float32",
    ]  # fmt: skip
    assert mismatches(expected, dict(expected)) == []


AUDIT = """
import sys
import genzoo
from genzoo.registry.current import registry

for kind in ("model", "loss", "dataset", "metric"):  # a first import may run what it likes; a load may not
    for entry in registry().matching(kind):
        entry.load()
genzoo.load(sys.argv[1])
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, arguments)))
model = genzoo.load(sys.argv[1])
model.sample(2)
bad = ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "socket.connect", "marshal.loads", "import")
print([event for event, _ in seen if event in bad])
texts = {arguments[0].decode() for event, arguments in seen if event == "compile"}
print(texts <= set(type(model).Config.__annotations__.values()))  # typing reads the annotations of the class
print(any(event == "open" for event, _ in seen))
import pickle
try:
    pickle.loads(pickle.dumps(genzoo.DataSpec))
finally:
    print("pickle.find_class" in [event for event, _ in seen])
"""


@pytest.mark.long
def test_loading_a_model_runs_and_unpickles_nothing(tmp_path: Path) -> None:
    """The last line shows that the hook would have seen it."""
    save(tmp_path / "m.safetensors", build())
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, tmp_path / "m.safetensors"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["[]", "True", "True", "True"], done.stderr


def test_a_device_may_be_named(tmp_path: Path) -> None:
    save(tmp_path / "m.safetensors", build())
    assert load_model(tmp_path / "m.safetensors", torch.device("meta")).anchor.device.type == "meta"
