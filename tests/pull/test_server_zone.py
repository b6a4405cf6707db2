"""The zone that a server tells times in changes nothing of what is read back, and dates that are none stand where any
program can read them (13.B12).
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timezone
from typing import Any

import psycopg2
import pytest

from listrak_source.cli import reports
from listrak_source.pull.records.normalize import NO_DATE
from listrak_source.push import load_syncs, sync_session
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.setting_aside import only
from tests.pull.warehouse import Warehouse, truth

YEAR_ONE = datetime(1, 1, 1, tzinfo=timezone.utc)
SANDBOX = ("client_id", "client_secret", "base_url", "token_url")
in_postgres = pytest.mark.parametrize("place", ["postgres"], indirect=True)


def address(warehouse: Warehouse) -> str:
    return str(warehouse.place.destination(warehouse.folder).config_params["credentials"])


def run(warehouse: Warehouse, *statements: str) -> list[tuple[Any, ...]]:
    """As any other program: with nothing said about zones."""
    with closing(psycopg2.connect(address(warehouse))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def set_zone(warehouse: Warehouse, zone: str) -> None:
    ((name,),) = run(warehouse, "SELECT current_database()")
    run(warehouse, f"ALTER DATABASE {name} SET timezone = '{zone}'")


@pytest.mark.full
@pytest.mark.cases(0, 1)
@in_postgres
@pytest.mark.parametrize("zone", ["America/New_York", pytest.param("Asia/Kolkata", marks=pytest.mark.full)])
@pytest.mark.parametrize(
    "word", ["0001-01-01T00:00:00", pytest.param("9999-12-31T23:59:59.9999999", marks=pytest.mark.full)]
)
def test_a_stop_without_a_date_where_the_server_has_a_zone(warehouse: Warehouse, zone: str, word: str) -> None:
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    set_zone(warehouse, zone)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    with proxy(sandbox, only(someone, "/OptOut", lambda record: record.update(optOutDate=word))) as base_url:
        warehouse.pull(base_url=base_url)
        sandbox.world.live(1)
        for full in (False, True):
            warehouse.pull(base_url=base_url, full=full)
    told = truth(sandbox)
    contacts = warehouse.rows("contacts")
    assert contacts.keys() == told["contacts"].keys()
    assert contacts[someone.key]["opted_out"]
    mine = [key for key in warehouse.rows("opt_outs") if key[:2] == someone.key]
    assert mine == [(*someone.key, NO_DATE)]
    # Whoever reads it from a program of their own, in the server's zone, is not stopped by it either.
    ((date,),) = run(warehouse, f"SELECT opt_out_date FROM listrak_sms.opt_outs WHERE opt_out_date = '{NO_DATE}'")
    assert date == NO_DATE
    pipeline = warehouse.pipeline()
    pipeline.sync_destination()
    assert reports.loads(pipeline)
    customers = f"SELECT phone_number AS phone, 'x' AS tier FROM contacts WHERE phone_number = '{someone.phone_number}'"
    sync = warehouse.folder / "listrak_push.toml"
    sync.write_text(
        f'[tiers]\nquery = "{customers}"\nphone = "phone"\nsender_code = {someone.sender_code_id}\n'
        f'[tiers.columns]\ntier = {{ contact = "first_name" }}\n'
    )
    options = {name: value for name, value in warehouse.options().items() if name in SANDBOX}
    with sync_session(pipeline, load_syncs(sync)["tiers"], **options) as session:
        ((told_zone,),) = session.store.rows("SELECT current_setting('TimeZone')")
        assert told_zone == "UTC"
        (streamed,) = session.store.stream("SELECT current_setting('TimeZone') AS zone", "zone", 10)
        assert streamed["zone"].to_pylist() == ["UTC"]
        session.plan()


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("place", ["duckdb", pytest.param("postgres", marks=pytest.mark.full)], indirect=True)
def test_what_stands_in_the_year_one_already_heals(warehouse: Warehouse) -> None:
    """As an earlier version left it: a stop without a date, and its event, in the year one."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    sandbox.world.opt_out(someone.sender_code_id, someone.phone_number)
    change = only(someone, "/OptOut", lambda record: record.update(optOutDate="0001-01-01T00:00:00"))
    with proxy(sandbox, change) as base_url:
        warehouse.pull(base_url=base_url)
        events = warehouse.rows("consent_events")
        with warehouse.pipeline().sql_client() as client:
            for table, column in (("opt_outs", "opt_out_date"), ("consent_events", "event_at")):
                client.execute_sql(f"UPDATE {table} SET {column} = '{YEAR_ONE}' WHERE {column} = '{NO_DATE}'")
        pipeline = warehouse.pipeline()
        with pipeline.managed_state() as state:
            state["sources"]["listrak_sms"].pop("no_date", None)
        sandbox.world.live(1)
        for full in (False, True):
            warehouse.pull(base_url=base_url, full=full)
    for removed in (False, True):
        dates = [key[2] for key in warehouse.rows("opt_outs", removed=removed) if key[:2] == someone.key]
        assert dates == ([] if removed else [NO_DATE])
    after = warehouse.rows("consent_events")
    assert events.items() <= after.items()
    assert not [key for key in after if YEAR_ONE in key]
