"""The record of a run, run.json: its environment, its data, and each session of training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genzoo.core.errors import GenzooError
from genzoo.core.listener import CLOSED_FORM, INTERRUPTED
from genzoo.runs.run import FINISHED, MODEL_FILE, RUNNING, Run
from genzoo.runs.schema import is_count, is_number
from genzoo.system.checksummed import stored_digest

if TYPE_CHECKING:
    from genzoo.data.store import Store

MATTERS = ("genzoo", "packages", "plugins", "device", "threads", "matmul", "mode", "processes")
"""Parts of the environment that can change the bits of a training step."""
ASSUMED = {"matmul": "blas"}
"""The value of a part in records of versions that did not store it."""


class Session:
    """One process's work on a run: the constructor adds an entry to the record, `close` completes it.

    Durations do not depend on the wall clock.

    Args:
        run: The run whose record is written.
        environment: The result of `genzoo.runs.environment.environment`.
        data: Sources and hashes of the data files.
        seed: The seed of the training.
        epochs: Its planned number of epochs.
        step: The first step; for a resumed run that of the checkpoint.
        changed: Options that differ from the previous session, as [before, now].
    """

    def __init__(
        self,
        run: Run,
        environment: Mapping[str, Any],
        data: Mapping[str, Any],
        seed: int,
        epochs: int = 0,
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
            "epochs": epochs,
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
        """Write the end of the session.

        Raises:
            GenzooError: The record cannot be written, and the session did not fail otherwise.
        """
        now = time.time()
        self.entry |= {"status": self.status, "ended": now, "seconds": time.perf_counter() - self.began}
        self.record |= {"status": self.status, "ended": now}
        try:
            self.run.write("run.json", self.record)
        except GenzooError:
            if self.status in (FINISHED, INTERRUPTED):  # otherwise another error says more
                raise


def data_of(store: Store) -> dict[str, Any]:
    """Return sources and hashes of the data files of a store."""
    return {name: {"source": found.source, "sha256": found.sha256} for name, found in store.found.items()}


def evaluated_at(run: Run, step: int) -> bool:
    """Return whether the run's results are those of its model after `step` steps."""
    try:
        results = run.results
        return bool(results["training"]["step"] == step) and not has_other_weights(run, results)
    except (GenzooError, KeyError, TypeError):
        return False


def has_other_weights(run: Run, results: Mapping[str, Any]) -> bool:
    """Return whether results are recorded for other weights than those of the run's model file."""
    now = stored_digest(run.path / MODEL_FILE)
    return "weights" in results and now is not None and results["weights"] != now


def why_outdated(run: Run, config: Mapping[str, Any], results: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Return why a run's results do not belong to the training in its configuration; "" if they do."""
    if config["training"].get("standardize", "none") != "none" and "weights" not in results:
        again = f"rm {run.path}/results.json && genzoo resume {run.path}"
        return f"its MSE is of standardised values, as in earlier versions: {again}"
    training = results.get("training", {})
    done, asked = training.get("epochs"), config["training"].get("epochs")
    state = f"its metrics are of epoch {done}" if is_count(done) else "its metrics are of former weights"
    if has_other_weights(run, results):
        return f"{state}, and the model was trained further since"
    stopped = bool(training.get("stopped"))
    partial = is_count(done) and is_count(asked) and done < asked and training.get("mode") != CLOSED_FORM
    if partial and not stopped:
        return f"{state}, but {asked} epochs were requested"
    last = last_session(record)
    continued = is_count(last.get("step")) and is_count(training.get("step")) and last["step"] >= training["step"]
    if stopped and continued and last.get("status") != FINISHED:
        return f"{state}, and the training was continued since"
    return ""


def last_session(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entry of the last session of a run's record; {} if there is none."""
    sessions = record.get("sessions")
    last = sessions[-1] if isinstance(sessions, list) and sessions else {}
    return last if isinstance(last, dict) else {}


def former_record(run: Run) -> dict[str, Any]:
    """Return the record of earlier sessions; {} if there is none or it cannot be read."""
    try:
        return run.record
    except GenzooError:
        return {}


def total_seconds(record: Mapping[str, Any], history: Sequence[Mapping[str, Any]], running: bool = True) -> float:
    """Return the total duration of all sessions in seconds. A killed session counts as long as the epochs need it to.

    Args:
        record: The record of a run.
        history: Its epochs.
        running: Whether the last session is running if the record says so; else it was killed.
    """
    *_, last = sessions = record["sessions"]
    now = time.time() - last["started"] if running and last["status"] == RUNNING else 0.0
    trained = sum(epoch["seconds"] for epoch in history if is_number(epoch.get("seconds")))
    return float(max(sum(session["seconds"] for session in sessions) + max(now, 0.0), trained))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences between two environments, such as "threads 1 → 2"."""
    pairs = {name: (before.get(name, ASSUMED.get(name)), now[name]) for name in MATTERS if name in now}
    for name in ("packages", "plugins"):
        old, new = pairs.pop(name, (None, None))
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            pairs |= {key: (old.get(key), new[key]) for key in new}
    return [f"{name} {shortened(old)} → {shortened(new)}" for name, (old, new) in pairs.items() if old != new]


def shortened(value: Any) -> str:
    """Return a value as text of at most 80 characters; of a plugin its origin."""
    return str(value.get("origin", value) if isinstance(value, Mapping) else value)[:80]
