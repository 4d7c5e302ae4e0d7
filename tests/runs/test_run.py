"""The run folder: claimed once, written whole, read back as far as it goes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from genzoo.comparison.references import find
from genzoo.core.errors import UsageError
from genzoo.core.values import plain
from genzoo.runs import new_run
from genzoo.runs.new_run import claim, refuse_unwritable
from genzoo.runs.run import Run

CLAIM = """
import sys, time
from pathlib import Path
from genzoo.runs.new_run import claim
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5):
    with claim(Path(sys.argv[1]), None, "vae", "digits") as run:
        print(run.path.name, flush=True)
"""


def test_twenty_threads_claim_twenty_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four digits are no protection here: all draw the same ones until one of them has the folder."""
    drawn = threading.local()

    def token(size: int) -> str:
        drawn.count = getattr(drawn, "count", -1) + 1
        return f"{drawn.count:04x}"

    monkeypatch.setattr(new_run.secrets, "token_hex", token)
    barrier = threading.Barrier(20)

    def start(_: int) -> Path:
        drawn.count = -1
        barrier.wait()
        with claim(tmp_path / "runs", None, "vae", "digits") as run:
            return run.path

    with ThreadPoolExecutor(20) as pool:
        paths = list(pool.map(start, range(20)))
    assert len(set(paths)) == 20
    assert set(paths) == set((tmp_path / "runs").iterdir())


def test_processes_claim_folders_of_their_own(tmp_path: Path) -> None:
    words = [sys.executable, "-c", CLAIM, str(tmp_path / "runs")]
    processes = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    names = [name for process in processes for name in process.communicate(timeout=60)[0].split()]
    assert len(set(names)) == 20
    assert set(names) == {path.name for path in (tmp_path / "runs").iterdir()}


def test_one_of_many_gets_the_folder_that_all_name(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def start(_: int) -> bool:
        barrier.wait()
        try:
            with claim(tmp_path, tmp_path / "mine", "vae", "digits") as run:
                (run.path / "config.json").write_text("{}")
        except UsageError as error:
            assert "exists already" in error.message or "is being written by" in error.message  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1
    with (
        pytest.raises(UsageError, match="mine: it exists already; nothing was changed"),
        claim(tmp_path, tmp_path / "mine", "vae", "digits"),
    ):
        pass


def test_a_run_that_was_stopped_before_it_began_leaves_its_folder_free(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for _ in range(2):
        refuse_unwritable(tmp_path, mine)
        with claim(tmp_path, mine, "vae", "digits"):
            pass
    assert [path.name for path in mine.iterdir()] == ["lock"]


def test_a_folder_is_named_after_model_and_dataset(tmp_path: Path) -> None:
    with claim(tmp_path, None, "genzoo-hvae/hvae", "mnist") as run:
        assert run.path.name.startswith("hvae-mnist-")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (1.5, 1.5),
        (True, True),
        (None, None),
        ((1, math.nan), [1, "nan"]),
        ({1: {"a": [math.inf]}}, {"1": {"a": ["inf"]}}),
    ],
)
def test_json_has_no_nan(value: Any, expected: Any, tmp_path: Path) -> None:
    assert plain(value) == expected
    run = Run(tmp_path)
    run.write("results.json", {"value": value})
    assert run.results == {"value": expected}
    run.append({"value": value})

    def refuse(name: str) -> None:
        raise AssertionError(name)

    for text in ((tmp_path / "results.json").read_text(), (tmp_path / "metrics.jsonl").read_text()):
        json.loads(text, parse_constant=refuse)


def test_every_number_comes_back_as_it_was(tmp_path: Path) -> None:
    values = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2**63, 10**30]
    Run(tmp_path).write("results.json", {"values": values})
    assert Run(tmp_path).results["values"] == values


def epoch(number: int) -> dict[str, Any]:
    return {"epoch": number, "train": {"loss": math.nan, "−elbo": 1.0}}


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.history == []
    for number in (1, 2, 3):
        run.append(epoch(number))
    whole = (tmp_path / "metrics.jsonl").read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(whole) - 1):  # also within a letter of several bytes
        (tmp_path / "metrics.jsonl").write_bytes(whole[:end])
        assert [line["epoch"] for line in run.history] == [1, 2]
    for end in (len(whole) - 1, len(whole)):
        (tmp_path / "metrics.jsonl").write_bytes(whole[:end])
        assert [line["epoch"] for line in run.history] == [1, 2, 3]
    assert run.history[0]["train"] == {"loss": "nan", "−elbo": 1.0}


def test_an_epoch_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    run, writes = Run(tmp_path), []
    real = io.open

    class Counted:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.file = real(*arguments, **options)

        def __enter__(self) -> Counted:
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def write(self, text: str) -> None:
            writes.append(text)
            self.file.write(text)

    monkeypatch.setattr("builtins.open", Counted)
    run.append(epoch(1))
    monkeypatch.undo()
    assert len(writes) == 1
    assert writes[0].endswith("}\n")
    assert [line["epoch"] for line in run.history] == [1]


def test_a_run_without_a_record_is_the_oldest(tmp_path: Path) -> None:
    for name, record in (("a", '{"started": 5.0}'), ("b", "garbage"), ("c", '{"started": "x"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "run.json").write_text(record)
    assert find("@last", tmp_path).path.name == "a"
    (tmp_path / "a" / "run.json").unlink()
    assert find("@last", tmp_path).path.name == "c"
    assert find("b", tmp_path).path.name == "b"


def test_the_user_is_told_before_any_work_that_a_folder_cannot_be_written(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "new" / "runs", None)
    refuse_unwritable(tmp_path, tmp_path / "new" / "deep")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for root, out in ((tmp_path / "file", None), (tmp_path, tmp_path / "file" / "x"), (tmp_path, tmp_path / "file")):
        with pytest.raises(UsageError):
            refuse_unwritable(root, out)
