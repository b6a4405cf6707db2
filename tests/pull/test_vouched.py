"""13.C15: what the state vouches for is not there any more. It is read from its beginning, and the pull says so."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from listrak_source import listrak_sms
from listrak_source.cli import reports
from listrak_source.pull.schema import OF_THE_PULL, TABLES
from tests.pull.asking import somebody
from tests.pull.cutting import cut, elsewhere, loads
from tests.pull.warehouse import Warehouse, truth

EVERY = [name for name, table in TABLES.items() if table not in OF_THE_PULL]
HARM = ("DROP TABLE {}", "DELETE FROM {}", "DELETE FROM {} WHERE rowid % 3 = 0", "ALTER TABLE {} DROP COLUMN {}")
LAST = {"consent_events": "reason", "subscriptions": "subscription_state", "transactional_messages": "removed_at"}
CASES = [("opt_outs", harm) for harm in HARM]
CASES += [(name, HARM[at % len(HARM)]) for at, name in enumerate(EVERY) if name != "opt_outs"]
MANY = len(CASES)
"""Every harm of one table, and one of each other."""
CASES += [(name, harm) for harm in HARM for name in EVERY if (name, harm) not in CASES]


def by_hand(warehouse: Warehouse, statement: str) -> None:
    """What somebody does to the file."""
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(f"USE {warehouse.dataset}")
        connection.execute(statement)


def remarks(warehouse: Warehouse) -> list[str]:
    return reports.remarks(warehouse.pipeline())


def there(warehouse: Warehouse, name: str) -> set[Any]:
    """What a table must hold of what Listrak holds."""
    told = truth(warehouse.sandbox)
    if name == "consent_events":
        stops = {(sender, 0, phone, "opted_out") for sender, phone, _ in told["opt_outs"]}
        return stops | {(*key, "subscribed") for key in told["list_memberships"]}
    return set(told[name])


def keys(warehouse: Warehouse, name: str) -> set[Any]:
    return {key[:4] if name == "consent_events" else key for key in warehouse.rows(name)}


@pytest.mark.cases(1, MANY)
@pytest.mark.parametrize(("name", "harm"), CASES)
def test_what_is_gone_is_read_again_and_the_pull_says_so(warehouse: Warehouse, name: str, harm: str) -> None:
    warehouse.begin()
    warehouse.sandbox.world.live(2)
    warehouse.pull()
    held = keys(warehouse, name)
    # Of these, nobody knows to a row how many there are after a load.
    harm = harm.replace("=", ">") if name in ("contact_profile_values", "subscriptions") else harm
    by_hand(warehouse, harm.format(name, LAST.get(name, "removed_at")))
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull()
    assert keys(warehouse, name) >= held & there(warehouse, name)
    assert [remark for remark in remarks(warehouse) if remark.startswith(f"{name} had lost")]
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull()
    assert not remarks(warehouse), "it says so once"


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("name", ["walks", "seen_keys", "rejected_rows"])
@pytest.mark.parametrize("full", [True, False])
def test_what_a_pull_tells_of_itself_is_made_again(warehouse: Warehouse, name: str, full: bool) -> None:
    """Also where the schema on this machine is ahead of an older copy of the warehouse."""
    one = somebody(warehouse.sandbox)
    warehouse.begin()
    warehouse.pull(full=True)
    by_hand(warehouse, f"DROP TABLE IF EXISTS {name}")
    warehouse.sandbox.world.opt_out(*one.key)
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull(full=full, chunk_rows=10)
    assert one.key in {key[:2] for key in warehouse.rows("opt_outs")}
    warehouse.pull(full=True)
    assert warehouse.records("walks")
    assert warehouse.query("SELECT count(*) FROM listrak_sms.seen_keys") == [(0,)]


def test_one_sender_code_that_was_emptied_is_read_again(warehouse: Warehouse) -> None:
    """Of a first pull too, of which no count was taken before it."""
    one = somebody(warehouse.sandbox)
    warehouse.sandbox.world.opt_out(*one.key)
    warehouse.begin("opt_outs")
    by_hand(warehouse, f"DELETE FROM opt_outs WHERE sender_code_id = {one.sender_code_id}")
    warehouse.sandbox.world.clock.advance(days=3)
    warehouse.pull("opt_outs")
    assert warehouse.rows("opt_outs").keys() == truth(warehouse.sandbox)["opt_outs"].keys()


@pytest.mark.full
def test_nothing_is_remarked_where_nothing_is_gone(warehouse: Warehouse) -> None:
    """Values go with every merge, people vanish, and a complete walk writes everything anew."""
    warehouse.begin()
    for full in (False, True, False, False):
        warehouse.sandbox.world.live(2)
        warehouse.pull(full=full)
        assert not remarks(warehouse)


@pytest.mark.full
def test_nothing_is_remarked_after_a_walk_that_many_processes_went_on_with(warehouse: Warehouse) -> None:
    """Each of them looks at the same people again: they count once."""
    walk: dict[str, Any] = {"full": True, "lookups": "all", "chunk_rows": 45, "page_size": 20}
    warehouse.begin()
    warehouse.sandbox.world.live(1)
    warehouse.sandbox.world.clock.advance(days=3)
    cuts = 1
    while cut(warehouse, 1, **walk):
        cuts += 1
        assert not remarks(warehouse)
    assert cuts > 3
    warehouse.pull()
    assert not remarks(warehouse)


@pytest.mark.full
def test_rows_that_are_gone_while_a_pull_is_cut_short(warehouse: Warehouse) -> None:
    """It goes on in another process, and no place that it has reached is believed."""
    started = loads(warehouse, chunk_rows=60, page_size=20)
    next(started)
    next(started)
    started.close()
    elsewhere(warehouse)
    by_hand(warehouse, "DELETE FROM opt_outs")
    warehouse.pull(chunk_rows=60, page_size=20)
    assert warehouse.rows("opt_outs").keys() == truth(warehouse.sandbox)["opt_outs"].keys()
    assert [remark for remark in remarks(warehouse) if remark.startswith("opt_outs had lost")]


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("mode", ["drop_sources", "drop_data", "drop_resources"])
def test_refresh_keeps_the_consent_events_and_fills_what_it_drops(warehouse: Warehouse, mode: Any) -> None:
    one = somebody(warehouse.sandbox)
    warehouse.sandbox.world.opt_out(*one.key)
    warehouse.begin()
    warehouse.sandbox.world.live(2)
    warehouse.sandbox.world.resubscribe(*one.key, one.phone_list_id)
    warehouse.pull()
    before = warehouse.rows("consent_events")
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pipeline().run(listrak_sms(**warehouse.options()), refresh=mode)
    told = truth(warehouse.sandbox)
    for name in ("contacts", "list_memberships", "opt_outs", "profile_fields", "lists"):
        assert warehouse.rows(name).keys() == told[name].keys(), name
    now = warehouse.rows("consent_events")
    assert {key: now.get(key) for key in before} == before
    assert not [key for key in now.keys() - before.keys() if key[2] == one.phone_number], "nothing is told twice"


@pytest.mark.cases(1)
@pytest.mark.parametrize("mode", ["drop_resources", "drop_data"])
def test_refresh_drops_the_consent_events_where_they_are_named(warehouse: Warehouse, mode: Any) -> None:
    """What is dropped at load counts as gone while it is still there: all is told anew."""
    warehouse.begin()
    warehouse.sandbox.world.clock.advance(days=7)
    source = listrak_sms(**warehouse.options()).with_resources("opt_outs", "list_memberships", "consent_events")
    warehouse.pipeline().run(source, refresh=mode)
    assert keys(warehouse, "consent_events") >= there(warehouse, "consent_events")
    assert len(warehouse.loads()["consent_events"]) == 1


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("place", ["postgres", "parquet", "delta"], indirect=True)
def test_it_is_so_in_other_places(warehouse: Warehouse) -> None:
    warehouse.begin()
    warehouse.sandbox.world.live(2)
    warehouse.pull()
    assert not remarks(warehouse)
    pipeline = warehouse.pipeline()
    with pipeline.destination_client() as client:
        client.drop_tables("opt_outs", delete_schema=False)  # type: ignore[attr-defined]
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull()
    assert warehouse.rows("opt_outs").keys() == truth(warehouse.sandbox)["opt_outs"].keys()
    assert [remark for remark in remarks(warehouse) if remark.startswith("opt_outs had lost")]
    warehouse.sandbox.world.clock.advance(hours=1)
    warehouse.pull()
    assert not remarks(warehouse)
