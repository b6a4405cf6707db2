"""The rules that Listrak plays by."""

from __future__ import annotations

from typing import Any

import pytest

from listrak_source.sandbox import Refused

from .caller import Caller, code_of, list_of, sender_of

NEW = "12125550001"


class Place:
    """The first sender code, and short ways to what is on it."""

    def __init__(self, caller: Caller, turn: int = 0) -> None:
        self.caller, self.world = caller, caller.sandbox.world
        self.sender = sender_of(self.world, turn)
        self.main = list_of(self.world, self.sender, "All subscribers")
        self.other = list_of(self.world, self.sender, "Sale alerts")
        self.careful = list_of(self.world, self.sender, "Confirmed only")
        self.at = f"/ShortCode/{self.sender}"
        self.fields = {field.name: field.field_id for field in self.world.fields.values()}

    def create(self, phone: str = NEW, phone_list: int | None = None, **body: Any) -> None:
        path = f"{self.at}/PhoneList/{phone_list or self.main}/Contact"
        answer = self.caller.call("POST", path, json={"phoneNumber": phone} | body)
        assert answer.status_code == 201, answer.text
        assert answer.json() == {"status": 201, "resourceId": phone}

    def put(self, phone: str = NEW, **body: Any) -> None:
        answer = self.caller.call("PUT", f"{self.at}/Contact", json={"phoneNumber": phone} | body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"status": 200, "resourceId": phone}

    def subscribe(self, phone: str = NEW, phone_list: int | None = None) -> None:
        answer = self.caller.call("POST", f"{self.at}/Contact/{phone}/PhoneList/{phone_list or self.main}")
        assert answer.status_code == 201, answer.text
        assert set(answer.json()) == {"status", "resourceId"}

    def leave(self, phone: str = NEW, phone_list: int | None = None) -> None:
        path = f"{self.at}/ContactUnsubscribe/{phone}/PhoneList/{phone_list or self.main}"
        answer = self.caller.call("DELETE", path)
        assert (answer.status_code, answer.json()) == (200, {"status": 200})

    def get(self, phone: str = NEW) -> Any:
        return self.caller.data(f"{self.at}/Contact/{phone}")

    def values(self, phone: str = NEW) -> dict[int, str]:
        return {item["segmentationFieldId"]: item["value"] for item in self.get(phone)["segmentationFieldValues"]}

    def listed(self, phone: str = NEW, phone_list: int | None = None) -> set[bool]:
        """In which opt-out states a list shows the phone."""
        path = f"{self.at}/PhoneList/{phone_list or self.main}/Contact"
        return {
            stopped
            for stopped in (False, True)
            for item in self.caller.all(path, optedOut=str(stopped), count=5000)
            if item["phoneNumber"] == phone
        }

    def opted_out(self) -> set[str]:
        return {item["phoneNumber"] for item in self.caller.all(f"{self.at}/OptOut", count=5000)}

    def state(self, phone: str = NEW) -> dict[int, str]:
        data = self.caller.data(f"{self.at}/Contact/{phone}/PhoneList")
        return {item["phoneListId"]: item["subscriptionState"] for item in data}


@pytest.fixture
def place(caller: Caller) -> Place:
    return Place(caller)


def item(field_id: int, value: str) -> dict[str, Any]:
    return {"segmentationFieldId": field_id, "value": value}


def test_a_create_also_subscribes(place: Place) -> None:
    place.create(firstName="Zoë", segmentationFieldValues=[item(place.fields["Tier"], "Gold")])
    contact = place.get()
    assert contact["firstName"] == "Zoë"
    assert contact["subscribeDate"] == "2026-03-02T12:00:00"
    assert contact["unsubscribeDate"] is None
    assert place.values() == {place.fields["Tier"]: "Gold"}
    assert place.listed() == {False}
    assert place.state() == {place.main: "Subscribed"}


def test_ten_digits_get_their_one(place: Place) -> None:
    answer = place.caller.call("POST", f"{place.at}/PhoneList/{place.main}/Contact", json={"phoneNumber": "2125550001"})
    assert answer.json()["resourceId"] == NEW
    assert place.get("2125550001")["phoneNumber"] == NEW


def test_put_clears_what_it_is_not_given(place: Place) -> None:
    place.create(
        firstName="Ann", lastName="Lee", emailAddress="ann@example.com", birthday="1990-05-01T00:00:00",
        postalCode="02134", segmentationFieldValues=[item(place.fields["Tier"], "Gold")],
    )  # fmt: skip
    place.put(firstName="Anna")
    contact = place.get()
    assert contact["firstName"] == "Anna"
    assert [contact[name] for name in ("lastName", "emailAddress", "birthday", "postalCode")] == [None] * 4
    assert contact["segmentationFieldValues"] == []
    assert contact["optedOut"] is False


def test_put_opts_out_and_never_in(place: Place) -> None:
    place.create()
    place.caller.sandbox.world.clock.advance(hours=1)
    place.put(optedOut=True)
    assert place.listed() == {True}
    contact = place.get()
    assert (contact["optedOut"], contact["unsubscribeDate"]) == (True, "2026-03-02T13:00:00")
    place.world.clock.advance(hours=1)
    place.put(firstName="Ann", optedOut=False)
    place.put(firstName="Ann", optedOut=True)
    contact = place.get()
    assert (contact["optedOut"], contact["unsubscribeDate"]) == (True, "2026-03-02T13:00:00")
    assert contact["firstName"] == "Ann"
    reasons = {row["phoneNumber"]: row["optOutReason"] for row in place.caller.all(f"{place.at}/OptOut")}
    assert reasons[NEW] == "API"


def test_a_resubscribed_contact_leaves_the_opt_out_list(place: Place) -> None:
    place.create()
    place.subscribe(phone_list=place.other)
    place.put(optedOut=True)
    assert NEW in place.opted_out()
    assert place.state() == {place.main: "Not Subscribed", place.other: "Not Subscribed"}
    place.world.clock.advance(days=1)
    place.subscribe(phone_list=place.other)
    assert NEW not in place.opted_out()
    assert place.listed() == place.listed(phone_list=place.other) == {False}
    contact = place.get()
    assert (contact["optedOut"], contact["unsubscribeDate"]) == (False, None)
    assert contact["subscribeDate"] == "2026-03-03T12:00:00"
    assert [event.kind for event in place.world.journal][-1] == "came_back"


def test_leaving_a_list_is_not_an_opt_out(place: Place) -> None:
    place.create()
    place.subscribe(phone_list=place.other)
    place.leave()
    assert place.listed() == set()
    assert place.listed(phone_list=place.other) == {False}
    assert place.state() == {place.main: "Unsubscribed", place.other: "Subscribed"}
    assert NEW not in place.opted_out()
    assert place.get()["optedOut"] is False
    place.leave(phone_list=place.other)
    assert place.get()["phoneNumber"] == NEW
    assert (place.sender, NEW) in place.world.truth()["unlisted_contacts"]
    place.subscribe()
    assert place.listed() == {False}


def test_profile_values_belong_to_the_contact_on_all_sender_codes(caller: Caller) -> None:
    here, there = Place(caller), Place(caller, 1)
    tier, points = here.fields["Tier"], here.fields["Points"]
    here.create(segmentationFieldValues=[item(tier, "Gold")])
    there.create(segmentationFieldValues=[item(points, "10")])
    assert here.values() == there.values() == {tier: "Gold", points: "10"}
    here.put(segmentationFieldValues=[item(tier, "Silver")])
    assert there.values() == {tier: "Silver"}
    here.put(segmentationFieldValues=[item(tier, "Silver")], optedOut=True)
    assert there.get()["optedOut"] is False


def test_double_opt_in_waits_for_a_confirmation(place: Place) -> None:
    place.create(phone_list=place.careful)
    assert place.listed(phone_list=place.careful) == set()
    [what] = place.caller.data(f"{place.at}/Contact/{NEW}/PhoneList")
    assert (what["subscriptionState"], what["pendingDoubleOptIn"]) == ("Pending Double Opt-In", True)
    assert (what["subscribeDate"], what["pendingDate"]) == (None, "2026-03-02T12:00:00")
    assert place.get()["subscribeDate"] is None
    place.world.clock.advance(days=2)
    place.world.confirm(place.sender, place.careful, NEW)
    assert place.listed(phone_list=place.careful) == {False}
    [what] = place.caller.data(f"{place.at}/Contact/{NEW}/PhoneList")
    assert (what["subscriptionState"], what["subscribeDate"]) == ("Subscribed", "2026-03-04T12:00:00")
    assert what["pendingDate"] == what["unsubscribeDate"] == "0001-01-01T00:00:00"
    assert place.get()["subscribeDate"] == "2026-03-04T12:00:00"


def test_an_opt_out_stands_until_a_double_opt_in_is_confirmed(place: Place) -> None:
    place.create()
    place.put(optedOut=True)
    place.subscribe(phone_list=place.careful)
    assert NEW in place.opted_out()
    place.world.confirm(place.sender, place.careful, NEW)
    assert NEW not in place.opted_out()


def test_an_opt_out_ends_what_is_pending(place: Place) -> None:
    place.create(phone_list=place.careful)
    place.put(optedOut=True)
    assert place.state() == {place.careful: "Unsubscribed"}
    with pytest.raises(Refused, match="ERROR_INVALID_PARAMETER"):
        place.world.confirm(place.sender, place.careful, NEW)


def test_values_are_read_back_in_one_form(place: Place) -> None:
    written = {
        "VIP": "on", "Email opt-in": "False", "Points": "10.00", "Lifetime value": "3.14159",
        "Last purchase": "2020-12-31", "Anniversary": "1/5/2020", "Loyalty id": "00042", "Notes": "", "Tier": "  ",
    }  # fmt: skip
    place.create(segmentationFieldValues=[item(place.fields[name], value) for name, value in written.items()])
    names = {field_id: name for name, field_id in place.fields.items()}
    assert {names[field_id]: value for field_id, value in place.values().items()} == {
        "VIP": "1", "Email opt-in": "0", "Points": "10", "Lifetime value": "3.14",
        "Last purchase": "12/31/2020", "Anniversary": "01/05/2020", "Loyalty id": "00042",
    }  # fmt: skip


def test_vanished_is_gone_and_may_come_as_somebody_new(place: Place) -> None:
    place.create(firstName="Ann")
    place.put(firstName="Ann", optedOut=True)
    place.world.vanish(NEW)
    assert place.listed() == set()
    assert NEW not in place.opted_out()
    assert code_of(place.caller.get(f"{place.at}/Contact/{NEW}")) == "ERROR_UNABLE_TO_LOCATE_RESOURCE"
    place.create()
    assert place.get()["firstName"] == ""
    assert place.listed() == {False}


def test_messages_are_remembered_and_not_sent(place: Place) -> None:
    place.create(firstName="Ann", segmentationFieldValues=[item(place.fields["VIP"], "1")])
    message = place.world.add_transactional_message(place.sender, place.main, "Hello")
    path = f"{place.at}/PhoneList/{place.main}/TransactionalMessage/{message}/Message"
    answer = place.caller.call("POST", path, json={"phoneNumber": NEW, "messageContent": "Hi [[FirstName]]!"})
    assert answer.status_code == 201
    body = {"phoneListId": place.main, "messageContent": "Sale", "messageTitle": "March"}
    assert place.caller.call("POST", f"{place.at}/Broadcast/Immediate", json=body).status_code == 201
    body["segmentationFieldId"] = str(place.fields["VIP"])
    assert place.caller.call("POST", f"{place.at}/Broadcast/Immediate", json=body).status_code == 201
    one, everybody, few = place.world.sent
    assert (one.kind, one.phone_number, one.content) == ("transactional", NEW, "Hi Ann!")
    assert str(one.message_id) == answer.json()["resourceId"]
    size = len(place.world.sender_codes[place.sender].lists[place.main].reachable)
    assert (everybody.kind, everybody.title, everybody.recipients) == ("broadcast", "March", size)
    assert 1 <= few.recipients < size


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"messageTitle": ""}, "ERROR_INVALID_PARAMETER"),
        ({"messageTitle": "x" * 51}, "ERROR_INVALID_PARAMETER"),
        ({"messageContent": None}, "ERROR_INVALID_PARAMETER"),
        ({"phoneListId": 9}, "ERROR_INVALID_LIST_ID"),
        ({"segmentationFieldId": "9"}, "ERROR_INVALID_SEGMENTATION_FIELD_ID"),
        ({"segmentationFieldId": 9}, "ERROR_INVALID_SEGMENTATION_FIELD_ID"),
    ],
)
def test_a_broadcast_is_checked(place: Place, change: dict[str, Any], code: str) -> None:
    body = {"phoneListId": place.main, "messageContent": "Sale", "messageTitle": "March"} | change
    assert code_of(place.caller.call("POST", f"{place.at}/Broadcast/Immediate", json=body)) == code
    assert place.world.sent == []


def test_a_broadcast_filters_by_a_checkbox_only(place: Place) -> None:
    body = {
        "phoneListId": place.main, "messageContent": "Sale", "messageTitle": "March",
        "segmentationFieldId": str(place.fields["Tier"]),
    }  # fmt: skip
    answer = place.caller.call("POST", f"{place.at}/Broadcast/Immediate", json=body)
    assert code_of(answer) == "ERROR_INVALID_PARAMETER"


def test_lists_and_fields_can_be_added_and_closed(place: Place) -> None:
    sender = place.world.add_sender_code("New merchant")
    phone_list = place.world.add_list(sender, "Fresh")
    field = place.world.add_profile_field("Fresh field", "Number")
    assert [row["phoneListId"] for row in place.caller.data(f"/ShortCode/{sender}/PhoneList")] == [phone_list]
    assert field in [row["segmentationFieldId"] for row in place.caller.data(f"/ShortCode/{sender}/SegmentationField")]
    place.world.subscribe(sender, phone_list, NEW, {"segmentationFieldValues": [item(field, "1.50")]})
    place.world.deactivate_list(sender, phone_list)
    assert place.caller.data(f"/ShortCode/{sender}/PhoneList") == []
    path = f"/ShortCode/{sender}/Contact/{NEW}/PhoneList/{phone_list}"
    assert code_of(place.caller.call("POST", path)) == "ERROR_LIST_INACTIVE"
