"""What makes two runs the same configuration on the same data: equal options and contents, not names of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genzoo.data.locations import is_location

VIEW = ("binarize", "standardize")
"""Training options that change what the metrics mean; runs that differ in them share no table."""
NOT_SETTINGS = ("seed", "device", "mode", "stream", "save_every", "listeners")
"""Training options in which the runs of one row may differ."""
SHORT = 8
"""Digits of a hash that a title shows."""


@dataclass(frozen=True)
class Data:
    """The data of a run."""

    name: str
    """The dataset."""
    options: Mapping[str, Any]
    """Those that are no paths."""
    paths: Mapping[str, Any] = field(default_factory=dict)
    """Where they lie."""
    digest: str | None = None
    """Of all that was loaded; None for data that were read from disk as needed, and in older runs."""
    files: str = ""
    """The hashes of the raw files, as one hash; "" if none are recorded."""

    @classmethod
    def of(cls, section: Mapping[str, Any], digest: Any, files: Any) -> Data:
        """From the `data` section of a configuration, and a record's `data_digest` and `data`."""
        options = {name: value for name, value in section.items() if name != "name"}
        paths = {name: value for name, value in options.items() if is_location(name, value)}
        rest = {name: value for name, value in options.items() if name not in paths}
        return cls(section["name"], rest, paths, digest if isinstance(digest, str) else None, hash_of(files))

    @property
    def contents(self) -> str | None:
        """What identifies the contents; None if nothing does."""
        return self.digest or self.files or None

    @property
    def plain(self) -> dict[str, Any]:
        """What must agree before two runs are of the same data, as plain JSON values."""
        where = {"contents": self.contents} if self.contents else self.paths
        return {"name": self.name, **self.options, **where}

    @property
    def without_digest(self) -> str:
        """What an older run of the same data has, as one text."""
        return as_key(replace(self, digest=None).plain)

    @property
    def is_identified(self) -> bool:
        """Whether more than a path is known of it."""
        return bool(self.contents) or not self.paths

    def same_as(self, other: Data) -> bool:
        """Whether both are the same data. A path alone does not tell."""
        if self.digest and other.digest:
            return self.plain == other.plain
        return self.is_identified and other.is_identified and self.without_digest == other.without_digest


def hash_of(files: Any) -> str:
    """The recorded hashes of raw files as one hash, whatever the files are called; "" if there are none."""
    try:
        known = sorted(sorted(map(str, one["sha256"].values())) for one in files.values())
    except (AttributeError, KeyError, TypeError):
        return ""
    return hashlib.sha256(json.dumps(known).encode()).hexdigest() if any(known) else ""


def with_digests(data: Iterable[Data]) -> list[Data]:
    """Gives each one without a digest that of the others with the same files and options, if these all have one."""
    every = list(data)
    digests: dict[str, set[str]] = {}
    for one in every:
        if one.digest:
            digests.setdefault(one.without_digest, set()).add(one.digest)
    found = []
    for one in every:
        known = digests.get(one.without_digest, set())
        adopts = one.is_identified and not one.digest and len(known) == 1
        found.append(replace(one, digest=next(iter(known))) if adopts else one)
    return found


def as_key(values: Any) -> str:
    """Plain JSON values as one text."""
    return json.dumps(values, sort_keys=True)


def settings_of(config: Mapping[str, Any], record: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """Every option but the seed, in one flat mapping. One that was changed on the way shows all its values."""
    training = {name: value for name, value in config["training"].items() if name not in NOT_SETTINGS}
    training |= changed_on_the_way(config["training"], record)
    model, loss = dict(config["model"]), dict(config["loss"])
    return {"model": model.pop("name"), **model, "loss": loss.pop("name"), **loss, "data": data.plain, **training}


def changed_on_the_way(training: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """Training options that had other values in earlier steps, such as {"lr": "0.01→1e-05@300"}: 1e-05 from there on.

    A session that begins at an earlier step than the one before it makes the steps from there on anew. More epochs are
    no change while the learning rate does not depend on their number.
    """
    sessions = _sessions(record)
    names = {name for _, changed in sessions for name in changed if name in training and name not in NOT_SETTINGS}
    if training.get("schedule", "constant") == "constant":
        names.discard("epochs")
    found = {}
    for name in sorted(names):
        value, in_force = training[name], []
        for step, changed in reversed(sessions):
            in_force.append((step, value))
            value = changed[name][0] if name in changed else value
        course: list[tuple[int, Any]] = []
        for step, value in reversed(in_force):
            course = [part for part in course if part[0] < step]
            if not course or course[-1][1] != value:
                course.append((step, value))
        if len(course) > 1:
            found[name] = "→".join([str(course[0][1]), *(f"{value}@{step}" for step, value in course[1:])])
    return found


def _sessions(record: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Of each session of a record, the step where it begins and what it changed as [before, now]."""
    sessions = record.get("sessions")
    found = []
    for session in sessions if isinstance(sessions, list) else []:
        if isinstance(session, dict) and isinstance(step := session.get("step", 0), int):
            changed = session.get("changed")
            items = changed.items() if isinstance(changed, dict) else ()
            found.append((step, {name: pair for name, pair in items if isinstance(pair, list) and len(pair) == 2}))
    return found


def view_of(config: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """What else must agree before two metrics share a column: how the data are seen, and what −ln p(x|z) is.

    Probabilities, densities and what is neither do not compare. Results of older runs do not tell; there the option
    does.
    """
    training = config["training"]
    seen = {name: training[name] for name in VIEW if name in training}
    if "measure" not in results:
        return {**seen, **({"likelihood": training["likelihood"]} if "likelihood" in training else {})}
    if results["measure"] is None:
        return {**seen, "measure": "no p(x|z)"}
    return {**seen, "likelihood": str(results.get("likelihood")), "measure": str(results["measure"])}


def protocol_words(data: Data, view: Mapping[str, Any], names: Iterable[str], digest: bool) -> list[str]:
    """A table's protocol in words.

    Args:
        data: Of its runs.
        view: See `view_of`.
        names: What the files of the data are called in its runs.
        digest: Whether a part of the data's hash is needed to tell it apart.
    """
    where = [f"{option} {' or '.join(sorted(set(names)))}" for option in list(data.paths)[:1]]
    options = {name: value for name, value in data.options.items() if value not in (None, "", [], "auto")}
    contents = [f"contents {data.contents[:SHORT] if data.contents else 'not recorded'}"]
    contents = contents if digest or (data.contents and data.paths) else []
    return [data.name, *where, *contents, *(f"{name} {short(value)}" for name, value in {**options, **view}.items())]


def file_names(data: Data) -> list[str]:
    """What the files are called, without the folders they lie in; whole where nothing else identifies them."""
    texts = [text for value in data.paths.values() for text in (value if isinstance(value, list) else [value]) if text]
    return [Path(text).name if data.contents else text for text in texts]


def short(value: Any) -> str:
    """An option's value in a label."""
    if isinstance(value, dict):
        return ",".join(f"{name}={short(item)}" for name, item in value.items())
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
