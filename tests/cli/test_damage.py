"""A warehouse that is not as a pull left it: a sentence that says what to do, before anything is asked of Listrak
(13.C21).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg2
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak
from tests.destinations import servers


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


ASKED = (("suppressions", "--out", "stops.csv"), ("report", "--out", "page.html"), ("person", "PHONE"))


def asked(listrak: Listrak, words: tuple[str, ...], phone: str) -> tuple[int, str, str]:
    return listrak(*(phone if word == "PHONE" else word for word in words))


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "290000-01-01"])
def test_a_date_that_python_cannot_tell_withholds_nothing(listrak: Listrak, sandbox: Sandbox, moment: str) -> None:
    untellable(listrak, sandbox, moment, run)


@pytest.mark.long
@pytest.mark.parametrize("moment", ["290000-01-01", "infinity", "0044-03-15 00:00:00 BC"])
def test_a_date_that_python_cannot_tell_withholds_nothing_in_postgresql(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    address = servers.database(f"untellable_{moment[:3]}")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)

    def run(statement: str) -> None:
        with psycopg2.connect(address) as connection:
            connection.cursor().execute(statement)

    untellable(listrak, sandbox, moment, run, "-d", "postgres")


def untellable(listrak: Listrak, sandbox: Sandbox, moment: str, run: Callable[[str], None], *where: str) -> None:
    assert listrak("pull", *where)[0] == Exit.DONE
    stops = {phone for _, phone in sandbox.world.truth()["opt_outs"]}
    phone = min(stops)
    for statement in (
        f"UPDATE listrak_sms.contacts SET unsubscribe_date = '{moment}', subscribe_date = '{moment}'",
        f"UPDATE listrak_sms.opt_outs SET opt_out_date = '{moment}'",
        f"UPDATE listrak_sms.consent_events SET event_at = '{moment}'",
        f"UPDATE listrak_sms.consent_events SET observed_at = '{moment}'",
    ):
        run(statement + f" WHERE phone_number = '{phone}'")
        for words in ASKED:
            assert asked(listrak, (*words, *where), phone)[::2] == (Exit.DONE, ""), (statement, words)
        listed = Path("stops.csv").read_text(encoding="utf-8")
        assert {phone for phone in stops if phone in listed} == stops, statement
        Path("stops.csv").unlink()
        Path("page.html").unlink()
    for more in (("pull",), ("pull", "--full"), ("pull", "--lookups", "all")):
        sandbox.world.live(1)
        assert listrak(*more, *where)[0] in (Exit.DONE, Exit.NOT_ALL), more


@pytest.mark.full
@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE listrak_sms.lists DROP COLUMN phone_list_name"],
        ["ALTER TABLE listrak_sms.opt_outs ALTER opt_out_date TYPE TEXT"],
        ["ALTER TABLE listrak_sms.consent_events RENAME observed_at TO seen"],
    ],
)
def test_a_column_that_is_another_one_is_said(listrak: Listrak, sandbox: Sandbox, statements: list[str]) -> None:
    """What a command can do without, it does without; else it says what is wrong and what to do."""
    assert listrak("pull")[0] == Exit.DONE
    run(*statements)
    phone = min(phone for _, phone in sandbox.world.truth()["opt_outs"])
    said = 0
    for words in ASKED:
        code, _, err = asked(listrak, words, phone)
        if code not in (Exit.DONE, Exit.NOT_ALL):
            said += 1
            assert code in (Exit.FAILED, Exit.WRONG_USE)
            assert "not as a pull makes it" in err
            assert err.count("\n") == 1
    assert said


@pytest.mark.full
def test_an_emptied_state_is_said(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    before = count("consent_events")
    run("DELETE FROM listrak_sms._dlt_pipeline_state")
    for words in ASKED:
        code, _, err = asked(listrak, words, "15551234567")
        assert (code, err.count("\n")) == (Exit.FAILED, 1)
        assert "nothing in _dlt_pipeline_state" in err
        assert "The next listrak pull makes it anew, and keeps all rows." in err
    assert listrak("pull")[::2] == (Exit.DONE, "")
    assert count("consent_events") == before
    assert listrak("suppressions", "--out", "stops.csv")[0] == Exit.DONE


@pytest.mark.full
def test_a_folder_in_the_place_of_the_file(listrak: Listrak, sandbox: Sandbox) -> None:
    Path("listrak.duckdb").mkdir()
    for words in (*ASKED, ("pull",)):
        code, _, err = asked(listrak, words, "15551234567")
        assert (code, "is no DuckDB file: name another in" in err) == (Exit.WRONG_USE, True), err
