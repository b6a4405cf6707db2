"""The first load of a warehouse that is known to be empty: rows are added, not merged, and must be the same."""

from __future__ import annotations

import shutil

import pytest

from listrak_source.pull.one_at_a_time import is_empty
from listrak_source.sandbox import Fault
from tests.pull.asking import on_request, somebody
from tests.pull.warehouse import Warehouse, truth

TABLES = ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "lists")


@pytest.mark.full
def test_same_as_a_merge(warehouse: Warehouse) -> None:
    someone = somebody(warehouse.sandbox)
    warehouse.sandbox.world.put(someone.sender_code_id, {"phoneNumber": someone.phone_number})
    warehouse.pull(*TABLES, into_empty=True)
    told = truth(warehouse.sandbox)
    for name in TABLES:
        assert warehouse.rows(name).keys() == told[name].keys(), name
    assert warehouse.pull(*TABLES) == {}
    warehouse.sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    warehouse.pull(*TABLES)
    assert warehouse.rows("contacts")[someone.key]["opted_out"] is True


@pytest.mark.full
@pytest.mark.parametrize("kind", ["repeated_page", "status"])
def test_what_comes_twice_is_there_once(warehouse: Warehouse, kind: str) -> None:
    """A first page that is sent again, and a person who opts out between two lists."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    if kind == "repeated_page":
        sandbox.faults.add(Fault("repeated_page", "list_opt_outs"))
        sandbox.faults.add(Fault("repeated_page", "list_contacts", after=4))
    else:
        phone_list = sandbox.world.add_list(someone.sender_code_id, "Another")
        sandbox.world.subscribe(someone.sender_code_id, phone_list, someone.phone_number)
        asked = 0

        def act(operation: str, query: str) -> None:
            nonlocal asked
            asked += operation == "list_contacts"
            if asked == 12:
                sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)

        on_request(sandbox, act)
    lists = [someone.phone_list_id] if kind == "repeated_page" else []
    warehouse.pull(*TABLES, into_empty=True, workers=1, page_size=15, lists=lists)
    for name in TABLES:
        assert warehouse.rows(name), "each key once"


@pytest.mark.parametrize("place", ["duckdb", pytest.param("postgres", marks=pytest.mark.full)], indirect=True)
def test_what_dlt_keeps_may_be_gone(warehouse: Warehouse) -> None:
    """Somebody has dropped the table of its schemas. Our rows are there, so nothing is added without a look at them."""
    warehouse.begin()
    with warehouse.pipeline().sql_client() as client:
        client.execute_sql("DROP TABLE _dlt_version")
    shutil.rmtree(warehouse.folder / "pipelines")
    assert not is_empty(warehouse.pipeline())
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=True, into_empty=True)
    for name in TABLES:
        assert warehouse.rows(name).keys() == truth(warehouse.sandbox)[name].keys(), "each key once"
