"""Hashed and dropped columns in what a pull leaves besides rows: what is set aside, its log, and dlt's trace."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source.sandbox import Fault, Sandbox
from tests.pull.asking import somebody
from tests.pull.masked import Private, Secrets
from tests.pull.proxy import proxy
from tests.pull.setting_aside import only
from tests.pull.warehouse import Warehouse


@pytest.mark.full
@pytest.mark.parametrize("masked", [True, False], ids=["masked", "in clear"])
def test_nothing_personal_is_logged(
    private: Private, clear: Warehouse, masked: bool, dlt_log: pytest.LogCaptureFixture
) -> None:
    """Also at its most talkative, by whichever library; without masks either, nor in dlt's trace."""
    clear.pipeline()  # dlt sets its log up with the first one
    logging.getLogger("dlt").setLevel(logging.DEBUG)
    dlt_log.set_level(logging.DEBUG)
    warehouse, world, secrets = private if masked else clear, private.sandbox.world, Secrets(private.sandbox.world)
    spoil = only(somebody(private.sandbox), "/Contact", lambda record: record.update(optedOut="perhaps"))
    with proxy(private.sandbox, spoil) as base_url:
        warehouse.pull(base_url=base_url)
        for options in ({}, {"full": True}):
            world.live(1)
            secrets.note(world)
            warehouse.pull(base_url=base_url, **options)
    world.live(1)
    secrets.note(world)
    private.sandbox.faults.add(Fault("status", "get_contact", times=1000, status=500))
    # Nor is anything else answered then: else it would be the contact's own failure.
    private.sandbox.faults.add(Fault("status", "list_sender_codes", times=None, after=1))
    with pytest.raises(PipelineStepFailed, match="500") as failed:
        warehouse.pull(max_attempts=1)
    trace = str(warehouse.pipeline().last_trace)
    said = [dlt_log.text, str(failed.value), trace, *(f"{one.msg}{one.args}" for one in dlt_log.records)]
    assert "set aside in rejected_rows" in dlt_log.text
    assert any("urllib3" in record.name for record in dlt_log.records)
    assert secrets.within("\n".join(said).encode()) == set()


@pytest.mark.full
def test_what_is_set_aside_for_its_date_is_masked_too(private: Private) -> None:
    """A date that is none is found where rows are made, beside the number that lookups ask by."""

    def change(path: str, answer: dict[str, Any]) -> None:
        for record in answer["data"][:2] if path.endswith(("/Contact", "/OptOut")) else ():
            record.update({"birthday": "soon"} if path.endswith("/Contact") else {"optOutDate": "soon"})

    secrets = Secrets(private.sandbox.world)
    with proxy(private.sandbox, change) as base_url:
        private.pull(base_url=base_url)
    assert private.rows("rejected_rows")
    assert not secrets.in_folder(private.folder)


@pytest.mark.full
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


@pytest.mark.full
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
                record.update([{"birthday": "soon"}, {"optedOut": "perhaps"}][number] if number < 2 else {})
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
