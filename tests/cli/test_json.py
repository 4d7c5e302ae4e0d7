"""`--json`: one document for every verb, that its schema describes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import fastjsonschema
import numpy as np
import pytest
from commandline import Result, genzoo, trained
from made_up_runs import make
from tiny_datasets import NAMES, Example

from genzoo.cli.json_schemas import schemas
from genzoo.core.command import VERBS
from genzoo.experiment import cards, speed
from genzoo.figures import leaderboard, race
from genzoo.runs.run import Run

SMALL = "--hidden 4 --latent-dim 2 --data.train 100 --data.validation 20 --data.test 40"
WORKS = {
    "run": (f"run vae moons --epochs 1 {SMALL} --out OUT/run", f"run vae moons {SMALL} --dry-run"),
    "resume": ("resume RUN",),
    "list": ("list --kind model",),
    "info": ("info digits",),
    "data list": ("data list",),
    "data path": ("data path mnist",),
    "data verify": ("data verify tiny --data-root OUT",),
    "data add": ("data add tiny FILES --data-root OUT/other",),
    "data clear": ("data clear",),
    "evaluate": ("evaluate RUN", "evaluate RUN UNSEEN"),
    "sample": ("sample RUN -n 4 --out OUT/a.png",),
    "reconstruct": ("reconstruct RUN OUT/a.npy --out OUT/b.npy",),
    "interpolate": ("interpolate RUN --out OUT/a.npy",),
    "traverse": ("traverse RUN --out OUT/a.npy",),
    "augment": ("augment RUN --out OUT/a.npy",),
    "anomaly": ("anomaly RUN --score mse", "anomaly RUN OUT/a.npy --score mse", "anomaly UNSEEN --score mse"),
    "denoise": ("denoise RUN --out OUT/a.npy",),
    "impute": ("impute RUN --steps 2 --draws 1 --out OUT/a.npy",),
    "compress": ("compress RUN",),
    "embed": ("embed RUN --out OUT/a.npz",),
    "report": ("report COPY",),
    "watch": ("watch COPY --once",),
    "doctor": ("doctor",),
    "config": ("config",),
    "config show": ("config show",),
    "config set": ("config set epochs 3",),
    "config unset": ("config unset epochs",),
    "config path": ("config path",),
    "completion": ("completion bash",),
    "runs": ("runs",),
    "runs list": ("runs list runs",),
    "runs show": ("runs show MADE",),
    "runs diff": ("runs diff MADE RUN",),
    "runs tag": ("runs tag MADE good",),
    "runs note": ("runs note MADE x",),
    "runs clean": ("runs clean COPY --yes",),
    "runs rm": ("runs rm MADE --yes",),
    "compare": ("compare runs",),
    "bench": (
        f"bench --models vae --dataset moons --seeds 0 --epochs 1 {SMALL} --runs OUT/bench",
        f"bench vae,ae moons --epochs 1 {SMALL} --dry-run",
    ),
    "sweep": (f"sweep vae moons --grid beta=1 --seeds 0 --epochs 1 {SMALL} --runs OUT/sweep",),
    "race": (f"race --models vae --baselines none --dataset moons --seeds 0 --budget 0.1s {SMALL} --out OUT/race",),
    "reproduce": ("reproduce --list", "reproduce mine --seeds 0 --out OUT/card --device cpu"),
    "plugins": ("plugins", "plugins vae"),
    "new-plugin": ("new-plugin my-zoo --metric mine --in OUT",),
    "check": ("check digits --only class,labels", "check mse --theory"),
    "prove": ("prove mse",),
    "help json": ("help json",),
}
"""Commands that succeed, of each verb; one for each form of its result."""
COSTLY = ("check digits --only class,labels",)
"""Commands of the long suite: they import all checks."""
CARD = cards.Card(
    name="mine", summary="", source="", fits="cpu", minutes=1, claims=(cards.Claim(value="one.nll", at_most=99),),
    runs={"one": {"model": "vae", "dataset": "moons", "epochs": 1, "hidden": [4], "latent_dim": 1}},
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("runs_without_figures")


def document(result: Result) -> dict[str, Any]:
    """Return the only document on standard output, after a look at what JSON does not have."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(result.out, parse_constant=refuse)
    return found


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run without one class."""
    words = "vae --dataset digits --data.without 3 --epochs 1 --hidden 4 --latent-dim 2"
    return trained(tmp_path_factory.mktemp("unseen"), *words.split())


@pytest.fixture
def typed(
    vae_run: Run, unseen: Run, tiny: Example, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """What the capital words in commands stand for."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(speed, "SECONDS", 0.0)
    for drawn in (leaderboard, race):
        monkeypatch.setattr(drawn, "draw", lambda path, found: None)
    monkeypatch.setattr(cards, "cards", lambda: {"mine": CARD})
    monkeypatch.setattr("genzoo.cli.completion.collect_in_background", lambda: None)
    np.save(tmp_path / "a.npy", np.zeros((3, 8, 8), dtype=np.float32))
    made, raw = make(tmp_path / "runs/made", "vae", 0, 100.0), tiny.put(tmp_path / "Tiny/raw")
    files = " ".join(str(raw / name) for name in NAMES)
    copy = shutil.copytree(vae_run.path, tmp_path / "runs/copy")
    places = {
        "RUN": vae_run.path,
        "COPY": copy,
        "UNSEEN": unseen.path,
        "MADE": made.path,
        "OUT": tmp_path,
        "FILES": files,
    }
    return {name: str(place) for name, place in places.items()}


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        pytest.param(verb, words, marks=[pytest.mark.long] if words in COSTLY else [])
        for verb, commands in WORKS.items()
        for words in commands
    ],
)
def test_a_result_is_one_document_that_fits_its_schema(verb: str, words: str, typed: dict[str, str]) -> None:
    result = genzoo("--json", *(re.sub("[A-Z]{3,}", lambda name: typed[name[0]], words)).split())
    found = document(result)
    assert "error" not in found, result.err
    assert "text" not in found
    fastjsonschema.compile(schemas()[verb])(found)


@pytest.mark.parametrize("verb", WORKS)
def test_an_error_is_one_document_too(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*verb.split(), "--nosuch", "--json"]
    result, plain = genzoo(*words), genzoo(*words[:-1])
    found = document(result)
    assert result.code == plain.code == found["error"]["exit_code"] == 2
    assert (plain.out, result.err) == ("", plain.err)
    assert plain.err.startswith(f"genzoo: {found['error']['message']}\n")
    fastjsonschema.compile(schemas()[verb])(found)


def test_every_verb_has_a_schema_and_a_command_above() -> None:
    """Verbs below verbs too: they are in the help of the verb above them."""
    below = {
        f"{verb} {name}"
        for verb in ("runs", "data", "config")
        for name in re.findall(r"^    (\w[\w-]*)  ", genzoo(verb, "--help").out, flags=re.MULTILINE)
    }
    assert len(below) > 14
    assert {*VERBS, *below, "help json"} - {"data"} == set(schemas()) == set(WORKS)


COMMAND = """
import genzoo

class Shout(genzoo.Command):
    def arguments(self, parser):
        parser.add_argument("how")
        HOW

    def run(self, options):
        if options.how == "result":
            genzoo.json_result(loud=float("nan"), file=__import__("pathlib").Path("a"))
        print('{"own": 1}' if options.how == "own" and options.json else "HELLO")

@genzoo.hookimpl
def register_commands(register):
    register("shout", Shout, summary="says it louder")
"""


@pytest.mark.parametrize(
    ("how", "expected", "told"),
    [
        ("result", {"schema": 1, "verb": "shout", "loud": "nan", "file": "a"}, ""),
        ("own", {"own": 1}, ""),
        ("text", {"schema": 1, "verb": "shout", "text": "HELLO\n"}, "genzoo: shout gives no JSON"),
    ],
)
def test_commands_of_plugins(how: str, expected: dict[str, Any], told: str, tmp_path: Path) -> None:
    """They give a result, print a document of their own, or have neither, which a line says."""
    file = tmp_path / "mine.py"
    own = 'parser.add_argument("--json", action="store_true")' if how == "own" else "pass"
    file.write_text(COMMAND.replace("HOW", own))
    result = genzoo("-p", file, "shout", how, "--json")
    assert (result.code, document(result)) == (0, expected)
    assert result.err.startswith(told)
    assert result.err.count("\n") == bool(told)


def test_a_help_is_a_text() -> None:
    assert document(genzoo("report --help --json"))["text"] == genzoo("report --help").out


def test_the_documentation_has_a_line_for_each_field_of_80_columns() -> None:
    text = genzoo("help json").out
    assert max(map(len, text.splitlines())) <= 80
    assert "\nbench, race\n  command?            [text]\n" in text
