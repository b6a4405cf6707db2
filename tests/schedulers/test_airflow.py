"""The DAG under a real Airflow: its scheduler, its API, its local executor. ``make test-airflow`` runs it.

Airflow is in an environment of its own (``AIRFLOW`` names its folder), and so are its tasks (``MODELS``), which dbt is
installed for; this one starts them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from listrak_source.sandbox import Sandbox, World
from tests.cli.test_fan_out import is_all_there
from tests.destinations import servers

DAGS = Path(__file__).parents[2] / "pipelines" / "airflow"
AIRFLOW = Path(os.environ["AIRFLOW"]) / "bin" / "airflow"
PYTHON = Path(os.environ["MODELS"]) / "bin" / "python"
DATASET = "brands"
PATIENCE = 300.0
"""Seconds within which a run ends."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World(seed=21, contacts=300, sender_codes=3)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def address() -> str:
    return servers.database("airflow")


@pytest.fixture(scope="module")
def settings(sandbox: Sandbox, address: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of Airflow and of its tasks."""
    home = tmp_path_factory.mktemp("airflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of this test alone, and long enough",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "LISTRAK_PYTHON": str(PYTHON),
        "LISTRAK_MODELS": "1",
        "LISTRAK_DATASET": DATASET,
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DESTINATION__POSTGRES__CREDENTIALS": address,
        "SOURCES__LISTRAK__CLIENT_ID": sandbox.client_id,
        "SOURCES__LISTRAK__CLIENT_SECRET": sandbox.client_secret,
        "SOURCES__LISTRAK__BASE_URL": sandbox.base_url,
        "SOURCES__LISTRAK__TOKEN_URL": sandbox.token_url,
    }


def airflow(settings: dict[str, str], *command: str) -> str:
    done = subprocess.run([AIRFLOW, *command], env=settings, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr
    return done.stdout


def asked(settings: dict[str, str], *command: str) -> list[dict[str, Any]]:
    """What a command of Airflow's lists, without what its log says before."""
    said = airflow(settings, *command, "-o", "json")
    found: list[dict[str, Any]] = json.loads(said[said.index("[{") if "[{" in said else said.rindex("[]") :])
    return found


@pytest.fixture(scope="module")
def scheduler(settings: dict[str, str]) -> Iterator[None]:
    """Airflow, with all that a run needs."""
    airflow(settings, "db", "migrate")
    log = (Path(settings["AIRFLOW_HOME"]) / "log.txt").open("w")
    parts = [["api-server"], ["scheduler"], ["dag-processor"]]
    running = [
        subprocess.Popen([AIRFLOW, *part], env=settings, stdout=log, stderr=log, start_new_session=True)
        for part in parts
    ]
    try:
        until = time.monotonic() + PATIENCE
        while len(asked(settings, "dags", "list")) < 2:
            assert time.monotonic() < until, Path(log.name).read_text(encoding="utf-8")[-5000:]
            time.sleep(2)
        yield
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()


def ended(settings: dict[str, str], dag: str, run: str) -> str:
    """How a run has ended."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        states = {one["run_id"]: one["state"] for one in asked(settings, "dags", "list-runs", dag)}
        if states.get(run) in {"success", "failed"}:
            return str(states[run])
        time.sleep(2)
    raise AssertionError(f"{run} has not ended: {states}")


def runs(address: str) -> list[tuple[float, float, str]]:
    """When pulls began and ended, and how: those that have."""
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXTRACT(EPOCH FROM began_at), EXTRACT(EPOCH FROM ended_at), outcome"
            f" FROM {DATASET}.pull_runs WHERE ended_at IS NOT NULL ORDER BY 1"
        )
        return [(float(began), float(at), str(outcome)) for began, at, outcome in cursor.fetchall()]


def killed(sender: int) -> bool:
    """Whether the process that pulls a sender code is there, and is killed now."""
    found = False
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if "listrak_source" in command and str(sender) in command:
            os.kill(int(process.name), signal.SIGKILL)
            found = True
    return found


def test_it_needs_no_credentials_to_be_read(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path)}
    read = f"import sys; sys.path.insert(0, {str(DAGS)!r}); import listrak_dag"
    python = AIRFLOW.with_name("python")
    done = subprocess.run([python, "-c", read], env=bare, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr


@pytest.mark.full
@pytest.mark.usefixtures("scheduler")
def test_side_by_side_killed_and_for_older_dates(settings: dict[str, str], sandbox: Sandbox, address: str) -> None:
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {DATASET} CASCADE")
    airflow(settings, "dags", "unpause", "listrak_sms")
    airflow(settings, "dags", "trigger", "listrak_sms", "--run-id", "first")
    assert ended(settings, "listrak_sms", "first") == "success"
    is_all_there(address, sandbox)
    pulls = runs(address)[:3]  # one that was due has come by itself, perhaps
    assert [outcome for *_, outcome in pulls] == ["done"] * 3
    assert max(began for began, *_ in pulls) < min(at for _, at, _ in pulls), "side by side"
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {DATASET}_models.listrak__contacts")
        assert cursor.fetchone() == (len(sandbox.world.truth()["contacts"]),), "the models are built"

    # A worker that is killed in the middle.
    sandbox.world.live(3)
    victim = max(sandbox.world.sender_codes)
    sandbox.service.delay = 0.3
    airflow(settings, "dags", "trigger", "listrak_sms", "--run-id", "second")
    until = time.monotonic() + PATIENCE
    while not killed(victim):
        assert time.monotonic() < until
        time.sleep(0.2)
    sandbox.service.delay = 0.0
    assert ended(settings, "listrak_sms", "second") == "success"
    is_all_there(address, sandbox, walked=False)

    # Runs for the last weeks read what is new now, each of them.
    sandbox.world.live(7)
    airflow(
        settings, "backfill", "create", "--dag-id", "listrak_sms_complete_walk", "--from-date", "2026-03-01",
        "--to-date", "2026-03-08", "--max-active-runs", "1",
    )  # fmt: skip
    airflow(settings, "dags", "unpause", "listrak_sms_complete_walk")
    until = time.monotonic() + PATIENCE
    found: set[str] = set()
    while found != {"success"}:
        assert time.monotonic() < until, found
        time.sleep(2)
        found = {one["state"] for one in asked(settings, "dags", "list-runs", "listrak_sms_complete_walk")}
    is_all_there(address, sandbox)
