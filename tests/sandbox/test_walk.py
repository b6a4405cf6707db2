"""What a walk over HTTP sees is what the world says is true."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from listrak_source.sandbox import Quirks, Refused, Sandbox, World

from .caller import Caller

NONE = "0001-01-01T00:00:00"


def utc(text: str | None) -> datetime | None:
    """A date as a reader has to take it."""
    if text is None or text == NONE:
        return None
    whole, _, fraction = text.partition(".")
    moment = datetime.fromisoformat(whole).replace(
        microsecond=int(fraction.ljust(6, "0")[:6]), tzinfo=ZoneInfo("America/New_York")
    )
    return moment.astimezone(timezone.utc)


def walk(caller: Caller, count: int) -> dict[str, dict[Any, Any]]:
    """Reads a whole account, as a pull would."""
    seen: dict[str, dict[Any, Any]] = {
        name: {} for name in ("lists", "messages", "contacts", "values", "memberships", "opt_outs", "subscriptions")
    }
    seen["senders"] = {item["shortCodeId"]: item for item in caller.data("/ShortCode")}
    for sender in seen["senders"]:
        at = f"/ShortCode/{sender}"
        for item in caller.all(f"{at}/OptOut", count=count):
            seen["opt_outs"][sender, item["phoneNumber"]] = (utc(item["optOutDate"]), item["optOutReason"])
        for status in ("active", "inactive"):
            for item in caller.all(f"{at}/PhoneList", status=status, count=2):
                seen["lists"][sender, item["phoneListId"]] = item
        for _, phone_list in [key for key in seen["lists"] if key[0] == sender]:
            for item in caller.data(f"{at}/PhoneList/{phone_list}/TransactionalMessage"):
                seen["messages"][sender, phone_list, item["transactionalMessageId"]] = item
            for stopped in (False, True):
                for item in caller.all(f"{at}/PhoneList/{phone_list}/Contact", count=count, optedOut=str(stopped)):
                    phone = item["phoneNumber"]
                    assert item["optedOut"] is stopped
                    assert (sender, phone_list, phone) not in seen["memberships"]
                    seen["memberships"][sender, phone_list, phone] = None
                    seen["contacts"][sender, phone] = item
                    for value in item["segmentationFieldValues"]:
                        seen["values"][sender, phone, value["segmentationFieldId"]] = value["value"]
    return seen


def check(caller: Caller, world: World, count: int) -> None:
    seen, told = walk(caller, count), world.truth()
    assert set(seen["senders"]) == set(told["sender_codes"])
    assert {key: item["phoneListName"] for key, item in seen["lists"].items()} == {
        key: item["phone_list_name"] for key, item in told["lists"].items()
    }
    assert {key: utc(item["createDate"]) for key, item in seen["lists"].items()} == {
        key: item["create_date"] for key, item in told["lists"].items()
    }
    assert set(seen["messages"]) == set(told["transactional_messages"])
    assert seen["values"] == told["contact_profile_values"]
    assert set(seen["memberships"]) == set(told["list_memberships"])
    assert seen["opt_outs"] == {key: (item["opt_out_date"], item["reason"]) for key, item in told["opt_outs"].items()}
    assert set(seen["contacts"]) == set(told["contacts"])
    for key, item in seen["contacts"].items():
        truth = told["contacts"][key]
        assert (item["firstName"], item["lastName"], item["emailAddress"], item["postalCode"], item["optedOut"]) == (
            truth["first_name"], truth["last_name"], truth["email_address"], truth["postal_code"], truth["opted_out"],
        )  # fmt: skip
        birthday = utc(item["birthday"])
        assert (birthday.astimezone(ZoneInfo("America/New_York")).date() if birthday else None) == truth["birthday"]


def test_a_walk_sees_the_truth_before_and_after_days_of_life(caller: Caller) -> None:
    world = caller.sandbox.world
    check(caller, world, 70)
    world.live(5)
    check(caller, world, 70)


def test_lookups_agree_with_the_truth(caller: Caller) -> None:
    world = caller.sandbox.world
    world.live(1)
    told = world.truth()
    seen = {}
    for (sender, phone), record in list((told["contacts"] | told["unlisted_contacts"]).items()):
        item = caller.data(f"/ShortCode/{sender}/Contact/{phone}")
        assert utc(item["subscribeDate"]) == record["subscribe_date"]
        assert utc(item["unsubscribeDate"]) == record["unsubscribe_date"]
        assert item["optedOut"] is record["opted_out"]
        for what in caller.all(f"/ShortCode/{sender}/Contact/{phone}/PhoneList", count=1):
            seen[sender, phone, what["phoneListId"]] = {
                "subscription_state": what["subscriptionState"],
                "subscribe_date": utc(what["subscribeDate"]),
                "unsubscribe_date": utc(what["unsubscribeDate"]),
                "pending_date": utc(what["pendingDate"]),
                "pending_double_opt_in": what["pendingDoubleOptIn"],
                "pending_age_gate": what["pendingAgeGate"],
            }
    assert seen == told["subscriptions"]
    states = {what["subscription_state"] for what in seen.values()}
    assert states == {"Subscribed", "Not Subscribed", "Unsubscribed", "Pending Double Opt-In"}
    for place, member in told["list_memberships"].items():
        sender, phone_list, phone = place
        assert told["subscriptions"][sender, phone, phone_list]["subscribe_date"] == member["subscribed_at"]


def test_the_undated_are_seen_and_told_without_a_date(caller: Caller) -> None:
    world = caller.sandbox.world
    sender = next(iter(world.sender_codes))
    one, two = [item.list_id for item in world.sender_codes[sender].lists.values() if not item.double_opt_in][:2]
    world.import_undated(sender, one, "12125550001", {"firstName": "Ann"})
    world.import_undated(sender, one, "12125550002")
    world.import_undated(sender, two, "12125550002")
    world.import_undated(sender, two, "12125550003")
    world.opt_out(sender, "12125550002", "Import")
    world.leave_list(sender, two, "12125550003")
    world.subscribe(sender, two, "12125550001")
    check(caller, world, 70)
    told = world.truth()
    dates = {phone: told["contacts"][sender, phone]["subscribe_date"] for phone in ("12125550001", "12125550002")}
    assert dates == {"12125550001": world.clock.now(), "12125550002": None}
    places = {key[1:]: item["subscribed_at"] for key, item in told["list_memberships"].items() if key[2] in dates}
    assert places == {
        (one, "12125550001"): None, (two, "12125550001"): world.clock.now(),
        (one, "12125550002"): None, (two, "12125550002"): None,
    }  # fmt: skip
    for phone in ("12125550001", "12125550002", "12125550003"):
        seen = utc(caller.data(f"/ShortCode/{sender}/Contact/{phone}")["subscribeDate"])
        assert seen == dates.get(phone)
        for what in caller.all(f"/ShortCode/{sender}/Contact/{phone}/PhoneList"):
            truth = told["subscriptions"][sender, phone, what["phoneListId"]]
            assert (utc(what["subscribeDate"]), what["subscriptionState"]) == (
                truth["subscribe_date"], truth["subscription_state"],
            )  # fmt: skip
            assert truth["subscribe_date"] in (None, world.clock.now())
    with pytest.raises(Refused, match="SUBSCRIBED"):
        world.import_undated(sender, one, "12125550001")


def test_profile_fields_agree_with_the_truth(untouched: Caller) -> None:
    told = untouched.sandbox.world.truth(subscriptions=False)["profile_fields"]
    for sender in untouched.sandbox.world.sender_codes:
        for item in untouched.data(f"/ShortCode/{sender}/SegmentationField"):
            truth = told.pop((sender, item["segmentationFieldId"]))
            assert item == untouched.data(f"/ShortCode/{sender}/SegmentationField/{item['segmentationFieldId']}")
            assert (item["segmentationFieldName"], item["dataType"], item["maxLength"], item["statusFlag"]) == (
                truth["segmentation_field_name"], truth["data_type"], truth["max_length"], truth["status_flag"],
            )  # fmt: skip
    assert not told


@pytest.mark.parametrize("shape", ["bare", "envelope", "array"])
def test_single_lists_and_messages_come_in_three_shapes(shape: Any) -> None:
    with Sandbox(World(contacts=20), quirks=Quirks(resource_shape=shape)) as sandbox:
        caller = Caller(sandbox)
        sender, phone_list, message = next(iter(sandbox.world.truth()["transactional_messages"]))
        at = f"/ShortCode/{sender}/PhoneList/{phone_list}"
        for path, key, value in (
            (at, "phoneListId", phone_list),
            (f"{at}/TransactionalMessage/{message}", "transactionalMessageId", message),
        ):
            body = caller.get(path).json()
            inner = {"bare": lambda b: b, "envelope": lambda b: b["data"], "array": lambda b: b[0]}[shape](body)
            assert inner[key] == value
            assert caller.data(f"/ShortCode/{sender}")["shortCodeId"] == sender


def test_opt_out_reasons_can_be_numbers() -> None:
    with Sandbox(World(contacts=200), quirks=Quirks(opt_out_reason="number")) as sandbox:
        sender = next(iter(sandbox.world.sender_codes))
        reasons = [item["optOutReason"] for item in Caller(sandbox).data(f"/ShortCode/{sender}/OptOut")]
        assert reasons
        assert all(isinstance(reason, int) and 0 <= reason < 8 for reason in reasons)


def test_a_disabled_sender_code_can_refuse_to_be_read() -> None:
    with Sandbox(World(contacts=50), quirks=Quirks(disabled_reads="refused")) as sandbox:
        caller = Caller(sandbox)
        disabled = list(sandbox.world.sender_codes)[-1]
        assert caller.get(f"/ShortCode/{disabled}").status_code == 200
        assert caller.get(f"/ShortCode/{disabled}/PhoneList").json()["error"] == "ERROR_SENDER_CODE_DISABLED"
        assert disabled in [item["shortCodeId"] for item in caller.data("/ShortCode")]


def test_the_date_header_is_the_worlds(caller: Caller) -> None:
    assert caller.get("/ShortCode").headers["Date"] == "Mon, 02 Mar 2026 17:00:00 GMT"
    caller.sandbox.world.clock.advance(days=1)
    answer = caller.get("/nowhere")
    assert answer.headers["Date"] == "Tue, 03 Mar 2026 17:00:00 GMT"
    assert "server" not in answer.headers
