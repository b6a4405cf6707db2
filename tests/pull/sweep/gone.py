"""Who is gone after a first pull, and what is marked and told of it in the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from listrak_source.cli.reports import in_doubt, last_walk
from tests.pull.asking import Somebody, somebody
from tests.pull.warehouse import Rows, Warehouse

PEOPLE = ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "subscriptions")
SMALL = ("sender_codes", "lists", "profile_fields", "transactional_messages")


def removed(warehouse: Warehouse) -> dict[str, set[Any]]:
    """The keys that are marked, by table; tables without any are left out."""
    marked = {name: set(warehouse.rows(name, removed=True)) for name in (*PEOPLE, *SMALL) if warehouse.records(name)}
    return {name: keys for name, keys in marked.items() if keys}


def marks(warehouse: Warehouse) -> dict[str, list[datetime]]:
    """When rows were marked, by table."""
    found = {name: warehouse.records(name) or [] for name in (*PEOPLE, *SMALL)}
    return {name: sorted(row["removed_at"] for row in rows if row.get("removed_at")) for name, rows in found.items()}


def events(warehouse: Warehouse) -> Rows:
    return warehouse.rows("consent_events")


def doubts(warehouse: Warehouse) -> list[str]:
    """What the last complete walk has left in doubt, as the command says it."""
    walk = last_walk(warehouse.pipeline())
    assert walk
    return list(in_doubt(walk[1]))


@dataclass(frozen=True)
class Gone:
    """What is gone in each of these tests: who vanished, who left a list, and whose opt-out has ended."""

    vanished: Somebody
    left: Somebody
    back: Somebody

    @property
    def memberships(self) -> set[Any]:
        return {(one.sender_code_id, one.phone_list_id, one.phone_number) for one in (self.vanished, self.left)}


def settle(warehouse: Warehouse) -> Gone:
    """A first pull, which knows everything; then three people move, and three days pass."""
    world, someone = warehouse.sandbox.world, somebody(warehouse.sandbox)
    sender, phone_list = someone.sender_code_id, someone.phone_list_id
    phones = [f"1555010900{number}" for number in range(5)]
    for phone in phones:
        world.subscribe(sender, phone_list, phone, {"firstName": "Zoë", "segmentationFieldValues": value(warehouse)})
    for phone in phones[2:]:
        world.opt_out(sender, phone)
        world.clock.advance(minutes=1)
    world.clock.advance(days=10)
    warehouse.begin(lookups="all")
    world.vanish(phones[0])
    world.leave_list(sender, phone_list, phones[1])
    world.resubscribe(sender, phones[2], phone_list)
    # Who moved in the last days before a walk that another process takes up is left to the next one.
    world.clock.advance(days=3)
    return Gone(*(Somebody(sender, phone_list, phone) for phone in phones[:3]))


def value(warehouse: Warehouse) -> list[dict[str, Any]]:
    field = next(one for one in warehouse.sandbox.world.fields.values() if one.data_type == "Text")
    return [{"segmentationFieldId": field.field_id, "value": "007"}]
