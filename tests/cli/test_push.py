"""``listrak push``: what a person reads, and the exit code that a scheduler reads."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.cli.output.console import apart
from listrak_source.cli.warehouse import Warehouse
from listrak_source.push.apply import import_jobs
from listrak_source.sandbox import Fault, Sandbox, World
from listrak_source.sandbox.world.profile import ProfileField
from tests.cli.conftest import Listrak

SYNC = """
[loyalty]
table = "main.customers"
phone = "phone"
sender_code = {sender}
[loyalty.columns]
tier = {field}
stop = {{ contact = "opted_out" }}
[loyalty.budget]
imports = {{ rows = 100, percent = 100 }}
opt_outs = {{ rows = 1, percent = 100 }}
"""


def write_sync(sandbox: Sandbox, sender: int) -> ProfileField:
    """Write the sync ``loyalty`` of a sender code; returns the text field to which its tier goes."""
    fields = sandbox.world.fields.values()
    field = next(one for one in fields if (one.data_type, one.status) == ("Text", "Active"))
    Path("listrak_push.toml").write_text(SYNC.format(sender=sender, field=field.field_id))
    return field


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=60, sender_codes=1, lists=2)) as sandbox:
        yield sandbox


@pytest.fixture
def phones(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pulled contacts, customers among them, and a sync of these; gives the customers' numbers."""
    monkeypatch.setattr(import_jobs, "PAUSE", 0.02)
    assert listrak("pull")[0] == 0
    world = sandbox.world
    sender = next(iter(world.sender_codes))
    write_sync(sandbox, sender)
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute(
            "CREATE TABLE customers AS SELECT phone_number AS phone, 'gold' AS tier, FALSE AS stop "
            "FROM listrak_sms.contacts WHERE NOT opted_out ORDER BY 1 LIMIT 5"
        )
        found = [str(row[0]) for row in connection.execute("SELECT phone FROM customers ORDER BY 1").fetchall()]
        connection.execute("INSERT INTO customers VALUES ('nobody', 'gold', FALSE)")
    return found


def test_from_check_to_verify(listrak: Listrak, phones: list[str]) -> None:
    code, out, err = listrak("push", "check", "loyalty")
    assert (code, err) == (0, "")
    assert "Sync loyalty is well formed" in out
    code, out, err = listrak("push", "plan", "loyalty", "--out", "plan.json")
    assert (code, err) == (2, "")
    assert re.search(r"update by import file +5 ", out)
    assert re.search(r"phone: not a phone number +1 ", out)
    assert f"…{phones[0][-4:]}" in out
    assert not any(phone in out for phone in phones)
    planned = json.loads(Path("plan.json").read_text())
    assert json.loads(listrak("push", "plan", "loyalty", "--json")[1]).items() >= planned.items()
    assert listrak("push", "apply", "loyalty", "--plan", "another")[0] == Exit.FAILED
    code, out, err = listrak("push", "apply", "loyalty", "--plan", planned["hash"])
    assert (code, err) == (0, "")
    assert re.search(r"import +confirmed +5 ", out)
    assert listrak("push", "plan", "loyalty")[0] == 0
    for verb in ("apply", "retry"):
        told = listrak("push", verb, "loyalty")[1]
        assert "named in the table push_rejected_loyalty: 1 phone: not a phone number.\n" in told
        assert told.endswith("Nothing to send: but for 1 row, Listrak holds what the table wants.\n"), "14.D17"
    assert re.search(r"import +confirmed +5 ", listrak("push", "verify", "loyalty", "--all")[1])
    told = listrak("push", "status")[1]
    assert re.search(r"loyalty .*done +5 ", told)
    assert listrak("status")[0] == 0


@pytest.mark.full
def test_a_run_is_shown_and_undone(listrak: Listrak, phones: list[str], sandbox: Sandbox) -> None:
    before = sandbox.world.truth()["contact_profile_values"]
    assert listrak("push", "apply", "loyalty")[0] == 0
    found = re.search(r"([0-9a-f]{8}-[0-9a-f]{6}) +loyalty ", listrak("push", "status")[1])
    assert found
    told = listrak("push", "status", found[1])[1]
    assert re.search(r"import +confirmed +5 ", told)
    assert re.search(r"phone: not a phone number +1 ", told)
    code, out, err = listrak("push", "undo", found[1])
    field_id = int(Path("listrak_push.toml").read_text().partition("tier = ")[2].split()[0])
    had = [key for key in before if key[1] in phones and key[2] == field_id]
    assert 0 < len(had) < len(phones), "some had a tier before, and some had none"
    assert (code, err) == (2, "")
    assert "it was empty" in out
    code, out, err = listrak("push", "undo", found[1], "--apply")
    assert (code, err) == (0, "")
    after = sandbox.world.truth()["contact_profile_values"]
    assert {key: value for key, value in after.items() if key in before} == before
    code, _, err = listrak("push", "undo", "no-such-run")
    assert (code, err.count("\n")) == (Exit.FAILED, 1)
    assert listrak("push", "status", "no-such-run")[0] == Exit.WRONG_USE


@pytest.mark.full
def test_over_the_budget(listrak: Listrak, phones: list[str], sandbox: Sandbox) -> None:
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("UPDATE customers SET stop = TRUE")
    sandbox.traffic.clear()
    code, _, err = listrak("push", "apply", "loyalty")
    assert code == Exit.FAILED
    assert err.startswith("listrak: 5 opt-outs, and the budget is 1. Nothing was sent. With --accept ")
    assert not [one for one in sandbox.traffic.log if one[0] in ("PUT", "POST") and "Token" not in one[1]]
    accepted = err.partition("--accept ")[2].split()[0]
    assert listrak("push", "apply", "loyalty", "--accept", accepted)[0] == 0
    told = sandbox.world.truth()["contacts"]
    assert all(row["opted_out"] for (_, phone), row in told.items() if phone in phones)


@pytest.mark.full
def test_a_refused_stop_is_the_first_line_and_decides_the_exit_code(
    listrak: Listrak, phones: list[str], sandbox: Sandbox
) -> None:
    """14.A3: every run, until it is carried out or waived."""
    banned = next(iter(sandbox.world.sender_codes.values())).banned
    banned.add(phones[0])
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute(f"UPDATE customers SET stop = TRUE WHERE phone = '{phones[0]}'")
    path = Path("listrak_push.toml")
    path.write_text(path.read_text().replace('phone = "phone"', 'phone = "phone"\nkey = "phone"'))
    code, out, err = listrak("push", "apply", "loyalty")
    assert code == Exit.FAILED
    assert "1 stop is not carried out" in err
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("UPDATE customers SET tier = 'silver'")
    for _ in range(2):
        code, out, err = listrak("push", "apply", "loyalty")
        assert code == Exit.FAILED
        for told in (out, err.splitlines()[-1].removeprefix("listrak: ")):
            assert told.startswith("1 stop is not carried out, for Listrak does not take it: row …")
            assert "ERROR_BANNED_PHONE_NUMBER" in told
            assert phones[0] not in told
    code, _, err = listrak("push", "plan", "loyalty")
    assert (code, err.splitlines()[0][:28]) == (2, "listrak: 1 stop is not carri")
    assert listrak("push", "waive", "loyalty", "nobody")[0] == Exit.WRONG_USE
    assert listrak("push", "waive", "loyalty", phones[0])[0] == 0
    assert listrak("push", "apply", "loyalty")[0] == 0


@pytest.mark.full
def test_what_is_wrong_is_said_in_sentences(listrak: Listrak, phones: list[str]) -> None:
    path = Path("listrak_push.toml")
    assert listrak("push", "plan", "royalty")[::2] == (
        Exit.FAILED,
        "listrak: listrak_push.toml has no sync royalty; there are loyalty\n",
    )
    path.write_text(path.read_text().replace("main.customers", "main.nobody").replace("tier = ", "tier = 77"))
    code, _, err = listrak("push", "check", "loyalty")
    assert code == Exit.WRONG_USE
    assert [line.partition(":")[0] for line in err.splitlines()] == ["listrak", "listrak"]
    assert listrak("push", "plan", "loyalty")[0] == Exit.FAILED, "2 means that there are changes"
    path.unlink()
    assert listrak("push", "check", "loyalty")[0] == Exit.WRONG_USE


@pytest.mark.parametrize("words", [("plan",), ("plan", "loyalty", "--nope"), ("undo",), ("plan", "--file")])
def test_wrong_use_is_not_taken_for_changes(listrak: Listrak, words: tuple[str, ...]) -> None:
    code, out, err = listrak("push", *words)
    assert (code, out) == (Exit.FAILED, "")
    assert err.startswith("listrak: ")
    assert len(err.splitlines()) == 1
    assert listrak("push", "apply", "--nope")[0] == listrak("push", "undo", "--apply")[0] == Exit.WRONG_USE


def test_without_a_warehouse(listrak: Listrak, sandbox: Sandbox) -> None:
    code, _, err = listrak("push", "status")
    assert code == Exit.FAILED
    assert "listrak pull makes it" in err


@pytest.mark.full
def test_a_stop_that_is_not_understood_ends_no_command_well(listrak: Listrak, phones: list[str]) -> None:
    """14.A4: not check, not plan, not apply, whether there is anything else to do or not."""
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("ALTER TABLE customers ALTER stop TYPE TEXT")
        connection.execute("UPDATE customers SET stop = 'perhaps' WHERE phone = ?", [phones[0]])
    for command in ("check", "plan", "apply", "apply", "plan", "retry"):
        code, out, err = listrak("push", command, "loyalty")
        assert code == Exit.FAILED, (command, out)
        assert "1 stop is not understood, and nobody is stopped by it: write true or false in the column stop" in err
        assert phones[0] not in out + err


@pytest.mark.full
def test_who_is_not_answered_for_is_named_and_the_exit_code_says_not_all(
    listrak: Listrak, phones: list[str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.B: it was 4 for ever, and nobody was read back."""
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    sandbox.faults.add(Fault("status", "get_contact", path=phones[0], times=None, status=500))
    for _ in range(2):
        code, out, err = listrak("push", "apply", "loyalty")
        assert code == Exit.NOT_ALL
        assert "1 contact is skipped, for Listrak does not answer for it: row " in err
        assert "and the next apply tries it again.\n" in err
        assert phones[0] not in out + err
        assert " running " not in listrak("push", "status")[1]


@pytest.mark.full
def test_what_becomes_of_what_did_not_come_to_be_is_said_as_it_is(
    listrak: Listrak, phones: list[str], sandbox: Sandbox
) -> None:
    """14.D17: of a stop it was said that it is tried again when its row changes, and each apply sends it."""
    sandbox.world.vanish(phones[0])
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("UPDATE customers SET stop = TRUE WHERE phone = ?", [phones[1]])
    sandbox.faults.add(Fault("status", "get_contact", after=1, status=200, body='{"status": 200, "data": null}'))
    code, _, err = listrak("push", "apply", "loyalty")
    assert code == Exit.FAILED
    assert (
        "2 values are not at Listrak as they were wanted. 1 of them is tried again when its row changes, when a pull "
        "brings its contact anew, or by listrak push retry. The next apply tries 1 of them again.\n"
    ) in err
    assert listrak("push", "apply", "loyalty")[0] == Exit.DONE
    field = int(Path("listrak_push.toml").read_text().partition("tier = ")[2].split()[0])
    sandbox.world.edit(phones[2], {"segmentationFieldValues": [{"segmentationFieldId": field, "value": "edited"}]})
    Path("other.toml").write_text(Path("listrak_push.toml").read_text().replace("main.customers", "main.few"))
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute(f"CREATE TABLE few AS SELECT * FROM customers WHERE phone IN ('{phones[2]}', '{phones[3]}')")
        connection.execute("UPDATE few SET tier = 'silver'")
    assert listrak("push", "apply", "loyalty", "--file", "other.toml")[0] == Exit.DONE
    sandbox.world.edit(phones[2], {"segmentationFieldValues": [{"segmentationFieldId": field, "value": "edited"}]})
    code, _, err = listrak("push", "verify", "loyalty", "--all")
    assert err.startswith("listrak: 1 value is not at Listrak as it was wanted. The next apply tries it again.\n")
    assert "1 " in listrak("push", "plan", "loyalty", "--file", "other.toml")[1], "and so it does"


@pytest.mark.parametrize(("verb", "said"), [("plan", "nothing was sent"), ("apply", "what was sent is in the ledger")])
def test_an_interrupted_push_speaks_of_what_it_does(
    listrak: Listrak, monkeypatch: pytest.MonkeyPatch, verb: str, said: str
) -> None:
    """14.D17: a plan that was interrupted said that what was sent is in the ledger."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    Path("listrak_push.toml").write_text(SYNC.format(sender=1, field=1))
    monkeypatch.setattr(Warehouse, "reading", interrupted)
    code, _, err = listrak("push", verb, "loyalty")
    assert code == Exit.TRY_AGAIN
    assert err.startswith(f"listrak: Interrupted: {said}")


@pytest.mark.full
def test_stops_of_people_whom_listrak_does_not_have_are_in_no_budget(listrak: Listrak, phones: list[str]) -> None:
    """14.D17: *125 % of the contacts*, where most of these stops are of nobody."""
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute(
            "INSERT INTO customers SELECT CAST(15550000000 + n AS VARCHAR), NULL, TRUE FROM range(80) AS people (n)"
        )
        connection.execute("UPDATE customers SET stop = TRUE WHERE phone = ?", [phones[0]])
    code, out, err = listrak("push", "plan", "loyalty")
    assert (code, err) == (2, "")
    assert "Over the budget" not in out
    assert re.search(r"opt out +81 ", out)
    assert "80 of the opt-outs are of people whom Listrak does not have, as far as the last pull knows." in out


def test_values_that_look_alike_are_told_apart() -> None:
    """14.D18: a plan showed gold and gold, where a blank differs."""
    assert apart("gold", "gold") == ("'gold'", "'gold'")
    assert apart("gold", "gold ") == ("'gold'", "'gold '")
    assert apart("gold", "gold\u200b") == ("'gold'", "'gold\\u200b'")
    assert apart("a b", "a\u00a0b") == ("'a b'", "'a\\xa0b'")
    assert apart("é", "e\u0301") == ("'\\xe9'", "'e\\u0301'")
    assert apart(None, "two\nlines") == (None, "'two\\nlines'")
    assert apart("silver", "Zoë") == ("silver", "Zoë")
    assert apart("silver", "") == ("silver", "''")


@pytest.mark.full
def test_a_file_that_is_too_large_says_so_and_what_to_set(
    listrak: Listrak, phones: list[str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.D17, 14.D18: it was refused, the reason stood in the ledger alone, and nothing said what to do."""
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute(
            "INSERT INTO customers SELECT phone_number, repeat('x', 20), FALSE FROM "
            "listrak_sms.contacts WHERE NOT opted_out AND phone_number NOT IN (SELECT phone FROM customers) LIMIT 30"
        )
    monkeypatch.setattr(sandbox.service, "max_body", 1800)
    code, out, _ = listrak("push", "apply", "loyalty")
    assert code == Exit.FAILED
    said = "The file may be too large: set max_import_bytes to less (SOURCES__LISTRAK__MAX_IMPORT_BYTES)"
    assert said in out
    assert "The request body is too large" in out
    found = re.search(r"([0-9a-f]{8}-[0-9a-f]{6}) +loyalty ", listrak("push", "status")[1])
    assert found
    assert said in listrak("push", "status", found[1])[1]
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_IMPORT_BYTES", "1000")
    assert listrak("push", "retry", "loyalty")[0] == Exit.DONE
    assert listrak("push", "plan", "loyalty")[0] == Exit.DONE


@pytest.mark.full
def test_a_sync_that_wants_something_else_is_named(listrak: Listrak, phones: list[str]) -> None:
    """14.C16: by check, plan and apply."""
    path = Path("listrak_push.toml")
    path.write_text(path.read_text() + path.read_text().replace("[loyalty", "[Silver".lower()).replace("stop = ", "# "))
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute(
            f"CREATE TABLE silvers AS SELECT phone, 'silver' AS tier FROM customers WHERE phone >= '{phones[2]}'"
        )
    path.write_text(path.read_text().replace('customers"', 'silvers"').replace('silvers"', 'customers"', 1))
    code, out, _ = listrak("push", "check", "loyalty")
    assert code == Exit.DONE
    assert "Sync silver writes to the same: Loyalty id. Where both have a row for one contact" in out
    said = "Sync silver wants another value for Loyalty id of 3 contacts: each undoes what the other has sent.\n"
    for verb in ("plan", "apply"):
        assert said in listrak("push", verb, "loyalty")[1]
    assert said.replace("silver", "loyalty") in listrak("push", "plan", "silver")[1]


@pytest.mark.full
def test_a_saved_plan_is_its_owners_alone_and_tells_no_more_than_the_terminal(
    listrak: Listrak, phones: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.D20: a file that was there kept its mode, and so did one that a program made."""
    Path("old.json").touch(mode=0o644)
    Path("old.json").chmod(0o644)
    before = os.umask(0o022)
    try:
        for name in ("new.json", "old.json"):
            code, out, _ = listrak("push", "plan", "loyalty", "--out", name)
            assert code == 2
            assert Path(name).stat().st_mode & 0o777 == 0o600, name
    finally:
        os.umask(before)
    told = json.loads(Path("new.json").read_text())
    assert told["sample"]
    for contact, field, *values in told["sample"]:
        (line,) = [line for line in out.splitlines() if contact in line]
        assert all(one is None or one in line for one in (field, *values)), line
    text = Path("new.json").read_text()
    assert not any(phone[1:] in text for phone in phones)
    code, _, err = listrak("push", "plan", "loyalty", "--out", "no/such/folder.json")
    assert (code, err.count("\n")) == (Exit.FAILED, 1)
