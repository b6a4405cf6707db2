"""A table of customers beside a pulled warehouse, and pushes from it into the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import tomlkit
from dlt.pipeline.pipeline import Pipeline

from listrak_source.push import Session, Sync, load_syncs, sync_session
from listrak_source.push.apply.run import Outcome
from listrak_source.push.diff.plan import Plan
from listrak_source.push.sync.config import BUDGET
from listrak_source.push.warehouse.sql_client import Store, name
from listrak_source.sandbox.world.profile import ProfileField, parse, values_of
from tests.pull.warehouse import Warehouse, truth

TYPES = {
    "id": "BIGINT",
    "phone": "TEXT",
    "first": "TEXT",
    "email": "TEXT",
    "born": "DATE",
    "zip": "TEXT",
    "stop": "BOOLEAN",
}
"""The columns of the customers' table; all others are text."""


class Pushing:
    """A warehouse with customers in it, and the sync that tells Listrak of them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.sandbox, self.world = warehouse.sandbox, warehouse.sandbox.world
        self.sender_code_id = next(iter(self.world.sender_codes))
        self.said: list[str] = []
        keys = ("client_id", "client_secret", "base_url", "token_url")
        self._options = {key: warehouse.options()[key] for key in keys}

    def field(self, data_type: str, turn: int = 0) -> ProfileField:
        found = [one for one in self.world.fields.values() if (one.data_type, one.status) == (data_type, "Active")]
        return found[turn]

    def lists(self, *, double_opt_in: bool = False) -> list[int]:
        """The active lists of the sender code."""
        of_sender = self.world.sender_codes[self.sender_code_id].lists.values()
        return [one.list_id for one in of_sender if one.active and one.double_opt_in is double_opt_in]

    def phones(self, count: int) -> list[str]:
        """So many contacts of the sender code, none of them opted out."""
        told = truth(self.sandbox)["contacts"]
        return sorted(phone for (_, phone), row in told.items() if not row["opted_out"])[:count]

    def customers(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """The table, in the place of an older one."""
        with self.store() as store:
            store.run("DROP TABLE IF EXISTS customers")
            typed = ", ".join(f"{name(column)} {TYPES.get(column, 'TEXT')}" for column in columns)
            store.run(f"CREATE TABLE customers ({typed})")
            store.insert("customers", columns, rows)

    def sync(self, columns: dict[str, Any], *, name: str = "loyalty", **also: Any) -> Sync:
        """A sync of these columns, with a budget that is no hindrance."""
        free = {"rows": 1_000_000, "percent": 100}
        settings = {
            "table": "customers", "phone": "phone", "key": "id", "sender_code": self.sender_code_id, "columns": columns,
            "budget": dict.fromkeys(BUDGET, free),
        } | also  # fmt: skip
        path = self.warehouse.folder / "push.toml"
        path.write_text(tomlkit.dumps({name: {key: value for key, value in settings.items() if value is not None}}))
        return load_syncs(path)[name]

    @cached_property
    def _pipeline(self) -> Pipeline:
        """One for the whole test, with the warehouse's schema: pulls do not change that here."""
        pipeline = self.warehouse.pipeline()
        if pipeline.default_schema_name is None:
            pipeline.sync_destination()
        return pipeline

    @contextmanager
    def store(self) -> Iterator[Store]:
        with Store.of(self._pipeline) as store:
            yield store

    @contextmanager
    def session(self, sync: Sync, *among: Sync, **options: Any) -> Iterator[Session]:
        with sync_session(self._pipeline, sync, among=among, workers=4, **self._options, **options) as session:
            yield session

    def edit(self, phone: str, values: dict[int, str] | None = None, **own: str) -> None:
        """Somebody changes a contact at Listrak: profile values by field id, and what the API calls its own fields."""
        items = [{"segmentationFieldId": field_id, "value": value} for field_id, value in (values or {}).items()]
        self.world.edit(phone, own | ({"segmentationFieldValues": items} if items else {}))

    def plan(self, sync: Sync, *among: Sync) -> Plan:
        with self.session(sync, *among) as session:
            return session.plan()

    def apply(self, sync: Sync, **how: Any) -> Outcome | None:
        with self.session(sync) as session:
            return session.apply(self.said.append, **how)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.store() as store:
            return store.rows(query)

    def contact(self, phone: str) -> dict[str, Any]:
        """What Listrak holds of a contact, its profile values by field id."""
        told, key = truth(self.sandbox), (self.sender_code_id, phone)
        row = told["contacts"].get(key) or told["unlisted_contacts"][key]
        # Of the world itself: a listing, which the truth is about, tells no values of who is on no list.
        return row | {"values": values_of(parse(self.world.rows[self.world.people[phone]]))}

    def sent(self) -> list[str]:
        """The methods of requests that wrote, in the order that they came in."""
        log = [(method, path) for method, path, _ in list(self.sandbox.traffic.log) if "Token" not in path]
        return [method for method, _ in log if method in ("POST", "PUT", "DELETE")]
