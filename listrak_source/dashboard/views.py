"""The views: what each shows, of which counts, for the sender codes, lists and days that are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from listrak_source.dashboard.choice import CODE, IDS, NAMED, OF_CODE, Chosen
from listrak_source.dashboard.snapshot import OVERLAP_LISTS, Snapshot
from listrak_source.push.warehouse.ledger import (
    ASSUMED,
    CONFIRMED,
    MISMATCHED,
    NOT_FOUND,
    OPTED_OUT,
    REFUSED,
    words,
)  # fmt: skip

Row = dict[str, Any]

COHORT_MONTHS = 12
CLASSES = {"person": "Person", "carrier": "Carrier", "admin": "Admin", "import": "Import or API", "unknown": "Not told"}
"""Who caused a stop."""
OUTCOMES = (CONFIRMED, ASSUMED, MISMATCHED, NOT_FOUND, REFUSED, OPTED_OUT)
"""Of the values that push sends: the ones with a column. All others are counted together."""
_WITHIN = {1: "up to 1 hour", 6: "to 6 hours", 24: "to 1 day", 72: "to 3 days", 240: "to 10 days"}
_LATER = "more"


@dataclass(frozen=True)
class Shown:
    """A view of what is chosen."""

    sentences: Sequence[str]
    rows: Sequence[Row]
    extra: Sequence[Row] = ()
    """For its chart alone."""
    headings: Mapping[str, str] = field(default_factory=dict)
    """Of columns, where they depend on what is chosen."""
    is_known: bool = True


@dataclass(frozen=True)
class View:
    """A part of the page."""

    name: str
    title: str
    about: str
    columns: dict[str, str]
    """Of its table: the heading of each column."""
    read: Callable[[Snapshot, Chosen], Shown]
    empty: str
    """The sentence where there is nothing to show."""
    tables: Sequence[str] = ()
    """Without these, nothing is known."""

    def of(self, snapshot: Snapshot, chosen: Chosen) -> Shown:
        """What it shows; a sentence where what it is made of was never pulled."""
        if missing := [name for name in self.tables if name in snapshot.missing]:
            return Shown(
                [f"Not known: no pull has ever read {' and '.join(missing)} into this dataset."], (), is_known=False
            )
        return self.read(snapshot, chosen)


_OF_SENDERS = "list_contains($senders, sender_code_id)"
_OF_LISTS = f"{_OF_SENDERS} AND list_contains($lists, phone_list_id)"
_IN_RANGE = "day BETWEEN $since AND $until"
_BY_LIST = f"sender_code_id, phone_list_id, {CODE} AS code, {IDS} AS sender_code, {NAMED} AS list"
_PERIODS = {"day": "day", "week": "week from", "month": "month from"}


def _growth(snapshot: Snapshot, chosen: Chosen) -> Shown:
    rows = snapshot.rows(
        f"""WITH days AS (
            SELECT day, sum(undated) AS undated, sum(joined) AS joined, sum(came_back) AS came_back,
                sum(left_list) AS left_list, sum(stopped) AS stopped, sum(net) AS net, sum(closing) AS closing
            FROM growth WHERE {_OF_LISTS} AND {_IN_RANGE} GROUP BY day
        )
        SELECT greatest(CAST(date_trunc($period, day) AS DATE), $since) AS period,
            CAST(arg_min(closing - net - undated, day) AS BIGINT) AS before,
            {", ".join(f"CAST(sum({one}) AS BIGINT) AS {one}" for one in _CHANGES)},
            CAST(arg_max(closing, day) AS BIGINT) AS closing
        FROM days GROUP BY 1 ORDER BY 1""",
        **chosen.values,
    )
    if not rows:
        return Shown((), ())
    net, undated = sum(row["net"] for row in rows), sum(row["undated"] for row in rows)
    first, last = rows[0]["before"], rows[-1]["closing"]
    sentences = [
        f"{first:,} before {chosen.since}, {undated:+,} without a date, {net:+,} with one: {last:,} on {chosen.until}. "
        "Somebody on two lists counts on each.",
        *_before_the_first_pull(chosen),
    ]
    return Shown(sentences, rows, headings={"period": _PERIODS[chosen.period]})


def _before_the_first_pull(chosen: Chosen) -> list[str]:
    if chosen.first_pull is None or chosen.since >= chosen.first_pull:
        return []
    return [
        f"The first pull came on {chosen.first_pull}. Of the days before, only those people are known who were still "
        "there then, with a date of Listrak's: the figures are too small."
    ]


_CHANGES = ("undated", "joined", "came_back", "left_list", "stopped", "net")


def _reachable(snapshot: Snapshot, chosen: Chosen) -> Shown:
    rows = snapshot.rows(
        f"""SELECT {_BY_LIST}, arg_min(closing - net - undated, day) AS before,
            CAST(sum(undated) AS BIGINT) AS undated, CAST(sum(net) AS BIGINT) AS net, arg_max(closing, day) AS closing
        FROM growth LEFT JOIN lists USING (sender_code_id, phone_list_id) {OF_CODE} WHERE {_OF_LISTS} AND {_IN_RANGE}
        GROUP BY ALL ORDER BY closing DESC, sender_code_id, phone_list_id""",
        **chosen.values,
    )
    by_day = snapshot.rows(
        f"SELECT sender_code_id, phone_list_id, day, closing, undated FROM growth WHERE {_OF_LISTS} AND {_IN_RANGE}"
        " ORDER BY day",
        **chosen.values,
    )
    return Shown(_before_the_first_pull(chosen), _labelled(rows), by_day)


def _labelled(rows: list[Row]) -> list[Row]:
    """The rows with a label for each list that is no other's."""
    names = Counter(row["list"] for row in rows)
    both = Counter((row["list"], row["code"]) for row in rows)
    for row in rows:
        row["label"] = row["list"]
        if both[row["list"], row["code"]] > 1:
            row["label"] += f" ({row['phone_list_id']})"
        elif names[row["list"]] > 1:
            row["label"] = f"{row['code']} {row['list']}"
    return rows


def _audience(snapshot: Snapshot, chosen: Chosen) -> Shown:
    rows = snapshot.rows(
        f"""SELECT {_BY_LIST}, members, reachable, opted_out_members, pending FROM lists {OF_CODE}
        WHERE {_OF_LISTS} AND (members > 0 OR NOT COALESCE(is_removed, FALSE))
        ORDER BY reachable DESC, sender_code_id, phone_list_id""",
        **chosen.values,
    )
    _labelled(rows)
    places = _places(snapshot, chosen)
    sentences = []
    known = snapshot.rows(
        f"SELECT DISTINCT phone_list_id FROM lists WHERE {_OF_SENDERS} AND reachable > 0", **chosen.values
    )
    if all(row["phone_list_id"] in chosen.lists for row in known):
        people = snapshot.rows(
            f"SELECT COALESCE(sum(people), 0) AS people FROM audience WHERE {_OF_SENDERS}", **chosen.values
        )
        sentences = [f"{int(people[0]['people']):,} people can be reached, each counted once for a sender code."]
    elif {row["phone_list_id"] for row in rows if row["reachable"]} <= {one for _, one in places}:
        people = sum(
            row["people"]
            for row in _masks(snapshot, chosen)
            if any(row["mask"] >> place & 1 for (sender, _), place in places.items() if sender == row["sender_code_id"])
        )
        sentences = [f"{people:,} people can be reached on these lists, each counted once for a sender code."]
    return Shown(sentences, rows)


def _places(snapshot: Snapshot, chosen: Chosen) -> dict[tuple[int, int], int]:
    """Of the chosen lists that are among the largest of their sender code: the bit of each."""
    ranked = snapshot.rows(
        "SELECT sender_code_id, phone_list_id, ROW_NUMBER() OVER (PARTITION BY sender_code_id ORDER BY reachable DESC,"
        f" phone_list_id) - 1 AS place FROM lists WHERE reachable > 0 AND {_OF_SENDERS} ORDER BY sender_code_id, place",
        **chosen.values,
    )
    return {
        (row["sender_code_id"], row["phone_list_id"]): row["place"]
        for row in ranked
        if row["place"] < OVERLAP_LISTS and row["phone_list_id"] in chosen.lists
    }


def _masks(snapshot: Snapshot, chosen: Chosen) -> list[Row]:
    return snapshot.rows(
        f"""SELECT sender_code_id, mask, CAST(sum(people) AS BIGINT) AS people FROM audience
        WHERE {_OF_SENDERS} GROUP BY ALL""",
        **chosen.values,
    )


def _overlap(snapshot: Snapshot, chosen: Chosen) -> Shown:
    places, masks = _places(snapshot, chosen), _masks(snapshot, chosen)
    named = _labelled(snapshot.rows(f"SELECT {_BY_LIST} FROM lists {OF_CODE}"))
    names = {(row["sender_code_id"], row["phone_list_id"]): row for row in named}
    rows = []
    for one, place in places.items():
        alone = sum(row["people"] for row in masks if row["sender_code_id"] == one[0] and row["mask"] >> place & 1)
        for other, its in places.items():
            if other[0] != one[0] or other == one:
                continue
            both = 1 << place | 1 << its
            people = sum(
                row["people"] for row in masks if row["sender_code_id"] == one[0] and row["mask"] & both == both
            )
            rows.append(
                {
                    "sender_code_id": one[0],
                    "code": names[one]["code"],
                    "sender_code": names[one]["sender_code"],
                    "list": _short(names, one),
                    "other": _short(names, other),
                    "people": people,
                    "percent": _percent(people, alone),
                }
            )
    return Shown((), rows)


def _short(names: dict[tuple[int, int], Row], one: tuple[int, int]) -> str:
    """The name of a list among those of its sender code."""
    row = names[one]
    alike = sum(its["list"] == row["list"] for (sender, _), its in names.items() if sender == one[0])
    return f"{row['list']} ({one[1]})" if alike > 1 else str(row["list"])


def _reasons(snapshot: Snapshot, chosen: Chosen) -> Shown:
    rows = snapshot.rows(
        f"""SELECT month, reason_class, reason, CAST(sum(opt_outs) AS BIGINT) AS opt_outs FROM stops
        WHERE {_OF_SENDERS} AND is_dated AND month BETWEEN $a_year_since AND $until
        GROUP BY ALL ORDER BY month, opt_outs DESC, reason""",
        **chosen.values,
    )
    undated = snapshot.rows(
        f"SELECT CAST(COALESCE(sum(opt_outs), 0) AS BIGINT) AS stops FROM stops"
        f" WHERE {_OF_SENDERS} AND (NOT is_dated OR month IS NULL OR month > $today)",
        **chosen.values,
        today=snapshot.at.date(),
    )[0]["stops"]
    for row in rows:
        row["cause"] = CLASSES.get(row["reason_class"], CLASSES["unknown"])
        row["month"] = f"{row['month']:%Y-%m}"
    sentences = [f"Opt-outs that have no date, or a later one than today, stand in no month: {undated:,}."]
    return Shown(sentences if undated else [], rows)


def _cohorts(snapshot: Snapshot, chosen: Chosen) -> Shown:
    rows = snapshot.rows(
        f"""SELECT join_month, months_since, CAST(sum(people) AS BIGINT) AS people,
            CAST(sum(consenting) AS BIGINT) AS consenting, bool_and(is_observed) AS is_observed FROM cohorts
        WHERE {_OF_SENDERS} AND join_month BETWEEN $a_year_since AND $until AND months_since <= {COHORT_MONTHS}
        GROUP BY ALL ORDER BY join_month, months_since""",
        **chosen.values,
    )
    for row in rows:
        row["percent"] = _percent(row["consenting"], row["people"])
        row["joined"] = f"{row['join_month']:%Y-%m}{'' if row['is_observed'] else ' *'}"
    found = snapshot.rows(
        f"""SELECT COALESCE(sum(consenting), 0)::BIGINT AS known FROM (
            SELECT arg_max(consenting, months_since) AS consenting FROM cohorts WHERE {_OF_SENDERS}
            GROUP BY sender_code_id, join_month
        )""",
        **chosen.values,
    )
    known, people = found[0]["known"], sum(row["people"] for row in _masks(snapshot, chosen))
    sentences = [
        f"Of {people:,} people who can be reached now, {known:,} joined on a day that Listrak tells; the others are in "
        "no cohort."
    ]
    if any(not row["is_observed"] for row in rows):
        sentences.append(
            "* They joined before the first pull: who had left by then is missing, so more seem to stay than did."
        )
    return Shown(sentences, rows)


def _fields(snapshot: Snapshot, chosen: Chosen) -> Shown:
    rows = snapshot.rows(
        f"""SELECT COALESCE(NULLIF(TRIM(field), ''), 'field ' || segmentation_field_id) AS field,
            any_value(data_type) AS data_type, CAST(sum(filled) AS BIGINT) AS filled,
            CAST(sum(contacts) AS BIGINT) AS contacts
        FROM fields JOIN contacts USING (sender_code_id) WHERE {_OF_SENDERS} GROUP BY 1 ORDER BY filled DESC, field""",
        **chosen.values,
    )
    for row in rows:
        row["percent"] = _percent(row["filled"], row["contacts"])
    return Shown((), rows)


def _known(snapshot: Snapshot, chosen: Chosen) -> Shown:
    found = snapshot.rows(
        f"SELECT hours, CAST(sum(stops) AS BIGINT) AS stops FROM stops_known WHERE {_OF_SENDERS} AND {_IN_RANGE}"
        " GROUP BY hours ORDER BY hours",
        **chosen.values,
    )
    total = sum(row["stops"] for row in found)
    if not total:
        return Shown((), ())
    buckets = dict.fromkeys((*_WITHIN.values(), _LATER), 0)
    median, passed = 0.0, 0
    for row in found:
        if passed * 2 < total:
            median = row["hours"]
        passed += row["stops"]
        buckets[next((name for most, name in _WITHIN.items() if row["hours"] <= most), _LATER)] += row["stops"]
    rows = [{"within": name, "stops": stops, "percent": _percent(stops, total)} for name, stops in buckets.items()]
    return Shown([f"Half of {total:,} stops were in the warehouse within {median:,.0f} hours."], rows)


def _pulls(snapshot: Snapshot, _: Chosen) -> Shown:
    rows = snapshot.rows(
        "SELECT * REPLACE (CASE WHEN ended_at IS NULL THEN 'no end told' ELSE outcome END AS outcome)"
        " FROM pulls ORDER BY began_at DESC LIMIT 20"
    )
    whole = snapshot.rows("SELECT max(ended_at) AS at FROM pulls WHERE outcome = 'done'")[0]["at"]
    if whole is None:
        return Shown(["No pull has come to its end."] if rows else (), rows)
    hours = (snapshot.at.replace(tzinfo=None) - whole).total_seconds() / 3600
    return Shown([f"The last whole pull ended {hours:,.1f} hours before this page was made."], rows)


def _rejected(snapshot: Snapshot, _: Chosen) -> Shown:
    return Shown((), snapshot.rows("SELECT * FROM rejected ORDER BY records DESC, table_name, reason LIMIT 50"))


def _pushes(snapshot: Snapshot, chosen: Chosen) -> Shown:
    told = ", ".join(f"COALESCE(sum(amount) FILTER (outcome = '{one}'), 0)::BIGINT AS {one}" for one in OUTCOMES)
    rows = snapshot.rows(
        f"""SELECT make_timestamp(CAST(began_at * 1000000 AS BIGINT)) AS began_at, sync_name, {IDS} AS sender_code,
            status,
            COALESCE(sum(amount), 0)::BIGINT AS amount, {told},
            COALESCE(sum(amount) FILTER (NOT list_contains({list(OUTCOMES)}, outcome)), 0)::BIGINT AS others
        FROM pushes LEFT JOIN pushed USING (run_id) {OF_CODE} WHERE sender_code_id IS NULL OR {_OF_SENDERS}
        GROUP BY run_id, began_at, sync_name, sender_code_id, code, status ORDER BY began_at DESC LIMIT 20""",
        **chosen.values,
    )
    return Shown((), rows)


def _percent(part: int, of: int) -> float | None:
    return round(100 * part / of, 1) if of else None


_LIST_COLUMNS = {"sender_code": "sender code", "list": "list", "phone_list_id": "id"}

_EVENTS = ("consent_events",)

VIEWS: tuple[View, ...] = (
    View(
        "reachable",
        "Who can be reached",
        "On a list, consent given, no stop: by list and day. The opening balance is who was found without a date; who "
        "is found gone without one is taken off it.",
        {**_LIST_COLUMNS, "before": "before", "undated": "without a date", "net": "net", "closing": "at the end"},
        _reachable,
        "No list had anybody in these days.",
        _EVENTS,
    ),
    View(
        "growth",
        "Growth",
        "Changes that Listrak has a date of; what is found without one is no growth. Joined is for the first time, "
        "came back again or after a stop, left is off the list, stopped off the sender code. The line is the net.",
        {
            "period": "day", "before": "before", "undated": "without a date", "joined": "joined",
            "came_back": "came back", "left_list": "left", "stopped": "stopped", "net": "net", "closing": "at the end",
        },
        _growth,
        "Nothing has changed in these days.",
        _EVENTS,
    ),
    View(
        "reasons",
        "Why people stop",
        "Opt-outs of sender codes by whole months, twelve at the least, and who caused them.",
        {"month": "month", "cause": "who", "reason": "reason", "opt_outs": "opt-outs"},
        _reasons,
        "Nobody has opted out in these months.",
        ("opt_outs",),
    ),
    View(
        "audience",
        "Audience",
        "Members of each list as of the last pull, whatever days are chosen. Members who said stop stay members.",
        {
            **_LIST_COLUMNS, "members": "members", "reachable": "reachable", "opted_out_members": "opted out",
            "pending": "pending",
        },
        _audience,
        "There is no list.",
        _EVENTS,
    ),
    View(
        "overlap",
        "Overlap of lists",
        "Per cent of those whom a list reaches who can be reached on the other one, too, as of the last pull; the "
        f"{OVERLAP_LISTS} largest lists of a sender code.",
        {"sender_code": "sender code", "list": "list", "other": "and on", "people": "people", "percent": "% of it"},
        _overlap,
        "There are no two lists that reach anybody.",
        _EVENTS,
    ),
    View(
        "cohorts",
        "Who stays",
        "Of those who joined in a month: how many per cent can still be reached so many months later. The last square "
        "of a row is the month that has not ended.",
        {
            "joined": "joined in", "months_since": "months since", "people": "people", "consenting": "still reachable",
            "percent": "%",
        },
        _cohorts,
        "Nobody has joined on a day that Listrak tells.",
        _EVENTS,
    ),
    View(
        "fields",
        "Profile fields",
        "Per cent of contacts that have a value, as of the last pull.",
        {"field": "field", "data_type": "type", "filled": "with a value", "contacts": "contacts", "percent": "%"},
        _fields,
        "There is no profile field.",
        ("profile_fields", "contact_profile_values"),
    ),
    View(
        "known",
        "How soon a stop is known",
        "Hours from a stop at Listrak until it was in this warehouse; stops since the first pull that have a date.",
        {"within": "after", "stops": "stops", "percent": "%"},
        _known,
        "No stop with a date has come since the first pull in these days.",
        _EVENTS,
    ),
    View(
        "pulls",
        "Pulls",
        "The latest, newest first; times are in UTC. One without an end was killed, or could not tell the warehouse.",
        {
            "began_at": "began", "outcome": "outcome", "seconds_taken": "seconds", "rows_loaded": "rows",
            "rows_removed": "removed", "records_rejected": "set aside", "requests": "requests", "message": "message",
        },
        _pulls,
        "No pull is recorded.",
    ),
    View(
        "rejected",
        "Records set aside",
        "Records of Listrak's that could not be kept as they are.",
        {"table_name": "table", "reason": "reason", "records": "records", "first_at": "first", "last_at": "last"},
        _rejected,
        "None.",
    ),
    View(
        "pushes",
        "Pushes",
        "Values that push has sent, newest run first, and what reading back has shown; times are in UTC.",
        {
            "began_at": "began", "sync_name": "sync", "sender_code": "sender code", "status": "run", "amount": "values",
            **{one: words(one) for one in OUTCOMES}, "others": "others",
        },
        _pushes,
        "Nothing was pushed.",
    ),
)  # fmt: skip
