"""Complete walks, and what each of them has written: the rows that are in another load than before."""

from __future__ import annotations

from typing import Any

import duckdb

from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import World
from listrak_source.sandbox.world.profile import parse
from tests.pull.asking import Somebody
from tests.pull.warehouse import Rows, Warehouse

WALKS = "walks"
SEEN_KEYS = "seen_keys"
HASHES = ("record_hash", "values_hash")
OPEN = (WALKS, SEEN_KEYS)
"""Tables without a row of Listrak's in them."""
NAMES = [name for name in TABLES if name not in OPEN]


def by_hand(warehouse: Warehouse, *statements: str) -> None:
    """What somebody does to the file."""
    with duckdb.connect(str(warehouse.database)) as connection:
        connection.execute(f"USE {warehouse.dataset}")
        for statement in statements:
            connection.execute(statement)


def stamps(warehouse: Warehouse) -> dict[str, dict[Any, str]]:
    """By table and key, the load in which a row was written last."""
    found: dict[str, dict[Any, str]] = {}
    for name in NAMES:
        key = TABLES[name].key
        rows = warehouse.records(name) or []
        found[name] = {tuple(row[column] for column in key): row["_dlt_load_id"] for row in rows}
    return found


def wrote(warehouse: Warehouse, *tables: str, **options: Any) -> dict[str, set[Any]]:
    """Walk, and return the keys of all rows that it wrote by table; tables without any are left out.

    What it handed over to dlt is of the same tables: no row is written that says what is there already.
    """
    before = stamps(warehouse)
    counts = warehouse.pull(*tables, **{"full": True} | options)
    after = stamps(warehouse)
    found = {name: {key for key, load in rows.items() if before[name].get(key) != load} for name, rows in after.items()}
    found = {name: keys for name, keys in found.items() if keys}
    gone = {name for name in NAMES if before[name].keys() - after[name].keys()}
    assert set(counts) - set(OPEN) == found.keys() | gone, "what is handed over is what is written"
    return found


def without_hashes(rows: Rows) -> Rows:
    return {key: {name: value for name, value in row.items() if name not in HASHES} for key, row in rows.items()}


def hashes(warehouse: Warehouse) -> dict[Any, tuple[Any, Any]]:
    """By contact, the hash of its record and that of its values."""
    found = warehouse.query(
        f"SELECT sender_code_id, phone_number, record_hash, values_hash FROM {warehouse.dataset}.contacts"
    )
    return {(sender, phone): (record, values) for sender, phone, record, values in found}


def seen_keys(warehouse: Warehouse) -> list[dict[str, Any]]:
    """What an unfinished pull has kept of what it has seen."""
    return [row for row in warehouse.records(SEEN_KEYS) or [] if not row["task"].startswith("unmarked")]


def walks(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The rows of the complete walks so far."""
    return warehouse.records(WALKS) or []


def profile(world: World, phone: str) -> dict[str, Any]:
    """All that Listrak holds of a person, as an API's body."""
    return parse(world.rows[world.people[phone]])


def own_value(world: World, phone: str) -> dict[str, Any]:
    """One profile value that a person has, of a field that takes any text; it is given one where there is none."""
    texts = {one.field_id for one in world.fields.values() if (one.data_type, one.status) == ("Text", "Active")}
    items = profile(world, phone)["segmentationFieldValues"]
    found = next((item for item in items if item["segmentationFieldId"] in texts), None)
    if found is None:
        found = {"segmentationFieldId": min(texts), "value": "old"}
        world.edit(phone, {"segmentationFieldValues": [found]})
    return dict(found)


def events_of(warehouse: Warehouse, phone: str) -> list[tuple[int, str]]:
    """List and event of all that is told of a person, by list and by when it was: once where it is so again and again,
    and without what only a lookup tells of an end."""
    keys = [key for key in warehouse.rows("consent_events") if key[2] == phone and key[3] != "unsubscribed"]
    told = [(key[1], key[3]) for key in sorted(keys, key=lambda key: (key[1], key[4]))]
    return [one for one, before in zip(told, [None, *told], strict=False) if one != before]


def place_other_than(warehouse: Warehouse, someone: Somebody) -> int:
    """Another list of the same sender code."""
    lists = warehouse.sandbox.world.sender_codes[someone.sender_code_id].lists
    return next(one for one in lists if one != someone.phone_list_id)
