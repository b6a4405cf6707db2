"""Pushes on the page: what was confirmed, what Listrak has otherwise, whom it does not know."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak
from tests.cli.test_push import phones, server  # noqa: F401 - fixtures
from tests.dashboard.test_report import number, rows_of
from tests.pull.asking import on_request


@pytest.mark.full
def test_what_reading_back_has_found_of_each(
    listrak: Listrak,
    phones: list[str],  # noqa: F811
    sandbox: Sandbox,
) -> None:
    world = sandbox.world
    field = next(one for one in world.fields.values() if (one.data_type, one.status) == ("Text", "Active"))
    edited, gone = phones[:2]

    def act(operation: str, _: str) -> None:
        if operation == "get_contact" and edited in world.people:
            # Somebody is faster than the reading back.
            items = [{"segmentationFieldId": field.field_id, "value": "somebody else's"}]
            world.edit(edited, {"segmentationFieldValues": items})

    world.vanish(gone)
    on_request(sandbox, act)
    code, _, err = listrak("push", "apply", "loyalty")
    assert (code, err[:40]) == (Exit.FAILED, "listrak: 2 values are not at Listrak as ")
    assert listrak("report", "--out", "report.html")[0] == Exit.DONE
    (row,) = rows_of(Path("report.html").read_text(encoding="utf-8"), "pushes")
    found = {name: number(row[name]) for name in ("values", "confirmed", "mismatched", "not found")}
    assert found == {"values": 5, "confirmed": 3, "mismatched": 1, "not found": 1}
    assert row["sync"] == "loyalty"
    with duckdb.connect("listrak.duckdb") as connection:
        told = connection.execute("SELECT status, count(*) FROM listrak_sms.push_changes GROUP BY ALL").fetchall()
    assert dict(told) == {"confirmed": 3, "mismatched": 1, "not_found": 1}
    assert not [phone for phone in phones if phone in Path("report.html").read_text(encoding="utf-8")]
