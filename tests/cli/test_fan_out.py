"""``listrak pull --sender-code``, of several at once into one PostgreSQL, and what the other commands then say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Fault, Sandbox, World
from tests.cli.conftest import Listrak
from tests.destinations import servers

INTO = ("-d", "postgres", "--dataset", "brands")
PEOPLE = ("contacts", "contact_profile_values", "list_memberships", "opt_outs")


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(World(seed=21, contacts=120, sender_codes=3)) as sandbox:
        yield sandbox


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    address = servers.database("fan_out")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    with connected(address) as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS brands CASCADE")
    return address


def connected(address: str) -> psycopg2.extensions.cursor:
    connection = psycopg2.connect(address)
    connection.autocommit = True
    return connection.cursor()


def keys(address: str, name: str) -> set[tuple[object, ...]]:
    with connected(address) as cursor:
        cursor.execute(f"SELECT {', '.join(TABLES[name].key)} FROM brands.{name} WHERE removed_at IS NULL")
        found = cursor.fetchall()
    assert len(found) == len(set(found)), f"each key of {name} once"
    return set(found)


def is_all_there(address: str, sandbox: Sandbox, *, walked: bool = True) -> None:
    """Nothing is missing; and after a complete walk nothing is left."""
    told = sandbox.world.truth()
    for name in PEOPLE:
        length = len(next(iter(told[name])))
        found = {key[:length] for key in keys(address, name)}
        assert told[name].keys() <= found, name
        assert not walked or told[name].keys() == found, name


def start(sender: int, folder: Path, *options: str) -> subprocess.Popen[str]:
    """A pull of one sender code, on a machine of its own."""
    command = [sys.executable, "-m", "listrak_source", "pull", *INTO, "--sender-code", str(sender), *options]
    machine = os.environ | {"DLT_DATA_DIR": str(folder / str(sender))}
    return subprocess.Popen(command, env=machine, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def all_end(started: list[subprocess.Popen[str]]) -> None:
    for process in started:
        printed, error = process.communicate()
        assert (process.returncode, error) == (0, ""), printed


@pytest.mark.full
@pytest.mark.cases(1, 1)
@pytest.mark.parametrize("at", [2.0, 0.8, 3.0])
def test_the_first_pulls_begin_at_once_and_one_is_killed(
    sandbox: Sandbox, address: str, tmp_path: Path, at: float
) -> None:
    senders = list(sandbox.world.sender_codes)
    started = [start(sender, tmp_path) for sender in senders]
    time.sleep(at)
    started[0].send_signal(signal.SIGKILL)
    all_end(started[1:])
    started[0].communicate()
    all_end([start(senders[0], tmp_path)])
    is_all_there(address, sandbox)
    sandbox.world.live(2)
    all_end([start(sender, tmp_path, "--full") for sender in senders])
    is_all_there(address, sandbox)


@pytest.mark.full
def test_the_other_commands_know_what_all_of_them_have_read(
    sandbox: Sandbox, address: str, listrak: Listrak, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    senders = list(sandbox.world.sender_codes)
    for sender in senders:
        assert listrak("pull", *INTO, "--sender-code", str(sender), "--lookups", "none")[::2] == (0, "")
    code, printed, error = listrak("status", *INTO, "--max-age", "3000d")
    assert (code, error) == (0, "")
    assert all(str(sender) in printed.partition("Read up to")[2] for sender in senders)
    (stopped, sender), *_ = [(key[1], key[0]) for key in sandbox.world.truth()["opt_outs"]]
    code, printed, error = listrak("suppressions", *INTO, "--out", str(tmp_path / "stops.csv"))
    assert (code, error) == (0, "")
    assert stopped in (tmp_path / "stops.csv").read_text(encoding="utf-8")
    assert str(sender) in listrak("person", *INTO, stopped)[1]
    code, printed, error = listrak("doctor", *INTO)
    assert (code, error) == (0, "")
    # A pull of all goes on from there.
    code, printed, error = listrak("pull", *INTO, "--lookups", "none")
    assert (code, error) == (0, "")
    assert "Nothing new" in printed
    assert "Nothing new" in listrak("pull", *INTO, "--sender-code", str(senders[0]), "--lookups", "none")[1]


@pytest.mark.full
def test_one_that_never_ends_is_noticed(sandbox: Sandbox, address: str, listrak: Listrak, tmp_path: Path) -> None:
    first, second, _ = sandbox.world.sender_codes
    assert listrak("pull", *INTO, "--sender-code", str(first))[::2] == (0, "")
    stops = ("suppressions", *INTO, "--out", str(tmp_path / "stops.csv"))
    assert listrak("status", *INTO, "--max-age", "3000d")[0] == 0
    assert listrak(*stops)[0] == 0
    assert listrak("pull", *INTO, "--sender-code", "4242")[0] == 2, "nobody has this one"
    assert listrak("status", *INTO, "--max-age", "3000d")[0] == 0
    sandbox.faults.add(Fault("status", "list_contacts", path=f"/ShortCode/{second}/", times=None, status=403))
    sandbox.faults.add(Fault("status", "list_opt_outs", path=f"/ShortCode/{second}/", times=None, status=403))
    listrak("pull", *INTO, "--sender-code", str(second))
    sandbox.faults.clear()
    told = f"No contacts and no opt-outs were ever read of sender code {second}."
    code, _, error = listrak("status", *INTO, "--max-age", "3000d")
    assert (code, told in error) == (1, True)
    code, _, error = listrak(*stops)
    assert (code, f"The opt-outs of sender code {second} were never read." in error) == (5, True)
    code, printed, error = listrak("person", *INTO, "15550100000")
    assert (code, told in printed + error) == (5, True)


@pytest.mark.full
def test_a_role_that_may_not_make_schemas(
    sandbox: Sandbox, address: str, listrak: Listrak, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = str(min(sandbox.world.sender_codes))
    with connected(address) as cursor:
        cursor.execute("DROP ROLE IF EXISTS loader")
        cursor.execute("CREATE ROLE loader LOGIN")
        cursor.execute("CREATE SCHEMA brands AUTHORIZATION loader")
        cursor.execute(f"DROP SCHEMA IF EXISTS brands_staging_listrak_{sender} CASCADE")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address.replace("//postgres", "//loader", 1))
    code, _, error = listrak("pull", *INTO, "--sender-code", sender)
    assert (code, sandbox.traffic.counts["list_contacts"]) == (2, 0)
    assert f"in the schema brands_staging_listrak_{sender}, which is not there and may not be made" in error
    with connected(address) as cursor:
        cursor.execute(f"CREATE SCHEMA brands_staging_listrak_{sender} AUTHORIZATION loader")
    assert listrak("pull", *INTO, "--sender-code", sender)[::2] == (0, "")
    with connected(address) as cursor:
        cursor.execute(f"DROP SCHEMA brands, brands_staging_listrak_{sender} CASCADE")
        cursor.execute("DROP ROLE loader")


@pytest.mark.full
def test_forget_the_state_and_the_zone(sandbox: Sandbox, address: str, listrak: Listrak) -> None:
    sender, *others = map(str, sandbox.world.sender_codes)
    assert listrak("pull", *INTO)[0] == 0
    assert listrak("pull", *INTO, "--sender-code", sender, "--forget-state")[::2] == (0, "")
    is_all_there(address, sandbox)
    assert listrak("timezone", *INTO, "Europe/Paris")[0] == 0
    assert "placed in" in listrak("pull", *INTO, "--sender-code", others[0])[2]
