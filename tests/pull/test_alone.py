"""13.C17: one pull of a sender code into one warehouse at a time, whichever machines they run on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials
from dlt.pipeline.pipeline import Pipeline

from listrak_source import lease, pull
from listrak_source.lease import FileLease, LostError, Owner, TakenError
from listrak_source.sandbox import Sandbox
from listrak_source.sql import opened
from tests.destinations import servers
from tests.destinations.places import PLACES, Place
from tests.pull.cutting import elsewhere
from tests.pull.warehouse import Warehouse, truth

OTHER = Owner("elsewhere", "another boot", 4242, "1")
"""A process on another machine."""


@pytest.fixture(params=["postgres", "duckdb", "parquet", "ducklake", "a lake of files"])
def warehouse(
    sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Warehouse:
    lake = Place("a lake of files", lake_of_files, needs_extensions=True)
    place = PLACES.get(request.param, lake)
    if place.needs_extensions:
        monkeypatch.setenv("HOME", servers.home())
    return Warehouse(sandbox, tmp_path, place)


def lake_of_files(folder: Path) -> Any:
    credentials = DuckLakeCredentials("lake", catalog=f"duckdb:///{folder / 'lake.duckdb'}", storage=f"{folder}/lake")
    return dlt.destinations.ducklake(credentials=credentials)


@pytest.fixture
def in_postgres(sandbox: Sandbox, tmp_path: Path) -> Warehouse:
    return Warehouse(sandbox, tmp_path, PLACES["postgres"])


class Second(Warehouse):
    """The same warehouse, from another machine's working directory."""

    name = "listrak"

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse.sandbox, warehouse.folder, warehouse.place)

    def pipeline(self) -> Pipeline:
        return dlt.pipeline(
            self.name,
            destination=super().pipeline().destination,
            dataset_name=self.dataset,
            pipelines_dir=str(self.folder / "second"),
        )


class Another(Second):
    """And by another pipeline."""

    name = "another"


@pytest.mark.full
@pytest.mark.cases(0, 1)
def test_a_second_pull_is_told_who_has_it_and_since_when(warehouse: Warehouse) -> None:
    """Without a lease both ended well, and the events stood there twice."""
    first = pull(warehouse.pipeline(), chunk_rows=40, page_size=20, **warehouse.options())
    next(first)
    us = Owner.ourselves()
    with pytest.raises(TakenError, match=f"on {us.host}, process {us.process}, since 20.* UTC"):
        Second(warehouse).pull()
    list(first)
    assert Second(warehouse).pull() == {}, "it is given back"
    assert warehouse.rows("consent_events")
    assert warehouse.rows("contacts").keys() == truth(warehouse.sandbox)["contacts"].keys()


def test_who_begins_in_the_same_moment_is_told_who_has_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the lock writes its name only then."""
    fcntl, path = pytest.importorskip("fcntl"), tmp_path / "warehouse.lease"

    def sign(_: float) -> None:
        path.write_text('{"host": "vm", "process": 17, "began": 1764000000.0}')

    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        monkeypatch.setattr("listrak_source.lease.time.sleep", sign)
        with pytest.raises(TakenError, match="on vm, process 17, since 2025-11-24 16:00:00 UTC"):
            FileLease(path, "a pull").__enter__()


_FORKS = """
import os, sys, time
from pathlib import Path
from listrak_source.lease import FileLease
FileLease(Path(sys.argv[1]), "a pull").__enter__()
if child := os.fork():
    print(child, flush=True)
    os._exit(0)
os.close(1)
time.sleep(60)
"""


@pytest.mark.full
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no forks")
def test_a_fork_of_a_process_that_died_does_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.lease"
    done = subprocess.run([sys.executable, "-c", _FORKS, str(path)], capture_output=True, text=True, check=True)
    try:
        with FileLease(path, "a pull"):
            assert lease.is_running(int(done.stdout))
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)


@pytest.mark.full
@pytest.mark.cases(0, 1)
def test_an_interrupted_pull_gives_it_back(warehouse: Warehouse) -> None:
    first = pull(warehouse.pipeline(), chunk_rows=40, page_size=20, **warehouse.options())
    next(first)
    with pytest.raises(KeyboardInterrupt):
        first.throw(KeyboardInterrupt())
    elsewhere(warehouse)
    Second(warehouse).pull()


@pytest.mark.full
@pytest.mark.parametrize("warehouse", ["postgres", "ducklake"], indirect=True)
def test_other_sender_codes_by_another_pipeline_go_side_by_side(warehouse: Warehouse) -> None:
    (sender,) = warehouse.sandbox.world.sender_codes
    first = pull(warehouse.pipeline(), "opt_outs", chunk_rows=1, **warehouse.options())
    next(first)
    another = Another(warehouse)
    with pytest.raises(TakenError):  # all of them, or one
        another.pull("opt_outs", sender_codes=[sender])
    first.close()
    first = pull(warehouse.pipeline(), "opt_outs", chunk_rows=1, sender_codes=[sender], **warehouse.options())
    next(first)
    with pytest.raises(TakenError):  # the state is one row for all of a pipeline's sender codes
        Second(warehouse).pull("opt_outs", sender_codes=[424242])
    with pytest.raises(Exception, match="424242"):  # nobody has this one, and Listrak does not know it
        another.pull("opt_outs", sender_codes=[424242])
    first.close()


def pretend(monkeypatch: pytest.MonkeyPatch, owner: Owner) -> None:
    monkeypatch.setattr(Owner, "ourselves", lambda: owner)


def silence(warehouse: Warehouse, seconds: float) -> None:
    """Nothing was heard of the owner for so long."""
    with opened(warehouse.pipeline()) as sql:
        sql.run(f"UPDATE {lease.TABLE} SET heartbeat = heartbeat - {seconds}")


@pytest.mark.full
def test_an_owner_on_another_machine_counts_as_gone_after_a_minute_and_loads_nothing_then(
    in_postgres: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT", 1000.0)
    with monkeypatch.context() as elsewhere_:
        pretend(elsewhere_, OTHER)
        first = pull(in_postgres.pipeline(), chunk_rows=40, page_size=20, **in_postgres.options())
        next(first)
    other = Second(in_postgres)
    silence(in_postgres, 50)
    with pytest.raises(TakenError, match="on elsewhere, process 4242"):
        other.pull()
    silence(in_postgres, 20)
    other.pull()
    held = in_postgres.loads()
    in_postgres.sandbox.world.live(1)
    with pytest.raises(LostError, match="has taken over"):
        list(first)
    assert in_postgres.loads() == held
    assert not in_postgres.pipeline().has_pending_data
    in_postgres.pull()
    told = truth(in_postgres.sandbox)
    assert told["opt_outs"].keys() <= in_postgres.rows("opt_outs").keys()
    assert told["list_memberships"].keys() <= in_postgres.rows("list_memberships").keys()


@pytest.mark.full
def test_a_heart_beats_by_the_clock_of_the_database(in_postgres: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT", 0.1)
    first = pull(in_postgres.pipeline(), chunk_rows=40, page_size=20, **in_postgres.options())
    next(first)
    silence(in_postgres, 1000)
    query = f"SELECT EXTRACT(EPOCH FROM CURRENT_TIMESTAMP) - heartbeat FROM {lease.TABLE}"
    until, ago = time.monotonic() + 20, 1000.0
    while ago > 100 and time.monotonic() < until:
        time.sleep(0.1)
        with opened(in_postgres.pipeline()) as sql:
            ago = float(sql.one(query))
    assert -5 < ago < 100
    first.close()


PULL = """
import os, sys, time
from pathlib import Path
import pytest
from listrak_source import load
import dlt
pipeline = dlt.pipeline("listrak", destination=dlt.destinations.postgres(sys.argv[1]), dataset_name=sys.argv[2],
                        pipelines_dir=sys.argv[3])
keys = ("client_id", "client_secret", "base_url", "token_url")
for _ in load(pipeline, chunk_rows=40, page_size=20, **dict(zip(keys, sys.argv[4:]))):
    print("loaded", flush=True)
    time.sleep(100)
"""


def test_a_killed_owner_on_this_machine_is_noticed_at_once(in_postgres: Warehouse, tmp_path: Path) -> None:
    credentials: Any = in_postgres.pipeline().destination_client().config.credentials
    address = credentials.to_native_representation()
    settings = in_postgres.options()
    keys = [settings[key] for key in ("client_id", "client_secret", "base_url", "token_url")]
    command = [sys.executable, "-c", PULL, address, in_postgres.dataset, str(tmp_path / "killed"), *keys]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "loaded\n"
        with pytest.raises(TakenError, match=f"process {process.pid}"):
            in_postgres.pull()
        process.send_signal(signal.SIGKILL)
        process.wait()
    in_postgres.pull()
    assert in_postgres.rows("contacts").keys() == truth(in_postgres.sandbox)["contacts"].keys()


def test_a_number_that_another_process_has_by_now_is_no_owner() -> None:
    us = Owner.ourselves()
    assert us.runs_here()
    assert Owner(us.host, us.boot, us.process, "1").runs_here() is False
    assert Owner(us.host, "another boot", us.process, us.started).runs_here() is None


@pytest.mark.full
def test_a_dataset_that_was_dropped_is_filled_anew(in_postgres: Warehouse) -> None:
    """The lease stands in the dataset, and so makes it; what this machine remembers goes all the same."""
    in_postgres.pull()
    with opened(in_postgres.pipeline()) as sql:
        sql.run(f"DROP SCHEMA {in_postgres.dataset} CASCADE")
    in_postgres.sandbox.world.clock.advance(days=3)
    in_postgres.pull()
    assert in_postgres.rows("opt_outs").keys() == truth(in_postgres.sandbox)["opt_outs"].keys()
