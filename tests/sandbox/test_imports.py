"""Imports: accepted at once, worked on in the background, silent about what they drop."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
import requests

from listrak_source.sandbox import Quirks, Sandbox, World
from listrak_source.sandbox.http.import_routes import MAX_FILE
from listrak_source.sandbox.service import MAX_BODY

from .caller import Caller, code_of, list_of, sender_of

A, B, STRANGER = "12125550001", "12125550002", "12125559999"


class Place:
    def __init__(self, caller: Caller) -> None:
        self.caller, self.world = caller, caller.sandbox.world
        self.sender = sender_of(self.world)
        self.fields = {field.name: field.field_id for field in self.world.fields.values()}
        main = list_of(self.world, self.sender, "All subscribers")
        for phone in (A, B):
            self.world.subscribe(self.sender, main, phone)
        self.path = f"/ShortCode/{self.sender}/ContactImport"

    def column(self, at: int, name: str, default: str | None = None) -> dict[str, Any]:
        mapping = {"fileColumnType": "SegmentationField", "segmentationFieldId": self.fields[name], "fileColumn": at}
        return mapping | ({} if default is None else {"defaultValue": default})

    def body(self, file: bytes, *columns: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return {
            "fileName": "points.csv",
            "fileStream": base64.b64encode(file).decode(),
            "importType": "UpdateSubscribers",
            "hasColumnNames": False,
            "textQualifier": '"',
            "fileMappings": [{"fileColumnType": "Phone", "segmentationFieldId": 0, "fileColumn": 0}, *columns],
        } | changes

    def post(self, body: dict[str, Any]) -> requests.Response:
        return self.caller.call("POST", self.path, json=body)

    def run(self, file: bytes, *columns: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
        """Posts an import and reads its status until it ends; every status that was seen, in order."""
        answer = self.post(self.body(file, *columns, **changes))
        assert answer.status_code == 201, answer.text
        seen: list[dict[str, Any]] = []
        deadline = time.monotonic() + 5
        while not seen or seen[-1]["endDate"] is None:
            assert time.monotonic() < deadline
            status = self.caller.data(f"{self.path}/{answer.json()['resourceId']}")
            if not seen or status != seen[-1]:
                seen.append(status)
            time.sleep(0.005)
        return seen

    def values(self, phone: str) -> dict[str, str]:
        names = {field_id: name for name, field_id in self.fields.items()}
        items = self.caller.data(f"/ShortCode/{self.sender}/Contact/{phone}")["segmentationFieldValues"]
        return {names[item["segmentationFieldId"]]: item["value"] for item in items}


@pytest.fixture
def place(caller: Caller) -> Place:
    return Place(caller)


def test_an_import_is_worked_on_in_the_background(place: Place) -> None:
    place.caller.sandbox.service.import_seconds = 0.2
    seen = place.run(f"{A},Gold\n{B},Silver\n".encode(), place.column(1, "Tier"))
    assert [status["status"] for status in seen] == ["Queued", "Processing", "Complete"]
    assert [status["startDate"] for status in seen] == [None, "2026-03-02T12:00:00", "2026-03-02T12:00:00"]
    assert [status["endDate"] for status in seen] == [None, None, "2026-03-02T12:00:00"]
    assert (seen[-1]["fileName"], seen[-1]["smsSenderCodeId"]) == ("points.csv", place.sender)
    assert (place.values(A), place.values(B)) == ({"Tier": "Gold"}, {"Tier": "Silver"})


def test_what_makes_no_sense_is_dropped_in_silence(place: Place) -> None:
    before = len(place.world.people)
    rows = [
        f"{STRANGER},Gold,1", "not a phone,Gold,1", "", ",Gold,1", f"{A},{'x' * 21},5", f"{B},Silver,many", f"{B}",
    ]  # fmt: skip
    seen = place.run("\r\n".join(rows).encode(), place.column(1, "Tier"), place.column(2, "Points"))
    assert seen[-1]["status"] == "Complete"
    assert len(place.world.people) == before
    assert place.values(A) == {"Points": "5"}
    assert place.values(B) == {"Tier": "Silver"}


def test_blanks_change_nothing_and_defaults_fill_them(place: Place) -> None:
    place.run(f"{A},Gold,1\n".encode(), place.column(1, "Tier"), place.column(2, "Points"))
    place.run(f"{A},,2\n{B},,\n".encode(), place.column(1, "Tier"), place.column(2, "Points", default="7"))
    assert place.values(A) == {"Tier": "Gold", "Points": "2"}
    assert place.values(B) == {"Points": "7"}


def test_column_names_and_qualifiers(place: Place) -> None:
    place.run(
        f'phone,store\n{A},"Main St, ""Annex""\nDoor 2"\n'.encode(),
        place.column(1, "Favorite store"),
        hasColumnNames=True,
    )
    assert place.values(A) == {"Favorite store": 'Main St, "Annex"\nDoor 2'}
    place.run(f"{A},'a, b''c'\n".encode(), place.column(1, "Favorite store"), textQualifier="'")
    assert place.values(A) == {"Favorite store": "a, b'c"}
    place.run(f'{A},"a"\n'.encode(), place.column(1, "Favorite store"), textQualifier="")
    assert place.values(A) == {"Favorite store": '"a"'}


def test_a_byte_order_mark_spoils_the_first_cell(place: Place) -> None:
    place.run(b"\xef\xbb\xbf" + f"{A},Gold\n{B},Gold\n".encode(), place.column(1, "Tier"))
    assert (place.values(A), place.values(B)) == ({}, {"Tier": "Gold"})


def test_a_field_that_is_disabled_meanwhile_is_dropped(place: Place) -> None:
    place.caller.sandbox.service.import_seconds = 0.4
    answer = place.post(place.body(f"{A},Gold,1\n".encode(), place.column(1, "Tier"), place.column(2, "Points")))
    place.world.change_profile_field(place.fields["Tier"], status="Disabled")
    while place.caller.data(f"{place.path}/{answer.json()['resourceId']}")["endDate"] is None:
        time.sleep(0.01)
    assert place.values(A) == {"Points": "1"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"fileName": ""}, "ERROR_INVALID_PARAMETER"),
        ({"importType": "AddSubscribers"}, "ERROR_INVALID_PARAMETER"),
        ({"hasColumnNames": "yes"}, "ERROR_INVALID_PARAMETER"),
        ({"textQualifier": "|"}, "ERROR_INVALID_PARAMETER"),
        ({"textQualifier": None}, "ERROR_INVALID_PARAMETER"),
        ({"fileStream": "***"}, "ERROR_INVALID_PARAMETER"),
        ({"fileStream": ""}, "ERROR_INVALID_PARAMETER"),
        ({"fileMappings": []}, "ERROR_INVALID_PARAMETER"),
        ({"fileMappings": None}, "ERROR_INVALID_PARAMETER"),
    ],
)
def test_what_is_found_out_at_once(place: Place, change: dict[str, Any], code: str) -> None:
    assert code_of(place.post(place.body(f"{A}\n".encode(), **change))) == code


PHONE = {"fileColumnType": "Phone", "segmentationFieldId": 0, "fileColumn": 0}


def field(field_id: int, at: int = 1, **more: Any) -> dict[str, Any]:
    return {"fileColumnType": "SegmentationField", "segmentationFieldId": field_id, "fileColumn": at} | more


@pytest.mark.parametrize(
    ("mappings", "code"),
    [
        ([field(1002)], "ERROR_INVALID_PARAMETER"),
        ([PHONE, PHONE | {"fileColumn": 1}], "ERROR_INVALID_PARAMETER"),
        ([PHONE | {"segmentationFieldId": 5}], "ERROR_INVALID_SEGMENTATION_FIELD_ID"),
        ([PHONE, field(9)], "ERROR_INVALID_SEGMENTATION_FIELD_ID"),
        ([PHONE, field(0)], "ERROR_INVALID_SEGMENTATION_FIELD_ID"),
        ([PHONE, field(1002, 0)], "ERROR_INVALID_PARAMETER"),
        ([PHONE, field(1002), field(1002, 2)], "ERROR_INVALID_PARAMETER"),
        ([PHONE, field(1002, -1)], "ERROR_INVALID_PARAMETER"),
        ([PHONE, field(1002, defaultValue=3)], "ERROR_INVALID_PARAMETER"),
        ([PHONE, field(1002) | {"fileColumnType": "Email"}], "ERROR_INVALID_PARAMETER"),
    ],
)
def test_mappings_are_checked(place: Place, mappings: list[dict[str, Any]], code: str) -> None:
    assert code_of(place.post(place.body(f"{A},x\n".encode(), fileMappings=mappings))) == code


def test_a_disabled_field_cannot_be_mapped(place: Place) -> None:
    answer = place.post(place.body(f"{A},x\n".encode(), place.column(1, "Fax")))
    assert code_of(answer) == "ERROR_SEGMENTATION_FIELD_DISABLED"


def test_an_import_belongs_to_its_sender_code(place: Place) -> None:
    job = place.post(place.body(f"{A}\n".encode())).json()["resourceId"]
    answer = place.caller.get(f"/ShortCode/{sender_of(place.world, 1)}/ContactImport/{job}")
    assert code_of(answer) == "ERROR_UNABLE_TO_LOCATE_RESOURCE"


def test_one_row_may_be_too_few() -> None:
    with Sandbox(World(contacts=10), quirks=Quirks(one_row_imports="refused")) as sandbox:
        place = Place(Caller(sandbox))
        one = place.post(place.body(f"phone\n{A}\n".encode(), hasColumnNames=True))
        assert code_of(one) == "ERROR_INVALID_PARAMETER"
        assert place.post(place.body(f"{A}\n{B}\n".encode())).status_code == 201


def test_the_size_of_a_body_is_limited() -> None:
    # As the contract counts: 195,000,000 bytes fit into 250 MB in base64, which they do in mebibytes only.
    assert MAX_FILE == 195_000_000
    assert -(-MAX_FILE // 3) * 4 < MAX_BODY == 262_144_000
    with Sandbox(World(contacts=10), max_body=1_000_000) as sandbox:
        place = Place(Caller(sandbox))
        assert place.post(place.body(b"1" * 700_000)).status_code == 201
        answer = place.post(place.body(b"1" * 750_000))
        assert (answer.status_code, code_of(answer)) == (404, "ERROR_UNKNOWN_ROUTE")
        assert place.caller.get("/ShortCode").status_code == 200


def test_the_size_of_a_file_is_limited(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("listrak_source.sandbox.http.import_routes.MAX_FILE", 100)
    assert place.post(place.body(b"1" * 100)).status_code == 201
    assert code_of(place.post(place.body(b"1" * 101))) == "ERROR_INVALID_PARAMETER"
