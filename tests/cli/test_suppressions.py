"""``listrak suppressions``: everybody who must not be reached is on the list, and nobody who has come back."""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak
from tests.cli.test_person import KEY, at, record, sql
from tests.cli.test_push import write_sync
from tests.destinations import servers

Listed = dict[tuple[int, str], dict[str, str]]


def listed(listrak: Listrak, *words: str, code: int = 0, said: str = "") -> Listed:
    """The list as the command writes it."""
    ended, _, err = listrak("suppressions", "--out", "stops.csv", *words)
    assert ended == code, err
    assert said in err
    with Path("stops.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(int(row["sender_code_id"]), row["phone_number"]): row for row in rows}
    assert len(found) == len(rows), "each once"
    return found


def who_has_said_stop(sandbox: Sandbox) -> set[tuple[int, str]]:
    told = sandbox.world.truth()
    return {key for name in ("contacts", "unlisted_contacts") for key, row in told[name].items() if row["opted_out"]}


def live(sandbox: Sandbox, days: int) -> None:
    """Days of life, with more stops than usual, and more people who come back."""
    world = sandbox.world
    for _ in range(days):
        world.live(1)
        told = {key: row for key, row in world.truth()["contacts"].items() if world.sender_codes[key[0]].enabled}
        free = [key for key, row in told.items() if not row["opted_out"]]
        gone = [key for key, row in told.items() if row["opted_out"]]
        for sender, phone in free[::29]:
            world.opt_out(sender, phone)
        world.clock.advance(hours=1)
        for sender, phone in gone[::5]:
            some = next(one for one in world.sender_codes[sender].lists.values() if one.active)
            world.subscribe(sender, some.list_id, phone)
        world.clock.advance(hours=1)


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("full", [(), ("--full",)])
def test_the_list_is_who_has_said_stop_at_listrak(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, full: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__REMOVAL_PERCENT", "100")
    assert listrak("pull")[0] == Exit.DONE
    assert listed(listrak).keys() == who_has_said_stop(sandbox)
    ever = who_has_said_stop(sandbox)
    live(sandbox, 2)
    assert listrak("pull", *full)[0] == Exit.DONE
    found = listed(listrak)
    assert found.keys() == who_has_said_stop(sandbox)
    assert ever - found.keys(), "some have come back, and their stops stay in opt_outs"
    truth = sandbox.world.truth()["opt_outs"]
    codes = {code: str(one.record["code"]) for code, one in sandbox.world.sender_codes.items()}
    now = sandbox.world.clock.now()
    for key, row in found.items():
        assert at(row["stopped_at"]) == truth[key]["opt_out_date"]
        assert row["reason"] == (truth[key]["reason"] or "")
        assert row["sender_code"] == codes[key[0]]
        assert row["found_in"] == "consent_events, contacts, opt_outs"
        known = at(row["known_up_to"])
        assert known is not None
        assert now - known < timedelta(minutes=5)
    assert stat.S_IMODE(Path("stops.csv").stat().st_mode) == 0o600


@pytest.mark.full
def test_what_it_says(listrak: Listrak, sandbox: Sandbox) -> None:
    code, _, err = listrak("suppressions")
    assert (code, "say where the list is to go" in err) == (Exit.WRONG_USE, True)
    code, _, err = listrak("suppressions", "--out", "stops.csv")
    assert (code, "holds no dataset listrak_sms; listrak pull makes it" in err) == (Exit.FAILED, True)
    assert listrak("pull", "-t", "lists")[0] == Exit.DONE
    code, _, err = listrak("suppressions", "--out", "stops.csv")
    assert (code, "no stop was ever pulled into this dataset" in err) == (Exit.FAILED, True)
    assert not Path("stops.csv").exists()
    assert listrak("pull")[0] == Exit.DONE
    code, out, err = listrak("suppressions", "--out", "stops.csv")
    count = len(who_has_said_stop(sandbox))
    assert (code, err) == (Exit.DONE, "")
    assert f"Wrote {count:,} people, as of " in out
    assert " seconds ago into stops.csv." in out
    phones = {phone for _, phone in who_has_said_stop(sandbox)}
    assert not any(phone in out for phone in phones)
    document = json.loads(listrak("suppressions", "--out", "stops.csv", "--json")[1])
    assert (document["status"], document["lacking"], document["phone_numbers"]) == ("success", [], "clear")
    assert sum(one["people"] for one in document["results"]) == count
    assert {one["sender_code_id"] for one in document["results"]} == set(sandbox.world.sender_codes)
    assert all(one["known_up_to"].endswith("Z") for one in document["results"])


@pytest.mark.full
def test_a_stop_counts_wherever_it_stands_and_in_whatever_form(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    told = sandbox.world.truth()["contacts"]
    before = listed(listrak).keys()
    phones = [phone for (_, phone) in told]
    once = [key for key, row in told.items() if not row["opted_out"] and phones.count(key[1]) == 1][:9]
    here = [f"sender_code_id = {sender} AND phone_number = '{phone}'" for sender, phone in once]
    later = "TIMESTAMPTZ '2031-01-01 00:00:00+00:00'"
    events = "INSERT INTO listrak_sms.consent_events BY NAME SELECT {sender} AS sender_code_id, 0 AS phone_list_id, "
    events += "'{phone}' AS phone_number, '{event}' AS event, {at} AS event_at, {seen} AS observed_at, "
    events += "'x' AS _dlt_load_id"
    opt_out = "INSERT INTO listrak_sms.opt_outs BY NAME SELECT {} AS sender_code_id, '{}' AS phone_number, "
    opt_out += "{} AS opt_out_date, 'x' AS _dlt_load_id"
    # The contact alone says it, in words or by a date.
    sql(f"UPDATE listrak_sms.contacts SET opted_out = TRUE WHERE {here[0]}")
    sql(f"UPDATE listrak_sms.contacts SET opted_out = NULL, unsubscribe_date = {later} WHERE {here[1]}")
    # An opt-out alone, of ten digits with marks; an event alone, with a plus.
    (sender, phone), since = once[2], "TIMESTAMPTZ '2030-01-01 00:00:00+00:00'"
    sql(opt_out.format(sender, f"({phone[1:4]}) {phone[4:7]}-{phone[7:]}", since))
    sender, phone = once[3]
    sql(events.format(sender=sender, phone=f"+{phone}", event="opted_out", at=since, seen=since))
    # A stop without a date, after which somebody was seen, but by no contact that says so.
    undated = "TIMESTAMPTZ '1900-01-01 00:00:00+00:00'"
    sender, phone = once[4]
    sql(opt_out.format(sender, phone, undated))
    sql(events.format(sender=sender, phone=phone, event="opted_in", at=since, seen=since))
    sql(f"UPDATE listrak_sms.contacts SET opted_out = NULL WHERE {here[4]}")
    # A stop whose date is before a return that was seen before it: the date may be wrong. Of one contact it is known.
    for sender, phone in once[5:7]:
        sql(events.format(sender=sender, phone=phone, event="opted_in", at=later, seen=since))
        sql(events.format(sender=sender, phone=phone, event="opted_out", at=since, seen=later))
    sql(f"UPDATE listrak_sms.contacts SET opted_out = NULL WHERE {here[5]}")
    # Two that are over: one with a date, one without.
    for sender, phone in once[7:]:
        sql(opt_out.format(sender, phone, since if phone == once[7][1] else undated))
        sql(events.format(sender=sender, phone=phone, event="opted_in", at=later, seen=later))
    found = listed(listrak, code=Exit.DONE)
    assert found.keys() - before == set(once[:6])
    assert found[once[4]]["stopped_at"] == "", "no date is no date"
    assert found[once[2]]["found_in"] == "opt_outs"
    for sender, phone in once:
        (part,) = record(listrak, phone)["sender_codes"]
        assert part["stop_in_force"] is ((sender, phone) in found), "one rule for the record and the list"


@pytest.mark.full
def test_what_push_was_told_to_stop(listrak: Listrak, sandbox: Sandbox) -> None:
    """Not sent yet, sent and not pulled yet, or refused by Listrak: the person has said it."""
    assert listrak("pull")[0] == Exit.DONE
    world = sandbox.world
    sender = min(world.sender_codes)
    write_sync(sandbox, sender)
    told = world.truth()["contacts"]
    wanted = sorted(phone for (code, phone), row in told.items() if code == sender and not row["opted_out"])[:1]
    refused = sorted(phone for (code, phone), row in told.items() if code == sender and not row["opted_out"])[1]
    world.sender_codes[sender].banned.add(refused)
    sql("CREATE TABLE customers AS SELECT unnest(?::TEXT[]) AS phone, 'gold' AS tier, TRUE AS stop", [*wanted, refused])
    path = Path("listrak_push.toml")
    path.write_text(path.read_text().replace("opt_outs = { rows = 1,", "opt_outs = { rows = 9,"))
    assert listrak("push", "apply", "loyalty")[0] == Exit.FAILED, "one is refused"
    found = listed(listrak)
    assert found[sender, wanted[0]]["found_in"] == "push_changes"
    assert found[sender, refused]["found_in"] == "push_changes, push_refused_stops"
    assert found[sender, refused]["reason"] == "push of loyalty"
    assert listrak("pull")[0] == Exit.DONE
    found = listed(listrak)
    assert "opt_outs" in found[sender, wanted[0]]["found_in"]
    assert (sender, refused) in found
    # Who comes back by themselves, later, is off the list.
    world.clock.advance(days=400)  # the sandbox lives months before us, and push tells by our clock
    some = next(one for one in world.sender_codes[sender].lists.values() if one.active)
    world.subscribe(sender, some.list_id, wanted[0])
    world.clock.advance(hours=1)
    assert listrak("pull")[0] == Exit.DONE
    assert (sender, wanted[0]) not in listed(listrak)


@pytest.mark.full
def test_where_it_may_lack_stops(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull", "-t", "contacts")[0] == Exit.DONE
    never = "opt_outs was never pulled into this dataset: who is on no list may have said stop."
    listed(listrak, code=Exit.NOT_ALL, said=never)
    some = min(sandbox.world.sender_codes)
    assert listrak("pull", "--sender-code", str(some), "-t", "opt_outs", "-t", "sender_codes")[0] == Exit.DONE
    found = listed(listrak, code=Exit.NOT_ALL, said="The opt-outs of sender code ")
    assert {key for key in who_has_said_stop(sandbox) if key[0] == some} <= found.keys()
    assert listrak("pull")[0] == Exit.DONE
    assert listed(listrak).keys() == who_has_said_stop(sandbox)

    _, phone = min(who_has_said_stop(sandbox))
    sql("DELETE FROM listrak_sms.opt_outs WHERE phone_number = ?", phone)
    listed(listrak, code=Exit.NOT_ALL, said="opt_outs has lost rows since the last pull")
    sql("DROP TABLE listrak_sms.opt_outs")
    listed(listrak, code=Exit.NOT_ALL, said="opt_outs has lost all of it")
    assert listrak("pull")[0] == Exit.DONE
    assert listed(listrak).keys() == who_has_said_stop(sandbox)

    sandbox.world.live(1)
    sandbox.faults.add(Fault("status", "list_opt_outs", path=f"/{some}/", times=None, status=403))
    assert listrak("pull")[0] == Exit.NOT_ALL
    listed(listrak, code=Exit.NOT_ALL, said="The list may lack stops: ")
    document = json.loads(listrak("suppressions", "--out", "stops.csv", "--json")[1])
    assert (document["status"], bool(document["lacking"])) == ("partial", True)


@pytest.mark.full
def test_an_unfinished_pull_is_said(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first one is cut short after its first loads."""
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    sandbox.traffic.clear()
    assert listrak("pull", "--dataset", "whole", "--chunk-rows", "50")[0] == Exit.DONE
    most = sum(sandbox.traffic.counts.values()) * 3 // 4
    sandbox.faults.add(Fault("status", times=None, after=most, status=500))
    assert listrak("pull", "--chunk-rows", "50")[0] == Exit.TRY_AGAIN
    assert json.loads(listrak("status", "--json")[1])["unfinished_pull_began_at"]
    found = listed(listrak, code=Exit.NOT_ALL, said="is not finished: run it again.")
    assert found.keys() <= who_has_said_stop(sandbox)
    sandbox.faults.clear()
    assert listrak("pull")[0] == Exit.DONE
    assert listed(listrak).keys() == who_has_said_stop(sandbox)


@pytest.mark.full
def test_where_phone_numbers_are_hashed(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_COLUMNS", '["phone_number"]')
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    assert listrak("pull")[0] == Exit.DONE
    for name in ("HASH_COLUMNS", "HASH_KEY"):
        monkeypatch.delenv(f"SOURCES__LISTRAK__{name}")
    expected = {
        (sender, hmac.new(KEY.encode(), phone.encode(), hashlib.sha256).hexdigest())
        for sender, phone in who_has_said_stop(sandbox)
    }
    assert listed(listrak).keys() == expected, "no key is needed for it"
    assert "hashed, and so they are on the list" in listrak("suppressions", "--out", "stops.csv")[1]


@pytest.mark.full
def test_without_events_nobody_is_known_to_have_come_back(listrak: Listrak, sandbox: Sandbox) -> None:
    tables = ("-t", "contacts", "-t", "opt_outs")
    assert listrak("pull", *tables)[0] == Exit.DONE
    ever = who_has_said_stop(sandbox)
    live(sandbox, 2)
    assert listrak("pull", *tables)[0] == Exit.DONE
    assert listed(listrak).keys() == ever | who_has_said_stop(sandbox)
    assert "whoever ever said stop is on the list." in listrak("suppressions", "--out", "stops.csv")[1]


@pytest.mark.full
def test_as_a_table(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    for name in ("opt_outs", "push_changes", "_dlt_loads", "a b", "x;drop", "Stops", "listrak_leases", ""):
        assert listrak("suppressions", "--table", name)[0] == Exit.WRONG_USE, name
    assert listrak("suppressions", "--table", "stops", "--out", "stops.csv")[0] == Exit.DONE
    query = "SELECT sender_code_id, phone_number FROM listrak_sms.stops"
    assert set(sql(query)) == who_has_said_stop(sandbox) == listed(listrak).keys()
    sql("CREATE VIEW listrak_sms.ours AS SELECT * FROM listrak_sms.stops")
    live(sandbox, 2)
    assert listrak("pull")[0] == Exit.DONE, "it is in no pull's way"
    assert listrak("suppressions", "--table", "stops")[0] == Exit.DONE
    assert set(sql(query.replace("stops", "ours"))) == who_has_said_stop(sandbox)
    ((made,),) = sql("SELECT DISTINCT listed_at FROM listrak_sms.stops")
    assert isinstance(made, datetime)
    sql("CREATE TABLE listrak_sms.mine (id BIGINT)")
    code, _, err = listrak("suppressions", "--table", "mine")
    assert (code, "it is none of this command's" in err) == (Exit.WRONG_USE, True)


@pytest.mark.full
def test_an_old_list_stays_where_a_new_one_fails(listrak: Listrak, sandbox: Sandbox) -> None:
    assert listrak("pull")[0] == Exit.DONE
    listed(listrak)
    before = Path("stops.csv").read_bytes()
    sql("ALTER TABLE listrak_sms.opt_outs RENAME sender_code_id TO sender")
    code, _, err = listrak("suppressions", "--out", "stops.csv")
    assert (code, "its table opt_outs has no column sender_code_id" in err) == (Exit.WRONG_USE, True)
    assert Path("stops.csv").read_bytes() == before
    code, _, err = listrak("suppressions", "--out", "nowhere/stops.csv")
    assert code != Exit.DONE
    assert len(err.splitlines()) == 1


@pytest.mark.full
def test_in_postgresql(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    address = servers.database("suppressions")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)

    def rows(statement: str) -> list[Any]:
        with psycopg2.connect(address) as connection:
            cursor = connection.cursor()
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    where = ("-d", "postgres")
    for _ in range(2):
        assert listrak("pull", *where)[0] == Exit.DONE
        live(sandbox, 2)
        assert listrak("pull", *where)[0] == Exit.DONE
        found = listed(listrak, "--table", "stops", *where)
        assert found.keys() == who_has_said_stop(sandbox)
        truth = sandbox.world.truth()["opt_outs"]
        assert {key: at(row["stopped_at"]) for key, row in found.items()} == {
            key: truth[key]["opt_out_date"] for key in found
        }
        stored = rows("SELECT sender_code_id, phone_number FROM listrak_sms.stops")
        assert set(stored) == found.keys()
        assert len(stored) == len(found)


@pytest.mark.full
def test_in_files(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(Path("files").absolute()))
    assert listrak("pull", "-d", "filesystem")[0] == Exit.DONE
    assert listed(listrak, "-d", "filesystem").keys() == who_has_said_stop(sandbox)
    code, _, err = listrak("suppressions", "--table", "stops", "-d", "filesystem")
    assert (code, "works in DuckDB and PostgreSQL alone" in err) == (Exit.WRONG_USE, True)


@pytest.mark.parametrize("command", [("suppressions", "--out"), ("person", "5551234567", "--html")])
def test_no_file_of_somebody_else_is_written_over(listrak: Listrak, sandbox: Sandbox, command: tuple[str, ...]) -> None:
    """The warehouse itself would be lost without a word, and what it holds comes back by no pull."""
    listrak("pull", "--table", "opt_outs")
    Path("letter.txt").write_text("Dear all")
    Path("link.csv").symlink_to("letter.txt")
    before = Path("listrak.duckdb").read_bytes()
    for name, why in {
        "listrak.duckdb": "is there, and this command has not written it",
        "letter.txt": "is there, and this command has not written it",
        "link.csv": "is no plain file",
        ".": "is no plain file",
        "/dev/null": "is no plain file",
        "missing/list.csv": "there is no folder missing",
    }.items():
        code, _, err = listrak(*command, name)
        assert (code, why in err) == (Exit.WRONG_USE, True), (name, err)
    assert Path("listrak.duckdb").read_bytes() == before
    assert Path("letter.txt").read_text() == "Dear all"
    for _ in range(2):
        assert listrak(*command, "list")[0] in (Exit.DONE, Exit.NOT_ALL), "its own may be written anew"
