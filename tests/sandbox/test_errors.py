"""Every error code of the contract that an integration can meet, and the request that earns it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from listrak_source.sandbox import Fault
from listrak_source.sandbox.errors import MESSAGES

from .caller import Caller, code_of, list_of, sender_of

NEW = "12125550001"


class Place:
    """A world, and the addresses in it that the cases need."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.world = caller.sandbox.world
        self.sender = sender_of(self.world)
        self.main = list_of(self.world, self.sender, "All subscribers")
        self.inactive = list_of(self.world, self.sender, "Holiday 2019")
        self.careful = list_of(self.world, self.sender, "Confirmed only")
        self.at = f"/ShortCode/{self.sender}"
        phone_list = self.world.sender_codes[self.sender].lists[self.main]
        self.member = next(
            phone
            for phone in map(self.world.phone, phone_list.reachable.members)
            if phone not in self.world.suspended and phone not in self.world.sender_codes[self.sender].banned
        )
        self.message = next(iter(phone_list.messages))
        self.fields = {field.name: field.field_id for field in self.world.fields.values()}

    def create(self, phone_list: int | None = None, **body: Any) -> requests.Response:
        path = f"{self.at}/PhoneList/{phone_list or self.main}/Contact"
        return self.caller.call("POST", path, json={"phoneNumber": NEW} | body)

    def put(self, **body: Any) -> requests.Response:
        return self.caller.call("PUT", f"{self.at}/Contact", json={"phoneNumber": self.member} | body)

    def value(self, field: str, value: str) -> requests.Response:
        return self.put(segmentationFieldValues=[{"segmentationFieldId": self.fields[field], "value": value}])

    def send(self, content: str = "Hello", message: int | None = None, **body: Any) -> requests.Response:
        path = f"{self.at}/PhoneList/{self.main}/TransactionalMessage/{message or self.message}/Message"
        return self.caller.call("POST", path, json={"phoneNumber": self.member, "messageContent": content} | body)

    def subscribe(self, phone: str, phone_list: int | None = None) -> requests.Response:
        return self.caller.call("POST", f"{self.at}/Contact/{phone}/PhoneList/{phone_list or self.main}")


def paused(place: Place) -> requests.Response:
    place.caller.sandbox.service.tokens.paused = True
    return place.caller.get("/ShortCode")


def unauthorized(place: Place) -> requests.Response:
    return place.caller.call("GET", "/ShortCode", headers={"Authorization": "Bearer nonsense"})


def unhandled(place: Place) -> requests.Response:
    place.caller.sandbox.faults.add(Fault("status"))
    return place.caller.get("/ShortCode")


def disabled(place: Place) -> requests.Response:
    place.world.disable_sender_code(place.sender)
    return place.create()


def banned(place: Place) -> requests.Response:
    place.world.ban(place.sender, place.member)
    return place.put()


def suspended(place: Place) -> requests.Response:
    place.world.suspend(place.member)
    return place.send()


def pending(place: Place) -> requests.Response:
    assert place.create(place.careful).status_code == 201
    return place.subscribe(NEW, place.careful)


def not_subscribed(place: Place) -> requests.Response:
    path = f"{place.at}/ContactUnsubscribe/{place.member}/PhoneList/{place.main}"
    assert place.caller.call("DELETE", path).status_code == 200
    return place.caller.call("DELETE", path)


def raw(place: Place, body: bytes, content_type: str | None) -> requests.Response:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return place.caller.call("PUT", f"{place.at}/Contact", data=body, headers=headers)


CASES: dict[str, tuple[int, Callable[[Place], requests.Response]]] = {
    "ERROR_INVALID_CREDENTIALS": (401, paused),
    "ERROR_INVALID_LIST_ID": (400, lambda place: place.create(999)),
    "ERROR_INVALID_PARAMETER": (400, lambda place: place.caller.get(f"{place.at}/OptOut", count="lots")),
    "ERROR_INVALID_PHONE_NUMBER": (400, lambda place: place.create(phoneNumber="+1 212 555 0001")),
    "ERROR_LIST_INACTIVE": (400, lambda place: place.create(place.inactive)),
    "ERROR_MALFORMED_REQUEST_BODY": (400, lambda place: raw(place, b'{"phoneNumber":', "application/json")),
    "ERROR_SENDER_CODE_DISABLED": (400, disabled),
    "ERROR_UNABLE_TO_LOCATE_RESOURCE": (404, lambda place: place.caller.get("/ShortCode/999")),
    "ERROR_UNAUTHORIZED": (401, unauthorized),
    "ERROR_UNHANDLED_EXCEPTION": (500, unhandled),
    "ERROR_UNKNOWN_ROUTE": (404, lambda place: place.caller.get("/LongCode")),
    "ERROR_UNSAFE_ROUTE": (400, lambda place: place.caller.get("/ShortCode/1&2")),
    "ERROR_UNSUPPORTED_CONTENT_TYPE": (415, lambda place: raw(place, b"{}", "text/plain")),
    "ERROR_UNSUPPORTED_METHOD": (405, lambda place: place.caller.call("DELETE", "/ShortCode")),
    "ERROR_UNSUPPORTED_PROTOCOL": (
        400,
        lambda place: place.caller.call("GET", "/ShortCode", headers={"X-Forwarded-Proto": "http"}),
    ),
    "ERROR_BANNED_PHONE_NUMBER": (400, banned),
    "ERROR_BIRTHDAY_FIELD_NULL": (400, lambda place: place.put(birthday="0001-01-01T00:00:00")),
    "ERROR_INVALID_EMAIL_ADDRESS": (400, lambda place: place.put(emailAddress="not an address")),
    "ERROR_INVALID_SEGMENTATION_FIELD_ID": (
        400,
        lambda place: place.put(segmentationFieldValues=[{"segmentationFieldId": 9, "value": "x"}]),
    ),
    "ERROR_PENDING_PHONE_NUMBER": (400, pending),
    "ERROR_PHONE_NUMBER_FOUND": (400, lambda place: place.create(phoneNumber=place.member)),
    "ERROR_PHONE_NUMBER_NOT_FOUND": (404, lambda place: place.put(phoneNumber=NEW)),
    "ERROR_PHONE_NUMBER_NOT_SUBSCRIBED": (400, not_subscribed),
    "ERROR_PHONE_NUMBER_SUSPENDED": (400, suspended),
    "ERROR_SEGMENTATION_FIELD_DISABLED": (400, lambda place: place.value("Fax", "555")),
    "ERROR_SEGMENTATION_MAX_LENGTH": (400, lambda place: place.value("Store number", "123456")),
    "ERROR_SUBSCRIBED_PHONE_NUMBER": (400, lambda place: place.subscribe(place.member)),
    "ERROR_TRANSACTIONAL_MESSAGE_CONTENT_COUPON_CODE": (400, lambda place: place.send("Take [[CouponCode]]!")),
    "ERROR_TRANSACTIONAL_MESSAGE_EMPTY_MESSAGE": (400, lambda place: place.send(" [[No such field]] ")),
    "ERROR_TRANSACTIONAL_MESSAGE_NOT_FOUND": (404, lambda place: place.send(message=999)),
}


@pytest.mark.parametrize("code", CASES)
def test_the_request_that_earns_it(caller: Caller, code: str) -> None:
    status, request = CASES[code]
    answer = request(Place(caller))
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert answer.headers["content-type"].startswith("application/json")


def test_every_code_has_its_request() -> None:
    assert set(CASES) == set(MESSAGES)


def test_errors_without_an_http_status(caller: Caller) -> None:
    """Their own status is in the body alone, beside what looks like an empty page."""
    caller.control("POST", "/settings", {"error_style": "body"}).raise_for_status()
    caller.sandbox.faults.add(Fault("status", "list_sender_codes", status=503))
    for path, status in (("/ShortCode", 503), ("/ShortCode/999", 404), ("/LongCode", 404)):
        answer = caller.get(path)
        assert (answer.status_code, answer.json()["status"], answer.json()["data"]) == (200, status, [])
        assert answer.json()["error"].startswith("ERROR_")


VARIANTS: list[tuple[str, Callable[[Place], requests.Response]]] = [
    ("ERROR_INVALID_PARAMETER", lambda place: place.caller.get("/ShortCode/abc")),
    ("ERROR_INVALID_LIST_ID", lambda place: place.caller.get(f"{place.at}/PhoneList/999/Contact")),
    ("ERROR_UNABLE_TO_LOCATE_RESOURCE", lambda place: place.caller.get(f"{place.at}/PhoneList/999")),
    ("ERROR_UNABLE_TO_LOCATE_RESOURCE", lambda place: place.caller.get(f"{place.at}/SegmentationField/9")),
    ("ERROR_UNABLE_TO_LOCATE_RESOURCE", lambda place: place.caller.get(f"{place.at}/Contact/{NEW}")),
    ("ERROR_UNABLE_TO_LOCATE_RESOURCE", lambda place: place.caller.get(f"{place.at}/ContactImport/9")),
    ("ERROR_INVALID_PHONE_NUMBER", lambda place: place.caller.get(f"{place.at}/Contact/22125550001")),
    ("ERROR_MALFORMED_REQUEST_BODY", lambda place: raw(place, b"[]", "application/json")),
    ("ERROR_MALFORMED_REQUEST_BODY", lambda place: raw(place, b"\xff", "application/json")),
    ("ERROR_UNSUPPORTED_CONTENT_TYPE", lambda place: raw(place, b"{}", None)),
    ("ERROR_UNSUPPORTED_METHOD", lambda place: place.caller.call("PATCH", "/ShortCode")),
    ("ERROR_UNSAFE_ROUTE", lambda place: place.caller.get("/ShortCode/<1>")),
    ("ERROR_UNSAFE_ROUTE", lambda place: place.caller.get("/Nowhere/%3Cscript%3E")),
    ("ERROR_BIRTHDAY_FIELD_NULL", lambda place: place.create(birthday="")),
    ("ERROR_INVALID_PARAMETER", lambda place: place.put(birthday="1st of May")),
    ("ERROR_INVALID_PARAMETER", lambda place: place.put(firstName=7)),
    ("ERROR_INVALID_PARAMETER", lambda place: place.put(optedOut="yes")),
    ("ERROR_INVALID_PARAMETER", lambda place: place.value("Points", "many")),
    ("ERROR_INVALID_PARAMETER", lambda place: place.value("VIP", "perhaps")),
    ("ERROR_INVALID_PARAMETER", lambda place: place.value("Last purchase", "31/12/2020")),
    ("ERROR_PHONE_NUMBER_NOT_FOUND", lambda place: place.subscribe(NEW)),
    ("ERROR_PHONE_NUMBER_NOT_FOUND", lambda place: place.send(phoneNumber=NEW)),
    ("ERROR_INVALID_PHONE_NUMBER", lambda place: place.send(phoneNumber=None)),
    ("ERROR_LIST_INACTIVE", lambda place: place.subscribe(place.member, place.inactive)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "request_"), VARIANTS)
def test_other_requests_that_earn_a_code(
    caller: Caller, code: str, request_: Callable[[Place], requests.Response]
) -> None:
    assert code_of(request_(Place(caller))) == code


def test_a_refused_write_changes_nothing(caller: Caller) -> None:
    place = Place(caller)
    before, journal = place.world.truth(), list(place.world.journal)
    place.put(firstName="Changed", segmentationFieldValues=[{"segmentationFieldId": 9, "value": "x"}])
    place.create(segmentationFieldValues=[{"segmentationFieldId": place.fields["Fax"], "value": "x"}])
    place.value("Store number", "123456")
    assert place.world.truth() == before
    assert place.world.journal == journal


def test_inactive_lists_can_be_read(untouched: Caller) -> None:
    place = Place(untouched)
    assert untouched.data(f"{place.at}/PhoneList/{place.inactive}/Contact", count=5)
    assert untouched.get(f"{place.at}/PhoneList/{place.inactive}").json()["status"] == "Inactive"
