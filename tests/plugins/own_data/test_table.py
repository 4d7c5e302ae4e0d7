"""Columns of names in a user's table."""

from __future__ import annotations

from pathlib import Path

import pytest
from registered_data import dataset

import genzoo

TABLE = "id,size,colour\n" + "".join(f"row {row},{row / 2},{row % 3}\n" for row in range(30))


def spec_of(tmp_path: Path, table: str = TABLE, **options: object) -> genzoo.DataSpec:
    file = tmp_path / "shoes.csv"
    file.write_text(table)
    spec: genzoo.DataSpec = dataset("csv", path=str(file), drop=("1",), **options).spec
    return spec


@pytest.mark.parametrize("name", ["colour", "3"])
def test_columns_of_names_have_levels(name: str, tmp_path: Path) -> None:
    parts = spec_of(tmp_path, names=(name,)).parts
    assert parts == (genzoo.Part("size"), genzoo.Part("colour", levels=3))


def test_a_table_without_names_has_no_parts(tmp_path: Path) -> None:
    assert spec_of(tmp_path).parts == ()


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"names": ("color",)}, "--data.names color: no such column", "columns: size, colour"),
        ({"names": ("1",)}, "--data.names 1: no such column", "columns: size, colour"),
        ({"names": ("size",)}, "column size holds 0.5, and names are 0, 1, 2", "number its names from 0"),
        ({"names": ("colour",), "scale": "unit"}, "--data.names and --data.scale exclude each other", "leave one out"),
    ],
)
def test_what_is_refused(options: dict[str, object], message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(genzoo.UsageError, match=message) as error:
        spec_of(tmp_path, **options)
    assert error.value.hint is not None
    assert hint in error.value.hint
