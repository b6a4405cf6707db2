"""A row for each command that pushes, also one that fails, is refused or has nothing to send."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.lease import TakenError
from listrak_source.push import Session
from listrak_source.runs import COLUMNS, PUSH_ATTEMPTS
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak
from tests.cli.test_push import phones, server  # noqa: F401 - fixtures
from tests.cli.test_push_documents import read


def attempts(listrak: Listrak) -> list[dict[str, Any]]:
    """The oldest first."""
    found = json.loads(listrak("runs", "--json")[1])["runs"]
    return [run for run in reversed(found) if run["command"].startswith("push")]


@pytest.mark.full
def test_each_command_that_pushes_has_a_row(
    listrak: Listrak,
    phones: list[str],  # noqa: F811
    sandbox: Sandbox,
) -> None:
    sandbox.traffic.clear()
    applied = read(listrak, "apply", "loyalty")
    sent = sum(count for name, count in sandbox.traffic.counts.items() if name != "token")
    read(listrak, "apply", "loyalty")
    read(listrak, "verify", "loyalty")
    first, second, third = attempts(listrak)
    assert first.keys() == COLUMNS[PUSH_ATTEMPTS].keys()
    assert (first["command"], first["sync_name"], first["outcome"], first["exit_code"]) == (
        "push apply",
        "loyalty",
        "done",
        0,
    )
    assert (first["push_run"], first["results"]) == (applied["run"], applied["results"])
    assert (first["requests"], first["retries"], first["refusals"]) == (sent, 0, 0)
    assert first["sender_code_id"] in sandbox.world.sender_codes
    assert (second["push_run"], second["results"], second["outcome"]) == (None, [], "done")
    assert (third["command"], third["results"]) == ("push verify", applied["results"])
    assert all(run["began_at"] <= run["ended_at"] for run in (first, second, third))
    assert not [phone for phone in phones if phone in json.dumps([first, second, third])]
    assert listrak("push", "plan", "loyalty")[0] == 0
    assert len(attempts(listrak)) == 3, "a plan sends nothing"
    assert "push apply loyalty: done after " in listrak("runs")[1]


@pytest.mark.full
def test_one_that_fails_or_is_refused(
    listrak: Listrak,
    phones: list[str],  # noqa: F811
    sandbox: Sandbox,
    monkeypatch: Any,
) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    sandbox.faults.add(Fault("status", "list_profile_fields", times=None, status=403))
    code, _, err = listrak("push", "apply", "loyalty")
    sandbox.faults.clear()
    with monkeypatch.context() as busy:
        busy.setattr(Session, "apply", _taken)
        for _ in range(2):
            assert listrak("push", "apply", "loyalty")[0] == Exit.TRY_AGAIN
    failed, refused = attempts(listrak)
    assert (failed["outcome"], failed["exit_code"]) == ("failed", code)
    assert str(failed["message"]) in err
    assert (refused["outcome"], refused["exit_code"], refused["times"]) == ("refused", Exit.TRY_AGAIN, 2)
    with duckdb.connect("listrak.duckdb") as connection:
        assert connection.execute("SELECT count(*) FROM listrak_sms.push_runs").fetchall() == [(0,)], (
            "no plan was applied"
        )


def _taken(*_: object, **__: object) -> None:
    raise TakenError("another apply of loyalty is under way")
