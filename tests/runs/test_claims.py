"""Claims: one winner each, whoever is silent or dead loses, and what was noted is there for the next one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genzoo.core.errors import UsageError
from genzoo.runs import claims
from genzoo.runs.claims import DONE, FAILED, HELD, HOLDER, RELEASED, Claims, State
from genzoo.system.signals import Terminated, terminable

MANY = 20


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "BEAT", 0.05)
    monkeypatch.setattr(claims, "SILENCE", 0.5)


@pytest.fixture
def asleep() -> Iterator[int]:
    """The number of a process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.kill()
    process.communicate()


def held_by(folder: Path, **changed: object) -> Path:
    """The file of a claim that someone holds: this process, but for what is changed."""
    place = folder / claims.FOLDER / "a/1"
    place.mkdir(parents=True)
    pid = os.getpid()
    holder = {"host": "h", "pid": pid, "machine": claims.machine(), "began": claims.began(pid), "status": HELD}
    (place / HOLDER).write_text(json.dumps(holder | changed))
    return place / HOLDER


def test_what_is_taken_is_held_and_then_released_with_its_notes(tmp_path: Path) -> None:
    shared = Claims(tmp_path)
    free = shared.state("a")
    assert free == State(0, RELEASED)
    with shared.taken("a", free) as claim:
        assert claim is not None
        claim.note(run="one")
        state = shared.state("a")
        assert (state.number, state.status, state.notes) == (1, HELD, {"run": "one"})
        assert state.holder.startswith(f"process {os.getpid()} on ")
        assert shared.state("b").status == RELEASED
        with shared.taken("a", free) as second:
            assert second is None
    assert shared.state("a").status == RELEASED
    with shared.taken("a", shared.state("a")) as claim:
        assert claim is not None
        assert claim.notes == {"run": "one"}
        claim.end(DONE, more="two")
    assert shared.state("a").status == DONE
    assert shared.state("a").notes == {"run": "one", "more": "two"}


def test_an_error_releases_and_a_failure_stays(tmp_path: Path) -> None:
    shared = Claims(tmp_path)
    with pytest.raises(ValueError, match="x"), shared.taken("a", shared.state("a")):
        raise ValueError("x")
    assert shared.state("a").status == RELEASED
    with shared.taken("a", shared.state("a")) as claim:
        assert claim is not None
        claim.end(FAILED, failure="nan")
    assert (shared.state("a").status, shared.state("a").notes) == (FAILED, {"failure": "nan"})


def test_of_many_threads_one_wins_each(tmp_path: Path) -> None:
    shared, barrier, won = Claims(tmp_path), threading.Barrier(MANY, timeout=20), []

    def take(name: str) -> None:
        state = shared.state(name)
        barrier.wait()
        with shared.taken(name, state) as claim:
            if claim:
                won.append(name)
            barrier.wait()

    for name in "abc":
        threads = [threading.Thread(target=take, args=(name,)) for _ in range(MANY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert won == ["a", "b", "c"]


RACE = """
import os, sys, time
from pathlib import Path
from genzoo.runs.claims import Claims
start = time.time() + 0.2
for number in range(int(sys.argv[2])):
    if not os.fork():
        shared = Claims(Path(sys.argv[1]))
        time.sleep(max(start - time.time(), 0))
        for name in map(str, range(10)):
            with shared.taken(name, shared.state(name)) as claim:
                if claim:
                    os.write(1, f"{name}\\n".encode())
                    claim.end("done")
        os._exit(0)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""


def test_of_many_processes_one_wins_each(tmp_path: Path) -> None:
    """Those that look after it is done see that; those that looked before are too late."""
    program = RACE.replace("if claim:", 'if claim and claim.folder.name == "1":')
    command = [sys.executable, "-c", program, str(tmp_path), str(MANY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == [str(number) for number in range(10)]


def test_a_process_that_has_ended_is_noticed_at_once(tmp_path: Path, asleep: int) -> None:
    held_by(tmp_path, pid=asleep, began=claims.began(asleep))
    assert Claims(tmp_path).state("a").status == HELD
    os.kill(asleep, 9)
    until = time.monotonic() + 5
    while Claims(tmp_path).state("a").status == HELD and time.monotonic() < until:
        time.sleep(0.01)
    assert Claims(tmp_path).state("a").status == RELEASED


def test_another_process_with_its_number_is_not_the_holder(tmp_path: Path, asleep: int) -> None:
    held_by(tmp_path, pid=asleep, began="1")
    assert Claims(tmp_path).state("a").status == RELEASED


@pytest.mark.parametrize("elsewhere", [{}, {"machine": "another", "pid": 1}])
def test_one_that_is_silent_loses_its_claim(tmp_path: Path, elsewhere: dict[str, object]) -> None:
    file = held_by(tmp_path, **elsewhere)
    assert Claims(tmp_path).state("a").status == HELD
    late = time.time() - claims.SILENCE
    os.utime(file, (late + 20, late + 20))
    assert Claims(tmp_path).state("a").status == HELD
    os.utime(file, (late - 1, late - 1))
    assert Claims(tmp_path).state("a").status == RELEASED


def test_one_that_has_not_written_anything_is_judged_by_its_folder(tmp_path: Path) -> None:
    file = held_by(tmp_path)
    file.unlink()
    assert Claims(tmp_path).state("a").status == HELD
    os.utime(file.parent, (0, 0))
    assert Claims(tmp_path).state("a").status == RELEASED


def test_a_holder_gives_signs_of_life(tmp_path: Path, quick: None) -> None:
    shared = Claims(tmp_path)
    with shared.taken("a", shared.state("a")):
        time.sleep(1.2)
        assert shared.state("a").status == HELD


def test_one_whose_work_was_taken_over_is_interrupted(
    tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = Claims(tmp_path)

    def sleep() -> None:
        for _ in range(500):
            time.sleep(0.01)

    with terminable(), shared.taken("a", shared.state("a")):
        (tmp_path / claims.FOLDER / "a/2").mkdir()
        with pytest.raises(Terminated):
            sleep()
    assert "lost its work to another one" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": [], "status": 3, "notes": []}', "{}"])
def test_a_damaged_claim_is_taken_over(tmp_path: Path, content: str) -> None:
    file = held_by(tmp_path)
    file.write_text(content)
    os.utime(file, (0, 0))
    os.utime(file.parent, (0, 0))
    shared = Claims(tmp_path)
    state = shared.state("a")
    with shared.taken("a", state) as claim:
        assert claim is not None


def test_a_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / claims.FOLDER).write_text("")
    with pytest.raises(UsageError, match="cannot make"), Claims(tmp_path).taken("a", State()):
        pass
