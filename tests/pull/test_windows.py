"""Windows of dates: every instant once, placed the same in every pull."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.pull.extract.date_windows import DAILY, EVERYTHING, FIRST_SMS, Window, cut, since, slices

NEW_YORK = ZoneInfo("America/New_York")
ZONES = [NEW_YORK, *map(ZoneInfo, ("UTC", "Pacific/Kiritimati", "Pacific/Honolulu", "Asia/Kolkata", "Europe/London"))]

moments = st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1), timezones=st.just(timezone.utc))
zones = st.sampled_from(ZONES)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


@given(moments, st.timedeltas(timedelta(), timedelta(days=1200)), zones)
def test_every_instant_lies_in_one_window(now: datetime, back: timedelta, zone: ZoneInfo) -> None:
    start = local(now - back, zone)
    windows = list(cut(start, now, zone))
    assert windows[0].start == start
    assert all(one.end == other.start and one.start < one.end for one, other in pairwise(windows))  # type: ignore[operator]
    assert [window.is_open for window in windows] == [False] * (len(windows) - 1) + [True]
    last = windows[-1]
    assert last.start is not None
    assert last.start <= local(now, zone) < (last.end or datetime.max)
    assert last.ask_to is None, "a clock that runs behind loses nothing"


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Havana", (2026, 11, 1)), ("Atlantic/Azores", (2026, 10, 25)), ("America/Santiago", (2026, 9, 6)),
        ("Asia/Beirut", (2026, 3, 29)), ("America/New_York", (2026, 11, 1)),
    ],
)  # fmt: skip
def test_a_day_whose_midnight_comes_twice_or_never_is_placed_the_same_in_each_pull(
    zone: str, day: tuple[int, int, int]
) -> None:
    noon, places = datetime(*day, 12, tzinfo=timezone.utc), pendulum.timezone(zone)
    found = set()
    for now in (noon, noon + timedelta(days=1), noon + timedelta(days=3)):
        windows = cut(since(now, timedelta(hours=24), places), now, places)
        found |= {window.placed(places)[0] for window in windows if window.start == datetime(*day)}
        windows = cut(since(noon, timedelta(hours=50), places), now, places)
        found |= {window.placed(places)[0] for window in windows if window.start == datetime(*day)}
    assert found == {datetime(*day, tzinfo=ZoneInfo(zone)).astimezone(timezone.utc)}


@given(moments, st.timedeltas(timedelta(), timedelta(days=3000)))
def test_a_long_gap_costs_few_windows(now: datetime, back: timedelta) -> None:
    windows = list(cut(local(now - back, NEW_YORK), now, NEW_YORK))
    assert len(windows) <= back / timedelta(days=28) + DAILY.in_days() + 3
    recent = [window for window in windows if window.start and window.start > local(now, NEW_YORK) - DAILY]
    assert all(window.end and window.start and window.end - window.start <= timedelta(days=1) for window in recent)


@given(moments, st.timedeltas(timedelta(seconds=1), timedelta(days=32)), zones)
def test_a_day_read_again_is_the_same_window(now: datetime, later: timedelta, zone: ZoneInfo) -> None:
    """The overlap of the next pull has the windows that this pull had, so that rows stay where they were placed."""
    overlap = timedelta(hours=27)
    again = {window.name for window in cut(since(now, overlap, zone), now + later, zone)}
    for window in cut(since(now - timedelta(days=10), overlap, zone), now, zone):
        assert window.end is not None
        if window.end > since(now, overlap, zone):
            assert window.name in again


@given(moments, st.timedeltas(timedelta(days=35), timedelta(days=400)))
def test_a_day_read_again_after_a_long_gap_is_the_same_window(now: datetime, later: timedelta) -> None:
    overlap = timedelta(hours=27)
    days_until = local(now, NEW_YORK)
    again = {window.name for window in cut(since(now, overlap, NEW_YORK), now + later, NEW_YORK, days_until)}
    read = [window for window in cut(since(now, overlap, NEW_YORK), now, NEW_YORK) if not window.is_open]
    assert {window.name for window in read} <= again


@given(moments, zones)
def test_overlap_reaches_back_to_a_midnight(watermark: datetime, zone: ZoneInfo) -> None:
    start = since(watermark, timedelta(hours=27), zone)
    assert start.time() == time()
    back = local(watermark, zone) - start
    assert timedelta(hours=26) <= back <= timedelta(hours=27 + 25)


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 8), 23), (datetime(2026, 11, 1), 25), (datetime(2026, 7, 1), 24)]
)
def test_days_of_clock_changes_are_placed_whole(day: datetime, hours: int) -> None:
    start, end = Window(day, day + timedelta(days=1)).placed(NEW_YORK)
    assert start is not None
    assert end is not None
    assert end - start == timedelta(hours=hours)


def test_asks_a_second_early_and_without_offset() -> None:
    """Whether the API's bounds are inclusive is not known."""
    window = Window(datetime(2026, 3, 2), datetime(2026, 3, 3))
    assert window.ask_from == datetime(2026, 3, 1, 23, 59, 59)
    assert window.ask_to is not None
    assert window.ask_to >= datetime(2026, 3, 3)


def test_everything_has_no_bounds() -> None:
    assert (EVERYTHING.ask_from, EVERYTHING.ask_to, EVERYTHING.placed(NEW_YORK)) == (None, None, (None, None))


def test_start_in_the_future_is_still_one_open_window() -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
    windows = list(cut(datetime(2026, 5, 1), now, NEW_YORK))
    assert [window.is_open for window in windows] == [True]


# -- narrower windows -----------------------------------------------------------------------------------------------

seconds = st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
bounded = st.tuples(st.none() | seconds, st.none() | seconds, st.booleans()).map(lambda parts: Window(*parts))


def holds(window: Window, moment: datetime) -> bool:
    """Whether the window is to bring what happened at a local time."""
    end = None if window.is_open else window.end
    return (not window.start or window.start <= moment) and (not end or moment < end)


@given(bounded, seconds, st.data())
def test_halves_hold_what_the_window_held_once(window: Window, latest: datetime, data: st.DataObject) -> None:
    moment = data.draw(seconds | st.sampled_from([at for at in (window.start, window.end, latest) if at]))
    for _ in range(200):
        halves = window.halves(latest)
        if halves is None:
            break
        assert sum(holds(half, moment) for half in halves) == holds(window, moment)
        assert halves[0].end == halves[1].start
        assert halves[1].ask_to == window.ask_to, "an open window stays open"
        window = data.draw(st.sampled_from(halves))
    else:
        pytest.fail("it never ends")
    if window.start and window.end and not window.is_open and window.start < window.end:
        assert window.end - window.start == timedelta(seconds=1), "nothing narrower than a second, nothing wider left"


def in_two(window: Window, latest: datetime) -> tuple[Window, Window]:
    halves = window.halves(latest)
    assert halves
    return halves


def test_a_window_without_a_start_is_cut_at_the_beginning_of_all_lists() -> None:
    now = datetime(2026, 3, 2)
    before, rest = in_two(EVERYTHING, now)
    assert before == Window(None, FIRST_SMS)
    assert (rest.ask_from, rest.ask_to) == (FIRST_SMS - timedelta(seconds=1), None)
    assert before.halves(now) is None
    older, newer = in_two(rest, now)
    assert older.end == newer.start == FIRST_SMS + (now - FIRST_SMS) / 2
    assert newer.ask_to is None


@given(bounded)
def test_a_window_can_be_kept_as_json(window: Window) -> None:
    assert Window.from_json(json.loads(json.dumps(window.to_json()))) == window


# -- slices ---------------------------------------------------------------------------------------------------------


@given(moments, st.timedeltas(timedelta(), timedelta(days=5000)), zones, st.integers(1, 24), seconds)
def test_every_date_lies_in_one_slice(
    now: datetime, back: timedelta, zone: ZoneInfo, months: int, moment: datetime
) -> None:
    found = slices(local(now - back, zone), now, zone, months)
    assert sum(holds(window, moment) for window in found) == 1
    assert all(one.end == other.start for one, other in pairwise(found))
    assert (found[0].ask_from, found[-1].ask_to) == (None, None), "open at both ends"
    for window in found[1:]:
        assert window.start is not None
        assert (window.start.day, window.start.time()) == (1, time())
        assert window.start <= local(now, zone)
    whole = found[1:-1]
    assert all(1 <= (one.end - one.start).days / 28 <= months * 31 / 28 for one in whole)  # type: ignore[operator]
    assert len(whole) <= back / timedelta(days=28) / months


@given(moments, st.timedeltas(timedelta(), timedelta(days=900)), st.integers(1, 12))
def test_slices_are_cut_at_the_same_places_later(now: datetime, later: timedelta, months: int) -> None:
    first = datetime(2012, 5, 17)
    names = {window.name for window in slices(first, now, NEW_YORK, months)[:-1]}
    assert names <= {window.name for window in slices(first, now + later, NEW_YORK, months)}


def test_a_young_list_is_one_slice_and_an_old_date_is_no_slice() -> None:
    now = datetime(2026, 3, 2, 17, tzinfo=timezone.utc)
    assert slices(datetime(2026, 3, 1), now, NEW_YORK) == [EVERYTHING]
    assert slices(datetime(2027, 1, 1), now, NEW_YORK) == [EVERYTHING]
    assert [window.name for window in slices(datetime(2025, 12, 31), now, NEW_YORK)] == [
        "/2026-01-01 00:00:00",
        "2026-01-01 00:00:00/2026-02-01 00:00:00",
        "2026-02-01 00:00:00/2026-03-01 00:00:00",
        "2026-03-01 00:00:00/2026-03-03 00:00:00",
    ]
    assert len(slices(datetime(1, 1, 1), now, NEW_YORK, 12)) == 27
