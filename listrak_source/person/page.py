"""A person's record for people: as tables, and as one page that opens from disk and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from listrak_source.person.record import Row, canonical
from listrak_source.push.warehouse.ledger import words

BEGINS = "<!doctype html>\n<!-- listrak person -->"
"""How each page begins: one that does may be written over."""

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; border-bottom: 1px solid #bbb; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #ddd;
  overflow-wrap: break-word; }
th { font-weight: 600; color: #444; }
.seal { font-family: ui-monospace, monospace; font-size: .8rem; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
  .wide { overflow: visible; }
  table { font-size: 8pt; }
  th, td { overflow-wrap: anywhere; } }
"""
_OF_EVENTS = (
    "at (UTC)", "precision", "event", "of", "reason", "seen in", "seen first (UTC)", "hours until known", "load",
)  # fmt: skip
_OF_CHANGES = (
    "run began (UTC)", "run", "sync", "sender code", "operation", "what", "before", "after", "outcome", "Listrak says",
)  # fmt: skip
_OF_ANY = ("what", "value")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Part:
    """A title with sentences, and a table if it has rows."""

    title: str
    level: int = 2
    sentences: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()

    def lines(self) -> Iterator[str]:
        """The rows as lines of text, which no narrow terminal cuts."""
        for row in self.rows:
            if tuple(self.columns) == _OF_ANY:
                yield f"- {row[0]}: {cell(row[1])}"
            else:
                named = zip(self.columns, row, strict=True)
                yield f"- {'; '.join(f'{name}: {cell(value)}' for name, value in named if value not in (None, ''))}"


def parts(record: Row) -> Iterator[Part]:
    """What a person reads of a record, in order."""
    yield Part(f"What is known of {record['phone_number']}", 1, list(_about(record)))
    for sender in record["sender_codes"]:
        yield from _sender(sender)
    yield from _pushed(record["push"])
    if rejected := record["rejected_rows"]:
        rows = [[_at(one["observed_at"]), one["table_name"], one["reason"], one["record"]] for one in rejected]
        yield Part(
            "Set aside",
            sentences=["Records that could not be kept as they are, and name this number."],
            columns=["seen (UTC)", "for the table", "reason", "record"],
            rows=rows,
        )
    about = record["about"]
    yield Part(
        "Loads",
        sentences=["The loads of the warehouse that this record was read from."],
        columns=["load", "at (UTC)"],
        rows=[[one["load_id"], _at(one["at"])] for one in about["loads"]],
    )
    yield Part(
        "Read up to",
        columns=["what", "sender code", "up to (UTC)", "tables"],
        rows=[
            [one["what"], one["sender_code_id"], _at(one["watermark"]), ", ".join(one["tables"])]
            for one in about["read_up_to"]
        ],
    )
    yield Part("What cannot be known", sentences=record["cannot_be_known"])


def page(record: Row, sha256: str) -> str:
    """The record as a page of HTML."""
    title = f"What is known of {record['phone_number']}"
    body = "\n".join(map(_html, parts(record)))
    # In a script no text may end the script; as JSON it is the same.
    data = canonical(record).replace("<", "\\u003c")
    return (
        f"{BEGINS}\n"
        f'<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>\n{body}\n"
        f'<h2>Seal</h2><p>SHA-256 of this record as JSON, which is in this file too:</p><p class="seal">{sha256}</p>\n'
        f'</main><script type="application/json" id="record">{data}</script></body></html>\n'
    )


def _html(part: Part) -> str:
    lines = [f"<h{part.level}>{escape(part.title)}</h{part.level}>"]
    lines += [f"<p>{escape(sentence)}</p>" for sentence in part.sentences]
    if part.rows:
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in part.columns)
        rows = "\n".join(f"<tr>{''.join(f'<td>{escape(cell(value))}</td>' for value in row)}</tr>" for row in part.rows)
        lines.append(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>')
    elif part.columns:
        lines.append("<p>None.</p>")
    return "\n".join(lines)


def _about(record: Row) -> Iterator[str]:
    about = record["about"]
    yield (
        f"Generated {_at(about['generated_at'])} (UTC) by listrak-source {about['listrak_source_version']} from the "
        f"dataset {about['dataset']} in {about['destination']}."
    )
    if not record["found"]:
        yield "Nothing is known of this number in this dataset."
    if about["phone_numbers"] == "hashed":
        yield f"The phone numbers of this dataset are hashed: it was looked for as {record['phone_number_hash']}."
    elif others := [one for one in record["found_as"] if one != record["phone_number"]]:
        yield f"It stands in the warehouse as {', '.join(others)} too."
    if first := record["first_seen"]:
        yield (
            f"A pull saw it first at {_at(first['observed_at'])} (UTC), in {first['seen_in']}, by the load "
            f"{first['load_id']}."
        )
    elif record["found"]:
        yield "No consent event tells when it was seen first."
    if others := record["not_known_to"]:
        named = ", ".join(_named(one) for one in others)
        yield f"Nothing is known of it at {named}."
    yield from about["doubts"]


def _sender(sender: Row) -> Iterator[Part]:
    stop = sender["stop"]
    if stop:
        since = f"since {_at(stop['stopped_at'])} (UTC)" if stop["stopped_at"] else "since a date that is not known"
        why = f"; reason: {stop['reason']}" if stop["reason"] else ""
        stands = f"A stop is in force {since}{why}. It stands in {stop['found_in']}."
    else:
        stands = "No stop is in force here, as far as the warehouse knows."
    yield Part(_named(sender).capitalize(), 2, [stands])
    of_all = ("removed_at", "load_id")
    yield _table("Profile", sender["profile"], last=of_all)
    values = [
        [one["field"] or one["segmentation_field_id"], one["value"], *_ends(one)] for one in sender["profile_values"]
    ]
    yield Part("Profile values", 3, columns=["field", "value", "removed (UTC)", "load"], rows=values)
    lists = [
        [_list(one), _at(one["subscribed_from"]), _at(one["subscribed_before"]), *_ends(one)] for one in sender["lists"]
    ]
    yield Part(
        "Lists",
        3,
        columns=["list", "subscribed from (UTC)", "subscribed before (UTC)", "removed (UTC)", "load"],
        rows=lists,
    )
    if sender["subscriptions"]:
        columns = ["list", "state", "subscribed (UTC)", "unsubscribed (UTC)", "pending (UTC)", "removed (UTC)", "load"]
        rows = [
            [
                _list(one),
                one["subscription_state"],
                *(_at(one[name]) for name in ("subscribe_date", "unsubscribe_date", "pending_date")),
                *_ends(one),
            ]
            for one in sender["subscriptions"]
        ]
        yield Part("Subscriptions, as Listrak tells them", 3, columns=columns, rows=rows)
    stops = [[_at(one["opt_out_date"]), one.get("opt_out_reason"), *_ends(one)] for one in sender["opt_outs"]]
    columns = ["opted out (UTC)", "reason", "no longer listed since (UTC)", "load"]
    yield Part("Opt-outs", 3, columns=columns, rows=stops)
    events = [
        [
            _at(one["event_at"]),
            one["precision"],
            one["event"],
            _list(one) if one["phone_list_id"] else "the sender code",
            one["reason"],
            one["seen_in"],
            _at(one["observed_at"]),
            one["hours_until_known"],
            one["load_id"],
        ]
        for one in sender["consent_events"]
    ]
    columns = [
        "at (UTC)",
        "precision",
        "event",
        "of",
        "reason",
        "seen in",
        "seen first (UTC)",
        "hours until known",
        "load",
    ]
    yield Part("Consent", 3, columns=columns, rows=events)


def _pushed(push: Row) -> Iterator[Part]:
    if not push["ledger_is_there"]:
        yield Part("Sent by push", sentences=["There is no ledger of push here: nothing is known to have been sent."])
        return
    rows = [
        [
            _at(one["run_began_at"]),
            one["run_id"],
            one["sync"],
            one["sender_code_id"],
            one["operation"],
            one["target"],
            one["before_value"],
            one["after_value"],
            words(one["status"]),
            one["reason"] or one["note"],
        ]
        for one in push["changes"]
    ]
    yield Part("Sent by push", columns=_OF_CHANGES, rows=rows)
    if push["refused_stops"]:
        yield _table("Stops that Listrak refuses", push["refused_stops"])
    if push["rejected"]:
        yield _table("Rows that push did not send", push["rejected"])


def _table(title: str, rows: Sequence[Row], last: Sequence[str] = ()) -> Part:
    """Every column that holds something, one line each: there may be any number of them."""
    lines = [
        [name.replace("_", " "), _at(row[name]) if name.endswith(("_at", "_date")) else row[name]]
        for row in rows
        for name in (*(one for one in row if one not in last), *(one for one in last if one in row))
        if row[name] is not None
    ]
    return Part(title, 3, columns=_OF_ANY, rows=lines)


def _named(sender: Row) -> str:
    code = f"sender code {sender['code'] or sender['sender_code_id']}"
    return f"{code} (id {sender['sender_code_id']})" if sender["code"] else code


def _list(row: Row) -> str:
    return f"{row['phone_list']} ({row['phone_list_id']})" if row["phone_list"] else str(row["phone_list_id"])


def _ends(row: Row) -> tuple[str | None, Any]:
    return _at(row.get("removed_at")), row.get("load_id")


def _at(moment: str | None) -> str | None:
    return moment.partition(".")[0].replace("T", " ").removesuffix("Z") if moment else None


def cell(value: Any) -> str:
    """A value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)
