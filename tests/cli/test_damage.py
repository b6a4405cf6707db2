"""A warehouse that is not as a pull left it: a sentence that says what to do, before anything is asked of Listrak
(13.C21).
"""

from __future__ import annotations

import duckdb
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak


def run(*statements: str) -> None:
    with duckdb.connect("listrak.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)


def count(table: str) -> int:
    with duckdb.connect("listrak.duckdb") as connection:
        return int((connection.execute(f"SELECT count(*) FROM listrak_sms.{table}").fetchone() or (0,))[0])


def test_a_state_is_not_forgotten_for_a_pull_that_is_refused(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listrak("pull", "--table", "opt_outs")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SOURCES__LISTRAK__TIMEZONE", "America/Chicago")
        code, _, err = listrak("pull", "--table", "opt_outs", "--forget-state")
    assert (code, "is not America/New_York" in err) == (Exit.WRONG_USE, True)
    assert listrak("suppressions", "--out", "stops.csv")[0] == Exit.DONE, "the opt-outs were read, and that is known"


@pytest.mark.full
def test_a_damaged_state(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    before = count("consent_events")
    run("UPDATE listrak_sms._dlt_pipeline_state SET state = 'damaged'")
    sandbox.traffic.clear()
    for command in (("pull",), ("status",), ("push", "status"), ("pull", "--lookups", "all")):
        code, out, err = listrak(*command)
        assert code == Exit.FAILED, err
        assert "_dlt_pipeline_state cannot be read" in err
        assert "With --forget-state a pull begins from the beginning and keeps all rows." in err
        assert err.count("\n") == 1
    assert not sandbox.traffic.counts
    code, out, err = listrak("pull", "--forget-state")
    assert (code, err) == (Exit.DONE, "")
    assert count("consent_events") == before
    code, out, err = listrak("pull")
    assert (code, err) == (Exit.DONE, "")
    assert "Nothing new at Listrak" in out


@pytest.mark.cases(1)
@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE listrak_sms.contacts RENAME phone_number TO phone"],
        ["DROP TABLE listrak_sms.contacts", "CREATE TABLE listrak_sms.contacts (phone TEXT, email TEXT)"],
    ],
    ids=["a renamed column", "a foreign table in its place"],
)
def test_a_table_that_is_not_ours_any_more(listrak: Listrak, sandbox: Sandbox, statements: list[str]) -> None:
    assert listrak("pull")[0] == Exit.DONE
    sandbox.world.live(1)
    run(*statements)
    refused(listrak, sandbox)


@pytest.mark.full
def test_a_foreign_table_before_the_first_pull(listrak: Listrak, sandbox: Sandbox) -> None:
    run("CREATE SCHEMA listrak_sms", "CREATE TABLE listrak_sms.contacts (phone TEXT, email TEXT)")
    refused(listrak, sandbox)
    assert listrak("pull", "--table", "opt_outs")[0] == Exit.DONE, "it is in nobody's way"


def refused(listrak: Listrak, sandbox: Sandbox) -> None:
    sandbox.traffic.clear()
    code, _, err = listrak("pull")
    assert code == Exit.WRONG_USE, err
    assert "its table contacts has no column" in err
    assert "phone_number" in err
    assert err.count("\n") == 1
    assert not sandbox.traffic.counts


@pytest.mark.full
def test_a_view_in_the_place_of_a_table(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    sandbox.world.live(1)
    run(
        "ALTER TABLE listrak_sms.contacts RENAME TO contacts_old",
        "CREATE VIEW listrak_sms.contacts AS SELECT * FROM listrak_sms.contacts_old",
    )
    sandbox.traffic.clear()
    code, _, err = listrak("pull")
    assert (code, err.count("\n")) == (Exit.WRONG_USE, 1)
    assert "contacts should be a table, and is a view. Rename the view" in err
    assert not sandbox.traffic.counts


@pytest.mark.full
def test_a_damaged_schema(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    before = count("consent_events")
    run("UPDATE listrak_sms._dlt_version SET schema = 'damaged'")
    for command in (("pull",), ("status",), ("pull", "--full")):
        code, _, err = listrak(*command)
        assert (code, err.count("\n")) == (Exit.FAILED, 1)
        assert "_dlt_version cannot be read" in err
        assert "Delete the rows of that table: the next pull writes it anew, and keeps all rows." in err
    run("DELETE FROM listrak_sms._dlt_version")
    assert listrak("pull")[::2] == (Exit.DONE, "")
    assert listrak("pull", "--full")[::2] == (Exit.DONE, "")
    assert count("consent_events") == before
