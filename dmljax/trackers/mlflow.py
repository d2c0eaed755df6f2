"""MLflow: a server, or a database file."""

from __future__ import annotations

import os
import time
from functools import partial

from dmljax import extras
from dmljax.trackers import Start, Tracker

VARIABLE = "MLFLOW_TRACKING_URI"
FILE = "mlflow.db"
KEY = "dmljax.key"  # tag by which a run is found again
AT_ONCE = 100  # parameters that a server takes in one request
LONGEST = 6000  # characters of a parameter's value


def build(*, experiment: str = "dmljax", uri: str = "") -> Start:
    """A run of an experiment; a training that is continued continues it.

    Args:
      experiment: in which the run is listed; made if there is none.
      uri: 'http://HOST:PORT' of a server, or 'sqlite:///PATH/mlflow.db'; empty: the environment's
        MLFLOW_TRACKING_URI, else the file RUN/mlflow.db.

    Raises:
      ValueError: no experiment.
    """
    if not experiment:
        raise ValueError("experiment must be a name; it is empty")
    extras.require("trackers", "mlflow", "sqlalchemy", purpose="the tracker mlflow")
    return partial(_start, experiment=experiment, uri=uri)


def _start(run, *, key, step, config, experiment, uri) -> Tracker:
    del step
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri or os.environ.get(VARIABLE) or f"sqlite:///{run.resolve() / FILE}")
    number = _run_of(client, experiment, key, run.name, config)

    def scalars(step, numbers):
        now = int(1000 * time.time())
        client.log_batch(number, metrics=[Metric(name, value, now, step) for name, value in numbers.items()])

    return Tracker(scalars, lambda: None, lambda: client.set_terminated(number))


def _run_of(client, experiment: str, key: str, name: str, config) -> str:
    """The id of the run with this key, which is made if there is none."""
    from mlflow.entities import Param

    there = client.get_experiment_by_name(experiment)
    where = there.experiment_id if there else client.create_experiment(experiment)
    if found := client.search_runs([where], f"tags.`{KEY}` = '{key}'"):
        number = found[0].info.run_id
        client.update_run(number, status="RUNNING")
        return number
    number = client.create_run(where, tags={KEY: key}, run_name=name).info.run_id
    fields = [Param(field, str(value)[:LONGEST]) for field, value in config.items()]
    for first in range(0, len(fields), AT_ONCE):
        client.log_batch(number, params=fields[first : first + AT_ONCE])
    return number
