"""MLflow: a run of an experiment on a tracking server."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import genzoo
from genzoo.core.tracker import Points
from genzoo_plugins.trackers.extras import refuse_missing

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")
EXPERIMENT = "genzoo"
TAG = "genzoo.id"
"""The tag that holds a run's identity."""
BATCH = 100
"""Parameters, tags or metrics in one request: MLflow takes no more of the first two."""
STATUS = {"finished": "FINISHED", "interrupted": "KILLED"}


class MLflow(genzoo.Tracker):
    """Report to the server of $MLFLOW_TRACKING_URI, in the experiment $MLFLOW_EXPERIMENT_NAME or "genzoo"."""

    client: MlflowClient
    tracked: str
    """MLflow's own name of the run."""

    def __init__(self) -> None:
        refuse_missing("mlflow", "MLflow")
        if not os.environ.get("MLFLOW_TRACKING_URI") and importlib.util.find_spec("sqlalchemy") is None:
            raise genzoo.UsageError(
                "--listeners mlflow: which server?",
                "export MLFLOW_TRACKING_URI=http://HOST:5000, or: pip install mlflow",
            )

    def start(self, parameters: Mapping[str, Any], step: int) -> int:
        for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"):
            os.environ.setdefault(name, "true")
        from mlflow import MlflowClient

        logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)
        self.client = MlflowClient()
        experiment = self.experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT))
        runs = self.client.search_runs([experiment], f"tags.`{TAG}` = '{self.id}'")
        if runs:
            self.tracked = runs[0].info.run_id
            self.client.update_run(self.tracked, status="RUNNING")
        else:
            tags = {TAG: self.id, "genzoo.folder": str(self.run.path.absolute())}
            created = self.client.create_run(experiment, tags=tags, run_name=self.run.path.name)
            self.tracked = created.info.run_id
        self.describe(parameters, runs[0].data.params if runs else {})
        return self.last_step() if runs else 0

    def experiment(self, name: str) -> str:
        """Return the identity of an experiment, which is made if there is none of this name.

        Raises:
            GenzooError: No server answers.
        """
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_experiment_by_name(name)
        except MlflowException as error:
            if "failed with exception" not in str(error):
                raise
            raise genzoo.GenzooError(f"no server answers at {self.client.tracking_uri}") from None
        return str(found.experiment_id if found else self.client.create_experiment(name))

    def describe(self, parameters: Mapping[str, Any], known: Mapping[str, str]) -> None:
        """Send options as parameters. Those that a resumed run changed are tags: MLflow's parameters never change."""
        from mlflow.entities import Param, RunTag

        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
        new = [Param(name, text) for name, text in texts.items() if name not in known]
        changed = [RunTag(f"resumed.{name}", text) for name, text in texts.items() if known.get(name, text) != text]
        for some in batches(new):
            self.client.log_batch(self.tracked, params=some)
        for some_changed in batches(changed):
            self.client.log_batch(self.tracked, tags=some_changed)

    def last_step(self) -> int:
        """Return the last step that the server has an epoch of."""
        return max((metric.step for metric in self.client.get_metric_history(self.tracked, "epoch")), default=0)

    def log(self, points: Points) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(re.sub(r"[^\w./: -]", "_", name), value, now, step)
            for step, values in points.items()
            for name, value in values.items()
        ]
        for some in batches(metrics):
            self.client.log_batch(self.tracked, metrics=some)

    def figure(self, step: int, file: Path) -> None:
        self.client.log_artifact(self.tracked, str(file), "figures")

    def model(self, file: Path) -> None:
        self.client.log_artifact(self.tracked, str(file), "model")

    def finish(self, status: str) -> None:
        self.client.set_tag(self.tracked, "genzoo.status", status)
        self.client.set_terminated(self.tracked, STATUS.get(status, "FAILED"))


def batches(entities: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield entities in numbers that one request takes."""
    for first in range(0, len(entities), BATCH):
        yield entities[first : first + BATCH]
