"""``--json``: one document on standard output, whatever comes of the command, and nothing else there."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from listrak_source.api.version import version
from listrak_source.cli.errors import Exit
from listrak_source.cli.process.signals import Terminated
from listrak_source.cli.warehouse import Warehouse
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak


def read(listrak: Listrak, *arguments: str) -> tuple[dict[str, Any], str]:
    """The document that a command prints, and what stands on standard error."""
    code, out, err = listrak(*arguments, "--json")
    document: dict[str, Any] = json.loads(out)
    assert document["exit_code"] == code
    about = document["metadata"]
    assert (about["command"], about["document_version"]) == (arguments[0], 1)
    assert about["listrak_source_version"] == version()
    assert about["generated_at"].endswith("Z")
    assert document["elapsed_time"] >= 0
    return document, err


def test_a_pull_and_what_is_there(listrak: Listrak, sandbox: Sandbox) -> None:
    truth = sandbox.world.truth()
    document, err = read(listrak, "pull")
    assert (document["status"], document["message"], document["unread"]) == ("success", None, [])
    loaded = {one["table"]: one["rows"] for one in document["results"]}
    assert loaded["contacts"] == len(truth["contacts"])
    assert loaded["opt_outs"] == len(truth["opt_outs"])
    assert "Reading: " in err, "progress goes elsewhere"
    assert document["destination"].endswith("listrak.duckdb")
    assert document["dataset"] == "listrak_sms"
    again, _ = read(listrak, "pull")
    assert (again["status"], again["results"]) == ("success", [])

    there, err = read(listrak, "status")
    assert err == ""
    rows = {one["table"]: (one["rows"], one["removed"]) for one in there["results"]}
    assert rows["contacts"] == (len(truth["contacts"]), 0)
    assert there["loads"][-1]["rows"]["contacts"] == len(truth["contacts"])
    assert there["unfinished_pull_began_at"] is None
    assert there["last_complete_walk"] is None
    marks = [one for one in there["read_up_to"] if one["what"] == "opt-outs"]
    assert {one["sender_code_id"] for one in marks} == set(truth["sender_codes"])
    assert all(one["watermark"].endswith("Z") and "opt_outs" in one["tables"] for one in marks)


@pytest.mark.full
def test_what_could_not_be_read(listrak: Listrak, sandbox: Sandbox) -> None:
    sender = min(sandbox.world.sender_codes)
    path = f"/ShortCode/{sender}/"
    sandbox.faults.add(Fault("status", "list_phone_lists", path=path, times=None, status=403))
    document, _ = read(listrak, "pull", "--table", "lists")
    sandbox.faults.clear()
    assert (document["status"], document["exit_code"]) == ("partial", Exit.NOT_ALL)
    assert [told for told in document["unread"] if str(sender) in told]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pull", "--table", "people"), Exit.WRONG_USE, "There is no table people. There are: sender_codes,"),
        (("pull", "-d", "nowhere"), Exit.WRONG_USE, "There is no such destination"),
        (("status",), Exit.FAILED, "holds no dataset listrak_sms; listrak pull makes it"),
        (("pull", "--workers", "abc"), Exit.WRONG_USE, "Invalid value for '--workers'"),
        (("pull", "--lookups", "some"), Exit.WRONG_USE, "'some' is not one of"),
        (("pull", "--nonsense"), Exit.WRONG_USE, "--nonsense"),
        (("pull", "people"), Exit.WRONG_USE, "people"),
        (("pull", "--dataset", "a b;drop"), Exit.WRONG_USE, "The dataset's name does not fit"),
        (("status", "--max-age", "soon"), Exit.WRONG_USE, "'soon' is no time"),
        (("status", "--max-age", "99999999999d"), Exit.WRONG_USE, "is no time: write it as 26h"),
    ],
)
def test_what_fails(listrak: Listrak, sandbox: Sandbox, arguments: tuple[str, ...], code: Exit, said: str) -> None:
    document, err = read(listrak, *arguments)
    assert (document["status"], document["exit_code"]) == ("error", code)
    assert said in document["message"]
    assert err.count(document["message"]) == 1
    assert f"listrak: {document['message']}" in err


@pytest.mark.parametrize(("secret", "code"), [("wrong", Exit.REFUSED), (None, Exit.WRONG_USE)])
def test_a_traceback_changes_no_exit_code(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, secret: str | None, code: Exit
) -> None:
    monkeypatch.setenv("LISTRAK_TRACEBACK", "1")
    monkeypatch.setenv("SOURCES__LISTRAK__CLIENT_SECRET", secret or " ")
    document, err = read(listrak, "pull", "--table", "lists")
    assert document["exit_code"] == code
    assert "Traceback (most recent call last)" in err
    assert err.rstrip().endswith(f"listrak: {document['message']}")


@pytest.mark.full
def test_where_nobody_was_ever_read(listrak: Listrak, sandbox: Sandbox) -> None:
    """An alarm must not stay green for it."""
    listrak("pull", "--table", "lists")
    document, err = read(listrak, "status", "--max-age", "26h")
    assert document["exit_code"] == Exit.FAILED
    assert (
        document["message"] == "No contacts and no opt-outs were ever read into this dataset; listrak pull reads them."
    )
    assert document["message"] in err


@pytest.mark.full
def test_how_old_it_is(listrak: Listrak, sandbox: Sandbox) -> None:
    """By Listrak's clock, which the last pull has read, and ours since: the sandbox lives months before us."""
    listrak("pull")
    sandbox.world.clock.advance(hours=30)
    listrak("pull", "--table", "opt_outs")
    assert listrak("status", "--max-age", "1d7h")[0] == 0
    code, out, err = listrak("status", "--max-age", "26h")
    assert code == Exit.FAILED
    stale = {line.removeprefix("listrak: ").partition(" ")[0] for line in err.splitlines()}
    assert stale == {"consent_events", "contact_profile_values", "contacts", "list_memberships"}
    assert "of sender code" in err
    assert "30.0 hours old" in err
    assert "Read up to" in out, "it shows what it shows otherwise"
    document, _ = read(listrak, "status", "--max-age", "26h")
    assert (document["status"], document["exit_code"], len(document["stale"])) == ("error", Exit.FAILED, 4)


@pytest.mark.full
def test_how_old_it_is_after_a_pull(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull", "--table", "opt_outs")
    assert listrak("status", "--max-age", "26h")[0] == 0
    assert "0.0 hours" not in listrak("status", "--max-age", "0h")[2]
    code, _, err = listrak("status", "--max-age", "soon")
    assert code == Exit.WRONG_USE
    assert "'soon' is no time: write it as 26h, 90m, 2d or 1d12h" in " ".join(err.split())


@pytest.mark.parametrize(("kind", "code"), [(KeyboardInterrupt, Exit.TRY_AGAIN), (Terminated, Exit.TERMINATED)])
def test_an_interrupt_is_told_by_exit_code_document_and_sentence(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], code: Exit
) -> None:
    """Typer made 130 of it, whatever the document said."""

    def interrupted(*_: object, **__: object) -> None:
        raise kind

    monkeypatch.setattr(Warehouse, "writing", interrupted)
    document, err = read(listrak, "pull")
    assert (document["status"], document["exit_code"]) == ("error", code)
    assert err == f"listrak: {document['message']}\n"
    assert "what was loaded stays" in err


@pytest.mark.full
def test_what_is_loaded_is_what_the_tables_hold_over_several_loads(listrak: Listrak, sandbox: Sandbox) -> None:
    """A later load of a pull may write again what an earlier one has brought."""
    listrak("pull")
    listrak("pull", "--full")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("DROP TABLE listrak_sms.contact_profile_values")
    document, _ = read(listrak, "pull", "--chunk-rows", "100")
    loaded = {one["table"]: one["rows"] for one in document["results"]}
    with duckdb.connect("listrak.duckdb") as connection:
        there = connection.execute("SELECT count(*) FROM listrak_sms.contact_profile_values").fetchall()[0][0]
    assert loaded["contact_profile_values"] == there > 0
