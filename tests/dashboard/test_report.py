"""``listrak report``: one file with every view, for sender codes, lists and days; and what stops it."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from listrak_source.dashboard.choice import choose
from listrak_source.dashboard.report import page
from listrak_source.dashboard.snapshot import Snapshot
from listrak_source.dashboard.views import VIEWS
from tests.cli.conftest import Listrak
from tests.dashboard.conftest import Told


class Tables(HTMLParser):
    """The tables of a page, by the id of their section: each a list of rows of texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._section, self._is_cell = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._section = dict(attrs)["id"] or ""
        elif tag == "tr":
            self.found.setdefault(self._section, []).append([])
        elif tag in {"td", "th"}:
            self._is_cell = True
            self.found[self._section][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._is_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.found[self._section][-1][-1] += data


def rows_of(text: str, view: str) -> list[dict[str, str]]:
    head, *rows = Tables(text).found[view]
    return [dict(zip(head, row, strict=True)) for row in rows]


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.fixture
def file(told: Told, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The warehouse, as the command's."""
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(told.file))
    return told.file


def test_each_view_stands_on_the_page_with_its_numbers(told: Told) -> None:
    growth = told.history.growth()
    chosen = choose(told.snapshot)
    text = page(told.snapshot, chosen)
    assert [f'<section id="{view.name}">' in text for view in VIEWS] == [True] * len(VIEWS)
    assert len(text.encode()) < 3_000_000
    for name, heading in (
        ("joined", "joined"),
        ("came_back", "came back"),
        ("stopped", "stopped"),
        ("undated", "without a date"),
    ):
        in_days = sum(row[name] for (_, _, day), row in growth.items() if chosen.since <= day <= chosen.until)
        assert sum(number(row[heading]) for row in rows_of(text, "growth")) == in_days, name
    last = {key[:2]: row["closing"] for key, row in growth.items() if key[2] == chosen.until}
    assert sorted(number(row["at the end"]) for row in rows_of(text, "reachable")) == sorted(last.values())
    total = sum(last.values())
    assert number(rows_of(text, "growth")[-1]["at the end"]) == total
    assert f"{total:,} on {chosen.until}" in text
    reasons = told.history.reasons()
    shown = sum(number(row["opt-outs"]) for row in rows_of(text, "reasons"))
    months = {month for _, month, _ in reasons if chosen.values["a_year_since"] <= month <= chosen.until}
    assert shown == sum(row["opt_outs"] for (_, month, _), row in reasons.items() if month in months)


@pytest.mark.full
def test_what_is_before_and_what_has_changed_make_what_is_at_the_end(told: Told) -> None:
    first = min(day for _, _, day in told.history.growth())
    for since in (first, choose(told.snapshot).since):
        rows = rows_of(page(told.snapshot, choose(told.snapshot, since=since)), "growth")
        before = number(rows[0]["before"])
        for row in rows:
            assert number(row["before"]) == before
            before += number(row["without a date"]) + number(row["net"])
            assert number(row["at the end"]) == before
            assert number(row["net"]) == sum(number(row[one]) for one in ("joined", "came back")) - sum(
                number(row[one]) for one in ("left", "stopped")
            )


def test_sender_codes_lists_and_days_are_chosen(told: Told) -> None:
    growth = told.history.growth()
    sender, phone_list, day = max(growth)
    chosen = choose(told.snapshot, [sender], [phone_list], day, day)
    (row,) = rows_of(page(told.snapshot, chosen), "reachable")
    assert number(row["at the end"]) == growth[sender, phone_list, day]["closing"]
    code = told.world.truth()["sender_codes"][sender]["code"]
    audience = rows_of(page(told.snapshot, choose(told.snapshot, [sender])), "audience")
    assert {one["sender code"] for one in audience} == {f"{code} ({sender})"}


def test_days_before_the_first_pull_are_said_to_be_too_small(told: Told) -> None:
    first = choose(told.snapshot).first_pull
    assert first
    assert "The first pull came on" not in page(told.snapshot, choose(told.snapshot, since=first))
    text = page(told.snapshot, choose(told.snapshot, since=first - timedelta(days=40), until=first - timedelta(days=1)))
    assert text.count(f"The first pull came on {first}.") == 2


@pytest.mark.cases(1, 2)
@pytest.mark.parametrize("year", ["9999-12-31", "2199-01-01", "0001-01-01", "0044-03-15 (BC)", "1600-05-05"])
def test_a_date_that_cannot_be_takes_nobody_from_the_page(
    told: Told, touched: Callable[[str], Snapshot], year: str
) -> None:
    one_event = "SELECT rowid FROM consent_events WHERE event = '{}' AND effective_at IS NOT NULL LIMIT 1"
    change = f"UPDATE consent_events SET event_at = '{year}', effective_at = '{year}' WHERE rowid IN ({one_event});"
    snapshot = touched(
        change.format("subscribed")
        + change.format("opted_out")
        + f"UPDATE opt_outs SET opt_out_date = '{year}' WHERE rowid IN (SELECT rowid FROM opt_outs LIMIT 1)"
    )
    before, now = choose(told.snapshot), choose(snapshot)
    assert (now.since, now.until) == (before.since, before.until)
    ends = [
        sum(number(row["at the end"]) for row in rows_of(page(one, choose(one)), "reachable"))
        for one in (told.snapshot, snapshot)
    ]
    assert abs(ends[0] - ends[1]) <= 2, "whose dates were changed alone"
    assert "or a later one than today, stand in no month: 1." in page(snapshot, now) or year.startswith("1600")


def test_what_was_never_pulled_is_not_known(touched: Callable[[str], Snapshot]) -> None:
    gone = ("consent_events", "opt_outs", "profile_fields", "pull_runs")
    snapshot = touched("".join(f"DROP TABLE {name};" for name in gone))
    text = page(snapshot, choose(snapshot))
    for name, times in (("consent_events", 6), ("opt_outs", 1), ("profile_fields", 1)):
        assert text.count(f"Not known: no pull has ever read {name} into") == times
    for sentence in ("Nobody has opted out", "There is no list.", "0 people can be reached"):
        assert sentence not in text


@pytest.mark.full
def test_a_number_in_a_text_is_cut(touched: Callable[[str], Snapshot]) -> None:
    snapshot = touched(
        "UPDATE pull_runs SET message = 'a bad record of 15551234567';"
        "UPDATE lists SET phone_list_name = '+1 (555) 123-4567'"
    )
    text = page(snapshot, choose(snapshot))
    assert "15551234567" not in text
    assert "123-4567" not in text
    assert text.count("…4567") > 2


def test_the_page_asks_nobody_and_runs_nothing(told: Told) -> None:
    text = page(told.snapshot, choose(told.snapshot))
    assert "<script" not in text
    assert "default-src 'none'" in text
    outside = re.findall(r"""(?:href|src|action)=|url\(|@import|https?://[^\s"<]+""", text)
    assert set(outside) <= {"http://www.w3.org/2000/svg"}


def test_no_number_of_a_person_stands_on_it(told: Told) -> None:
    text = page(told.snapshot, choose(told.snapshot))
    assert not [phone for _, phone in told.world.truth()["contacts"] if phone in text]


def test_the_command(listrak: Listrak, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    code, printed, err = listrak("report", "--out", str(out))
    assert (code, err) == (0, "")
    assert f"Wrote {out}" in printed.replace("\n", "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    text = out.read_text(encoding="utf-8")
    with duckdb.connect(str(file), read_only=True) as warehouse:
        members = dict(warehouse.execute(
            "SELECT phone_list_id, count(*) FROM listrak_sms.list_memberships WHERE removed_at IS NULL GROUP BY 1"
        ).fetchall())  # fmt: skip
        tables = warehouse.execute(
            "SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '%listrak__%'"
        ).fetchall()
    shown = [number(row["members"]) for row in rows_of(text, "audience")]
    assert sorted(one for one in shown if one) == sorted(members.values())
    assert not tables, "what was worked out is gone"
    code, printed, _ = listrak("report", "--out", str(out), "--json")
    document: dict[str, Any] = json.loads(printed)
    assert (code, document["out"], document["models"]) == (0, str(out), None)


@pytest.mark.full
def test_what_stops_it(listrak: Listrak, file: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.html"
    letter.write_text("Dear Sir")
    out = str(tmp_path / "report.html")
    for words, code, said in (
        (("--out", str(letter)), 2, "this command has not written it"),
        (("--out", str(tmp_path / "none" / "report.html")), 2, "there is no folder"),
        (("--out", out, "--sender-code", "9"), 2, "there is no sender code 9"),
        (("--out", out, "--list", "9"), 2, "there is no list 9"),
        (("--out", out, "--since", "2031-01-01"), 2, "end before they begin"),
        (("--out", out, "--schema", "elsewhere"), 1, "no models are built in elsewhere"),
        (("--out", out, "--dataset", "none"), 1, "holds no dataset none"),
    ):
        ended, _, err = listrak("report", *words)
        assert (ended, said in err) == (code, True), (words, ended, err)
        assert "Traceback" not in err
    assert letter.read_text() == "Dear Sir"
    assert not Path(out).exists()


def test_names_that_are_markup_are_text(told: Told) -> None:
    told.snapshot.tables.execute("BEGIN")
    try:
        told.snapshot.tables.execute("UPDATE lists SET phone_list_name = '<script>alert(1)</script>'")
        assert "<script" not in page(told.snapshot, choose(told.snapshot), has_form=True)
    finally:
        told.snapshot.tables.execute("ROLLBACK")


def test_days_at_the_ends_of_the_calendar(told: Told) -> None:
    for until in (date(1, 1, 1), date(1, 3, 1), date(9999, 12, 31)):
        chosen = choose(told.snapshot, until=until)
        assert chosen.since <= until
        assert page(told.snapshot, chosen)


@pytest.mark.full
def test_a_record_of_a_pull_that_is_no_json_takes_nothing_along(touched: Callable[[str], Snapshot]) -> None:
    snapshot = touched("UPDATE pull_runs SET rows_loaded = 'not json', set_aside = ''")
    assert {row["rows"] for row in rows_of(page(snapshot, choose(snapshot)), "pulls")} == {"0"}
