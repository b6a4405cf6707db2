"""``listrak forget``: nothing personal stays in any table or comes back, and no stop is lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.lease import FileLease
from listrak_source.person.forget import vouched_less
from listrak_source.pull.records.masking import Masks
from listrak_source.sandbox import Sandbox, World
from listrak_source.sandbox.quirks import Quirks
from tests.cli.conftest import Listrak, kept_open
from tests.cli.test_person import KEY, record, who_stopped_after_a_pull
from tests.cli.test_push import write_sync
from tests.cli.test_suppressions import listed, who_has_said_stop
from tests.destinations import servers

Ask = Callable[[str], list[tuple[Any, ...]]]
Key = tuple[int, str]


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=150, sender_codes=2, lists=2)) as sandbox:
        yield sandbox


def hashed(phone: str) -> str:
    return hmac.new(KEY.encode(), phone.encode(), hashlib.sha256).hexdigest()


def in_duckdb(statement: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("SET search_path = 'listrak_sms'")
        return connection.execute(statement).fetchall()


def everything(ask: Ask) -> dict[str, str]:
    """By table: all that it holds, as text."""
    schemas = "table_schema IN ('listrak_sms', 'listrak_sms_staging')"
    with kept_open(Path("listrak.duckdb")):
        tables = ask(f"SELECT table_schema, table_name FROM information_schema.tables WHERE {schemas}")
        return {
            name if schema == "listrak_sms" else f"{schema}.{name}": "\n".join(
                map(str, ask(f'SELECT * FROM "{schema}"."{name}"'))
            )
            for schema, name in tables
        }


def told_of(ask: Ask, *words: str) -> dict[str, list[str]]:
    """The tables that hold any of some words."""
    found = {name: [word for word in words if word in text] for name, text in everything(ask).items()}
    return {name: words for name, words in found.items() if words}


def keys(ask: Ask, table: str, *columns: str) -> set[tuple[Any, ...]]:
    rows = ask(f"SELECT {', '.join(columns)} FROM {table} WHERE removed_at IS NULL")
    assert len(rows) == len(set(rows)), table
    return set(rows)


def as_listrak_has_it(ask: Ask, sandbox: Sandbox, phone: str) -> None:
    """Everybody, the one who was forgotten by the hash and without a value."""
    told = sandbox.world.truth()

    def known(number: str) -> str:
        return hashed(number) if number == phone else number

    assert keys(ask, "contacts", "sender_code_id", "phone_number") == {
        (sender, known(number)) for sender, number in told["contacts"]
    }
    assert keys(ask, "list_memberships", "sender_code_id", "phone_list_id", "phone_number") == {
        (sender, place, known(number)) for sender, place, number in told["list_memberships"]
    }
    assert keys(ask, "contact_profile_values", "sender_code_id", "phone_number", "segmentation_field_id") == {
        key for key in told["contact_profile_values"] if key[1] != phone
    }
    stops = {row[:2] for row in ask("SELECT sender_code_id, phone_number FROM opt_outs")}
    assert {(sender, known(number)) for sender, number in told["opt_outs"]} <= stops


def story(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, ask: Ask, *where: str) -> None:
    world = sandbox.world
    sender, phone = who_stopped_after_a_pull(listrak, sandbox, *where)
    email = "zoe.forgotten@example.com"
    world.edit(phone, {"emailAddress": email})
    assert listrak("pull", "--full", *where)[0] in (Exit.DONE, Exit.NOT_ALL)
    digits = phone[1:]
    assert {"contacts", "opt_outs", "consent_events", "list_memberships"} <= told_of(ask, digits, email).keys()
    before = record(listrak, phone, *where)
    events = {name: len(ask(f"SELECT * FROM {name}")) for name in ("consent_events", "opt_outs", "contacts")}

    code, _, err = listrak("forget", phone, *where)
    assert (code, "set sources.listrak.hash_key" in err) == (Exit.WRONG_USE, True)
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    planned = json.loads(listrak("forget", f"({phone[1:4]}) {phone[4:]}", "--json", *where)[1])
    assert (planned["applied"], planned["status"]) == (False, "success")
    counts = {one["table"]: one["rows"] for one in planned["results"]}
    assert counts["contacts"] == len(before["sender_codes"])
    assert told_of(ask, digits, email), "a plan changes nothing"
    code, _, err = listrak("forget", phone, "--apply", "0123456789abcdef", *where)
    assert (code, f"the plan is {planned['hash']} now" in err) == (Exit.FAILED, True)
    code, out, err = listrak("forget", phone, "--apply", planned["hash"], "--json", *where)
    assert (code, err) == (Exit.DONE, "")
    receipt = json.loads(out)
    assert receipt["applied"]
    assert receipt["not_reached"]
    assert not any(word in out for word in (digits, email, hashed(phone)))
    assert told_of(ask, digits, email) == {}
    assert {name: len(ask(f"SELECT * FROM {name}")) for name in events} == events, "what tells of consent stays"

    def no_stop_is_lost() -> None:
        found = listed(listrak, *where, code=Exit.DONE).keys()
        assert found == {(code, hashed(phone) if one == phone else one) for code, one in who_has_said_stop(sandbox)}
        after = record(listrak, phone, *where)
        assert (after["phone_number_hash"], after["found_as"]) == (hashed(phone), [hashed(phone)])
        for part in after["sender_codes"]:
            assert part["stop_in_force"] is ((part["sender_code_id"], phone) in who_has_said_stop(sandbox))
            assert part["profile_values"] == []

    no_stop_is_lost()
    for words in ((), ("--lookups", "all"), ("--full",)):
        world.clock.advance(hours=30)
        world.live(1)
        world.edit(phone, {"firstName": "Zoe", "postalCode": "90210", "emailAddress": email})
        code, out, err = listrak("pull", *words, *where)
        assert code == Exit.DONE, err
        assert "had lost" not in out, "no pull takes it for loss"
        assert told_of(ask, digits, email) == {}, words
        assert not [path for path in Path("dlt").rglob("*") if path.is_file() and digits.encode() in path.read_bytes()]
        no_stop_is_lost()
    as_listrak_has_it(ask, sandbox, phone)
    assert not [path for _, path, _ in sandbox.traffic.log if hashed(phone) in path], "nobody is asked for by a hash"
    # They come back to one sender code, and tell the others stop.
    world.clock.advance(hours=30)
    for part in before["sender_codes"]:
        one = part["sender_code_id"]
        if world.sender_codes[one].enabled and (one, phone) not in who_has_said_stop(sandbox):
            world.opt_out(one, phone)
    world.resubscribe(sender, phone)
    world.clock.advance(hours=1)
    assert listrak("pull", *where)[0] == Exit.DONE
    assert told_of(ask, digits, email) == {}
    no_stop_is_lost()
    world.vanish(phone)
    for _ in range(2):
        world.clock.advance(hours=30)
        assert listrak("pull", "--full", *where)[0] == Exit.DONE
        assert told_of(ask, digits, email) == {}
    assert not [path for _, path, _ in sandbox.traffic.log if hashed(phone) in path], "nor who is gone"
    assert {one for one in listed(listrak, *where) if one[1] == hashed(phone)}, "who is gone has said stop"

    for key in ("another key that nobody knows", None):
        monkeypatch.delenv("SOURCES__LISTRAK__HASH_KEY")
        if key:
            monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", key)
        for command in (("pull",), ("pull", "--full"), ("person", phone), ("doctor",)):
            code, _, err = listrak(*command, *where)
            assert (code, "people were forgotten in this dataset" in err) == (Exit.WRONG_USE, True)
            assert digits not in err
        monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    assert listrak("pull", *where)[0] == Exit.DONE


@pytest.mark.full
def test_nothing_comes_back_and_no_stop_is_lost(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__REMOVAL_PERCENT", "100")
    story(listrak, sandbox, monkeypatch, in_duckdb)


@pytest.mark.full
def test_in_postgresql(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    address = servers.database("forget")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address)
    monkeypatch.setenv("SOURCES__LISTRAK__REMOVAL_PERCENT", "100")

    def ask(statement: str) -> list[tuple[Any, ...]]:
        with psycopg2.connect(address) as connection:
            cursor = connection.cursor()
            cursor.execute("SET search_path TO listrak_sms")
            cursor.execute(statement)
            return list(cursor.fetchall())

    story(listrak, sandbox, monkeypatch, ask, "-d", "postgres")


@pytest.mark.full
def test_no_push_reaches_who_was_forgotten(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    world = sandbox.world
    assert listrak("pull")[0] == Exit.DONE
    sender = min(world.sender_codes)
    field = write_sync(sandbox, sender)
    told = world.truth()["contacts"]
    free = sorted(phone for (code, phone), row in told.items() if code == sender and not row["opted_out"])
    phone, other, stopped = free[:3]
    in_duckdb(
        f"CREATE TABLE main.customers AS SELECT phone, 'gold' AS tier, phone = '{stopped}' AS stop "
        f"FROM (SELECT unnest(['{phone}', '{other}', '{stopped}']) AS phone)"
    )
    code, out, err = listrak("push", "apply", "loyalty")
    assert code == Exit.DONE, out + err
    assert {"push_changes", "push_confirmed"} <= told_of(in_duckdb, phone[1:]).keys()
    for one in (phone, stopped):
        forget(listrak, one)
        assert told_of(in_duckdb, one[1:]) == {}
    assert (sender, hashed(stopped)) in listed(listrak), "no pull has seen it yet"
    sandbox.traffic.clear()
    assert listrak("push", "verify", "loyalty", "--all")[0] == Exit.DONE
    assert not [path for _, path, _ in sandbox.traffic.log if hashed(stopped) in path or stopped in path]
    assert (sender, hashed(stopped)) in listed(listrak)
    in_duckdb(f"DELETE FROM main.customers WHERE phone = '{stopped}'")
    in_duckdb("UPDATE main.customers SET tier = 'silver'")
    sandbox.traffic.clear()
    code, out, err = listrak("push", "apply", "loyalty")
    assert code == Exit.DONE, out + err
    values = world.truth()["contact_profile_values"]
    assert values[sender, phone, field.field_id] == "gold", "it is not sent"
    assert values[sender, other, field.field_id] == "silver"
    assert told_of(in_duckdb, phone[1:]) == {}
    assert not [path for _, path, _ in sandbox.traffic.log if hashed(phone) in path or phone in path]
    in_duckdb("UPDATE main.customers SET stop = TRUE")
    code, _, err = listrak("push", "apply", "loyalty")
    assert (code, "1 stop is not understood" in err) == (Exit.FAILED, True), "a stop is never passed over in silence"
    monkeypatch.delenv("SOURCES__LISTRAK__HASH_KEY")
    code, _, err = listrak("push", "apply", "loyalty")
    assert (code, "people were forgotten in this dataset" in err) == (Exit.WRONG_USE, True)


def forget(listrak: Listrak, phone: str, *where: str) -> None:
    planned = json.loads(listrak("forget", phone, "--json", *where)[1])
    code, _, err = listrak("forget", phone, "--apply", planned["hash"], *where)
    assert (code, err) == (Exit.DONE, "")


def somebody(sandbox: Sandbox, *, stopped: bool = False) -> Key:
    told = sandbox.world.truth()["contacts"]
    found: Key = min(key for key, row in told.items() if row["opted_out"] is stopped)
    return found


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize("walks", [1, 2])
def test_a_complete_walk_brings_nobody_back(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, walks: int
) -> None:
    assert listrak("pull")[0] == Exit.DONE
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    sender, phone = somebody(sandbox, stopped=True)
    if walks > 1:
        assert listrak("suppressions", "--table", "stops")[0] == Exit.DONE
    forget(listrak, phone)
    assert told_of(in_duckdb, phone[1:]) == {}
    assert "This person was forgotten" in listrak("person", phone)[1]
    if walks > 1:
        of_them = f"sender_code_id = {sender} AND phone_number = '{hashed(phone)}'"
        assert in_duckdb(f"SELECT count(*) FROM stops WHERE {of_them}") == [(1,)], "nobody is taken off a list"
    code, out, _ = listrak("pull", "--full")
    assert (code, "had lost" in out) == (Exit.DONE, False)
    assert told_of(in_duckdb, phone[1:]) == {}
    assert (sender, hashed(phone)) in listed(listrak)
    if walks == 1:
        return
    as_listrak_has_it(in_duckdb, sandbox, phone)
    assert listrak("pull", "--full")[0] == Exit.DONE
    ((changed,),) = in_duckdb(
        "SELECT count(*) FROM contacts WHERE _dlt_load_id = (SELECT max(load_id) FROM _dlt_loads)"
    )
    assert changed == 0, "what has not changed is not written again"


@pytest.mark.full
def test_who_is_not_there_yet_comes_as_a_hash(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    assert listrak("pull")[0] == Exit.DONE
    phone = "12025550123"
    forget(listrak, phone)
    world = sandbox.world
    sender, phone_list = next(
        (code, one.list_id)
        for code, each in world.sender_codes.items()
        for one in each.lists.values()
        if each.enabled and one.active and not one.double_opt_in
    )
    world.clock.advance(hours=30)
    world.subscribe(sender, phone_list, phone)
    world.clock.advance(hours=30)
    assert listrak("pull")[0] == Exit.DONE
    assert told_of(in_duckdb, phone[1:]) == {}
    assert {"contacts", "list_memberships", "consent_events"} <= told_of(in_duckdb, hashed(phone)).keys()


@pytest.mark.full
def test_where_phone_numbers_are_hashed(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_COLUMNS", '["phone_number"]')
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    _, phone = somebody(sandbox)
    sandbox.world.edit(phone, {"emailAddress": "zoe.forgotten@example.com"})
    assert listrak("pull")[0] == Exit.DONE
    before = listed(listrak).keys()
    assert told_of(in_duckdb, "zoe.forgotten@example.com")
    forget(listrak, phone)
    assert told_of(in_duckdb, "zoe.forgotten@example.com") == {}
    assert listrak("pull", "--full")[0] == Exit.DONE
    assert told_of(in_duckdb, "zoe.forgotten@example.com") == {}
    assert in_duckdb(f"SELECT count(*) FROM contacts WHERE phone_number = '{hashed(phone)}'") != [(0,)]
    assert listed(listrak).keys() == before
    other = somebody(sandbox, stopped=True)[1]
    assert record(listrak, other)["found"], "the others are found as before"
    said = "This person was forgotten"
    assert [said in " ".join(record(listrak, one)["about"]["doubts"]) for one in (phone, other)] == [True, False]
    code, _, err = listrak("forget", phone, "--apply", "")
    assert (code, "--apply takes the hash" in err) == (Exit.WRONG_USE, True)


@pytest.mark.full
def test_a_person_in_two_forms_has_said_stop_in_either(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an older version has left them."""
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    assert listrak("pull")[0] == Exit.DONE
    sender, phone = somebody(sandbox)
    other = f"({phone[1:4]}) {phone[4:7]}-{phone[7:]}"
    for table in ("contacts", "list_memberships"):
        copied = f"SELECT * REPLACE ('{other}' AS phone_number) FROM {table} WHERE phone_number = '{phone}'"
        in_duckdb(f"INSERT INTO {table} {copied}")
    in_duckdb(f"UPDATE contacts SET opted_out = TRUE WHERE phone_number = '{other}' AND sender_code_id = {sender}")
    forget(listrak, phone)
    assert told_of(in_duckdb, phone[4:7] + "-" + phone[7:], phone[1:]) == {}
    rows = in_duckdb(f"SELECT sender_code_id, opted_out FROM contacts WHERE phone_number = '{hashed(phone)}'")
    assert (sender, True) in rows
    assert len(rows) == len({one for one, _ in rows})
    assert (sender, hashed(phone)) in listed(listrak)


@pytest.mark.full
def test_when_nobody_is_forgotten(listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    assert listrak("pull")[0] == Exit.DONE
    _, phone = somebody(sandbox)
    before = everything(in_duckdb)
    digest = json.loads(listrak("forget", phone, "--json")[1])["hash"]

    def failed(*_: object) -> None:
        raise ValueError("in the middle")

    with FileLease(Path("listrak.duckdb.lease"), "another pull into it"):
        assert listrak("forget", phone, "--apply", digest)[0] == Exit.TRY_AGAIN
    with monkeypatch.context() as broken:
        broken.setattr("listrak_source.cli.commands.forget.keep_state", failed)
        assert listrak("forget", phone, "--apply", digest)[0] == Exit.FAILED
    assert everything(in_duckdb) == before, "all of it or nothing"
    for written in (phone[:9], "someone"):
        code, _, err = listrak("forget", written)
        assert (code, "no whole phone number" in err, written in err) == (Exit.WRONG_USE, True, False)
    assert listrak("forget", phone, "--apply", digest)[0] == Exit.DONE
    assert "They were forgotten before" in listrak("forget", phone)[1]


@pytest.mark.full
def test_a_table_of_that_name_that_is_somebody_elses(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    assert listrak("pull", "--table", "contacts", "--lookups", "none")[0] == Exit.DONE
    _, phone = somebody(sandbox)
    in_duckdb("CREATE TABLE listrak_forgotten AS SELECT 1 AS phone_hash, 2 AS mark")
    for command in (("pull",), ("person", phone), ("forget", phone), ("suppressions", "--out", "stops.csv")):
        code, _, err = listrak(*command)
        assert code == Exit.WRONG_USE, command
        assert "the table listrak_forgotten of this dataset has no column forgotten_at, key_mark" in err, command


def test_the_counts_that_a_pull_vouches_for() -> None:
    memory = {"resources": {"contacts": {"vouched": {"7": 10, "8": 1}}, "lists": {}}}
    vouched_less(
        memory, {"contacts": {"7": 12, "8": 4, "9": 1}, "opt_outs": {"7": 1}}, {"contacts": {"7": 9}, "opt_outs": {}}
    )
    assert memory["resources"]["contacts"]["vouched"] == {"7": 7, "8": 0}


@pytest.mark.full
def test_what_push_has_not_ended_comes_first(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    world = sandbox.world
    assert listrak("pull")[0] == Exit.DONE
    sender, phone = somebody(sandbox)
    write_sync(sandbox, sender)
    text = Path("listrak_push.toml").read_text().replace('phone = "phone"', 'phone = "phone"\nkey = "phone"')
    Path("listrak_push.toml").write_text(text)
    world.sender_codes[sender].banned.add(phone)
    in_duckdb(f"CREATE TABLE main.customers AS SELECT '{phone}' AS phone, 'gold' AS tier, TRUE AS stop")
    assert listrak("push", "apply", "loyalty")[0] == Exit.FAILED
    code, _, err = listrak("forget", phone)
    assert (code, "a stop of this person is not carried out" in err, phone in err) == (Exit.FAILED, True, False)
    assert listrak("push", "waive", "loyalty", phone)[0] == Exit.DONE
    in_duckdb("UPDATE push_runs SET status = 'running'")
    code, _, err = listrak("forget", phone)
    assert (code, "run listrak push apply loyalty first" in err) == (Exit.FAILED, True)
    in_duckdb("UPDATE push_runs SET status = 'done'")
    forget(listrak, phone)
    assert told_of(in_duckdb, phone[1:]) == {}
    assert (sender, hashed(phone)) in listed(listrak), "they have said stop, whatever Listrak did with it"


@pytest.mark.cases(0, 1)
@pytest.mark.full
@pytest.mark.parametrize("forms", [("ten", "plus"), ("plus", "ten")])
def test_whatever_form_listrak_writes_the_number_in(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, forms: Any
) -> None:
    contact_phones, opt_out_phones = forms
    quirks = replace(Quirks(), contact_phones=contact_phones, opt_out_phones=opt_out_phones, phones_taken="any")
    sandbox.service.quirks = quirks
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    sender, phone = who_stopped_after_a_pull(listrak, sandbox)
    digits = phone[1:]
    forget(listrak, phone)
    assert told_of(in_duckdb, digits) == {}
    world = sandbox.world
    world.clock.advance(hours=30)
    world.resubscribe(sender, phone)
    world.clock.advance(hours=30)
    world.opt_out(sender, phone)
    world.clock.advance(hours=1)
    for words in ((), ("--full",)):
        assert listrak("pull", *words)[0] == Exit.DONE
        assert told_of(in_duckdb, digits) == {}
    assert (sender, hashed(phone)) in listed(listrak)
    ((raw,),) = in_duckdb("SELECT count(phone_number_raw) FROM contacts")
    assert raw > 0, "of all others it is kept"


def test_a_record_that_is_set_aside_is_of_nobody_in_clear() -> None:
    masks = Masks(key=KEY).forgetting({hashed("12025550123")})
    record = {"phoneNumber": "+1 (202) 555-0123", "firstName": "Zoe", "Favourite": "blue", "optedOut": True}
    assert masks.record(record) == {"phoneNumber": hashed("12025550123"), "optedOut": True}
    other = {"phoneNumber": "12025550124", "firstName": "Zoe"}
    assert masks.record(other) == other
    assert (masks.mark, masks.salt) == ("", ""), "a key alone makes no other dataset of it"
