"""Listrak SMS into a warehouse by Airflow 3: a task for each sender code, side by side, then what is to follow.

Copy this file into the folder of your DAGs. It needs an environment with ``listrak-source`` beside Airflow's own, and a
warehouse in which pulls of different sender codes may run at once: PostgreSQL, Redshift, Snowflake, BigQuery or
Databricks. Each pull goes on from what the warehouse says, so a task may be tried again at any time, on any worker, and
a run for an older date reads what is new now.

Settings, in the environment of the workers:

LISTRAK_PYTHON       The Python that has listrak-source.
LISTRAK_FOLDER       The folder with .dlt and listrak_push.toml. Else settings come from the environment alone.
LISTRAK_DESTINATION  The destination; postgres when it is not set.
LISTRAK_DATASET      The dataset; listrak_sms when it is not set.
LISTRAK_POOL         The pool of the pulls. Its slots are how many read at once: Listrak's rate limit is one for all.
LISTRAK_MODELS       1 builds the models for analysts after each pull, where listrak-source has its extra models.
LISTRAK_SYNCS        Names of syncs that are applied when all is pulled, with blanks between them.
LISTRAK_MAX_AGE      How old a table may be before a run fails, so that somebody is told; 26h when it is not set.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import Asset, chain, dag, task

PYTHON = os.environ.get("LISTRAK_PYTHON", "/opt/listrak/bin/python")
POOL = os.environ.get("LISTRAK_POOL", "default_pool")
MODELS = os.environ.get("LISTRAK_MODELS", "") == "1"
SYNCS = os.environ.get("LISTRAK_SYNCS", "").split()
MAX_AGE = os.environ.get("LISTRAK_MAX_AGE", "26h")

FRESH = Asset("listrak_sms")
"""What other DAGs may wait for: all sender codes are pulled, and no table is too old."""
RETRIES = {"retries": 3, "retry_exponential_backoff": True}
"""The first after what your Airflow has for ``default_task_retry_delay``: five minutes, if nobody has set it."""


@task.external_python(python=PYTHON, expect_airflow=False)
def listrak(command: list[str]) -> dict[str, Any]:
    """Run a command of listrak's, and return the document that it prints. Fails with the sentence that it says."""
    # This runs in the other environment, which knows nothing of this file but the function.
    import json
    import os
    import subprocess
    import sys
    import tempfile

    warehouse = [
        "--destination", os.environ.get("LISTRAK_DESTINATION", "postgres"),
        "--dataset", os.environ.get("LISTRAK_DATASET", "listrak_sms"),
    ]  # fmt: skip
    into = [] if command == ["sender-codes"] else warehouse
    with tempfile.TemporaryDirectory(prefix="listrak-") as scratch:
        done = subprocess.run(
            [sys.executable, "-m", "listrak_source", *command, "--json", *into],
            cwd=os.environ.get("LISTRAK_FOLDER") or scratch,
            # What dlt keeps on disk is scratch: the state is in the warehouse.
            env={**os.environ, "DLT_DATA_DIR": scratch},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    told: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    # 5 with a list of sender codes: one of them cannot be read, and the others wait for nobody.
    if done.returncode and not (done.returncode == 5 and told.get("sender_codes")):
        raise RuntimeError(f"listrak {' '.join(command)} ended with {done.returncode}: {told.get('message')}")
    return told


@task
def pulls_of(told: dict[str, Any], options: list[str]) -> list[list[str]]:
    """The command that pulls each sender code."""
    return [["pull", "--sender-code", str(one["sender_code_id"]), *options] for one in told["sender_codes"]]


def pulling(dag_id: str, schedule: str, *options: str) -> None:
    """Make a DAG that pulls all sender codes with some options of ``listrak pull``."""

    @dag(dag_id, schedule=schedule, catchup=False, max_active_runs=1, default_args=RETRIES, tags=["listrak"])
    def of_all() -> None:
        commands = pulls_of(listrak.override(task_id="sender_codes")(["sender-codes"]), list(options))
        named = {"pool": POOL, "map_index_template": "{{ task.op_kwargs['command'][2] }}"}
        pulled = listrak.override(task_id="pull", **named).expand(command=commands)
        fresh = listrak.override(task_id="freshness", outlets=[FRESH])(["status", "--max-age", MAX_AGE])
        models = [listrak.override(task_id="models")(["models", "build"])] if MODELS else []
        # One after the other: a single write replaces a profile on all sender codes.
        pushed = [listrak.override(task_id=f"push_{sync}")(["push", "apply", sync]) for sync in SYNCS]
        chain(pulled, fresh, *models, *pushed)

    of_all()


pulling("listrak_sms", "17 * * * *")
pulling("listrak_sms_complete_walk", "43 3 * * 0", "--full")
