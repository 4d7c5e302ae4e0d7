"""Which options of a dataset say where its data lie."""

from __future__ import annotations

from pathlib import Path

import pytest

import genzoo
from genzoo.core.errors import GenzooError
from genzoo.data.locations import location_hints, locations


@genzoo.config
class Files:
    path: str = ""
    image_folder: str = "pictures"
    labels: str = "/data/labels.csv"
    files: tuple[str, ...] = ("a", "b")
    label: str = "class"
    size: int = 3
    root: int = 2


def test_locations_are_texts_that_are_called_so_or_hold_an_absolute_path() -> None:
    assert locations(Files()) == ("path", "image_folder", "labels", "files")
    assert locations(Files(label="/x"))[-1] == "label"


def test_an_error_of_the_system_says_what_to_type(tmp_path: Path) -> None:
    gone = tmp_path / "gone.bin"
    with (
        pytest.raises(GenzooError, match=r"gone\.bin: No such file") as caught,
        location_hints(Files(), "genzoo embed RUN"),
    ):
        gone.read_bytes()
    assert caught.value.hint.splitlines()[1] == ("if the data were moved: genzoo embed RUN --data.image-folder PATH")


def test_other_errors_keep_their_hint(tmp_path: Path) -> None:
    here = Files(path=str(tmp_path), image_folder=str(tmp_path), labels=str(tmp_path), files=())
    with pytest.raises(GenzooError) as caught, location_hints(here, "genzoo embed RUN"):
        raise GenzooError("damaged", "copy it again")
    assert caught.value.hint == "copy it again"
