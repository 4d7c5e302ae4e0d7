"""A run's record, run.json: what it was made with, and each session in which somebody worked at it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError
from genzoo.core.listener import INTERRUPTED
from genzoo.runs.run import MODEL_FILE, Run
from genzoo.runs.schema import is_count
from genzoo.system.checksummed import stored_digest

if TYPE_CHECKING:
    from genzoo.data.store import Store

RUNNING, FINISHED = "running", "finished"
MATTERS = ("genzoo", "packages", "plugins", "device", "threads", "matmul", "mode", "processes")
"""Parts of the environment that decide whether the same step gives the same bits."""
ASSUMED = {"matmul": "blas"}
"""What a part was in versions that did not record it."""


class Session:
    """One process's work at a run, from `open` to `close`. Durations do not depend on the wall clock.

    Args:
        run: Its record is written.
        environment: What `provenance.environment` says.
        data: Where the data came from, and their hashes.
        seed: Of the training.
        step: Where it begins; a resumed run's is the checkpoint's.
        changed: Options that are other than before, as [before, now].
    """

    def __init__(
        self,
        run: Run,
        environment: Mapping[str, Any],
        data: Mapping[str, Any],
        seed: int,
        step: int = 0,
        changed: Mapping[str, Any] | None = None,
    ) -> None:
        self.run = run
        self.status = RUNNING
        self.began = time.perf_counter()
        now = time.time()
        self.entry: dict[str, Any] = {
            "started": now,
            "ended": None,
            "seconds": 0.0,
            "status": RUNNING,
            "step": step,
            **({"changed": dict(changed)} if changed else {}),
            **{name: environment[name] for name in ("command", *MATTERS) if name in environment},
        }
        former = former_record(run)
        self.record: dict[str, Any] = former or {"started": now, "seed": seed, "data": dict(data), **environment}
        sessions = self.record.get("sessions")
        self.record["sessions"] = [*(sessions if isinstance(sessions, list) else []), self.entry]
        self.record |= {"status": RUNNING, "ended": None}
        run.write("run.json", self.record)

    def close(self) -> None:
        """Writes how it ended.

        Raises:
            GenzooError: The record cannot be written, and nothing else went wrong.
        """
        now = time.time()
        self.entry |= {"status": self.status, "ended": now, "seconds": time.perf_counter() - self.began}
        self.record |= {"status": self.status, "ended": now}
        try:
            self.run.write("run.json", self.record)
        except GenzooError:
            if self.status in (FINISHED, INTERRUPTED):  # else there is an error that says more
                raise


def data_of(store: Store) -> dict[str, Any]:
    """Where the data files came from, and their hashes."""
    return {name: {"source": found.source, "sha256": found.sha256} for name, found in store.found.items()}


def evaluated_at(run: Run, step: int) -> bool:
    """Whether the run's results are those after so many steps, of the model that is there."""
    try:
        results = run.results
        return bool(results["training"]["step"] == step) and not has_other_weights(run, results)
    except (GenzooError, KeyError, TypeError):
        return False


def has_other_weights(run: Run, results: Mapping[str, Any]) -> bool:
    """Whether results were computed with other weights than the run's model has now, as far as it is recorded."""
    now = stored_digest(run.path / MODEL_FILE)
    return "weights" in results and now is not None and results["weights"] != now


def why_outdated(run: Run, config: Mapping[str, Any], results: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Why a run's results are not those of the training that its configuration asks for, or ""."""
    if config["training"].get("standardize", "none") != "none" and "weights" not in results:
        again = f"rm {run.path}/results.json && genzoo resume {run.path}"
        return f"its MSE is of standardised values, as earlier versions had it: {again}"
    took = results.get("training", {})
    done, asked = took.get("epochs"), config["training"].get("epochs")
    figures = f"its figures are of epoch {done}" if is_count(done) else "its figures are of former weights"
    if has_other_weights(run, results):
        return f"{figures}, and the model was trained further since"
    stopped = bool(took.get("stopped"))
    if is_count(done) and is_count(asked) and done < asked and not stopped:
        return f"{figures}, and it was asked for {asked}"
    last = _last_session(record)
    goes_on = is_count(last.get("step")) and is_count(took.get("step")) and last["step"] >= took["step"]
    if stopped and goes_on and last.get("status") != FINISHED:
        return f"{figures}, and it goes on from there"
    return ""


def _last_session(record: Mapping[str, Any]) -> Mapping[str, Any]:
    sessions = record.get("sessions")
    last = sessions[-1] if isinstance(sessions, list) and sessions else {}
    return last if isinstance(last, dict) else {}


def former_record(run: Run) -> dict[str, Any]:
    """The record of earlier sessions; {} if there is none that can be read."""
    try:
        return run.record
    except GenzooError:
        return {}


def total_seconds(record: Mapping[str, Any]) -> float:
    """How long all sessions took together, the present one included; nobody knows it of one that was killed."""
    *_, last = sessions = record["sessions"]
    now = time.time() - last["started"] if last["status"] == RUNNING else 0.0
    return float(sum(one["seconds"] for one in sessions) + max(now, 0.0))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In what an environment differs from an earlier one, as "threads 1 → 2"."""
    pairs = {name: (before.get(name, ASSUMED.get(name)), now[name]) for name in MATTERS if name in now}
    for name in ("packages", "plugins"):
        was, is_now = pairs.pop(name, (None, None))
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            pairs |= {key: (was.get(key), is_now[key]) for key in is_now}
    return [f"{name} {shortened(was)} → {shortened(is_now)}" for name, (was, is_now) in pairs.items() if was != is_now]


def shortened(value: Any) -> str:
    """A value in a few words."""
    return str(value.get("origin", value) if isinstance(value, Mapping) else value)[:80]
