"""Hostile data: arrays, tables, images and raw files."""

from __future__ import annotations

import importlib
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from corpus import CASES, Place, Words, case
from forge import Touch, archive, gz_of_zeros, idx, link, npy, picture, pipe, png, sparse, text_bomb

# arrays, tables, pictures


def data_case(name: str, dataset: str, file: str, make: Callable[[Path, Place], object]) -> None:
    @case(f"{dataset}: {name}")
    def recipe(place: Place) -> Words:
        make(Path(file), place)
        return ["run", "vae", "--dataset", dataset, "--data.path", file, "--epochs", 1, "--out", "out", "--quiet"]


def array_case(name: str, content: bytes) -> None:
    """Add a case for an array as .npy and one in an .npz file."""
    data_case(f"{name}, .npy", "npz", "x.npy", lambda path, place: path.write_bytes(content))
    data_case(f"{name}, .npz", "npz", "x.npz", lambda path, place: archive(path, [("x.npy", content)]))


SYSTEM = "__import__('os').system('touch canary')"
array_case("2^31 rows", npy("(2147483648, 784)", data=bytes(64)))
array_case("too many rows", npy(f"({2**62}, {2**62})", data=bytes(64)))
array_case("a negative shape", npy("(-4, 4)", data=bytes(64)))
array_case("a shape that is a string", npy("'x'", data=bytes(64)))
array_case("a shape of booleans", npy("(True, 4)", data=bytes(64)))
array_case("a shape beyond numpy's axes", npy(str((1,) * 99), data=bytes(64)))
array_case("a header that is code", npy(SYSTEM, data=bytes(64)))
array_case("a dtype that is code", npy("(4, 4)", SYSTEM, bytes(64)))
array_case("a dtype of objects", npy("(4, 4)", "'|O'", bytes(64)))
array_case("a dtype with objects in it", npy("(4, 4)", "[('a', '<f4'), ('b', '|O')]", bytes(64)))
array_case("a dtype of zero size", npy(f"({2**40}, 4)", "'|V0'", b""))
array_case("too few numbers", npy("(400, 4)", data=bytes(64)))
array_case("a header longer than the file", npy("(4, 4)", data=bytes(64), version=2, length=2**32 - 1))
array_case("an unknown version", npy("(4, 4)", data=bytes(64), version=9))
array_case("NaN", npy("(4, 4)", data=struct.pack("<16f", *[float("nan")] * 16)))
array_case("complex numbers", npy("(4, 4)", "'<c8'", bytes(128)))
array_case("an empty file", b"")
array_case("random bytes", bytes(range(256)) * 9)
array_case("a header nested 9,000 deep", npy("(" * 4500 + ")" * 4500, data=bytes(64)))


@case("npz: 195 kB that unpack to 200 MB")
def _(place: Place) -> Words:
    head = npy("(50000, 1000)", "'<f4'")
    with zipfile.ZipFile("x.npz", "w", zipfile.ZIP_DEFLATED) as file, file.open("x.npy", "w") as member:
        member.write(head)
        for _ in range(200):
            member.write(bytes(1_000_000))
    assert os.path.getsize("x.npz") < 250_000
    return ["run", "vae", "--dataset", "npz", "--data.path", "x.npz"]


@case("npz: a header that unpacks to 300 MB")
def _(place: Place) -> Words:
    with zipfile.ZipFile("x.npz", "w", zipfile.ZIP_DEFLATED) as file, file.open("x.npy", "w") as member:
        member.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", 300_000_000))
        for _ in range(300):
            member.write(b" " * 1_000_000)
    return ["run", "vae", "--dataset", "npz", "--data.path", "x.npz"]


def half(path: Path) -> None:
    """Write the beginning of an archive."""
    archive(path, [("x.npy", ONES * 99)])
    os.truncate(path, 99)


def cats(path: Path, target: Path) -> None:
    """Make a folder of classes, one of which is a link."""
    path.mkdir()
    link(path / "cats", target)


def pickled(path: Path, place: Place) -> None:
    np.savez(path, x=np.array([[Touch(place.canary)]], dtype=object), allow_pickle=True)


ONES = npy("(4, 4)", data=bytes(64))
ZEROS = npy("(60000, 1000)", "'|u1'") + bytes(60_000_000)
DENSE = [(f"x{end}.npy", ZEROS) for end in ("_train", "_test", "_validation")]
data_case("a pickle", "npz", "x.npz", pickled)
data_case("a pickle as .npy", "npz", "x.npy", lambda path, place: path.write_bytes(pickle.dumps(Touch(place.canary))))
data_case("names that lead outside", "npz", "x.npz", lambda path, place: archive(path, [("../../x.npy", ONES)]))
data_case("an absolute name", "npz", "x.npz", lambda path, place: archive(path, [("/etc/x.npy", ONES)]))
data_case("one name twice", "npz", "x.npz", lambda path, place: archive(path, [("x.npy", ONES)] * 2))
data_case("two spellings of a name", "npz", "x.npz", lambda path, place: archive(path, [("x", ONES), ("x.npy", ONES)]))
data_case("three dense arrays", "npz", "x.npz", lambda path, place: archive(path, DENSE))
data_case("20,000 members", "npz", "x.npz", lambda path, place: archive(path, [(f"{n}", b"") for n in range(20_000)]))
data_case("half an archive", "npz", "x.npz", lambda path, place: half(path))
data_case("a picture", "npz", "x.npz", lambda path, place: path.write_bytes(picture("PNG")))
data_case("a pipe", "npz", "x.npz", lambda path, place: pipe(path))
data_case("a device", "npz", "x.npy", lambda path, place: link(path, "/dev/zero"))
data_case("a folder", "npz", "x.npz", lambda path, place: path.mkdir())

data_case("NaN", "csv", "x.csv", lambda path, place: path.write_text("1,2\n3,nan\n"))
data_case("infinity", "csv", "x.csv", lambda path, place: path.write_text("1,2\n3,1e999\n"))
data_case("a million columns", "csv", "x.csv", lambda path, place: path.write_text("1," * 999_999 + "1\n"))
data_case("a line of 100 MB", "csv", "x.csv", lambda path, place: path.write_bytes(b"1," * 50_000_000))
data_case("a cell of 1 MB", "csv", "x.csv", lambda path, place: path.write_text('1,2\n3,"' + "4" * (1 << 20) + '"\n'))
data_case(
    "a quote that does not end", "csv", "x.csv", lambda path, place: path.write_text('1,2\n3,"4\n' + "5,6\n" * 99_999)
)
data_case("100 MB of blank lines", "csv", "x.csv", lambda path, place: path.write_bytes(b"\n" * 100_000_000))
data_case("bytes", "csv", "x.csv", lambda path, place: path.write_bytes(bytes(range(256)) * 99))
data_case("NULs", "csv", "x.csv", lambda path, place: path.write_bytes(bytes(9999)))
data_case("escapes", "csv", "x.csv", lambda path, place: path.write_text("1,2\n3,\x1b[2J\x07\n"))
data_case("lines of another length", "csv", "x.csv", lambda path, place: path.write_text("1,2\n3\n"))
data_case("nothing", "csv", "x.csv", lambda path, place: path.write_text(""))
data_case("a sparse file of a terabyte", "csv", "x.csv", lambda path, place: sparse(path))
data_case("a pipe", "csv", "x.csv", lambda path, place: pipe(path))
data_case("a device", "csv", "x.csv", lambda path, place: link(path, "/dev/zero"))


def picture_case(name: str, content: bytes, file: str = "a.png") -> None:
    def make(path: Path, place: Place) -> None:
        path.mkdir()
        (path / file).write_bytes(content)
        (path / "b.png").write_bytes(picture("PNG"))

    data_case(name, "folder", "pictures", make)


ZIP = b"PK\x03\x04" + bytes(99)
picture_case("a PNG of 3.6 billion pixels", png(60_000, 60_000, zlib.compress(bytes(9999))))
picture_case("a PNG of 2^62 pixels", png(2**31 - 1, 2**31 - 1))
picture_case("a PNG of no pixels", png(0, 0))
picture_case("a PNG cut short", picture("PNG")[:-30])
picture_case("a JPEG cut short", picture("JPEG")[:-99], "a.jpg")
picture_case("a JPEG that is a PNG's head", picture("PNG")[:20], "a.jpg")
picture_case("a PNG with damaged pixels", png(16, 16, b"\x78\x9c" + bytes(99)))
picture_case("a PNG with too few pixels", png(16, 16, zlib.compress(bytes(9))))
picture_case("a PNG with 100 MB of text", png(16, 16, zlib.compress(bytes(272)), [(b"zTXt", text_bomb(100_000_000))]))
picture_case("a PNG with a colour profile of 100 MB", png(16, 16, b"", [(b"iCCP", text_bomb(100_000_000))]))
picture_case("an SVG called PNG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
picture_case("a zip called PNG", ZIP)
picture_case("a GIF called PNG", picture("GIF"))
picture_case("a TIFF called JPEG", picture("TIFF"), "a.jpeg")
picture_case("PostScript called PNG", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n")
picture_case("an empty file", b"")


def in_folder(name: str, put: Callable[[Path, Place], object]) -> None:
    def make(path: Path, place: Place) -> None:
        path.mkdir()
        (path / "b.png").write_bytes(picture("PNG"))
        put(path, place)

    data_case(name, "folder", "pictures", make)


in_folder("a link out", lambda path, place: link(path / "a.png", place.outside / "secret.png"))
in_folder("a link to a device", lambda path, place: link(path / "a.png", "/dev/zero"))
in_folder("a link to itself", lambda path, place: link(path / "a.png", "a.png"))
in_folder("a pipe", lambda path, place: pipe(path / "a.png"))
in_folder("a folder called picture", lambda path, place: (path / "a.png").mkdir())
data_case("a class that leads outside", "folder", "pictures", lambda path, place: cats(path, place.outside))
data_case("a class that contains itself", "folder", "pictures", lambda path, place: cats(path, Path(".")))


@case("anomaly: a folder with a link out")
def _(place: Place) -> Words:
    Path("pictures").mkdir()
    link(Path("pictures/a.png"), place.outside / "secret.png")
    return ["anomaly", place.run(), "pictures"]


# raw files of datasets


def idx_case(name: str, content: Callable[[], bytes]) -> None:
    @case(f"idx: {name}")
    def recipe(place: Place) -> Callable[[], object]:
        from genzoo.data.readers.idx import read_idx

        Path("images").write_bytes(content())
        return lambda: read_idx(Path("images"))


idx_case("2^31 images", lambda: idx((2**31, 28, 28), bytes(99)))
idx_case("2^31 images in gzip", lambda: gz_of_zeros(idx((2**31, 28, 28)), 99))
idx_case("a gzip file that unpacks to 300 MB", lambda: gz_of_zeros(idx((382_653, 28, 28)), 300_000_000))
idx_case("four axes of 2^32", lambda: idx((2**32 - 1,) * 4))
idx_case("too many bytes", lambda: idx((2, 2), bytes(5)))
idx_case("half a header", lambda: idx((2, 2))[:7])
idx_case("half a gzip file", lambda: gz_of_zeros(idx((100, 100)), 10_000)[:20])
idx_case("another type", lambda: b"\0\0\x0d\2" + bytes(40))
CASES["idx: a pipe"] = lambda place: (
    lambda: importlib.import_module("genzoo.data.readers.idx").read_idx(pipe(Path("images")))
)


def raw_file_case(name: str, make: Callable[[Path], object]) -> None:
    @case(f"data add: {name}")
    def recipe(place: Place) -> Words:
        make(Path("given"))
        return ["data", "add", "mnist", "given", "--data-root", "root"]


raw_file_case("a gzip file that unpacks to 300 MB", lambda path: path.write_bytes(gz_of_zeros(b"", 300_000_000)))
raw_file_case("a pipe", pipe)
raw_file_case("a device", lambda path: link(path, "/dev/zero"))
raw_file_case("a folder", lambda path: path.mkdir())
raw_file_case("a sparse file of a terabyte", sparse)
raw_file_case("a link to itself", lambda path: link(path, "given"))
