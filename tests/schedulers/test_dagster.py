"""The definitions under a real Dagster: what its schedules ask for is run. ``make test-dagster`` runs it.

Dagster is in an environment of its own (``DAGSTER`` names its folder); the assets call this one's ``listrak``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from listrak_source.sandbox import Fault, Sandbox, World
from tests.cli.test_fan_out import is_all_there
from tests.destinations import servers

DEFINITIONS = Path(__file__).parents[2] / "pipelines" / "dagster"
DAGSTER = Path(os.environ["DAGSTER"]) / "bin" / "python"
DATASET = "brands"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World(seed=22, contacts=200, sender_codes=3)) as sandbox:
        yield sandbox


@pytest.fixture
def address() -> str:
    address = servers.database("dagster")
    with psycopg2.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {DATASET} CASCADE")
    return address


def runs(folder: Path, sandbox: Sandbox, address: str, what: str) -> list[dict[str, Any]]:
    """Do the runs that a schedule asks for: each partition, what it has loaded, and whether its check passed."""
    settings = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DAGSTER_HOME": str(folder),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "LISTRAK_PYTHON": sys.executable,
        "LISTRAK_DATASET": DATASET,
        "LISTRAK_RETRY_DELAY": "0.1",
        "DESTINATION__POSTGRES__CREDENTIALS": address,
        "SOURCES__LISTRAK__CLIENT_ID": sandbox.client_id,
        "SOURCES__LISTRAK__CLIENT_SECRET": sandbox.client_secret,
        "SOURCES__LISTRAK__BASE_URL": sandbox.base_url,
        "SOURCES__LISTRAK__TOKEN_URL": sandbox.token_url,
        "SOURCES__LISTRAK__MAX_ATTEMPTS": "1",
    }
    script = Path(__file__).with_name("dagster_run.py")
    command = list(map(str, [DAGSTER, script, DEFINITIONS, what, folder]))
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.full
def test_each_sender_code_is_a_partition(tmp_path: Path, sandbox: Sandbox, address: str) -> None:
    first = runs(tmp_path, sandbox, address, "new")
    assert {one["sender_code"] for one in first} == set(map(str, sandbox.world.sender_codes))
    assert all(one["done"] and one["fresh"] == [True] for one in first)
    assert sum(one["rows"]["contacts"] for one in first) == len(sandbox.world.truth()["contacts"])
    is_all_there(address, sandbox)
    sandbox.world.live(3)
    assert all(one["done"] for one in runs(tmp_path, sandbox, address, "full"))
    is_all_there(address, sandbox)


@pytest.mark.full
def test_one_that_fails_keeps_no_other_from_its_pull(tmp_path: Path, sandbox: Sandbox, address: str) -> None:
    bad = min(sandbox.world.sender_codes)
    sandbox.faults.add(Fault("status", "list_contacts", path=f"/ShortCode/{bad}/", status=403, times=None))
    try:
        told = {one["sender_code"]: one["done"] for one in runs(tmp_path, sandbox, address, "new")}
    finally:
        sandbox.faults.clear()
    assert told.pop(str(bad)) is False
    assert set(told.values()) == {True}
    assert all(one["done"] for one in runs(tmp_path, sandbox, address, "new"))
    is_all_there(address, sandbox)
