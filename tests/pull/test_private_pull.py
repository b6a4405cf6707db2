"""A pull with hashed and dropped columns: nothing in clear is on any disk, at any step, and every join still works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source import listrak_sms
from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Fault, Sandbox
from tests.pull.asking import somebody
from tests.pull.masked import KEY, MASKS, Private, Secrets
from tests.pull.proxy import proxy
from tests.pull.test_privacy import hashed
from tests.pull.warehouse import Warehouse, truth

WITH_PHONE = tuple(name for name, table in TABLES.items() if "phone_number" in table.schema.names)


def in_steps(warehouse: Warehouse, after_each: Callable[[str], None], **options: Any) -> None:
    """Pull, and look at the disk after each step of dlt's."""
    pipeline = warehouse.pipeline()
    pipeline.extract(listrak_sms(**warehouse.options() | options))
    after_each("extract")
    pipeline.normalize()
    after_each("normalize")
    pipeline.load()
    after_each("load")


@pytest.mark.full
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


@pytest.mark.full
def test_joins_are_as_complete_as_without_masks(private: Private, clear: Warehouse) -> None:
    world = private.sandbox.world
    # Who is hashed cannot be asked about: so that both mark alike, nobody is, and two walks in a row tell.
    walk = {"full": True, "confirmations": 0}
    for options in ({}, {}, walk, walk):
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


@pytest.mark.full
def test_rows_hold_hashes_of_what_they_would_hold(private: Private, clear: Warehouse) -> None:
    for pull in range(2):
        private.pull()
        clear.pull()
        rows = private.rows("contacts")
        for (sender, phone), row in clear.rows("contacts").items():
            masked = row | {
                name: row[name] and hashed(row[name]) for name in ("phone_number", "email_address", "last_name")
            }
            for name in (*MASKS["drop_columns"], "phone_number_raw"):
                masked.pop(name, None)
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


@pytest.mark.full
def test_who_says_stop_is_opted_out_and_looked_up_by_number(private: Private) -> None:
    world = private.sandbox.world
    someone = somebody(private.sandbox)
    private.begin()
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


@pytest.mark.full
def test_everyone_is_looked_up_by_number(private: Private) -> None:
    private.pull("contacts", "subscriptions", lookups="all")
    told = truth(private.sandbox)
    dates = {(sender, hashed(phone)): row["subscribe_date"] for (sender, phone), row in told["contacts"].items()}
    assert {key: row["subscribe_date"] for key, row in private.rows("contacts").items()} == dates


@pytest.mark.full
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


@pytest.mark.cases(1)
@pytest.mark.parametrize("operation", ["get_contact", "list_contact_subscriptions"])
def test_pull_that_fails_leaves_nothing_in_clear(private: Private, operation: str) -> None:
    """dlt writes the error and its causes into its working directory."""
    private.begin("contacts", "subscriptions")
    private.sandbox.world.live(1)
    secrets = Secrets(private.sandbox.world)
    private.sandbox.faults.add(Fault("status", operation, times=1000, status=500))
    private.sandbox.faults.add(Fault("status", "list_sender_codes", times=None, after=1))
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


@pytest.mark.full
@pytest.mark.parametrize(
    "changed",
    [
        {"hash_key": "another key that nobody knows"},
        {"drop_columns": []},
        {"hash_columns": [], "drop_columns": []},
    ],
)
def test_masks_stay_as_they_are_in_one_dataset(private: Private, changed: dict[str, Any]) -> None:
    private.begin("contacts", "opt_outs")
    private.sandbox.world.live(1)
    with pytest.raises(Exception, match="not what the last pull into this dataset had") as failed:
        private.pull("contacts", "opt_outs", **changed)
    assert "key that nobody knows" not in str(failed.value)
    assert private.pull("contacts", "opt_outs")


def test_masks_are_not_added_to_what_was_pulled_in_clear(clear: Warehouse) -> None:
    clear.begin("contacts")
    with pytest.raises(Exception, match="not what the last pull into this dataset had"):
        clear.pull("contacts", **MASKS)
