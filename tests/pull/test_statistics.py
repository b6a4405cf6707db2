"""PostgreSQL plans by its statistics: without them a later pull of 20,000 contacts took more than ten minutes."""

from __future__ import annotations

import pytest

from tests.pull.test_server_zone import run
from tests.pull.warehouse import Warehouse

pytestmark = pytest.mark.parametrize("place", ["postgres"], indirect=True)
ROWS = "SELECT relname, reltuples FROM pg_class WHERE relkind = 'r' AND relnamespace = 'listrak_sms'::regnamespace"


def test_postgresql_knows_its_tables_after_a_pull(warehouse: Warehouse) -> None:
    """Nothing else has it look at them so soon."""
    warehouse.pull("contacts", "list_memberships", lookups="none")
    known = dict(run(warehouse, ROWS))
    assert known["contacts"] == len(warehouse.rows("contacts"))
    assert known["list_memberships"] == len(warehouse.rows("list_memberships"))
    assert known["_dlt_loads"] == 1
    # A table that has doubled since is looked at before the next pull asks about it, others are not.
    run(
        warehouse,
        "UPDATE listrak_sms.contacts SET first_name = first_name || 'x'",
        "UPDATE pg_class SET reltuples = 7, relpages = 1 WHERE relname IN ('contacts', '_dlt_loads')",
    )
    warehouse.pull("contacts", "list_memberships", lookups="none")
    again = dict(run(warehouse, ROWS))
    assert again["contacts"] == known["contacts"]
    assert again["_dlt_loads"] == 7


def test_a_server_without_them_stops_no_pull(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some speak as PostgreSQL does, and have no catalog like its own."""
    monkeypatch.setattr(
        "listrak_source.pull.load.maintenance._GROWN", "SELECT relname FROM pg_no_such_catalog WHERE 'x' = %s"
    )
    warehouse.pull("lists", lookups="none")
    assert warehouse.rows("lists")
