"""``listrak person``: all that the warehouse knows of one number, in any form, and what it cannot know."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.person.numbers import Number
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak
from tests.cli.test_push import write_sync
from tests.destinations import servers

KEY = "a key that nobody knows"
NOBODY = "2025550123"


def record(listrak: Listrak, *words: str, code: int = 0) -> dict[str, Any]:
    """The record that the command tells, sealed by its digest; without when and of what it was made."""
    ended, out, err = listrak("person", *words, "--json")
    document = json.loads(out)
    assert (ended, document["exit_code"]) == (code, code), err
    assert document["metadata"]["command"] == "person"
    found: dict[str, Any] = document["record"]
    sealed = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert document["sha256"] == hashlib.sha256(sealed.encode()).hexdigest()
    return found


def bare(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "about"}


def at(moment: str | None) -> datetime | None:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")) if moment else None


def sql(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with duckdb.connect("listrak.duckdb") as connection:
        return connection.execute(statement, list(values)).fetchall()


def who_stopped_after_a_pull(listrak: Listrak, sandbox: Sandbox, *words: str) -> tuple[int, str]:
    """Somebody on two sender codes or more, whom a first pull has seen reachable, and who has told one of them stop."""
    world = sandbox.world
    assert listrak("pull", *words)[0] == Exit.DONE
    told = world.truth()["contacts"]
    free = [key for key, row in told.items() if not row["opted_out"]]
    phones = [phone for _, phone in free]
    sender, phone = next(key for key in free if phones.count(key[1]) > 1)
    world.clock.advance(hours=30)
    world.opt_out(sender, phone)
    world.clock.advance(hours=5)
    assert listrak("pull", *words)[0] == Exit.DONE
    return sender, phone


def compared_with_the_world(found: dict[str, Any], sandbox: Sandbox, phone: str, sender: int) -> None:
    told = sandbox.world.truth()
    assert (found["found"], found["phone_number"]) == (True, phone)
    by_sender = {one["sender_code_id"]: one for one in found["sender_codes"]}
    assert set(by_sender) == {key[0] for key in told["contacts"] if key[1] == phone}
    for one, part in by_sender.items():
        expected = told["contacts"][one, phone]
        (profile,) = part["profile"]
        for name in ("email_address", "first_name", "last_name", "postal_code", "opted_out"):
            assert profile[name] == expected[name], name
        assert part["stop_in_force"] is expected["opted_out"]
        values = {value["segmentation_field_id"]: value["value"] for value in part["profile_values"]}
        assert values == {k[2]: v for k, v in told["contact_profile_values"].items() if k[:2] == (one, phone)}
        lists = {value["phone_list_id"] for value in part["lists"] if value["removed_at"] is None}
        assert lists == {key[1] for key in told["list_memberships"] if (key[0], key[2]) == (one, phone)}
        assert all(value["phone_list"] for value in part["lists"]), "lists have names"
    stopped = by_sender[sender]
    expected = told["opt_outs"][sender, phone]
    assert at(stopped["stop"]["stopped_at"]) == expected["opt_out_date"]
    assert stopped["stop"]["reason"] == expected["reason"]
    assert stopped["stop"]["found_in"] == "consent_events, contacts, opt_outs"
    (opt_out,) = stopped["opt_outs"]
    assert (at(opt_out["opt_out_date"]), opt_out["opt_out_reason"]) == (expected["opt_out_date"], expected["reason"])
    event = next(one for one in stopped["consent_events"] if one["event"] == "opted_out")
    assert (event["precision"], event["seen_in"]) == ("exact", "opt_outs")
    assert 4.5 < event["hours_until_known"] < 5.5
    kinds = {one["precision"] for part in by_sender.values() for one in part["consent_events"]}
    assert {"exact", "pull"} <= kinds
    first = found["first_seen"]
    assert at(first["observed_at"]) == min(
        at(one["observed_at"]) or datetime.max for part in by_sender.values() for one in part["consent_events"]
    )
    loads = [one["load_id"] for one in found["about"]["loads"]]
    assert first["load_id"] == loads[0]
    assert opt_out["load_id"] == loads[-1] != loads[0]


@pytest.mark.full
def test_in_any_form_it_is_the_same_record(listrak: Listrak, sandbox: Sandbox) -> None:
    sender, phone = who_stopped_after_a_pull(listrak, sandbox)
    found = record(listrak, phone)
    compared_with_the_world(found, sandbox, phone, sender)
    area, exchange, line = phone[1:4], phone[4:7], phone[7:]
    for words in (
        (f"+1 ({area}) {exchange}-{line}",),
        (phone[1:],),
        ("+1", f"({area})", f"{exchange}-{line}"),
        (f"1.{area}.{exchange}.{line}",),
        (f"+1\N{NO-BREAK SPACE}{area}/{exchange}\N{EN DASH}{line}",),
        (f"011 1 {area} {exchange} {line}",),
    ):
        assert bare(record(listrak, *words)) == bare(found), words
    other = f"{area}-{exchange}.{line} "
    sql("UPDATE listrak_sms.opt_outs SET phone_number = ? WHERE phone_number = ?", other, phone)
    sql("UPDATE listrak_sms.consent_events SET phone_number = ? WHERE phone_number = ?", phone[1:], phone)
    older = record(listrak, phone)
    assert older["found_as"] == sorted([other, phone, phone[1:]])
    stopped = next(one for one in older["sender_codes"] if one["sender_code_id"] == sender)
    assert stopped["stop_in_force"]
    assert stopped["opt_outs"]
    assert stopped["consent_events"]


@pytest.mark.full
def test_what_a_person_reads(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    _, phone = who_stopped_after_a_pull(listrak, sandbox)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{phone}\n5551234567\n"))
    code, _, err = listrak("person", "-")
    assert (code, err) == (Exit.WRONG_USE, "listrak: standard input holds more than one line: one number at a time\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{phone}\n"))
    code, out, err = listrak("-vv", "person", "-", "--html", "record.html")
    assert code == Exit.DONE
    assert phone not in err
    assert f"What is known of {phone}" in out
    assert "A stop is in force since" in out
    assert "There is no ledger of push here: nothing is known to have been sent." in out
    assert "What cannot be known" in out
    assert "The wording of a consent" in out
    html = Path("record.html")
    assert stat.S_IMODE(html.stat().st_mode) == 0o600
    text = html.read_text("utf-8")
    assert not re.search(r"https?:|@import|url\(|<img|<link|src=|href=", text), "it asks nobody"
    assert "What cannot be known" in text
    found = re.search(r'<script type="application/json" id="record">(.*?)</script>', text)
    assert found
    sealed = json.dumps(json.loads(found[1]), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(sealed.encode()).hexdigest()
    assert digest in text
    assert f"SHA-256 of the record as JSON: {digest}" in out
    assert [one.name for one in Path().glob("*record*")] == ["record.html"], "nothing is left beside it"


@pytest.mark.full
def test_what_a_value_says_stays_a_value(listrak: Listrak, sandbox: Sandbox) -> None:
    _, phone = who_stopped_after_a_pull(listrak, sandbox)
    evil = "</script><script>alert(1)</script><img src=x>"
    sql("UPDATE listrak_sms.contacts SET first_name = ? WHERE phone_number = ?", evil, phone)
    assert listrak("person", phone, "--html", "record.html")[0] == Exit.DONE
    text = Path("record.html").read_text("utf-8")
    assert "<img" not in text
    assert text.count("<script") == text.count("</script") == 1
    assert "&lt;img src=x&gt;" in text


@pytest.mark.full
def test_nobody(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    found = record(listrak, NOBODY)
    assert (found["found"], found["sender_codes"], found["first_seen"]) == (False, [], None)
    assert {one["sender_code_id"] for one in found["not_known_to"]} == set(sandbox.world.sender_codes)
    code, out, _ = listrak("person", NOBODY)
    assert (code, "Nothing is known of this number in this dataset." in out) == (Exit.DONE, True)
    for written in (NOBODY[:9], "nobody", f"{NOBODY}99999"):
        code, out, err = listrak("person", written)
        assert (code, out) == (Exit.WRONG_USE, "")
        assert "no whole phone number" in err
        assert written not in err
    assert listrak("person", " ")[0] == Exit.WRONG_USE
    assert listrak("person")[0] == Exit.WRONG_USE


@pytest.mark.full
def test_nobody_proves_nothing_where_not_everything_was_read(listrak: Listrak, sandbox: Sandbox) -> None:
    code, _, err = listrak("person", NOBODY)
    assert (code, "holds no dataset listrak_sms; listrak pull makes it" in err) == (Exit.FAILED, True)
    assert NOBODY not in err
    assert listrak("pull", "-t", "lists", "-t", "sender_codes")[0] == Exit.DONE
    code, _, err = listrak("person", NOBODY)
    assert code == Exit.NOT_ALL
    assert "contacts, list_memberships, opt_outs, consent_events were never pulled into this dataset." in err
    assert "No contacts and no opt-outs were ever read of sender code" in err
    assert NOBODY not in err
    some = min(sandbox.world.sender_codes)
    assert listrak("pull", "--sender-code", str(some))[0] == Exit.DONE
    document = json.loads(listrak("person", NOBODY, "--json")[1])
    assert (document["status"], document["exit_code"]) == ("partial", Exit.NOT_ALL)
    assert str(some) not in document["message"].rpartition("sender code")[2]


@pytest.mark.full
def test_tables_that_were_not_selected(listrak: Listrak, sandbox: Sandbox) -> None:
    _, phone = who_stopped_after_a_pull(listrak, sandbox, "-t", "opt_outs")
    found = record(listrak, phone)
    (part,) = found["sender_codes"]
    assert part["stop_in_force"]
    assert part["stop"]["found_in"] == "opt_outs"
    assert (part["profile"], part["consent_events"], part["code"]) == ([], [], None)
    assert "contacts" in found["tables_that_are_not_there"]
    assert any("contacts" in one and "never pulled" in one for one in found["about"]["doubts"])


@pytest.mark.full
def test_where_phone_numbers_are_hashed(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_COLUMNS", '["phone_number", "last_name"]')
    monkeypatch.setenv("SOURCES__LISTRAK__DROP_COLUMNS", '["first_name"]')
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    sender, phone = who_stopped_after_a_pull(listrak, sandbox)
    found = record(listrak, f"({phone[1:4]}) {phone[4:]}")
    hashed = hmac.new(KEY.encode(), phone.encode(), "sha256").hexdigest()
    assert (found["phone_number_hash"], found["found_as"]) == (hashed, [hashed])
    assert found["about"]["phone_numbers"] == "hashed"
    stopped = next(one for one in found["sender_codes"] if one["sender_code_id"] == sender)
    assert stopped["stop_in_force"]
    assert "first_name" not in stopped["profile"][0]
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", "another key that nobody knows")
    code, out, err = listrak("person", phone)
    assert (code, out) == (Exit.WRONG_USE, "")
    assert "hash_key is not what the last pull into this dataset had" in err
    for name in ("HASH_COLUMNS", "DROP_COLUMNS", "HASH_KEY", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"SOURCES__LISTRAK__{name}")
    code, out, err = listrak("person", phone)
    assert (code, out) == (Exit.WRONG_USE, "")
    assert "the phone numbers of this dataset are hashed: give sources.listrak.hash_columns" in err
    assert phone not in err
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_COLUMNS", '["phone_number", "last_name"]')
    monkeypatch.setenv("SOURCES__LISTRAK__DROP_COLUMNS", '["first_name"]')
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    assert bare(record(listrak, phone)) == bare(found), "nothing is asked of Listrak: no id and no secret is needed"


@pytest.mark.full
def test_what_push_has_sent(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    world = sandbox.world
    sender = min(world.sender_codes)
    field = write_sync(sandbox, sender)
    told = world.truth()["contacts"]
    phone, other = sorted(phone for (code, phone), row in told.items() if code == sender and not row["opted_out"])[:2]
    sql("CREATE TABLE customers (phone TEXT, tier TEXT, stop BOOLEAN)")
    sql("INSERT INTO customers VALUES (?, 'gold', TRUE), (?, 'gold', FALSE)", phone, other)
    assert listrak("push", "apply", "loyalty")[0] == Exit.DONE
    pushed = record(listrak, phone)["push"]
    stops = [one for one in pushed["changes"] if one["operation"] == "opt_out"]
    assert [(one["sync"], one["target"], one["after_value"], one["status"]) for one in stops] == [
        ("loyalty", "opted_out", "1", "confirmed")
    ]
    assert stops[0]["run_began_at"].endswith("Z")
    (part,) = [one for one in record(listrak, phone)["sender_codes"] if one["sender_code_id"] == sender]
    assert part["stop_in_force"], "no pull has seen it yet"
    assert part["stop"]["found_in"] == "push_changes"
    (change,) = record(listrak, other)["push"]["changes"]
    assert (change["target"], change["after_value"], change["status"]) == (field.name, "gold", "confirmed")
    out = listrak("person", other)[1]
    assert "Sent by push" in out
    assert "confirmed" in out


@pytest.mark.full
def test_a_table_of_somebody_else_and_a_file_that_is_open(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull", "-t", "opt_outs")[0] == Exit.DONE
    hold = "import duckdb; c = duckdb.connect('listrak.duckdb'); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as notebook:
        assert notebook.stdin
        assert notebook.stdout
        notebook.stdout.readline()
        code, _, err = listrak("person", NOBODY)
        assert (code, "is open in another program" in err) == (Exit.TRY_AGAIN, True)
        notebook.stdin.close()
    sql("CREATE TABLE listrak_sms.push_changes (id BIGINT)")
    code, _, err = listrak("person", NOBODY)
    assert (code, "its table push_changes has no column run_id, operation" in err) == (Exit.WRONG_USE, True)
    sql("DROP TABLE listrak_sms.push_changes")
    sql("ALTER TABLE listrak_sms.opt_outs RENAME phone_number TO phone")
    code, _, err = listrak("person", NOBODY)
    assert (code, "its table opt_outs has no column phone_number" in err) == (Exit.WRONG_USE, True)


@pytest.mark.full
def test_a_record_that_was_set_aside(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    row = json.dumps({"phoneNumber": "+1 (202) 555-0123", "birthday": "soon"})
    sql("INSERT INTO listrak_sms.rejected_rows SELECT 'a', 'contacts', 'birthday: no date', ?, now(), '1.0'", row)
    found = record(listrak, NOBODY)
    assert (found["found"], found["rejected_rows"][0]["record"]) == (True, row)


@pytest.mark.full
def test_in_postgresql(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", servers.database("person"))
    sender, phone = who_stopped_after_a_pull(listrak, sandbox, "-d", "postgres")
    found = record(listrak, phone, "-d", "postgres")
    compared_with_the_world(found, sandbox, phone, sender)
    assert "hush" not in json.dumps(found)


@pytest.mark.full
def test_in_files(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(Path("files").absolute()))
    sender, phone = who_stopped_after_a_pull(listrak, sandbox, "-d", "filesystem")
    compared_with_the_world(record(listrak, phone, "-d", "filesystem"), sandbox, phone, sender)


@pytest.mark.full
@pytest.mark.parametrize("written", ["tel:{0}", "tel:+{0}", "00{0}", "SMS:{0}"])
def test_as_links_and_switchboards_write_it(written: str) -> None:
    assert Number.of(written.format("12665559439")) == Number.of("12665559439")
