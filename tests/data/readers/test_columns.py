"""Which columns of a table are read: those of the options, or those of the training."""

from __future__ import annotations

from pathlib import Path

import pytest
from own_data import read

from genzoo.core.errors import UsageError

BODY = "0.5,0.1,2\n1.5,0.3,4\n0.25,7,1\n"


def test_columns_are_chosen_by_name_and_by_number(tmp_path: Path) -> None:
    text = "a,b,name,d\n1,2,x,4\n5,6,y,8\n"
    assert read(tmp_path, text, drop=("name", "1")).columns == ["b", "d"]
    assert read(tmp_path, text, select=("4", "a")).columns == ["a", "d"]
    table = read(tmp_path, text, label="3")
    assert (table.columns, table.labels) == (["a", "b", "d"], ["x", "y"])
    assert read(tmp_path, ",a\n0,1\n1,2\n", index="keep").columns == ["1", "a"]
    with pytest.raises(UsageError, match="2 columns called 'a'"):
        read(tmp_path, "a,a\n1,2\n3,4\n", drop=("a",))


def test_later_tables_are_matched_by_name(tmp_path: Path) -> None:
    known = read(tmp_path, "a,b,c\n1,2,3.5\n4,5,6\n").known
    later = read(tmp_path, "c,a,extra,b\n3,1,9,2\n", known)
    assert later.x.tolist() == [[1, 2, 3]]
    assert "left out: extra" in later.notes[0]
    assert "no header" in read(tmp_path, "1,2,3\n", known).notes[0]
    with pytest.raises(UsageError, match="lacks 2 columns that the model was trained on: b, c"):
        read(tmp_path, "a,d,e\n1,2,3\n", known)
    numbered = read(tmp_path, "0,1,2\n" + BODY).known  # names that are numbers, in another order
    assert read(tmp_path, "2,0,1\n30,10,20\n", numbered).x.tolist() == [[10, 20, 30]]
