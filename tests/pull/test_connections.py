"""The connection by which a pull asks its warehouse: it opens few, and one that is cut costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient

from listrak_source import listrak_sms
from listrak_source.pull.load import warehouse as in_warehouse
from tests.pull.test_server_zone import run
from tests.pull.warehouse import Warehouse, truth

pytestmark = pytest.mark.parametrize("place", ["postgres"], indirect=True)
CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


def before_each_question(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> list[str]:
    """Have ``act`` come before each question that a load asks of the warehouse; returns what is asked."""
    asked: list[str] = []
    ask = in_warehouse._found

    def acting(query: str) -> Iterator[pa.Table]:
        asked.append(query)
        if not in_warehouse._this_load().asked._depth:
            act()
        yield from ask(query)

    monkeypatch.setattr(in_warehouse, "_found", acting)
    return asked


@pytest.mark.full
def test_many_questions_take_one_connection(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.begin(lookups="none")
    warehouse.sandbox.world.live(1)
    pipeline = warehouse.pipeline()
    pipeline.sync_destination()
    opened: list[Psycopg2SqlClient] = []
    connect = Psycopg2SqlClient.open_connection

    def counting(client: Psycopg2SqlClient) -> object:
        opened.append(client)
        return connect(client)

    monkeypatch.setattr(Psycopg2SqlClient, "open_connection", counting)
    asked = before_each_question(monkeypatch, lambda: None)
    pipeline.extract(listrak_sms(**warehouse.options(), lookups="none"))
    assert len(asked) > 5
    # Another one for the look at what is there, before anything is asked of Listrak.
    assert len(opened) <= 3


@pytest.mark.full
def test_a_connection_that_is_cut_costs_nothing(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server was started anew, say. While each question had a connection of its own nobody would have noticed."""
    sandbox = warehouse.sandbox
    warehouse.begin(lookups="none")
    sandbox.world.live(2)
    asked = before_each_question(monkeypatch, lambda: run(warehouse, CUT))
    warehouse.pull(lookups="none", full=True)
    assert len(asked) > 5
    told = truth(sandbox)
    for name in ("contacts", "list_memberships", "opt_outs"):
        assert warehouse.rows(name).keys() == told[name].keys(), name
