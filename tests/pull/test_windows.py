"""Windows of dates: every instant once, placed the same in every pull."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listrak_source.pull.windows import DAILY, EVERYTHING, Window, cut, since

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


@given(moments, st.timedeltas(timedelta(), timedelta(days=3000)))
def test_a_long_gap_costs_few_windows(now: datetime, back: timedelta) -> None:
    windows = list(cut(local(now - back, NEW_YORK), now, NEW_YORK))
    assert len(windows) <= back / timedelta(days=28) + DAILY / timedelta(days=1) + 3
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
