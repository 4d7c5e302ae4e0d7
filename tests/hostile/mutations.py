"""Small changes to files, as by accidents or by people. The same random state gives the same change."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from forge import parts, sealed

TOKENS = (
    b"NaN", b"-1", b"1e999", b"null", b"[]", b"{}", b"[[[[", b'"x"', b"true", b"99999999999999999999999", b"\0",
    b"\xff\xfe", b"../", b"\x1b[2J", b'"', b",", b":", b"\n", b"[", b"=", b".", b"0x", b"'", b"__import__",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, 10**39, 0.5, -1e300, 1e308, "", "x", "nan", "../../etc/passwd", "\x1b[2J\0",
    "x" * 5000, [], [1], [[]], ["x"], {}, {"x": 1}, {"name": "vae"}, [0] * 1000,
)  # fmt: skip


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Make one to four changes to bytes."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(changed) + 1)
        end = min(len(changed), at + chance.choice((1, 1, 2, 8, 64)))
        kind = chance.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at:end] = b""
        elif kind == 2:
            changed[at:at] = changed[at:end] * chance.choice((1, 2, 100))
        elif kind == 3:
            changed[at:end] = chance.choice(TOKENS)
        elif kind == 4:
            changed[at:end] = chance.randbytes(end - at)
        elif kind == 5:
            changed[at:] = b""
        else:
            changed[at:at] = chance.choice(TOKENS)
    return bytes(changed)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every table or list in parsed JSON, with each of its keys."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def altered(values: Any, chance: random.Random) -> Any:
    """Replace, remove or rename one or two values of parsed JSON, in place."""
    for _ in range(chance.choice((1, 1, 2))):
        found = list(places(values))
        if not found:
            break
        table, key = chance.choice(found)
        kind = chance.randrange(5)
        if kind == 0:
            del table[key]
        elif kind == 1 and isinstance(table, dict):
            table[chance.choice(("x", "__class__", "", "name", "é\u202e", "x" * 3000))] = table.pop(key)
        else:
            table[key] = chance.choice(VALUES)
    return values


def json_altered(content: bytes, chance: random.Random) -> bytes:
    """Return well-formed JSON with other content; every second time, only changed bytes."""
    if chance.randrange(2):
        return mutated(content, chance)
    return json.dumps(altered(json.loads(content), chance)).encode()


def model_altered(content: bytes, chance: random.Random) -> bytes:
    """Return a model file with a changed header or description and a correct digest."""
    header, description, data = parts(content)
    del header["__metadata__"]
    if chance.randrange(2):
        header = altered(header, chance)
    else:
        description = altered(description, chance)
    return sealed(header, description, data)
