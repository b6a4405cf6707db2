"""What Listrak tells or a table holds is data, whatever stands in it: it is never a part of a statement."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.push.warehouse.ledger import CONFIRMED, IMPORT, MISMATCHED, STOP, UPDATE
from listrak_source.push.warehouse.sql_client import Store
from listrak_source.sandbox import Fault
from tests.pull.asking import on_request
from tests.push.pushing import Pushing

FOREIGN = {
    "NUL": "go\0ld",
    "half a pair": "\ud83d",
    "quotes": "'; DROP TABLE x; --",
    "per cent": "%s %% %(x)s ? $1",
    "braces": "{0} {x} \\'",
    "control characters": ":a [b] \x1a",
}
"""Texts that have broken a statement somewhere."""


def pushed(pushing: Pushing, held: str) -> None:
    """Push a value and a name to two people; one of them holds something else when it is read back."""
    text = pushing.field("Text")
    odd, good = pushing.phones(2)
    pushing.customers(["id", "phone", "tier", "first"], [(1, odd, "gold", "Ann"), (2, good, "gold", "Bob")])
    items = [{"segmentationFieldId": text.field_id, "value": held}]

    def edit(operation: str, query: str) -> None:
        if operation == "get_contact":
            pushing.world.hold(odd, {"firstName": held, "segmentationFieldValues": items})

    on_request(pushing.sandbox, edit)
    sync = pushing.sync({"tier": text.field_id, "first": {"contact": "first_name"}}, read_back="all")
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.finished
    assert outcome.counts == {
        (IMPORT, CONFIRMED): 1, (IMPORT, MISMATCHED): 1, (UPDATE, CONFIRMED): 1, (UPDATE, MISMATCHED): 1,
    }  # fmt: skip
    assert pushing.plan(sync).is_empty


@pytest.mark.cases(2, 2)
@pytest.mark.parametrize("what", FOREIGN)
def test_a_value_that_is_read_back_fails_by_itself(
    in_duckdb: Pushing, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.B9."""
    statements: list[str] = []
    real = Store._ours

    def ours(store: Store, statement: str) -> str:
        statements.append(statement)
        return real(store, statement)

    monkeypatch.setattr(Store, "_ours", ours)
    pushed(in_duckdb, FOREIGN[what])
    assert statements
    assert not [one for one in statements if FOREIGN[what] in one]


@pytest.mark.full
@pytest.mark.cases(0, 2)
@pytest.mark.parametrize("what", FOREIGN)
def test_the_same_in_postgresql(in_postgres: Pushing, what: str) -> None:
    """14.B9."""
    pushed(in_postgres, FOREIGN[what])


def test_the_name_of_a_field_and_a_message_are_data_too(pushing: Pushing) -> None:
    """14.B9: the one stands in reasons and in files, the other in the ledger."""
    text, (one, other) = pushing.field("Text"), pushing.phones(2)
    pushing.world.change_profile_field(text.field_id, name="Ti'er %s \0 \ud83d", max_length=20)
    columns = ["id", "phone", "tier", "stop"]
    pushing.customers(columns, [(1, one, "gold", None), (2, other, "x" * 500, None)])
    sync = pushing.sync({"tier": text.field_id, "stop": {"contact": "opted_out"}})
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.counts == {(IMPORT, CONFIRMED): 1}
    body = '{"status": 400, "error": "ERROR_%s", "message": "it\'s \\u0000 \\ud83d 100%"}'
    pushing.sandbox.faults.add(Fault("status", "start_contact_import", status=400, body=body))
    pushing.sandbox.faults.add(Fault("status", "update_contact", times=None, status=400, body=body))
    pushing.customers(columns, [(1, one, "silver", None), (2, other, None, True)])
    outcome = pushing.apply(sync)
    assert outcome
    assert outcome.finished
    ((reason,),) = pushing.rows(f"SELECT reason FROM push_changes WHERE operation = '{STOP}'")
    assert "100%" in reason


def test_a_phone_number_of_the_table_is_data_too(in_duckdb: Pushing) -> None:
    """14.B9."""
    text, (good,) = in_duckdb.field("Text"), in_duckdb.phones(1)
    with in_duckdb.store() as store:
        store.run("CREATE TABLE customers (id BIGINT, phone TEXT, tier TEXT)")
        store.insert("customers", ["id", "phone", "tier"], [(0, good, "gold"), (1, "1-800-FLOWERS'; --", "gold")])
        store.run("INSERT INTO customers SELECT 2, '1-800-FLOWERS' || CHR(0) || '%s', 'gold'")
    outcome = in_duckdb.apply(in_duckdb.sync({"tier": text.field_id}))
    assert outcome
    assert outcome.counts == {(IMPORT, CONFIRMED): 1}


def test_a_contact_with_no_list_of_values_fails_by_itself(in_duckdb: Pushing) -> None:
    """14.B9: an answer in another shape than the contract's."""
    text, (one, other) = in_duckdb.field("Text"), in_duckdb.phones(2)
    in_duckdb.customers(["id", "phone", "tier", "stop"], [(1, one, "gold", None), (2, other, None, True)])
    columns: dict[str, Any] = {"tier": text.field_id, "stop": {"contact": "opted_out"}}
    in_duckdb.world.hold(other, {"segmentationFieldValues": [None, 5, {"value": "x"}]})
    body = f'{{"status": 200, "data": {{"phoneNumber": "{one}", "segmentationFieldValues": [null, 7, "x", {{}}]}}}}'
    in_duckdb.sandbox.faults.add(Fault("status", "get_contact", path=one, times=None, status=200, body=body))
    outcome = in_duckdb.apply(in_duckdb.sync(columns))
    assert outcome
    assert outcome.counts == {(IMPORT, MISMATCHED): 1, (STOP, CONFIRMED): 1}
