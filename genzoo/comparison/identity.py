"""When two runs have the same configuration and the same data: by options and contents, not by file names."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from genzoo.core.errors import GenzooError
from genzoo.core.options import to_json
from genzoo.core.run_reference import parse_pinned
from genzoo.data.locations import is_location
from genzoo.registry.answer_cache import cached
from genzoo.registry.current import registry
from genzoo.registry.entries import Kind
from genzoo.runs.reference import shortened
from genzoo.training.config import Training

VIEW = {"binarize": "none", "standardize": "none"}
"""Training options that change what the metrics mean, with their defaults: runs that differ in them are in different
tables."""
NOT_SETTINGS = ("seed", "device", "mode", "stream", "save_every", "listeners", "metrics")
"""Training options in which the runs of one row may differ."""
SHORT = 8
"""Digits of a hash in a title."""


@dataclass(frozen=True)
class Data:
    """The data of a run."""

    name: str
    """The name of the dataset."""
    options: Mapping[str, Any]
    """Its options that are not paths, without those that are not set: older runs lack newer options."""
    paths: Mapping[str, Any] = field(default_factory=dict)
    """Its options that are paths."""
    digest: str | None = None
    """A hash of all loaded data; None for streamed data and in older runs."""
    files: str = ""
    """The hashes of the raw files as one hash; "" if they were not recorded."""

    @classmethod
    def of(cls, section: Mapping[str, Any], digest: Any, files: Any) -> Data:
        """Return the data of the `data` section of a configuration, and of `data_digest` and `data` of a record."""
        options = {name: value for name, value in section.items() if name != "name" and value is not None}
        paths = {name: value for name, value in options.items() if is_location(name, value)}
        rest = {name: value for name, value in options.items() if name not in paths}
        return cls(section["name"], rest, paths, digest if isinstance(digest, str) else None, hash_of(files))

    @property
    def contents(self) -> str | None:
        """A hash of the contents; None if it is not known."""
        return self.digest or self.files or None

    @property
    def plain(self) -> dict[str, Any]:
        """JSON values that are equal for runs on the same data."""
        where = {"contents": self.contents} if self.contents else self.paths
        return {"name": self.name, **self.options, **where}

    @property
    def without_digest(self) -> str:
        """The key of an older run on the same data, which has no digest."""
        return as_key(replace(self, digest=None).plain)

    @property
    def is_identified(self) -> bool:
        """Whether more than a path is known."""
        return bool(self.contents) or not self.paths

    def same_as(self, other: Data) -> bool:
        """Return whether both are known to be the same data. An equal path is not enough."""
        if self.digest and other.digest:
            return self.plain == other.plain
        return self.is_identified and other.is_identified and self.without_digest == other.without_digest


def hash_of(files: Any) -> str:
    """Return the recorded hashes of raw files as one hash, independent of file names; "" if there are none."""
    try:
        known = sorted(sorted(map(str, one["sha256"].values())) for one in files.values())
    except (AttributeError, KeyError, TypeError):
        return ""
    return hashlib.sha256(json.dumps(known).encode()).hexdigest() if any(known) else ""


def with_digests(data: Iterable[Data]) -> list[Data]:
    """Fill in missing digests from the data with the same files and options, where these have one and the same."""
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
    """Return JSON values as one canonical text."""
    return json.dumps(values, sort_keys=True)


def settings_of(config: Mapping[str, Any], record: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """Return every option but the seed as one flat mapping; an option that changed during training has all values."""
    training = {name: value for name, value in config["training"].items() if name not in NOT_SETTINGS}
    training |= changed_during_training(config["training"], record)
    parts = {part: {name: shortened(value) for name, value in config[part].items()} for part in ("model", "loss")}
    names = {section: options.pop("name") for section, options in parts.items()}
    owners = Counter(name for options in (*parts.values(), training) for name in options)
    flat = {
        section: {name if owners[name] == 1 else f"{section}.{name}": value for name, value in options.items()}
        for section, options in {**parts, "train": training}.items()
    }
    both = ({section: names[section], **flat[section]} for section in parts)
    return {name: value for one in both for name, value in one.items()} | {"data": data.plain} | flat["train"]


def completed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the settings of runs with the options that others of the same model and loss have, at their defaults.

    A run made before an option was added does not record it, and opens with its default.
    """
    names: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        names.setdefault((row["model"], row["loss"]), set()).update(row)
    found = []
    for row in rows:
        missing = names[row["model"], row["loss"]] - row.keys()
        added = (
            to_json(Training()) | defaults_of("model", row["model"]) | defaults_of("loss", row["loss"])
            if missing
            else {}
        )
        found.append(row | {name: value for name, value in added.items() if name in missing})
    return found


def defaults_of(kind: Kind, name: str) -> dict[str, Any]:
    """Return the defaults of a registered class; {} if it is not known."""
    entries = registry().called(name, [kind])
    try:
        (entry,) = entries
        defaults: dict[str, Any] = cached(["defaults", kind, entry.full_name], lambda: to_json(entry.load().Config()))
    except (ValueError, GenzooError):
        return {}
    return defaults


def changed_during_training(training: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """Return training options that changed, such as {"lr": "0.01→1e-05@300"}: 1e-05 from step 300 on.

    A session that begins at an earlier step than the one before it repeats the steps from there on. A larger number of
    epochs or steps is a change only where the learning rate depends on it.
    """
    sessions = _sessions(record)
    names = {name for _, changed in sessions for name in changed if name in training and name not in NOT_SETTINGS}
    if training.get("schedule", "constant") == "constant":
        names -= {"epochs", "max_steps"}
    names.discard("max_time")  # no step depends on it
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
            found[name] = "→".join([short(course[0][1]), *(f"{short(value)}@{step}" for step, value in course[1:])])
    return found


def differing(settings: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the options of a configuration that others have with other values; not those that it has not set."""
    every = list(others)
    return [
        name
        for name, value in settings.items()
        if value is not None and any(other.get(name) != value for other in every)
    ]


def _sessions(record: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Return the first step of each session of a record, and the options that it changed as [before, after]."""
    sessions = record.get("sessions")
    found = []
    for session in sessions if isinstance(sessions, list) else []:
        if isinstance(session, dict) and isinstance(step := session.get("step", 0), int):
            changed = session.get("changed")
            items = changed.items() if isinstance(changed, dict) else ()
            found.append((step, {name: pair for name, pair in items if isinstance(pair, list) and len(pair) == 2}))
    return found


def view_of(config: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else must be equal for metrics to be comparable: preprocessing, and what −ln p(x|z) is.

    Probabilities, densities and other values are not comparable. Probabilities of the same values are, whatever
    likelihood they are from. Older results do not record which one they are; for these the likelihood option is used.
    """
    training = config["training"]
    view = {name: training[name] for name in VIEW if name in training}
    if "measure" not in results:
        return {**view, **({"likelihood": training["likelihood"]} if "likelihood" in training else {})}
    if results["measure"] is None:
        return {**view, "measure": "no p(x|z)"}
    if results["measure"] == "probability":
        return {**view, "measure": "probability"}
    return {**view, "likelihood": str(results.get("likelihood")), "measure": str(results["measure"])}


def not_default(data: Data, view: Mapping[str, Any]) -> tuple[Data, dict[str, Any]]:
    """Return data and view without the options that are at their defaults."""
    usual = defaults_of("dataset", data.name)
    options = {name: value for name, value in data.options.items() if name not in usual or usual[name] != value}
    return replace(data, options=options), {name: value for name, value in view.items() if value != VIEW.get(name)}


def protocol_words(data: Data, view: Mapping[str, Any], names: Iterable[str], digest: bool) -> list[str]:
    """Return the parts of a protocol.

    Args:
        data: The data of its runs.
        view: See `view_of`.
        names: File names of the data in its runs.
        digest: Whether to show a part of the data's hash.
    """
    where = [f"{option} {' or '.join(sorted(set(names)))}" for option in list(data.paths)[:1]]
    options = {name: value for name, value in data.options.items() if value not in (None, "", [], "auto")}
    contents = [f"contents {data.contents[:SHORT] if data.contents else 'not recorded'}"]
    contents = contents if digest or (data.contents and data.paths) else []
    return [data.name, *where, *contents, *(f"{name} {short(value)}" for name, value in {**options, **view}.items())]


def file_names(data: Data) -> list[str]:
    """Return the file names of the data; whole paths where nothing else identifies them."""
    texts = [text for value in data.paths.values() for text in (value if isinstance(value, list) else [value]) if text]
    texts = [pinned.path if (pinned := parse_pinned(text)) else text for text in texts]
    return [Path(text).name if data.contents else text for text in texts]


def short(value: Any) -> str:
    """Return the value of an option as it is shown in a label."""
    if isinstance(value, dict):
        return ",".join(f"{name}={short(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "-".join(map(short, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def short_typed(text: str) -> str:
    """Return an option as it was typed in the form of `short`: "1e-3" as "0.001"."""
    try:
        return short(float(text))
    except ValueError:
        return text
