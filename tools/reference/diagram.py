"""The tables and what refers to what, drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from listrak_source.pull.schema import (
    CONSENT_EVENTS,
    CONTACT_PROFILE_VALUES,
    CONTACTS,
    LIST_MEMBERSHIPS,
    LISTS,
    OPT_OUTS,
    PROFILE_FIELDS,
    REJECTED_ROWS,
    SENDER_CODES,
    SUBSCRIPTIONS,
    TABLES,
    TRANSACTIONAL_MESSAGES,
    WALKS,
    Column,
    Table,
)

PLACES = (
    (SENDER_CODES, REJECTED_ROWS),
    (LISTS, PROFILE_FIELDS, CONTACTS),
    (TRANSACTIONAL_MESSAGES, WALKS, CONSENT_EVENTS),
    (LIST_MEMBERSHIPS, SUBSCRIPTIONS, OPT_OUTS, CONTACT_PROFILE_VALUES),
)
"""Where each table stands: by column of the drawing, from its top."""
REFERRED = (LISTS, PROFILE_FIELDS, CONTACTS)
"""Tables that others refer to, beside the sender codes, which all of these refer to."""
WIDTH, LINE, HEAD, GAP, BETWEEN, MARGIN = 296, 17, 26, 26, 84, 12
_TYPES = {"timestamp[us, tz=UTC]": "timestamp", "int64": "bigint", "string": "text", "date32[day]": "date"}
_STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#24292f}.head{font-weight:700;fill:#fff}"
    ".type{fill:#6e7781}.key{font-weight:700}.box{fill:#fff;stroke:#8c959f}.bar{fill:#3f51b5}.line{fill:none;stroke:#57606a}"
)


@dataclass(frozen=True)
class Box:
    """A table in its place."""

    table: Table
    x: int
    y: int

    @property
    def height(self) -> int:
        """The height of the box, in pixels."""
        return HEAD + LINE * len(self.table.columns) + 6

    def line_of(self, column: str) -> int:
        """The middle of a column's line."""
        index = [one.name for one in self.table.columns].index(column)
        return self.y + HEAD + LINE * index + LINE // 2 + 2


def drawn() -> str:
    """The whole drawing."""
    boxes = {box.table.name: box for box in _boxes()}
    if lacking := TABLES.keys() - boxes.keys():
        raise ValueError(f"no place is given to {', '.join(sorted(lacking))}")
    width = max(box.x for box in boxes.values()) + WIDTH + MARGIN
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<title>The tables, their columns and keys, and which table refers to which</title>",
        f'<style>{_STYLE}</style><rect width="{width}" height="{height}" fill="#f6f8fa"/>',
        *_lines(boxes),
        *(part for box in boxes.values() for part in _box(box)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def parents(table: Table) -> list[Table]:
    """The tables that a row of ``table`` refers to by their keys, the nearest ones."""
    names = {column.name for column in table.columns}
    near = [one for one in REFERRED if one is not table and set(one.key) <= names]
    return near or [one for one in (SENDER_CODES,) if one is not table and set(one.key) <= names]


def _boxes() -> Iterator[Box]:
    for number, column in enumerate(PLACES):
        y = MARGIN
        for table in column:
            box = Box(table, MARGIN + number * (WIDTH + BETWEEN), y)
            yield box
            y += box.height + GAP


def _lines(boxes: dict[str, Box]) -> Iterator[str]:
    """From each table to those that it refers to. A parent has a way of its own between the columns."""
    ways = {one.name: index for index, one in enumerate((SENDER_CODES, *REFERRED))}
    for box in boxes.values():
        for parent in parents(box.table):
            to = boxes[parent.name]
            start, end = box.line_of(parent.key[-1]), to.line_of(parent.key[-1])
            right = to.x + WIDTH
            way = right + 14 + 14 * ways[parent.name]
            points = [(right, end), (way, end)]
            beyond = box.x - 14 - 10 * ways[parent.name]
            if beyond > right + BETWEEN:  # past the tables of a column: above the nearest gap
                over = _gap(boxes, to.x + WIDTH + BETWEEN, end) + 3 * ways[parent.name]
                points += [(way, over), (beyond, over), (beyond, start)]
            else:
                points += [(way, start)]
            points.append((box.x, start))
            path = " ".join(f"{x},{y}" for x, y in points)
            yield f'<polyline class="line" points="{path}"/>'
            # Many rows here ...
            yield f'<path class="line" d="M{box.x},{start - 5} L{box.x - 9},{start} L{box.x},{start + 5}"/>'
            # ... of one there.
            yield f'<path class="line" d="M{right + 7},{end - 5} V{end + 5}"/>'


def _gap(boxes: dict[str, Box], x: int, near: int) -> int:
    """The middle of the gap between the tables of the drawing's column at ``x`` that is nearest."""
    ends = [box.y + box.height + 6 for box in boxes.values() if box.x == x]
    return min(ends, key=lambda end: abs(end - near))


def _box(box: Box) -> Iterator[str]:
    yield f'<rect class="box" x="{box.x}" y="{box.y}" width="{WIDTH}" height="{box.height}" rx="4"/>'
    up, along = HEAD - 8, WIDTH - 8
    yield f'<path class="bar" d="M{box.x},{box.y + HEAD - 4} v-{up} q0,-4 4,-4 h{along} q4,0 4,4 v{up} z"/>'
    yield f'<text class="head" x="{box.x + 9}" y="{box.y + 16}">{escape(box.table.name)}</text>'
    for column in box.table.columns:
        y = box.line_of(column.name) + 4
        style = "key" if column.key else "name"
        yield f'<text class="{style}" x="{box.x + 9}" y="{y}">{_named(column)}</text>'
        yield f'<text class="type" x="{box.x + WIDTH - 9}" y="{y}" text-anchor="end">{_type(column)}</text>'


def _named(column: Column) -> str:
    name = column.name
    return escape(name if len(name) <= 28 else f"{name[:14]}…{name[-13:]}")


def _type(column: Column) -> str:
    return _TYPES.get(str(column.type), str(column.type))
