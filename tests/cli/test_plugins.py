"""`genzoo plugins`."""

from __future__ import annotations

import json

from commandline import genzoo

from genzoo.registry.current import registry


def test_plugins() -> None:
    text, rows = genzoo("plugins").out, json.loads(genzoo("plugins", "--json").out)["plugins"]
    assert len(text.splitlines()) == len(rows) >= 10
    registered = {(kind, name) for row in rows for kind, names in row["registers"].items() for name in names}
    assert registered >= {(entry.kind, entry.name) for entry in registry().entries}
    assert not any(row["error"] for row in rows)
