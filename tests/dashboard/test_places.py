"""The page of warehouses other than a DuckDB file: the same counts, and nothing that stays there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from listrak_source.cli.commands.report import read
from listrak_source.cli.warehouse import Warehouse
from listrak_source.dashboard.choice import choose
from listrak_source.dashboard.report import page
from listrak_source.sandbox import Sandbox
from tests.dashboard.conftest import pull_all
from tests.destinations import servers

pytestmark = pytest.mark.full


@pytest.mark.parametrize("destination", ["postgres", "filesystem", "ducklake"])
def test_the_page_of_a_place(
    destination: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = f"page_{uuid4().hex[:8]}"
    settings = {
        "postgres": lambda: {"CREDENTIALS": servers.database(name)},
        "filesystem": lambda: {"BUCKET_URL": str(tmp_path / "files")},
        "ducklake": lambda: {
            "CREDENTIALS__DUCKLAKE_NAME": "lake",
            "CREDENTIALS__CATALOG": servers.database(name),
            "CREDENTIALS__STORAGE__BUCKET_URL": str(tmp_path / "lake"),
        },
    }[destination]()
    for setting, value in settings.items():
        monkeypatch.setenv(f"DESTINATION__{destination.upper()}__{setting}", value)
    monkeypatch.setenv("HOME", servers.home())
    warehouse = Warehouse(destination)
    pull_all(warehouse, sandbox, lookups="none")

    snapshot = read(warehouse)
    truth = sandbox.world.truth()
    members = Counter(key[:2] for key in truth["list_memberships"])
    shown = snapshot.rows("SELECT sender_code_id, phone_list_id, members FROM lists WHERE members > 0")
    assert {(row["sender_code_id"], row["phone_list_id"]): row["members"] for row in shown} == members
    stops = snapshot.rows("SELECT CAST(sum(opt_outs) AS BIGINT) AS stops FROM stops")
    assert stops[0]["stops"] == len(truth["opt_outs"])
    assert snapshot.rows("SELECT outcome FROM pulls") == ([] if destination == "filesystem" else [{"outcome": "done"}])
    assert snapshot.models is None
    assert '<section id="reachable">' in page(snapshot, choose(snapshot))
