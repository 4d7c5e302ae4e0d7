"""Datasets of a user's own arrays and tables."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_data import RNG, load, refusal

from genzoo.cli.main import main
from genzoo.data.splits import fixed_permutation

# npz


FORMS: list[tuple[tuple[int, ...], Any, tuple[int, ...], str]] = [
    ((20, 5, 4), np.uint8, (1, 5, 4), "bernoulli"),
    ((20, 5, 4, 3), np.uint8, (3, 5, 4), "bernoulli"),
    ((20, 3, 5, 4), np.float64, (3, 5, 4), "bernoulli"),
    ((20, 5, 4, 1), np.float16, (1, 5, 4), "bernoulli"),
    ((20, 7), np.float32, (7,), "gaussian-learned"),
    ((20, 7), np.int64, (7,), "gaussian-learned"),
    ((20, 7), np.bool_, (7,), "bernoulli"),
    ((20, 7), np.uint8, (7,), "gaussian-learned"),
]


@pytest.mark.parametrize(("shape", "kind", "expected", "likelihood"), FORMS)
def test_shapes_and_types_of_arrays(
    shape: tuple[int, ...], kind: Any, expected: tuple[int, ...], likelihood: str, tmp_path: Path
) -> None:
    x = (RNG.random(shape) * (1 if np.dtype(kind).kind == "f" else 9)).astype(kind)
    if kind is np.float32:
        x -= 5
    np.savez_compressed(tmp_path / "a.npz", x=x, y=np.arange(20) % 3 * 10, other=np.array(["ignored"]))
    np.save(tmp_path / "a.npy", x)
    splits, spec = load("npz", tmp_path / "a.npz", validation=0.0, test=0.25)
    assert spec[:4] == (expected, likelihood, 3, 15)
    plain, without_labels = load("npz", tmp_path / "a.npy", validation=0.0, test=0.25)
    assert without_labels[:4] == (expected, likelihood, 0, 15)
    assert torch.equal(plain.train.x, splits.train.x)
    rows = fixed_permutation(20)[5:].sort().values
    ours = splits.train.x if len(shape) < 4 or shape[1] == 3 else splits.train.x.movedim(1, 3)
    np.testing.assert_array_equal(ours.numpy().reshape(15, *shape[1:]), x[rows].astype(ours.numpy().dtype))
    assert splits.train.y is not None
    assert torch.equal(splits.train.y, rows % 3)


def test_arrays_of_splits(tmp_path: Path) -> None:
    x = RNG.random((30, 4)).astype(np.float32) + 1
    names = np.array(["a", "b", "c"] * 10)
    np.savez(tmp_path / "a.npz", x_train=x[:20], x_test=x[20:], y_train=names[:20], y_test=names[20:])
    splits, spec = load("npz", tmp_path / "a.npz", validation=0.25)
    assert spec[:4] == ((4,), "gaussian-learned", 3, 15)
    assert torch.equal(splits.test.x, torch.from_numpy(x[20:]))
    assert splits.test.y is not None
    assert splits.test.y.tolist() == [number % 3 for number in range(20, 30)]
    np.savez(tmp_path / "b.npz", x_train=x[:20], x_validation=x[20:22], x_test=x[22:])
    splits, spec = load("npz", tmp_path / "b.npz")
    assert splits.validation is not None
    assert (len(splits.train.x), len(splits.validation.x), len(splits.test.x)) == (20, 2, 8)


ARRAYS: list[tuple[dict[str, Any], str]] = [
    ({"z": np.zeros(3)}, "has neither x nor x_train"),
    ({"x": np.zeros((4, 2)), "x_train": np.zeros((4, 2))}, "has both x and x_train"),
    ({"x": np.zeros(3)}, "x has shape [3]"),
    ({"x": np.zeros((0, 3))}, "x has shape [0, 3]"),
    ({"x": np.zeros((4, 5, 5, 2))}, "x has shape [4, 5, 5, 2]: no axis of 1 or 3 channels"),
    ({"x": np.full((4, 2), np.nan)}, "x holds values that are not finite"),
    ({"x": np.full((4, 2), np.inf)}, "x holds values that are not finite"),
    ({"x": np.full((4, 2), 1e300)}, "x holds values that are not finite"),
    ({"x": np.full((4, 2, 2), 254.5)}, "x holds values from 254.5 to 254.5; images lie in [0, 1]"),
    ({"x": np.full((4, 2, 2), 256)}, "x holds values from 256 to 256; images lie in [0, 1]"),
    ({"x": np.full((4, 2, 2), -1)}, "x holds values from -1 to -1; images lie in [0, 1]"),
    ({"x": np.zeros((4, 2, 2, 4))}, "x has shape [4, 2, 2, 4]: no axis of 1 or 3 channels"),
    ({"x": np.zeros((4, 2), complex)}, "x is complex128"),
    ({"x": np.zeros((4, 2), "U3")}, "x is <U3"),
    ({"x": np.zeros((4, 2)), "y": np.zeros(3, int)}, "y is int64 [3], not one class for each example"),
    ({"x": np.zeros((4, 2)), "y": np.full(4, 0.5)}, "y is float64 [4], not one class for each example"),
    (
        {"x_train": np.zeros((4, 2)), "x_test": np.zeros((4, 3))},
        "x_test and x_train differ in the shape or the type of their examples",
    ),
    (
        {"x_train": np.zeros((4, 2)), "x_test": np.zeros((4, 2)), "y_test": np.zeros(4, int)},
        "has labels, but no y_train",
    ),
    ({"x": np.array([[{}]], dtype=object)}, "(x) holds pickled objects; genzoo never unpickles"),
]


@pytest.mark.parametrize(("arrays", "message"), ARRAYS)
def test_invalid_arrays_are_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    assert message in refusal("npz", tmp_path / "a.npz")


def header(shape: tuple[int, ...], content: bytes = b"") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": "<f4"})
    return file.getvalue() + content


def zipped(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)


FILES: list[tuple[str, Callable[[Path], Any], str]] = [
    ("a.npy", lambda p: p.write_bytes(header((1 << 40, 2))), "declares 8,796,093,022,208 bytes"),
    ("a.npy", lambda p: p.write_bytes(header((100, 2), b"1234")), "declares 800 bytes and holds"),
    ("a.npy", lambda p: p.write_bytes(header((-1, 2))), "declares -8 bytes and holds"),
    ("a.npy", lambda p: p.write_bytes(pickle.dumps([1])), "is not a numpy array"),
    ("a.npy", lambda p: p.write_bytes(b""), "is not a numpy array"),
    ("a.npz", lambda p: p.write_bytes(pickle.dumps([1])), "is not an .npz archive, or is damaged"),
    ("a.npz", lambda p: zipped(p, header((1 << 40, 2))), "(x) declares 8,796,093,022,208 bytes"),
    (
        "a.npz",
        lambda p: zipped(p, header((1 << 13, 1 << 12), bytes(1 << 27))),
        "(x) declares 134,217,728 bytes, packed",
    ),
    ("a.npz", lambda p: zipped(p, b"no array"), "(x) is not a numpy array"),
    ("a.npz", lambda p: p.mkdir(), "Is a directory"),
]


@pytest.mark.parametrize(("name", "write", "message"), FILES)
def test_damaged_and_oversized_files_are_refused(
    name: str, write: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    write(tmp_path / name)
    assert message in refusal("npz", tmp_path / name)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=RNG.random((50, 4)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[300:340] = bytes(40)
    (tmp_path / "a.npz").write_bytes(content)
    assert "or is damaged" in refusal("npz", tmp_path / "a.npz")


# csv


def table(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_with_and_without_a_header(separator: str, tmp_path: Path) -> None:
    lines = [f"{n},{n / 3!r},{'ab'[n % 2]}" for n in range(10)]
    with_header = table(tmp_path / "a.csv", "\ufeff" + "\n".join(["one,two,kind", *lines, ""]).replace(",", separator))
    without = table(tmp_path / "b.csv", "\r\n".join(["", *lines]).replace(",", separator))
    splits, spec = load("csv", with_header, label="kind", validation=0.2, test=0.2)
    assert spec[:4] == ((2,), "gaussian-learned", 2, 6)
    assert splits.train.y is not None
    rows = fixed_permutation(10)[4:].sort().values
    assert torch.equal(splits.train.y, rows % 2)
    expected = torch.stack([rows.double(), rows.double() / 3], 1).float()
    torch.testing.assert_close(splits.train.x, expected, rtol=1e-7, atol=0)
    assert torch.equal(load("csv", without, label="3", validation=0.2, test=0.2)[0].train.x, splits.train.x)


TABLES = [
    ("", "is empty"),
    ("a,b\n", "has a header and no numbers"),
    ("a,b\n1,2\n3,x\n", "line 3, column b: 'x' is not a finite number"),
    ("1,2\n3,\n", "line 2, column 2 has no value ('')"),
    ("a,b\n1,2\n\nnan,2\n", "line 4, column a has no value ('nan')"),
    ("nan,2\n1,2\n", "line 1, column 1 has no value ('nan')"),
    ("a,b\n1,NA\n3,4\n?,6\n", "line 2, column b has no value ('NA'); 2 of 3 examples lack something"),
    ("a,b\n1_000,2\n3,4\n", "line 2, column a: '1_000' is not a finite number"),
    ("a,b\n1 000,2\n3,4\n", "line 2, column a: '1 000' is not a finite number"),
    ('a,b\n"1,000",2\n3,4\n', "line 2, column a: '1,000' is not a finite number"),
    ("a,b,c,d\n1,2,x,u\n3,4,y,v\n", "2 columns of text, not numbers: c, d (such as 'x')"),
    ("1,2\n1,inf\n", "line 2, column 2: 'inf' is not a finite number"),
    ("1,2\n1,1e39\n", "line 2, column 2: '1e39' is not a finite number"),
    ("1,2\n1\n", "line 2: 1 columns instead of 2"),
    ("1,2\n1,2,3\n", "line 2: 3 columns instead of 2"),
    ("a\n" + "1\n" * 1, "1 examples leave nothing to train on"),
]


@pytest.mark.parametrize(("text", "message"), TABLES)
def test_invalid_tables_are_refused(text: str, message: str, tmp_path: Path) -> None:
    assert message in refusal("csv", table(tmp_path / "a.csv", text))


def test_invalid_labels_and_encodings_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", "width,height\n1,2\n3,4\n")
    assert refusal("csv", path, label="widht") == f"{path} has no column 'widht'. Did you mean 'width'?"
    assert refusal("csv", table(tmp_path / "b.csv", "a\n1\n2\n"), label="a").endswith(
        "has no column beside the label's"
    )
    path.write_bytes(b"\xff\xfe1,2\n")
    assert refusal("csv", path) == f"{path} has a header and no numbers"  # two characters of UTF-16
    path.write_bytes(b'1,"2\n' + b"3" * 200_000)
    assert refusal("csv", path) == f"{path} is not a text table"
    path.write_bytes(bytes(range(256)))
    assert refusal("csv", path) == f"{path} is not a text table"


# all kinds


def test_a_missing_path_is_refused_with_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("folder", "npz", "csv"):
        assert main(["run", "vae", "--dataset", name]) == 2
        assert capsys.readouterr().err.startswith("genzoo: your own data need a path\n  --data.path F")


def test_invalid_input_is_refused_before_a_run_folder_is_created(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "a.csv", "1,2\nx,3\n")
    assert main(["run", "vae", "--dataset", "csv", "--data.path", str(path), "--runs", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.startswith(f"genzoo: {path}, line 2, column 1: 'x' is not a finite number\n  ")
    assert not (tmp_path / "runs").exists()
