"""Hostile records and configurations, in JSON and TOML."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from corpus import CASES, Place, Words, case
from forge import pipe

# records


def record_case(name: str, file: str, change: Callable[[str], str], *verbs: str) -> None:
    for verb in verbs:

        @case(f"{verb}: {file} with {name}")
        def recipe(place: Place, verb: str = verb) -> Words:
            path = place.run() / file
            path.write_text(change(path.read_text()), encoding="utf-8", errors="surrogateescape")
            return ["run", "--config", "run/config.json", "--out", "new"] if verb == "run" else [verb, "run"]


def with_value(section: str, name: str, value: str) -> Callable[[str], str]:
    """Return a file with one value replaced by another JSON text."""

    def change(content: str) -> str:
        values = json.loads(content)
        values[section][name] = "REPLACED"
        return json.dumps(values).replace('"REPLACED"', value)

    return change


JSON = {
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "a number beyond every float": "1e999",
    "a number of 5,000 digits": "9" * 5000,
    "a number of 100 digits": "9" * 100,
    "endless nesting": "[" * 100_000,
    "deep nesting": "[" * 500 + "]" * 500,
    "a lone surrogate": '"\\ud800"',
    "a list of a list": "[[1]]",
    "a name twice": '{"a": 1, "a": 2}',
}
for what, value in JSON.items():
    record_case(what, "config.json", with_value("training", "epochs", value), "evaluate", "run")
    record_case(what, "results.json", with_value("training", "images_per_second", value), "report", "compare")
record_case("no sections", "config.json", lambda content: "{}", "evaluate", "run", "report", "compare")
record_case("no sections", "results.json", lambda content: "{}", "report", "compare")
record_case("no entries", "run.json", lambda content: "{}", "report")
record_case("escapes", "config.json", with_value("model", "name", '"\\u001b[2J"'), "evaluate", "run")
record_case("a name that leads outside", "config.json", with_value("data", "name", '"../../etc"'), "evaluate", "run")
record_case("an unknown key", "config.json", with_value("training", "x" * 5000, "1"), "evaluate", "run")
record_case("a dunder", "config.json", with_value("training", "__class__", '"os.system"'), "evaluate", "run")
record_case("tests of another type", "results.json", with_value("test", "n", '"many"'), "report", "compare")
record_case("a start of another type", "run.json", lambda c: json.dumps(json.loads(c) | {"started": "x"}), "report")
record_case("a start in the far future", "run.json", lambda c: json.dumps(json.loads(c) | {"started": 1e300}), "report")
record_case("plugins of another type", "run.json", lambda c: json.dumps(json.loads(c) | {"plugins": [1]}), "report")
record_case("a command of another type", "run.json", lambda c: json.dumps(json.loads(c) | {"command": 5}), "report")
record_case(
    "a package that is a command",
    "run.json",
    lambda c: json.dumps(json.loads(c) | {"plugins": {"model": {"name": "x", "origin": "a;reboot 1"}}}),
    "evaluate",
)

TOML = {
    "a number of 30,000 hexadecimal digits": "model='vae'\ndataset='moons'\nepochs=0x" + "f" * 30_000,
    "a number of 30,000 digits": "model='vae'\ndataset='moons'\nepochs=" + "9" * 30_000,
    "endless nesting": "x=" + "[" * 30_000,
    "deep nesting": "model='vae'\ndataset='moons'\nhidden=" + "[" * 100 + "]" * 100,
    "a key of 20,000 parts": "a" + ".a" * 20_000 + "=1",
    "10,000 tables": "\n".join(f"[t{number}.a.b]" for number in range(4000)),
    "a megabyte of comment": "#" * (1 << 20),
    "NaN": "model='vae'\ndataset='moons'\nlr=nan",
    "infinity": "model='vae'\ndataset='moons'\nlr=inf",
    "a key of control characters": "model='vae'\ndataset='moons'\n\"\\u001b[2J\\u0000\"=1",
    "a key of 10,000 characters": "model='vae'\ndataset='moons'\n" + "x" * 10_000 + "=1",
    "a model that leads outside": "model='../../etc/passwd'\ndataset='moons'",
    "a model of terabytes": "model='vae'\ndataset='moons'\nlatent-dim=1000000000",
    "a wide model": "model='vae'\ndataset='moons'\nhidden=[1000000000]",
    "a deep model": "model='vae'\ndataset='moons'\nhidden=[" + "1," * 20_000 + "]",
    "images of a million pixels a side": "model='vae'\ndataset='digits'\n[data]\nresize=1000000",
    "a billion points": "model='vae'\ndataset='moons'\n[data]\ntrain=1000000000",
    "a negative number of points": "model='vae'\ndataset='moons'\n[data]\ntrain=-1",
    "a device that cannot be": "model='vae'\ndataset='moons'\ndevice='cuda:99999999999999999999'",
    "a device that is a path": "model='vae'\ndataset='moons'\ndevice='../../dev/zero'",
    "a likelihood of 10,000 digits": "model='vae'\ndataset='moons'\nlikelihood='gaussian:" + "9" * 10_000 + "'",
    "a date": "model='vae'\ndataset='moons'\nepochs=2026-01-01",
    "an option of the command line": "model='vae'\ndataset='moons'\nout='/etc/genzoo'",
    "a device as data": "model='vae'\ndataset='csv'\n[data]\npath='/dev/zero'",
    "a folder as data": "model='vae'\ndataset='csv'\n[data]\npath='/'",
    "a NUL in a path": "model='vae'\ndataset='csv'\n[data]\npath=\"a\\u0000b\"",
}
for what, content in TOML.items():

    @case(f"TOML: {what}")
    def _(place: Place, content: str = content) -> Words:
        Path("run.toml").write_text(content)
        return ["run", "--config", "run.toml"]


CASES["TOML: a pipe"] = lambda place: ["run", "--config", pipe(Path("run.toml"))]
CASES["TOML: a device"] = lambda place: ["run", "--config", "/dev/zero"]
