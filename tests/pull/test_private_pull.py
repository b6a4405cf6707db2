"""A pull with hashed and dropped columns: nothing in clear is on any disk, at any step, and every join still works."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source import listrak_sms
from listrak_source.pull.tables import TABLES
from listrak_source.sandbox import Fault, Sandbox, World
from tests.pull.asking import somebody
from tests.pull.proxy import proxy
from tests.pull.test_privacy import hashed
from tests.pull.warehouse import Warehouse, truth

KEY = "a key that nobody knows"
MASKS: dict[str, Any] = {
    "hash_columns": ["phone_number", "email_address", "last_name"],
    "drop_columns": ["first_name", "birthday", "postal_code"],
    "hash_key": KEY,
}
WITH_PHONE = tuple(name for name, table in TABLES.items() if "phone_number" in table.schema.names)
_DIGITS = re.compile(rb"(?=(\d{10}))")
_EMAIL_ENDS = b"@example.com"
_PACKED = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")
_ORDINARY = {"optedOut", '"optedOut":false'}
"""Names that are also words of the API."""


class Private(Warehouse):
    """A warehouse whose pulls mask."""

    def options(self) -> dict[str, Any]:
        return super().options() | MASKS


@pytest.fixture
def private(sandbox: Sandbox, tmp_path: Path) -> Private:
    (tmp_path / "private").mkdir()
    return Private(sandbox, tmp_path / "private")


@pytest.fixture
def clear(sandbox: Sandbox, tmp_path: Path) -> Warehouse:
    """The same without masks, pulled at the same moments."""
    (tmp_path / "clear").mkdir()
    return Warehouse(sandbox, tmp_path / "clear")


class Secrets:
    """Whom a world has ever known, and what of them a file gives away."""

    def __init__(self, world: World) -> None:
        self.phones: set[bytes] = set()
        self.emails: set[bytes] = set()
        self.words: set[bytes] = {KEY.encode()}
        self._clean: set[tuple[Path, int, int]] = set()
        self.note(world)

    def note(self, world: World) -> None:
        told = world.truth(subscriptions=False)
        people = [*told["contacts"].values(), *told["unlisted_contacts"].values()]
        self.phones |= {row["phone_number"][-10:].encode() for row in people}
        self.emails |= {row["email_address"].encode() for row in people if row["email_address"]}
        names = {row[name] for row in people for name in ("first_name", "last_name")}
        # Shorter ones are found anywhere by chance.
        long = {name for name in names - _ORDINARY - {None} if len(name.encode()) >= 6}
        self.words |= {form.encode() for name in long for form in (name, json.dumps(name)[1:-1])}

    def in_folder(self, folder: Path) -> set[tuple[str, bytes]]:
        """What the files of a folder give away: the file's ending, and the secret."""
        found = set()
        for path in (path for path in folder.rglob("*") if path.is_file()):
            state = path, path.stat().st_size, path.stat().st_mtime_ns
            if state in self._clean:
                continue
            here = {secret for part in _readings(path) for secret in self._in(part)}
            found |= {(path.suffix, secret) for secret in here}
            self._clean |= set() if here else {state}
        return found

    def _in(self, part: bytes) -> set[bytes]:
        words = {word for word in self.words if word in part}
        before = (start[-40:] for start in part.split(_EMAIL_ENDS)[:-1])
        emails = {re.split(rb"[^\w.+-]", start)[-1] + _EMAIL_ENDS for start in before}
        return words | (self.phones & set(_DIGITS.findall(part))) | (self.emails & emails)


def _readings(path: Path) -> Iterator[bytes]:
    """A file's bytes in every form in which somebody could read them."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    yield raw
    if path.suffix == ".parquet":
        yield b"\n".join(map(_unpacked, _cells(pq.read_table(path).to_pylist())))
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
            for (name,) in tables:
                rows = connection.execute(f"SELECT * FROM {name}").fetchall()
                yield b"\n".join(map(_unpacked, _cells(rows)))
    else:
        yield b"\n".join(map(_unpacked, _PACKED.findall(raw)))


def _cells(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _cells(part)
    elif value is not None:
        yield str(value).encode()


def _unpacked(cell: bytes) -> bytes:
    """State and schemas are kept as zlib in base64."""
    try:
        return zlib.decompress(base64.b64decode(cell, validate=True))
    except (ValueError, zlib.error):
        return cell


def in_steps(warehouse: Warehouse, after_each: Callable[[str], None], **options: Any) -> None:
    """Pull, and look at the disk after each step of dlt's."""
    pipeline = warehouse.pipeline()
    pipeline.extract(listrak_sms(**warehouse.options() | options))
    after_each("extract")
    pipeline.normalize()
    after_each("normalize")
    pipeline.load()
    after_each("load")


def test_nothing_in_clear_is_on_disk(private: Private, clear: Warehouse) -> None:
    world = private.sandbox.world
    secrets = Secrets(world)
    steps: list[tuple[str, str]] = []

    def look(pull: str) -> Callable[[str], None]:
        def at(step: str) -> None:
            steps.append((pull, step))
            assert secrets.in_folder(private.folder) == set(), (pull, step)

        return at

    in_steps(private, look("first"))
    world.live(2)
    secrets.note(world)
    in_steps(private, look("second"))
    assert "subscriptions" in private.loads(), "people were looked up"
    in_steps(private, look("complete walk"), full=True)
    assert len(steps) == 9

    clear.pull()
    seen = secrets.in_folder(clear.folder)
    assert {suffix for suffix, _ in seen} >= {".duckdb", ".parquet"}, "the search finds what is there"
    found = {secret for _, secret in seen}
    told = truth(private.sandbox)["contacts"].values()
    assert {row["phone_number"][-10:].encode() for row in told} <= found
    assert {row["email_address"].encode() for row in told if row["email_address"]} <= found


def test_joins_are_as_complete_as_without_masks(private: Private, clear: Warehouse) -> None:
    world = private.sandbox.world
    for options in ({}, {}, {"full": True}):
        for warehouse in (private, clear):
            warehouse.pull(**options)
        filled = [name for name in WITH_PHONE if name in clear.loads()]
        for name in filled:
            place = TABLES[name].key.index("phone_number")
            expected = {(*key[:place], hashed(key[place]), *key[place + 1 :]) for key in clear.rows(name)}
            assert private.rows(name).keys() == expected, name
            joined = f"FROM listrak_sms.contacts JOIN listrak_sms.{name} USING (sender_code_id, phone_number)"
            counts = [warehouse.query(f"SELECT count(*) {joined}") for warehouse in (private, clear)]
            assert counts[0] == counts[1] != [(0,)], name
        world.live(2)
    assert set(filled) >= {"contacts", "contact_profile_values", "list_memberships", "opt_outs", "subscriptions"}


def test_rows_hold_hashes_of_what_they_would_hold(private: Private, clear: Warehouse) -> None:
    for pull in range(2):
        private.pull()
        clear.pull()
        rows = private.rows("contacts")
        for (sender, phone), row in clear.rows("contacts").items():
            masked = row | {
                name: row[name] and hashed(row[name]) for name in ("phone_number", "email_address", "last_name")
            }
            for name in MASKS["drop_columns"]:
                del masked[name]
            assert rows[sender, hashed(phone)] == masked, f"pull {pull}: dates of who was looked up included"
        private.sandbox.world.live(2)


def test_hashed_birthday_is_text(sandbox: Sandbox, tmp_path: Path) -> None:
    warehouse = Warehouse(sandbox, tmp_path)
    warehouse.pull("contacts", hash_columns=["birthday"], hash_key=KEY)
    rows = warehouse.rows("contacts")
    told = truth(sandbox)["contacts"]
    assert rows.keys() == told.keys(), "the phone number is as it was"
    for key, row in told.items():
        assert rows[key]["birthday"] == (row["birthday"] and hashed(row["birthday"].isoformat()))


def test_who_says_stop_is_opted_out_and_looked_up_by_number(private: Private) -> None:
    world = private.sandbox.world
    someone = somebody(private.sandbox)
    private.pull()
    world.clock.advance(days=3)
    world.opt_out(someone.sender_code_id, someone.phone_number)
    world.clock.advance(hours=1)
    private.sandbox.traffic.clear()
    private.pull()
    key = someone.sender_code_id, hashed(someone.phone_number)
    told = truth(private.sandbox)["contacts"][someone.key]
    row = private.rows("contacts")[key]
    assert row["opted_out"] is True
    assert (row["subscribe_date"], row["unsubscribe_date"]) == (told["subscribe_date"], told["unsubscribe_date"])
    assert key in {opt_out[:2] for opt_out in private.rows("opt_outs")}
    assert key in {subscription[:2] for subscription in private.rows("subscriptions")}
    assert private.sandbox.traffic.counts["get_contact"] == 1
    assert private.pull() == {}, "what an overlap brings again is known by its fingerprint"


def test_everyone_is_looked_up_by_number(private: Private) -> None:
    private.pull("contacts", "subscriptions", lookups="all")
    told = truth(private.sandbox)
    dates = {(sender, hashed(phone)): row["subscribe_date"] for (sender, phone), row in told["contacts"].items()}
    assert {key: row["subscribe_date"] for key, row in private.rows("contacts").items()} == dates


def test_personal_fields_where_nobody_expects_them(private: Private) -> None:
    """Listrak adds fields: under a name that is masked they are masked too, in every answer."""
    secrets = Secrets(private.sandbox.world)

    def change(path: str, answer: dict[str, Any]) -> None:
        data = answer.get("data", answer)
        for record in data if isinstance(data, list) else [data]:
            if "/Contact" in path or path.endswith("/OptOut"):
                number = path.split("/Contact/")[1][:11] if "/Contact/" in path else record["phoneNumber"]
                record |= {"PhoneNumber": number, "FirstName": "Zyxwvutina", "lastname": 5}

    secrets.words.add(b"Zyxwvutina")
    with proxy(private.sandbox, change) as base_url:
        private.pull(base_url=base_url)
        private.sandbox.world.live(1)
        secrets.note(private.sandbox.world)
        private.pull(base_url=base_url)
    assert "subscriptions" in private.loads()
    assert secrets.in_folder(private.folder) == set()
    assert private.query("SELECT DISTINCT lastname FROM listrak_sms.opt_outs") == [(hashed("5"),)]


@pytest.mark.parametrize("operation", ["get_contact", "list_contact_subscriptions"])
def test_pull_that_fails_leaves_nothing_in_clear(private: Private, operation: str) -> None:
    """dlt writes the error and its causes into its working directory."""
    private.pull("contacts", "subscriptions")
    private.sandbox.world.live(1)
    secrets = Secrets(private.sandbox.world)
    private.sandbox.faults.add(Fault("status", operation, times=1000, status=500))
    with pytest.raises(PipelineStepFailed, match="500"):
        private.pull("contacts", "subscriptions", max_attempts=1)
    assert secrets.in_folder(private.folder) == set()


def test_key_from_the_environment_is_in_no_file(private: Private, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_KEY", KEY)
    monkeypatch.setenv("SOURCES__LISTRAK__HASH_COLUMNS", '["phone_number"]')
    warehouse = Warehouse(private.sandbox, private.folder)
    warehouse.pull("opt_outs")
    assert all(len(row["phone_number"]) == 64 for row in warehouse.rows("opt_outs").values())
    secrets = Secrets(private.sandbox.world)
    assert {secret for _, secret in secrets.in_folder(private.folder)} == set()


@pytest.mark.parametrize(
    "changed",
    [
        {"hash_key": "another key that nobody knows"},
        {"drop_columns": []},
        {"hash_columns": [], "drop_columns": []},
    ],
)
def test_masks_stay_as_they_are_in_one_dataset(private: Private, changed: dict[str, Any]) -> None:
    private.pull("contacts", "opt_outs")
    private.sandbox.world.live(1)
    with pytest.raises(Exception, match="not what the last pull into this dataset had") as failed:
        private.pull("contacts", "opt_outs", **changed)
    assert "key that nobody knows" not in str(failed.value)
    assert private.pull("contacts", "opt_outs")


def test_what_is_set_aside_for_its_date_is_masked_too(private: Private) -> None:
    """A date that is none is found where rows are made, beside the number that lookups ask by."""

    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"][:2] if path.endswith(("/Contact", "/OptOut")) else ():
            record |= {"birthday": "soon"} if path.endswith("/Contact") else {"optOutDate": "soon"}

    secrets = Secrets(private.sandbox.world)
    with proxy(private.sandbox, change) as base_url:
        private.pull(base_url=base_url)
    assert private.rows("rejected_rows")
    assert not secrets.in_folder(private.folder)


def test_a_bad_subscription_joins_by_its_hash(private: Private) -> None:
    """What is known of a record besides is hashed once."""

    def change(path: str, answer: dict[str, Any]) -> None:
        if "/Contact/" in path and path.endswith("/PhoneList"):
            answer["data"][0]["phoneListId"] = "none"

    with proxy(private.sandbox, change) as base_url:
        private.pull(base_url=base_url, lookups="all")
    people = {key[1] for key in private.rows("contacts")}
    aside = [json.loads(row["record"])["phone_number"] for row in private.rows("rejected_rows").values()]
    assert aside
    assert set(aside) <= people


@pytest.mark.parametrize("element", ["15551234567", 15551234567, ["15551234567", {"firstName": "Zyxwvutina"}]])
def test_an_element_without_names_is_not_kept_where_columns_are_masked(private: Private, element: Any) -> None:
    """Nobody knows what of it is a phone number: that it came is set aside, and not what it was."""

    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"][:1] if path.endswith("/Contact") else ():
            record["segmentationFieldValues"] = [element]
        if path.endswith(("/Contact", "/OptOut", "/PhoneList")):
            answer["data"].append(element)

    secrets = Secrets(private.sandbox.world)
    secrets.words |= {b"Zyxwvutina", b"15551234567"}
    with proxy(private.sandbox, change) as base_url:
        private.pull(base_url=base_url, lookups="all")
    rows = private.rows("rejected_rows").values()
    assert {row["table_name"] for row in rows} >= {"contacts", "opt_outs", "lists", "contact_profile_values"}
    assert {row["reason"] for row in rows} == {"record: not an object"}
    assert secrets.in_folder(private.folder) == set()


def test_profile_values_that_were_left_out_are_not_set_aside_either(sandbox: Sandbox, tmp_path: Path) -> None:
    """What a field holds may be personal: leaving their table out is how to keep them out of the warehouse."""
    secret = "It is a secret"

    def change(path: str, answer: dict[str, Any]) -> None:
        if path.endswith("/Contact"):
            for number, record in enumerate(answer["data"]):
                record |= {"birthday": "soon"} if number == 0 else {"optedOut": "perhaps"} if number == 1 else {}
                value = {"segmentationFieldId": 1 if number < 2 else "none", "value": secret}
                record["segmentationFieldValues"] = [value, {"value": secret}, secret] if number < 3 else secret

    warehouse, secrets = Warehouse(sandbox, tmp_path), Secrets(sandbox.world)
    with proxy(sandbox, change) as base_url:
        warehouse.pull("contacts", "list_memberships", base_url=base_url)
    reasons = {(row["table_name"], row["reason"]) for row in warehouse.rows("rejected_rows").values()}
    assert reasons == {("contacts", "birthday: not a date"), ("contacts", "optedOut: neither true nor false")}
    assert warehouse.rows("contacts"), "of a contact, all else is kept"
    secrets.words = {secret.encode()}
    assert secret.encode() not in {word for _, word in secrets.in_folder(tmp_path)}


def test_masks_are_not_added_to_what_was_pulled_in_clear(clear: Warehouse) -> None:
    clear.pull("contacts")
    with pytest.raises(Exception, match="not what the last pull into this dataset had"):
        clear.pull("contacts", **MASKS)
