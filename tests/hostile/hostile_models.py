"""Model files that are damaged or lie, most with a new digest: the digest is not a signature."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Place, Words, case
from forge import Change, Touch, first, forge, parts, sealed

# model files, with a new digest if possible


def model_case(name: str, change: Change) -> None:
    @case(f"model: {name}")
    def recipe(place: Place) -> Words:
        run = place.run()
        forge(run / "model.safetensors", change)
        return ["sample", "run"]


def raw_case(name: str, content: Callable[[dict[str, Any], dict[str, Any], bytes], bytes]) -> None:
    @case(f"model: {name}")
    def recipe(place: Place) -> Words:
        file = place.run() / "model.safetensors"
        file.write_bytes(content(*parts(file.read_bytes())))
        return ["sample", "run"]


def many(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a header of a megabyte, full of empty tensors."""
    return {f"t{number}": {**entry, "shape": [0], "data_offsets": [0, 0]} for number in range(13_000)}


def text(header: dict[str, Any]) -> str:
    """Return a header as text with a placeholder for the description."""
    body = json.dumps({name: entry for name, entry in header.items() if name != "__metadata__"})
    return '{"__metadata__": DESCRIPTION, ' + body[1:]


raw_case("n is 0", lambda h, d, data: sealed(h, d, data, 0))
raw_case("n is 2^63", lambda h, d, data: sealed(h, d, data, 2**63))
raw_case("n is 2^64 - 1", lambda h, d, data: sealed(h, d, data, 2**64 - 1))
raw_case("n is one too many", lambda h, d, data: sealed(text(h), d, data, len(text(h)) + 1))
raw_case("a header of 120 MB", lambda h, d, data: (120 << 20).to_bytes(8, "little") + b"{" + b" " * (120 << 20))
raw_case("a header that is no JSON", lambda h, d, data: sealed(text(h)[:-1], d, data))
raw_case("a header that is a list", lambda h, d, data: sealed("[DESCRIPTION]", d, data))
raw_case("a header that is a number", lambda h, d, data: sealed("7", d, data))
raw_case("a header of bad UTF-8", lambda h, d, data: sealed(text(h).replace("decoder", "\udcff"), d, data))
raw_case("a header nested 100,000 deep", lambda h, d, data: sealed("[" * 100_000, d, data))
raw_case("an entry nested 100,000 deep", lambda h, d, data: sealed('{"x":' * 100_000 + "DESCRIPTION", d, data))
raw_case("NaN in a header", lambda h, d, data: sealed(text(h)[:-1] + ', "x": NaN}', d, data))
raw_case(
    "a name twice", lambda h, d, data: sealed(text(h)[:-1] + f', "{list(h)[1]}": {json.dumps(first(h))}}}', d, data)
)
raw_case("metadata twice", lambda h, d, data: sealed(text(h)[:-1] + ', "__metadata__": DESCRIPTION}', d, data))
raw_case(
    "metadata of another type", lambda h, d, data: sealed(text(h).replace("DESCRIPTION", '{"genzoo": 5}'), d, data)
)
raw_case("metadata that is a text", lambda h, d, data: sealed(text(h).replace("DESCRIPTION", '"x"'), d, data))
raw_case("metadata alone", lambda h, d, data: sealed({}, d, b""))
raw_case("an empty file", lambda h, d, data: b"")
raw_case("seven bytes", lambda h, d, data: bytes(7))
raw_case("zeros", lambda h, d, data: bytes(5000))
raw_case("a description that is a list", lambda h, d, data: sealed(h, '["sha256"]', data))
raw_case(
    "a description nested deeply",
    lambda h, d, data: sealed(h, '{"sha256": "' + "0" * 64 + '", "x":' + "[" * 9999, data),
)
raw_case("a description with a name twice", lambda h, d, data: sealed(h, json.dumps(d)[:-1] + ', "model": "ae"}', data))
raw_case("a pickle", lambda h, d, data: pickle.dumps(Touch(Path("/tmp/genzoo-canary"))))
raw_case("13,000 tensors", lambda h, d, data: sealed(many(first(h)), d, b""))


def halved(entry: dict[str, Any]) -> None:
    """Declare the same bytes as twice as many numbers of half precision."""
    rows, *others = entry["shape"]
    entry.update(dtype="F16", shape=[2 * rows, *others])


def entry_case(name: str, **changed: Any) -> None:
    model_case(name, lambda header, description, data: first(header).update(changed))


entry_case("overlapping tensors", data_offsets=[4, 12])
entry_case("negative offsets", data_offsets=[-8, 0])
entry_case("reversed offsets", data_offsets=[8, 0])
entry_case("offsets beyond 64 bits", data_offsets=[0, 2**70])
entry_case("offsets that are texts", data_offsets=["0", "8"])
entry_case("offsets that are lists", data_offsets=[[0], [8]])
entry_case("one offset", data_offsets=[0])
entry_case("a shape that does not fit its bytes", shape=[3])
entry_case("a shape of 2^124 numbers", shape=[2**62, 2**62])
entry_case("a shape of 2^62 times nothing", shape=[2**62, 0], data_offsets=[0, 0])
entry_case("a negative shape", shape=[-1, -2])
entry_case("a shape of 100,000 ones", shape=[1] * 100_000)
entry_case("an unknown dtype", dtype="F99")
entry_case("a dtype that is a number", dtype=7)
entry_case("unknown fields", more=1)
model_case("half precision", lambda h, d, data: halved(first(h)))
model_case("whole numbers", lambda h, d, data: first(h).update(dtype="I32"))
model_case("a tensor without a name", lambda h, d, data: h.update({"": h.pop(list(h)[1])}))
model_case("a name that leads outside", lambda h, d, data: h.update({"../../etc/passwd": h.pop(list(h)[1])}))
model_case("a name with control characters", lambda h, d, data: h.update({"\x1b[2J\x07\n": h.pop(list(h)[1])}))
model_case("a name of 10,000 characters", lambda h, d, data: h.update({"x" * 10_000: h.pop(list(h)[1])}))
model_case("a tensor that is missing", lambda h, d, data: (h.pop(list(h)[-1]), data)[1])
model_case("bytes after the end", lambda h, d, data: data + b"more")
model_case("too few bytes", lambda h, d, data: data[:-4])
model_case("weights that are NaN", lambda h, d, data: struct.pack("<f", np.nan) + data[4:])
model_case("weights that are infinite", lambda h, d, data: data[:-4] + struct.pack("<f", np.inf))


def described(name: str, section: str = "", **changed: Any) -> None:
    model_case(name, lambda h, d, data: (d[section] if section else d).update(changed))


described("a model of terabytes", "config", latent_dim=10**9)
described("a model beyond 64 bits", "config", latent_dim=10**30)
described("a wide model", "config", hidden=[10**9])
described("a model of 100,000 layers", "config", hidden=[1] * 100_000)
described("a model of 1,000 layers of another shape", "config", hidden=[1] * 1000)
described("a hidden layer of width 0.5", "config", hidden=[0.5])
described("layers nested in lists", "config", hidden=[[[1]]])
described("an option of 10,000 characters", "config", **{"x" * 10_000: 1})
described("an option that is a dunder", "config", __class__="os.system")
described("an activation that is code", "config", activation="__import__('os').system('true')")
described("data of terabytes", "spec", shape=[10**12])
described("data of 100,000 axes", "spec", shape=[1] * 100_000)
described("data of no axis", "spec", shape=[])
described("data of 1.5 pixels", "spec", shape=[1.5])
described("a likelihood that is code", "spec", likelihood="gaussian:__import__('os')")
described("a likelihood of 10,000 digits", "spec", likelihood="gaussian:" + "9" * 10_000)
described("a scale of zero", "spec", scale=0.0)
described("a scale that is a text", "spec", scale="1")
described("an unknown field of the data", "spec", more=1)
described("a model called ../../etc/passwd", model="../../etc/passwd")
described("a model whose name has a NUL", model="vae\0")
described("a model whose name only looks like vae", model="ｖаｅ")
described("a model of a package that is a command", model="x", distribution="x; rm -rf ~", distribution_version="1")
described("a model of a package with escapes", model="x", distribution="\x1b]0;x\x07", distribution_version="1")
described("a model that is a number", model=5)
described("a format of the future", format=2)
described("a format that is a list", format=[1])


def conv_case(name: str, **changed: Any) -> None:
    """Add a case of a convolutional model that exists only as a description."""

    def change(header: dict[str, Any], description: dict[str, Any], data: bytes) -> None:
        description["model"] = "conv-vae"
        description["spec"].update(shape=[1, 32, 32], likelihood="bernoulli")
        description["config"] = changed

    model_case(name, change)


conv_case("channels of terabytes", channels=[10**9, 10**9])
conv_case("900 channels", channels=[1] * 900)
conv_case("a base of terabytes", base=10**12)


@case("model: a sparse file of a terabyte")
def _(place: Place) -> Words:
    run = place.run()
    os.truncate(run / "model.safetensors", 1 << 40)
    return ["sample", "run"]
