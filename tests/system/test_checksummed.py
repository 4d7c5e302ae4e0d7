"""The checksum of a model file: a flipped bit, a missing byte and swapped parts are refused."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import torch
from forge import forge, parts, sealed

import genzoo
from genzoo.core.errors import GenzooError
from genzoo.registry.configs import default_config
from genzoo.registry.current import registry
from genzoo.runs.build import build_model
from genzoo.runs.model_file import save_model
from genzoo.system.checksummed import read_arrays, read_sealed, seal


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a small model, 3 kB."""
    entry = registry().get("model", "vae")
    config = default_config(entry, {"latent_dim": 2, "hidden": [8]})
    path = tmp_path_factory.mktemp("seal") / "model.safetensors"
    save_model(path, build_model(entry, genzoo.DataSpec((4,), "gaussian"), config, 0, torch.device("cpu")), entry)
    return path


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(GenzooError) as error:
        genzoo.load(path)
    message = error.value.message
    assert message.startswith(str(path))
    assert "\n" not in message
    assert error.value.hint
    return message


def flipped(content: bytes, bit: int) -> bytes:
    byte, place = divmod(bit, 8)
    return content[:byte] + bytes([content[byte] ^ 1 << place]) + content[byte + 1 :]


HASHES = re.compile(r"sha256 [0-9a-f]{8}… instead of .{8}…", re.DOTALL)


def test_every_flipped_bit_is_refused_with_both_digests(model: Path, tmp_path: Path, long: bool) -> None:
    content = model.read_bytes()
    begin = content.index(b'\\"sha256\\"')
    bits = random.Random(0).sample(range(8 * len(content)), 5000 if long else 500)
    for bit in bits:
        message = refused(tmp_path / "m.safetensors", flipped(content, bit))
        # If the mark itself is damaged, there is no digest to compare with.
        assert HASHES.search(message) or begin <= bit // 8 < begin + 90, (bit, message)


def test_every_bit_of_the_first_bytes_and_of_the_mark(model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    begin = content.index(b'\\"sha256\\"')
    for bit in [*range(64), *range(8 * begin, 8 * (begin + 90))]:
        refused(tmp_path / "m.safetensors", flipped(content, bit))


def test_shortened_lengthened_and_swapped_files_are_refused(model: Path, tmp_path: Path) -> None:
    content, path = model.read_bytes(), tmp_path / "m.safetensors"
    middle = len(content) // 2
    for size in random.Random(1).sample(range(len(content)), 200):
        refused(path, content[:size])
    for more in (b"\0", b" ", content, b"x" * 1000):
        refused(path, content + more)
        refused(path, more + content)
    refused(path, content[middle:] + content[:middle])
    refused(path, content[:-64] + content[-32:] + content[-64:-32])
    path.write_bytes(content)
    assert genzoo.load(path).sample(2).shape == (2, 4)


def test_two_tensors_with_swapped_names_are_refused(model: Path, tmp_path: Path) -> None:
    """Both have one shape and dtype, so that safetensors and the model would accept the swap."""
    header, description, data = parts(model.read_bytes())
    shapes: dict[str, list[str]] = {}
    for name, entry in header.items():
        shapes.setdefault(str(entry.get("shape")), []).append(name)
    one, other, *_ = next(names for names in shapes.values() if len(names) > 1)
    swapped = {**header, one: header[other], other: header[one]}
    text = str(sealed(swapped, description, data))
    assert text != str(model.read_bytes())
    broken = sealed(swapped, description, data)
    stale = re.sub(rb'(sha256\\": \\")[0-9a-f]{64}', rb"\g<1>" + description["sha256"].encode(), broken)
    assert HASHES.search(refused(tmp_path / "m.safetensors", stale))


def test_a_file_with_a_new_checksum_is_read(model: Path, tmp_path: Path) -> None:
    """So that the files of `tests/hostile` are refused for what is wrong with them, not for their checksum."""
    path = tmp_path / "m.safetensors"
    path.write_bytes(model.read_bytes())
    forge(path, lambda header, description, data: description.update(genzoo="9"))
    assert read_sealed(path)[0]["genzoo"] == "9"
    assert genzoo.load(path).sample(2).shape == (2, 4)


def test_a_file_without_a_digest_is_refused(model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tmp_path / "m.safetensors"
    save_file(load_file(model), path, metadata={"genzoo": '{"format": 1}'})
    message = refused(path, path.read_bytes())
    assert message == f"{path} has no SHA-256, so it cannot be verified"


def test_an_option_named_like_the_digest_is_not_confused_with_it(tmp_path: Path) -> None:
    described = {"config": {"sha256": "f" * 64}, "text": '"sha256": "' + "e" * 64 + '"'}
    (tmp_path / "x.safetensors").write_bytes(seal({"a": torch.ones(3)}, described))
    description, tensors = read_sealed(tmp_path / "x.safetensors")
    assert description["config"] == described["config"]
    assert torch.equal(tensors["a"], torch.ones(3))


def test_arrays_hold_the_same_numbers(tmp_path: Path) -> None:
    path, values = tmp_path / "x.safetensors", torch.randn(5, 3, dtype=torch.float64)
    path.write_bytes(seal({"one": values, "two": values.float()}, {}))
    found = read_arrays(path)
    assert all(torch.equal(torch.from_numpy(found[name].copy()), read_sealed(path)[1][name]) for name in ("one", "two"))


def test_types_that_numpy_lacks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(seal({"one": torch.ones(2, dtype=torch.bfloat16)}, {}))
    with pytest.raises(GenzooError, match="a type that NumPy lacks"):
        read_arrays(path)
