"""``listrak push … --json``: one document on standard output, whatever comes of the command, and nothing else there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak
from tests.cli.test_push import phones, server  # noqa: F401 - fixtures


def read(listrak: Listrak, *words: str, code: int = 0, status: str = "success") -> dict[str, Any]:
    """What the document of a command tells beyond what all documents do; standard error ends with its message."""
    ended, out, err = listrak("push", *words, "--json")
    document: dict[str, Any] = json.loads(out)
    about = document.pop("metadata")
    named = " ".join(["push", words[0], *(["--apply"] if "--apply" in words else [])])
    assert (about["command"], about["document_version"]) == (named, 1)
    assert (ended, document.pop("exit_code"), document.pop("status")) == (code, code, status), document
    message = document.pop("message")
    assert bool(message) is (status != "success")
    assert not message or message in " ".join(line.removeprefix("listrak: ") for line in err.splitlines())
    assert document.pop("elapsed_time") >= 0
    return document


@pytest.mark.full
def test_from_check_to_undo(listrak: Listrak, phones: list[str]) -> None:  # noqa: F811
    checked = read(listrak, "check", "loyalty")
    assert [one["column"] for one in checked["columns"]] == ["tier", "stop"]
    assert (checked["problems"], checked["unread_stops"]) == ([], 0)
    planned = read(listrak, "plan", "loyalty", code=2)
    assert (planned["counts"]["imports"], planned["rejected"]) == (5, {"phone: not a phone number": 1})
    applied = read(listrak, "apply", "loyalty", "--plan", planned["hash"])
    assert applied["results"] == [{"operation": "import", "outcome": "confirmed", "values": 5}]
    assert (applied["sync"], applied["finished"], applied["refused"], applied["waiting"]) == ("loyalty", True, [], 0)
    again = read(listrak, "apply", "loyalty")
    assert (again["run"], again["results"]) == (None, [])
    assert read(listrak, "verify", "loyalty", "--all")["results"] == applied["results"]
    (run,) = read(listrak, "status")["runs"]
    assert (run["run"], run["sync"], run["status"], run["contacts"]) == (applied["run"], "loyalty", "done", 5)
    assert run["began_at"].endswith("Z")
    shown = read(listrak, "status", applied["run"])
    assert (shown["results"], shown["rejected"]) == (applied["results"], planned["rejected"])
    assert [one["contacts"] for one in shown["files"]] == [5]
    back = read(listrak, "undo", applied["run"], code=2)
    assert back["undoes"] == applied["run"]
    assert sum(back["counts"].values()) > 0


@pytest.mark.full
def test_an_undo_that_is_sent(listrak: Listrak, phones: list[str]) -> None:  # noqa: F811
    run = read(listrak, "apply", "loyalty")["run"]
    undone = read(listrak, "undo", run, "--apply")
    assert {one["outcome"] for one in undone["results"]} == {"confirmed"}
    assert (undone["undoes"], undone["sync"]) == (run, "loyalty")
    assert undone["run"] != run


@pytest.mark.full
def test_what_fails(listrak: Listrak, phones: list[str], sandbox: Sandbox) -> None:  # noqa: F811
    for words, code in (
        (("apply", "nothing"), Exit.WRONG_USE),
        (("plan", "nothing"), Exit.FAILED),
        (("undo", "no-such-run"), Exit.FAILED),
        (("undo", "no-such-run", "--apply"), Exit.WRONG_USE),
        (("status", "no-such-run"), Exit.WRONG_USE),
        (("apply",), Exit.WRONG_USE),
        (("apply", "loyalty", "--nonsense"), Exit.WRONG_USE),
        (("waive", "loyalty", "4711"), Exit.WRONG_USE),
    ):
        read(listrak, *words, code=code, status="error")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("ALTER TABLE customers ALTER stop TYPE TEXT")
        connection.execute("UPDATE customers SET stop = 'perhaps' WHERE phone = ?", [phones[0]])
    planned = read(listrak, "plan", "loyalty", code=Exit.FAILED, status="error")
    assert planned["unread_stops"] == 1
    assert planned["counts"]["imports"] == 4, "what would be sent of the others is told all the same"
    text = Path("listrak_push.toml").read_text()
    Path("listrak_push.toml").write_text(text.replace("tier = ", "tier_that_is_not_there = "))
    assert read(listrak, "check", "loyalty", code=Exit.WRONG_USE, status="error")["problems"]
