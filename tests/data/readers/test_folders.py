"""Folders of pictures as people have them: parts, classes, and files that are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from own_data import dataset, load, refusal, save_pictures

from genzoo.core.errors import UsageError
from genzoo.data.store import Store


def notes(path: Path, **options: Any) -> list[str]:
    store = Store(say=lambda line: None)
    dataset("folder", path, **options).load(store)
    return store.notes


@pytest.mark.parametrize("junk", ["__MACOSX", "@eaDir", ".ipynb_checkpoints"])
def test_what_systems_add_is_passed_over(junk: str, tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        save_pictures(tmp_path / name)
        (tmp_path / name / "._0.png").write_bytes(b"\0\5\x16\7")
        (tmp_path / name / "Thumbs.db").touch()
        (tmp_path / junk / name).mkdir(parents=True)
        (tmp_path / junk / name / "0.png").write_text("none")
    (tmp_path / "readme.txt").touch()
    (tmp_path / "cats/a.heic").touch()
    assert load("folder", tmp_path)[1].class_names == ("cats", "dogs")
    (line,) = notes(tmp_path)
    for word in (junk, "._0.png", "Thumbs.db", "2 files of other kinds (1 .heic, 1 .txt)"):
        assert word in line


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Testing"), ("train", "valid", "test")])
def test_folders_of_parts_are_no_classes(names: tuple[str, ...], tmp_path: Path) -> None:
    for count, part in enumerate(names, 4):
        for label in ("1", "2", "10"):
            save_pictures(tmp_path / part / label, count)
    splits, spec = load("folder", tmp_path, validation=0.25)
    assert spec.class_names == ("1", "2", "10")
    sizes = [len(split.x) for split in splits if split is not None]
    assert sizes == ([9, 3, 15] if len(names) == 2 else [12, 15, 18])
    assert splits.test.y is not None
    assert splits.test.y.bincount().tolist() == [sizes[-1] // 3] * 3
    assert f"{names[0]} as train data" in notes(tmp_path)[0]
    save_pictures(tmp_path / "cats")
    assert "cats is beside train, but is neither a split nor a class" in refusal("folder", tmp_path)


def test_classes_are_left_out_by_name(tmp_path: Path) -> None:
    for label in ("1", "2", "10"):
        save_pictures(tmp_path / label)
    splits, spec = load("folder", tmp_path, without="10")
    assert splits.train.y is not None
    assert set(splits.train.y.tolist()) == {0, 1}
    assert spec.classes == 3
    assert torch.equal(dataset("folder", tmp_path, only="2").unseen(torch.arange(3)), torch.tensor([True, False, True]))
    assert refusal("folder", tmp_path, without="3") == "--data.without 3: no such class."
    with pytest.raises(UsageError, match="exclude each other"):
        dataset("folder", tmp_path, without="1", only="2")


def test_all_bad_files_are_named_at_once(tmp_path: Path) -> None:
    save_pictures(tmp_path)
    for number in range(7):
        (tmp_path / f"bad{number}.png").write_text("none")
    with pytest.raises(UsageError) as error:
        _ = dataset("folder", tmp_path).spec
    assert error.value.message.startswith("7 files cannot be read: ")
    assert all(f"bad{number}.png" in str(error.value) for number in range(5))
    assert "and 2 more" in error.value.hint
