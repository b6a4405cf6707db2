"""14.B12: year one is no end date, wherever a date is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dlt
import pytest

from listrak_source import contact_import
from listrak_source.api.dates import date_of
from listrak_source.push.warehouse.ledger import CONFIRMED, IMPORT
from listrak_source.sandbox import Quirks
from tests.pull.asking import on_request
from tests.push.pushing import Pushing

HOWS = ["year_one", *(pytest.param(one, marks=pytest.mark.full) for one in ("last", "empty", "absent", "null"))]


def test_what_is_no_date() -> None:
    """14.B12: said once, for all that reads one."""
    for told in (
        None,
        "",
        " ",
        "0001-01-01",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9999999",
    ):
        assert date_of(told) is None
    assert date_of("2026-01-02T03:04:05.6") == "2026-01-02T03:04:05.6"


def _slow(pushing: Pushing, how: Any) -> list[int]:
    """Imports take half a second here, and tell of their end so until then. Gives how often they were asked."""
    pushing.sandbox.service.quirks = replace(Quirks(), no_end=how)
    pushing.sandbox.service.import_seconds = 0.5
    asked: list[int] = []

    def note(operation: str, _query: str) -> None:
        if operation == "get_contact_import":
            asked.append(1)

    on_request(pushing.sandbox, note)
    return asked


@pytest.mark.parametrize("how", HOWS)
def test_an_import_that_ends_in_year_one_has_not_ended(in_duckdb: Pushing, how: Any) -> None:
    """14.B12: a sync waits for it, and reads back what it has done."""
    phones, field = in_duckdb.phones(3), in_duckdb.field("Text").field_id
    asked = _slow(in_duckdb, how)
    in_duckdb.customers(["id", "phone", "tier"], [(at, phone, "gold") for at, phone in enumerate(phones)])
    outcome = in_duckdb.apply(in_duckdb.sync({"tier": field}))
    assert outcome
    assert outcome.counts == {(IMPORT, CONFIRMED): 3}
    assert len(asked) > 1


@pytest.mark.parametrize("how", HOWS)
def test_nor_has_one_of_contact_import(in_duckdb: Pushing, how: Any) -> None:
    """14.B12: the same of ``contact_import``."""
    phones, field = in_duckdb.phones(3), in_duckdb.field("Text").field_id
    asked = _slow(in_duckdb, how)
    keys = ("client_id", "client_secret", "base_url", "token_url")
    options = {key: in_duckdb.warehouse.options()[key] for key in keys}
    destination = contact_import(in_duckdb.sender_code_id, phone="phone", columns={"tier": field}, **options)
    folder = str(in_duckdb.warehouse.folder / "imports")
    rows = [{"phone": phone, "tier": "gold"} for phone in phones]
    dlt.pipeline("imports", destination=destination, pipelines_dir=folder).run(rows, table_name="customers")
    assert [in_duckdb.contact(phone)["values"][field] for phone in phones] == ["gold"] * 3
    assert len(asked) > 1
