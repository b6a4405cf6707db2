"""Pages, cursors and date filters."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from listrak_source.sandbox import Fault, Quirks, Sandbox, World
from listrak_source.sandbox.world.clock import to_text

from .caller import Caller, code_of, list_of, sender_of


def biggest(world: World) -> tuple[int, int, str]:
    sender = sender_of(world)
    phone_list = list_of(world, sender, "All subscribers")
    return sender, phone_list, f"/ShortCode/{sender}/PhoneList/{phone_list}/Contact"


def phones(rows: list[Any]) -> list[str]:
    return [row["phoneNumber"] for row in rows]


def test_a_thousand_by_default_and_five_thousand_at_most() -> None:
    with Sandbox(World(contacts=6000, sender_codes=1, lists=1)) as sandbox:
        caller = Caller(sandbox)
        path = biggest_of_one(sandbox.world)
        assert len(caller.data(path)) == 1000
        assert len(caller.data(path, count=5000)) == 5000
        assert code_of(caller.get(path, count=5001)) == "ERROR_INVALID_PARAMETER"


def biggest_of_one(world: World) -> str:
    sender = sender_of(world)
    return f"/ShortCode/{sender}/PhoneList/{next(iter(world.sender_codes[sender].lists))}/Contact"


@pytest.mark.parametrize(
    "query",
    [
        {"count": "5001"}, {"count": "0"}, {"count": "-1"}, {"count": "many"}, {"count": ""}, {"count": "1.5"},
        {"cursor": "garbage"}, {"cursor": "AAAA"}, {"cursor": "+w=="}, {"cursor": "é"},
        {"optedOut": "maybe"}, {"startSubscribeDate": "yesterday"}, {"startSubscribeDate": "2026-01-01"},
        {"endSubscribeDate": "2026-13-01T00:00:00"}, {"endSubscribeDate": "2026-01-01T00:00:00Z"},
        {"endSubscribeDate": "01/01/2026"}, {"startSubscribeDate": "2026-02-30T00:00:00"},
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(untouched: Caller, query: dict[str, str]) -> None:
    answer = untouched.get(biggest(untouched.sandbox.world)[2], **query)
    assert (answer.status_code, code_of(answer)) == (400, "ERROR_INVALID_PARAMETER")


def test_start_is_the_first_page(untouched: Caller) -> None:
    path = biggest(untouched.sandbox.world)[2]
    assert untouched.data(path, cursor="Start", count=3) == untouched.data(path, count=3)


@pytest.mark.parametrize("style", ["token", "relative", "absolute"])
def test_a_cursor_can_be_a_token_or_a_uri(style: Any) -> None:
    with Sandbox(World(contacts=200), quirks=Quirks(cursor_style=style)) as sandbox:
        caller = Caller(sandbox)
        path = biggest(sandbox.world)[2]
        filters = {"count": 10, "optedOut": "false", "endSubscribeDate": "2026-01-01T00:00:00"}
        first = caller.get(path, **filters).json()
        cursor = first["nextPageCursor"]
        if style == "token":
            assert not cursor.startswith(("/", "http"))
            second = caller.get(path, **filters, cursor=cursor).json()
        else:
            origin = sandbox.base_url.removesuffix("/sms/v1")
            assert cursor.startswith(origin + "/sms/v1/" if style == "absolute" else "/sms/v1/")
            query = parse_qs(urlsplit(cursor).query)
            assert query["count"] == ["10"]
            assert query["endSubscribeDate"] == ["2026-01-01T00:00:00"]
            url = cursor if style == "absolute" else origin + cursor
            second = caller.session.get(url, timeout=10).json()
        assert len(second["data"]) == 10
        assert not set(phones(first["data"])) & set(phones(second["data"]))


@pytest.mark.parametrize("last", ["null", "empty", "absent"])
def test_the_last_page_says_so_in_three_ways(last: Any) -> None:
    with Sandbox(World(contacts=50), quirks=Quirks(last_page=last)) as sandbox:
        body = Caller(sandbox).get(biggest(sandbox.world)[2], count=5000).json()
        want = {"null": {"nextPageCursor": None}, "empty": {"nextPageCursor": ""}, "absent": {}}[last]
        assert {key: value for key, value in body.items() if key == "nextPageCursor"} == want


def test_a_page_that_is_exactly_full_is_the_last(untouched: Caller) -> None:
    sender, phone_list, path = biggest(untouched.sandbox.world)
    size = len(untouched.sandbox.world.sender_codes[sender].lists[phone_list].reachable)
    assert size < 5000
    assert untouched.get(path, count=size).json()["nextPageCursor"] is None
    assert len(list(untouched.pages(path, count=size - 1))) == 2


def test_collections_declared_unpaged_carry_a_cursor_too(untouched: Caller) -> None:
    world = untouched.sandbox.world
    sender = sender_of(world)
    many = next(
        world.phone(person)
        for person in world.sender_codes[sender].since.people()
        if len(world.subscriptions(world.sender_codes[sender], person)) > 1
    )
    for path in ("PhoneList", "OptOut", f"Contact/{many}/PhoneList"):
        whole = untouched.data(f"/ShortCode/{sender}/{path}", count=5000)
        pages = list(untouched.pages(f"/ShortCode/{sender}/{path}", count=1))
        assert len(pages) == len(whole) > 1
        assert [item for page in pages for item in page] == whole


@pytest.mark.parametrize("last", ["null", "empty", "absent"])
def test_opt_outs_can_be_unpaged_as_declared(last: Any) -> None:
    with Sandbox(World(contacts=600), quirks=Quirks(last_page=last)) as sandbox:
        caller = Caller(sandbox)
        path = f"/ShortCode/{sender_of(sandbox.world)}/OptOut"
        whole = caller.data(path, count=5000)
        assert len(whole) > 10
        caller.control("POST", "/settings", {"opt_out_paging": "unpaged"}).raise_for_status()
        answer = caller.get(path, count=10).json()
        assert answer["data"] == whole[:10]
        assert not answer.get("nextPageCursor")
        assert ("nextPageCursor" in answer) is (last != "absent")
        later = caller.data(path, count=10, startDate=whole[10]["optOutDate"][:19])
        assert later[0] in whole[8:11], "a date filter still finds the rest"
        assert len(list(caller.pages(biggest(sandbox.world)[2], count=20))) > 1, "contacts keep their pages"


def test_the_undated_match_no_filter(caller: Caller) -> None:
    world = caller.sandbox.world
    sender, phone_list, path = biggest(world)
    before = phones(caller.all(path, count=5000))
    for phone in ("12125550001", "12125550002"):
        world.import_undated(sender, phone_list, phone)
    assert phones(caller.all(path, count=1)) == ["12125550001", "12125550002", *before]
    for dates in (
        {"startSubscribeDate": "1900-01-01T00:00:00"},
        {"endSubscribeDate": "2100-01-01T00:00:00"},
        {"startSubscribeDate": "1900-01-01T00:00:00", "endSubscribeDate": "2100-01-01T00:00:00"},
    ):
        for bounds in ("inclusive", "exclusive"):
            caller.control("POST", "/settings", {"bounds": bounds}).raise_for_status()
            assert phones(caller.all(path, count=50, **dates)) == before
    assert caller.data(path, endSubscribeDate="1900-01-01T00:00:00") == []


def test_a_page_that_misbehaves_hides_no_undated_row() -> None:
    with Sandbox(World(contacts=0, sender_codes=1, lists=1)) as sandbox:
        sender = sender_of(sandbox.world)
        sandbox.world.import_undated(sender, next(iter(sandbox.world.sender_codes[sender].lists)), "12125550001")
        for kind in ("empty_page", "repeated_page"):
            sandbox.faults.add(Fault(kind))
            assert "12125550001" in phones(Caller(sandbox).all(biggest_of_one(sandbox.world)))


def test_rows_stay_in_place_when_others_come_and_go(caller: Caller) -> None:
    world = caller.sandbox.world
    sender, phone_list, path = biggest(world)
    first = caller.get(path, count=20).json()
    rest = phones(caller.all(path, count=5000))[20:]
    for phone in phones(first["data"])[:15]:
        world.vanish(phone)
    world.subscribe(sender, phone_list, "12125550001")
    seen = phones(caller.get(path, count=5000, cursor=first["nextPageCursor"]).json()["data"])
    assert seen == [*rest, "12125550001"]


def test_filters_cut_at_the_second_and_include_their_bounds(caller: Caller) -> None:
    world = caller.sandbox.world
    sender, phone_list, path = biggest(world)
    new = {}
    for second, phone in ((0, "12125550001"), (1, "12125550002"), (2, "12125550003")):
        world.subscribe(sender, phone_list, phone)
        new[second] = to_text(world.clock.ticks())
        world.clock.advance(seconds=1)
    assert new == {0: "2026-03-02T12:00:00", 1: "2026-03-02T12:00:01", 2: "2026-03-02T12:00:02"}

    def between(start: int, end: int) -> list[str]:
        return phones(caller.data(path, startSubscribeDate=new[start], endSubscribeDate=new[end]))

    assert between(0, 2) == ["12125550001", "12125550002", "12125550003"]
    assert between(1, 1) == ["12125550002"]
    assert between(2, 0) == []
    caller.control("POST", "/settings", {"bounds": "exclusive"}).raise_for_status()
    assert between(0, 2) == ["12125550002"]
    assert between(1, 1) == []


def test_windows_side_by_side_make_the_whole(untouched: Caller) -> None:
    path = biggest(untouched.sandbox.world)[2]
    edges = ["2015-01-01T00:00:00", "2021-06-01T00:00:00", "2024-01-01T00:00:00", "2027-01-01T00:00:00"]
    found: list[str] = []
    for start, end in pairwise(edges):
        found += phones(untouched.all(path, startSubscribeDate=start, endSubscribeDate=end, count=100))
    assert found == phones(untouched.all(path, count=5000))


def test_opt_outs_are_filtered_by_their_date(caller: Caller) -> None:
    world = caller.sandbox.world
    sender = sender_of(world)
    phone = world.phone(
        world.sender_codes[sender].lists[list_of(world, sender, "All subscribers")].reachable.members[0]
    )
    world.clock.advance(hours=2)
    world.opt_out(sender, phone, "Admin")
    late = caller.data(f"/ShortCode/{sender}/OptOut", startDate="2026-03-02T14:00:00")
    assert late == [{"phoneNumber": phone, "optOutDate": "2026-03-02T14:00:00", "optOutReason": "Admin"}]
    early = caller.data(f"/ShortCode/{sender}/OptOut", endDate="2026-03-02T13:59:59", count=5000)
    assert len(early) == len(world.sender_codes[sender].opt_outs) - 1


def test_lists_are_filtered_by_status(untouched: Caller) -> None:
    sender = sender_of(untouched.sandbox.world)
    path = f"/ShortCode/{sender}/PhoneList"
    assert {item["status"] for item in untouched.data(path)} == {"Active"}
    assert {item["status"] for item in untouched.data(path, status="inactive")} == {"Inactive"}
    assert code_of(untouched.get(path, status="all")) == "ERROR_INVALID_PARAMETER"


def test_dates_have_every_number_of_digits() -> None:
    world = World(contacts=500)
    sender = world.sender_codes[sender_of(world)]
    texts = [to_text(ticks) for item in sender.lists.values() for ticks in item.reachable.ticks]
    digits = {len(text.partition(".")[2]) for text in texts}
    assert {0, 1, 2, 3, 6, 7} <= digits
    assert not any(text.endswith("0") and "." in text for text in texts)
