"""JSON Schemas of what `--json` prints, and `genzoo help json`."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from genzoo.cli.json_fields import FIELDS
from genzoo.core.command import VERBS
from genzoo.system.json_output import SCHEMA, json_result

INTRODUCTION = f"""\
With --json, anywhere on the line, a command prints exactly one JSON document on
standard output, in a pipe on one line; the rest is on standard error, and exit
codes stay the same. It has schema ({SCHEMA}), verb and the fields below, or instead

  error
    message           text
    hint              text         what to type
    exit_code         integer

nan and infinity are the texts "nan", "inf" and "-inf". A later version may add
fields; schema changes where one changes its name or meaning. A name with ? may
be missing, a kind with ? may be null; [kind] is a list, {{kind}} has a value for
each name, [] and {{}} hold the fields below them. A help is in text, and so is
what a plugin's command prints that gives no JSON. As JSON Schema, for programs:
genzoo help json --json

"""
NUMBERS = [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]
KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"anyOf": NUMBERS},
    "boolean": {"type": "boolean"},
    "any": {},
}
"""The schema of each plain kind."""
LINE = re.compile(r"(?P<name>\S+)\s+(?P<kind>\S+)(?:\s+(?P<meaning>.*))?")


def show_schemas() -> int:
    """Print the fields of each verb; as JSON, their schemas."""
    json_result(schemas=schemas())
    print(INTRODUCTION + FIELDS, end="")
    return 0


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of the document of each verb, such as "runs list"."""
    shared: dict[str, dict[str, Any]] = {}
    forms: dict[str, list[dict[str, Any]]] = {}
    for block in re.split(r"\n(?=\S)", FIELDS.rstrip()):
        heading, *lines = block.split("\n")
        form = fields_of(lines, KINDS | shared)
        for name in heading.split(", "):
            verb = re.sub(" --.*", "", name)
            if verb.split()[0] in (*VERBS, "help"):
                forms.setdefault(verb, []).append(form)
            else:
                shared[name] = form
    return {verb: document(verb, own) for verb, own in forms.items()}


def document(verb: str, forms: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a verb's document with one of several forms of results, or with an error."""
    start = {"schema": {"const": SCHEMA}, "verb": {"const": verb}}
    error = fields_of(["  error {}", "    message text", "    hint text", "    exit_code integer"], KINDS)
    whole = [
        {
            **form,
            "properties": {**start, **form["properties"]},
            "required": [*start, *form["required"]],
        }
        for form in [*forms, error]
    ]
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": f"genzoo {verb} --json", "anyOf": whole}


def fields_of(lines: list[str], kinds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of an object whose fields are these lines, and of fields of fields those that are indented."""
    made: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    depth = len(lines[0]) - len(lines[0].lstrip())
    for group in re.split(rf"\n(?= {{{depth}}}\S)", "\n".join(lines)):
        first, *below = group.split("\n")
        found = LINE.fullmatch(first.strip())
        assert found is not None, first
        inner = {"": fields_of(below, kinds)} if below else {}
        told = {"description": found["meaning"]} if found["meaning"] else {}
        own = {**kind_of(found["kind"], kinds | inner), **told}
        if found["name"] == "*":
            made["additionalProperties"] = own
            continue
        made["properties"][found["name"].rstrip("?")] = own
        made["required"] += [] if found["name"].endswith("?") else [found["name"]]
    return made


def kind_of(kind: str, kinds: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a kind such as "number", "number?", "[text]" or "{number}"."""
    if kind.endswith("?"):
        return {"anyOf": [kind_of(kind[:-1], kinds), {"type": "null"}]}
    if kind.startswith("["):
        return {"type": "array", "items": kind_of(kind[1:-1], kinds)}
    if kind.startswith("{") and kind != "{}":
        return {"type": "object", "additionalProperties": kind_of(kind[1:-1], kinds)}
    return kinds[kind.strip("{}")]
