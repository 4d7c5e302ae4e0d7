"""Checkpoints on disk: their order, their form, and what is refused. What crashes do to them: tests/crash."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from genzoo.core.errors import GenzooError
from genzoo.runs import checkpoints
from genzoo.runs.checkpoint_format import unpack
from genzoo.runs.checkpoints import Checkpoint, Damaged

FILES = {"model.safetensors": b"weights" * 1000, "history.jsonl": b""}


def steps(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("step-")) for path in checkpoints.published(folder)]


def step_of(checkpoint: Checkpoint) -> int:
    for name in checkpoint.files:
        assert checkpoint.read(name) == FILES[name]
    return checkpoint.step


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    facts = {"text": "β\nline", "number": 0.1, "none": None, "list": [1, {"a": 2}]}
    path = checkpoints.save(tmp_path / "new", 120, FILES, facts)
    assert path == tmp_path / "new/step-000000120"
    checkpoint = checkpoints.open_checkpoint(path)
    assert (checkpoint.step, checkpoint.facts) == (120, facts)
    assert {name: checkpoint.read(name) for name in checkpoint.files} == FILES
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["files"]["model.safetensors"] == {
        "size": 7000,
        "sha256": hashlib.sha256(FILES["model.safetensors"]).hexdigest(),
    }
    above, last = (path / "manifest.json").read_bytes()[:-1].rsplit(b"\n", 1)
    assert last == f' "sha256": "{hashlib.sha256(above + b"".join([bytes([10])])).hexdigest()}"}}'.encode()


def test_two_are_kept_by_their_steps_and_not_by_the_clock(tmp_path: Path) -> None:
    for step in (9, 10, 100, 1000):
        os.utime(checkpoints.save(tmp_path, step, FILES, {}), (10**9 - step, 10**9 - step))
    assert steps(tmp_path) == [1000, 100]
    assert checkpoints.newest(tmp_path, step_of) == (1000, [])
    assert not list(tmp_path.glob(".*"))


def test_an_older_one_that_is_whole_is_used_and_the_damaged_one_goes_with_the_next_save(tmp_path: Path) -> None:
    for step in (50, 60):
        checkpoints.save(tmp_path, step, FILES, {})
    (tmp_path / "step-000000060/model.safetensors").write_bytes(b"")
    found, problems = checkpoints.newest(tmp_path, step_of)
    assert found == 50
    assert [problem.message for problem in problems] == [
        f"{tmp_path}/step-000000060/model.safetensors is damaged: it has 0 bytes instead of 7,000"
    ]
    checkpoints.save(tmp_path, 55, FILES, {})
    assert steps(tmp_path) == [55, 50]


def test_a_whole_checkpoint_of_the_same_step_is_left_and_a_damaged_one_replaced(tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, 5, FILES, {"first": True})
    checkpoints.save(tmp_path, 5, FILES, {"first": False})
    assert checkpoints.open_checkpoint(path).facts == {"first": True}
    (path / "history.jsonl").write_text("x")
    checkpoints.save(tmp_path, 5, FILES, {"first": False})
    assert checkpoints.open_checkpoint(path).facts == {"first": False}


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = checkpoints.save(tmp_path, 5, FILES, {})
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o640}


def test_left_overs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 5, FILES, {})
    for name in (".tmp-6-99", ".del-step-000000004-99", "mine", "step-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    checkpoints.remove_left_overs(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"step-000000005", "mine", "step-1"}
    assert steps(tmp_path) == [5]
    checkpoints.remove_left_overs(tmp_path / "nowhere")


def test_what_cannot_be_written_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints.save(tmp_path, 5, FILES, {})

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(GenzooError) as error:
        checkpoints.save(tmp_path, 6, FILES, {})
    assert error.value.message.startswith(
        f"cannot save {tmp_path}/step-000000006: No space left on device; it needs 0.01 MB, "
    )
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000005"]


def signed(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes a manifest and signs it anew, as somebody would who means harm."""
    manifest = json.loads((path / "manifest.json").read_text())
    del manifest["sha256"]
    text = json.dumps(change(manifest) or manifest, indent=1).removesuffix("\n}").removesuffix("}") + ",\n"
    (path / "manifest.json").write_bytes(checkpoints.with_digest(text))


def rename(name: str) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        manifest["files"][name] = manifest["files"].pop("model.safetensors")

    return change


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "way out": rename("../../secret.safetensors"),
    "absolute": rename("/etc/passwd"),
    "hidden": rename(".model.safetensors"),
    "itself": rename("manifest.json"),
    "null": rename("a\0b.safetensors"),
    "long": rename("a" * 300 + ".safetensors"),
    "another step": lambda manifest: manifest.update(step=6),
    "no step": lambda manifest: manifest.pop("step") and None,
    "step of text": lambda manifest: manifest.update(step="five"),
    "no files": lambda manifest: manifest.update(files=[]),
    "facts of text": lambda manifest: manifest.update(facts="x"),
    "sizes of text": lambda manifest: manifest["files"].update({"model.safetensors": {"size": "x", "sha256": 1}}),
    "another format": lambda manifest: manifest.update(format=2),
    "deep": lambda manifest: manifest.update(facts={"x": json.loads("[" * 900 + "]" * 900)}),
    "a list": lambda manifest: [manifest],
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_manifest_that_means_harm(change: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    path = checkpoints.save(tmp_path, 5, FILES, {})
    signed(path, change)
    if change is HOSTILE["deep"]:
        (path / "manifest.json").write_bytes(checkpoints.with_digest('{"x": ' + "[" * 100_000 + "\n"))
    found, problems = checkpoints.newest(tmp_path, step_of)
    assert found is None
    (problem,) = problems
    assert isinstance(problem, Damaged)
    assert problem.message.startswith(str(path))
    assert len(problem.message) < len(str(path)) + 120
    assert "\n" not in problem.message


def test_every_byte_of_a_manifest_counts(tmp_path: Path) -> None:
    file = checkpoints.save(tmp_path, 5, FILES, {"step": "βeta"}) / "manifest.json"
    content = file.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        with pytest.raises(Damaged):
            checkpoints.open_checkpoint(file.parent)
    for changed in (content + b"\n", content + b" ", content[:-1], b"\n" + content, content * 2):
        file.write_bytes(changed)
        with pytest.raises(Damaged):
            checkpoints.open_checkpoint(file.parent)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would be waited for for ever, a device has no end."""
    path = checkpoints.save(tmp_path, 5, FILES, {})
    for name in ("model.safetensors", "manifest.json"):
        (path / name).unlink()
        os.mkfifo(path / name)
        assert not checkpoints.is_intact(path)
        (path / name).unlink()
        (path / name).symlink_to("/dev/zero")
        assert not checkpoints.is_intact(path)
    (path / "manifest.json").unlink()
    (path / "manifest.json").write_bytes(b" " * (checkpoints.MAX_MANIFEST + 1))
    with pytest.raises(Damaged, match="it has 1,048,577 bytes"):
        checkpoints.open_checkpoint(path)


EXPECTED = {"a": torch.zeros(2, 3), "b": torch.zeros(4, dtype=torch.int64)}
MISFITS = {
    "missing": ({"a": EXPECTED["a"]}, "b is missing"),
    "unknown": ({**EXPECTED, "c": torch.zeros(1)}, "c is unknown"),
    "transposed": ({**EXPECTED, "a": torch.zeros(3, 2)}, "a is (3, 2) torch.float32, not (2, 3) torch.float32"),
    "double": ({**EXPECTED, "a": torch.zeros(2, 3).double()}, "a is (2, 3) torch.float64, not (2, 3) torch.float32"),
}


@pytest.mark.parametrize(("tensors", "message"), MISFITS.values(), ids=MISFITS)
def test_tensors_of_another_form(tensors: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(Damaged, match="does not fit") as error:
        unpack(Path("x"), save(tensors), EXPECTED)
    assert message in error.value.message


@pytest.mark.parametrize("content", [b"", b"1234", b"\0" * 8, (1 << 40).to_bytes(8, "little") + b"{}", b"\xff" * 64])
def test_what_is_no_safetensors_file(content: bytes) -> None:
    with pytest.raises(Damaged):
        unpack(Path("x"), content, EXPECTED)


@pytest.mark.long
def test_what_has_too_many_tensors_is_no_checkpoint() -> None:
    names = {f"a/{i}": torch.zeros(0) for i in range(30_000)}
    with pytest.raises(Damaged, match="its header is too long"):
        unpack(Path("x"), save(names), EXPECTED)


def test_what_a_power_cut_could_lose_is_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file is flushed after its last byte, then the folder, then comes the name, then the folder above; what was
    there before goes last."""
    checkpoints.save(tmp_path, 4, FILES, {})
    checkpoints.save(tmp_path, 5, FILES, {})
    done: list[tuple[str, str]] = []
    opened: dict[int, str] = {}

    def noted(call: str) -> Callable[..., Any]:
        original = getattr(os, call)

        def noting(what: Any, *rest: Any, **options: Any) -> Any:
            result = original(what, *rest, **options)
            if call == "open":
                opened[result] = Path(what).name
            else:
                done.append((call, opened[what] if isinstance(what, int) else Path(rest[0]).name))
            return result

        return noting

    for call in ("open", "write", "fsync", "rename"):
        monkeypatch.setattr(os, call, noted(call))
    checkpoints.save(tmp_path, 6, FILES, {})
    temporary, name = f".tmp-6-{os.getpid()}", "step-000000006"
    order = [
        ("write", "model.safetensors"),
        ("fsync", "model.safetensors"),
        ("fsync", "history.jsonl"),
        ("write", "manifest.json"),
        ("fsync", "manifest.json"),
        ("fsync", temporary),
        ("rename", name),
        ("fsync", tmp_path.name),
        ("rename", f".del-step-000000004-{os.getpid()}"),
    ]
    assert [entry for entry in done if entry != ("write", "history.jsonl")] == order
