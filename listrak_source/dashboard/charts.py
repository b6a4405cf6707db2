"""The charts: each a picture of one view's rows, drawn here, so that a browser runs no program to see it.

They are written in Vega-Lite. Colours are names of the page's style, which has them for light and for dark.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import vl_convert

from listrak_source.dashboard.views import CLASSES, Row, Shown

WIDE, NARROW = 700, 330
"""Widths, in pixels: for a wide and for a narrow window."""
LINES = 6
"""Lists that have a line of their own; all others together have one more."""
BARS = 15
SQUARES = 3
"""Sender codes whose lists are compared in a picture: each has one of its own."""
_MONTHS = 200
"""From so many days on a narrow axis tells months."""
_INK, _FAINT, _GRID, _OTHERS = "var(--ink)", "var(--faint)", "var(--grid)", "var(--others)"
_SERIES = [f"var(--series-{place})" for place in range(1, 7)]
_STEPS = [f"var(--step-{place})" for place in range(1, 7)]
_CAUSES = dict(zip(CLASSES.values(), (_SERIES[3], _SERIES[0], _SERIES[2], _SERIES[1], _OTHERS), strict=True))
_CHANGES = {
    "joined": ("joined", _SERIES[0], 1),
    "came_back": ("came back", _SERIES[4], 1),
    "left_list": ("left", _SERIES[1], -1),
    "stopped": ("stopped", _SERIES[3], -1),
}
_CONFIGURATION: dict[str, Any] = {
    "font": "system-ui, sans-serif",
    "background": "transparent",
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": _FAINT, "titleColor": _FAINT, "domainColor": _GRID, "tickColor": _GRID, "gridColor": _GRID,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelSeparation": 8,
    },
    "legend": {
        "labelColor": _INK, "labelFontSize": 12, "title": None, "orient": "top", "symbolType": "square", "offset": 4,
        "columnPadding": 12,
    },
    "text": {"color": _INK, "fontSize": 12},
    "title": {"color": _INK, "fontSize": 12, "fontWeight": "normal", "anchor": "start"},
}  # fmt: skip
_SHORT = "abs(datum.value) < 1000 ? format(datum.value, ',') : format(datum.value / 1000, ',') + 'k'"
_MARK = re.compile(r'<path aria-label="([^"]*)"([^>]*)></path>')
_ARIA = re.compile(r' (?:aria-[a-z]+|role|pointer-events|xmlns:xlink)="[^"]*"')

Spec = dict[str, Any]


def draw(name: str, shown: Shown, width: int) -> str:
    """The chart of a view, as SVG; empty where it has none, or nothing to show."""
    spec = _CHARTS[name](shown, width) if name in _CHARTS and shown.rows else None
    if spec is None:
        return ""
    axis = {**_CONFIGURATION["axis"], "labelLimit": 130 if width == WIDE else 105}
    svg = vl_convert.vegalite_to_svg({**spec, "config": {**_CONFIGURATION, "axis": axis}})
    # What a mark says to a screen reader, it is to say to whom points at it: a screen reader has the table.
    return _ARIA.sub("", _MARK.sub(r"<path\2><title>\1</title></path>", svg))


def _layer(rows: Sequence[Row], mark: str, style: Spec, encoding: Spec, says: Sequence[str] = ()) -> Spec:
    """Marks for rows; each says some columns of its row."""
    values = [{name: _plain(value) for name, value in row.items()} for row in rows]
    if says:
        encoding = {**encoding, "description": {"field": "said"}}
        for value in values:
            value["said"] = ", ".join(f"{one.replace('_', ' ')} {_cell(value[one])}" for one in says)
    return {"data": {"values": values}, "mark": {"type": mark, **style}, "encoding": encoding}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _named(field: str, order: Sequence[str] | None = None, **axis: Any) -> Spec:
    """A place on an axis for each name."""
    shown = {"title": None, "ticks": False, "labelAngle": 0, **axis}
    return {"field": field, "type": "ordinal", "axis": shown, "sort": list(order) if order else None}


def _amount(field: str, **more: Any) -> Spec:
    return {
        "field": field,
        "type": "quantitative",
        "axis": {"title": None, "tickCount": 5, "labelExpr": _SHORT},
        **more,
    }


def _coloured(field: str, colours: dict[str, str], *, legend: bool = True) -> Spec:
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {"field": field, "type": "nominal", "scale": scale, **({} if legend else {"legend": None})}


def _thickness(width: int, bars: int) -> Spec:
    """Of bars that stand on an axis of names: no bar is a field."""
    return {"width": max(2, min(48, int((width - 60) / bars * 0.85)))}


def _reachable(shown: Shown, width: int) -> Spec:
    """A line for each list, with its name at the end; a mark where an opening balance came in."""
    own = {(row["sender_code_id"], row["phone_list_id"]): row["label"] for row in shown.rows[:LINES]}
    more = f"{len(shown.rows) - len(own)} more lists"
    people, balances = Counter[tuple[str, date]](), Counter[date]()
    for row in shown.extra:
        people[own.get((row["sender_code_id"], row["phone_list_id"]), more), row["day"]] += row["closing"]
        balances[row["day"]] += row["undated"]
    rows: list[Row] = [{"list": name, "day": day, "people": count} for (name, day), count in people.items()]
    ends = {row["list"]: row for row in rows}
    colours = {name: _SERIES[place] for place, name in enumerate(own.values())} | {more: _OTHERS}
    room = min(190, width // 2)
    x = {"field": "day", "type": "temporal", "scale": {"type": "utc"}}
    days = sorted({row["day"] for row in rows})
    marked_days = [day.isoformat() for day in days[:: -(-len(days) // (2 if width < WIDE else 5))]]
    written = "%Y-%m-%d" if width == WIDE else "%Y-%m" if len(days) > _MONTHS else "%m-%d"
    x["axis"] = {"title": None, "grid": False, "values": marked_days, "format": written, "labelOverlap": True}
    y = _amount("people", scale={"zero": False})
    colour = _coloured("list", {name: colours[name] for name in colours if name in ends}, legend=False)
    dot = {"filled": True, "size": 36, "opacity": 1}
    layers = [
        _layer(rows, "line", {"strokeWidth": 2}, {"x": x, "y": y, "color": colour}),
        _layer(list(ends.values()), "point", dot, {"x": x, "y": y, "color": colour}, ("list", "people")),
        _layer(
            _apart(list(ends.values()), rows), "text", {"align": "left", "dx": 8, "limit": room - 12},
            {"x": x, "y": _amount("at"), "color": colour, "text": {"field": "label"}},
        ),
    ]  # fmt: skip
    if any(balances.values()):
        day, count = max(balances.items(), key=lambda one: abs(one[1]))
        marked = [{"day": day, "label": f"opening balance {count:+,}"}]
        dashed = {"color": _FAINT, "strokeDash": [3, 3]}
        layers.append(_layer(marked, "rule", dashed, {"x": x}))
        above = {"align": "left", "baseline": "bottom", "dy": -4, "color": _FAINT}
        layers.append(_layer(marked, "text", above, {"x": x, "y": {"value": 0}, "text": {"field": "label"}}))
    return {"width": width - room - 45, "height": 260, "layer": layers}


def _apart(ends: Sequence[Row], rows: Sequence[Row]) -> list[Row]:
    """The labels at the ends of lines, so far from each other that each can be read."""
    values = [row["people"] for row in rows]
    least = (max(values) - min(values)) * 0.065
    placed: list[Row] = []
    for row in sorted(ends, key=lambda one: one["people"]):
        at = max(row["people"], placed[-1]["at"] + least) if placed else row["people"]
        placed.append({**row, "at": at, "label": f"{row['people']:,} {row['list']}"})
    return placed


def _growth(shown: Shown, width: int) -> Spec | None:
    """Bars up for who has joined or come back, bars down for who has left or stopped; the net as a line."""
    rows = [
        {"from": row["period"], "change": title, "height": row[name] * sign, "people": row[name], "order": place}
        for row in shown.rows
        for place, (name, (title, _, sign)) in enumerate(_CHANGES.items())
        if row[name]
    ]
    if not rows:
        return None
    x = _named("from", labelOverlap=True)
    colour = _coloured("change", {title: colour for title, colour, _ in _CHANGES.values()})
    net = [{"from": row["period"], "net": row["net"]} for row in shown.rows]
    bars = {"x": x, "y": _amount("height"), "color": colour, "order": {"field": "order"}}
    line = {"color": _INK, "strokeWidth": 1.5, "interpolate": "step"}
    layers = [
        _layer(rows, "bar", _thickness(width, len(net)), bars, ("from", "change", "people")),
        _layer(net, "line", line, {"x": x, "y": _amount("net")}),
    ]
    return {"width": width - 45, "height": 240, "layer": layers}


def _reasons(shown: Shown, width: int) -> Spec:
    """Bars by month, in parts by who caused the stop."""
    stops = Counter[tuple[str, str]]()
    for row in shown.rows:
        stops[row["month"], row["cause"]] += row["opt_outs"]
    there = [cause for cause in _CAUSES if any(cause == its for _, its in stops)]
    rows = [
        {"month": month, "who": cause, "opt_outs": count, "order": there.index(cause)}
        for (month, cause), count in sorted(stops.items())
    ]
    encoding = {
        "x": _named("month", labelOverlap=True),
        "y": _amount("opt_outs"),
        "color": _coloured("who", {cause: _CAUSES[cause] for cause in there}),
        "order": {"field": "order"},
    }
    size = _thickness(width, len({row["month"] for row in rows}))
    return {"width": width - 45, "height": 220, **_layer(rows, "bar", size, encoding, ("month", "who", "opt_outs"))}


def _audience(shown: Shown, width: int) -> Spec | None:
    """A bar for each list: who can be reached, and the other members."""
    parts = {"reachable": _SERIES[0], "opted out": _SERIES[3], "pending": _OTHERS}
    rows = [
        {"list": row["label"], "part": part, "people": row[name], "order": place}
        for row in shown.rows[:BARS]
        for place, (part, name) in enumerate(zip(parts, ("reachable", "opted_out_members", "pending"), strict=True))
        if row[name]
    ]
    if not rows:
        return None
    encoding = {
        "y": _named("list", [row["label"] for row in shown.rows], domain=False),
        "x": _amount("people"),
        "color": _coloured("part", parts),
        "order": {"field": "order"},
    }
    bars = _layer(rows, "bar", {"height": 16}, encoding, ("list", "part", "people"))
    return {"width": width - 165, "height": {"step": 26}, **bars}


def _squares(rows: Sequence[Row], x: Spec, y: Spec, says: Sequence[str]) -> Spec:
    """Squares, each the stronger the more per cent it stands for, with the number in it."""
    scale = {"type": "threshold", "domain": [10, 25, 50, 75, 90], "range": _STEPS}
    strength = {"field": "percent", "type": "quantitative", "scale": scale, "legend": None}
    squares = _layer(
        rows, "rect", {"stroke": "var(--paper)", "strokeWidth": 2}, {"x": x, "y": y, "color": strength}, says
    )
    ink = {"condition": {"test": "datum.percent >= 50", "value": "var(--on-strong)"}, "value": "var(--on-weak)"}
    text = {"field": "percent", "type": "quantitative", "format": ".0f"}
    numbers = _layer(rows, "text", {"fontSize": 11}, {"x": x, "y": y, "text": text, "color": ink})
    return {"layer": [squares, numbers]}


def _cohorts(shown: Shown, width: int) -> Spec:
    rows = [{**row, "joined": f"{row['joined']} ({row['people']:,})"} for row in shown.rows]
    x = _named("months_since", title="months since", domain=False)
    squares = _squares(rows, x, _named("joined", domain=False), ("joined", "months_since", "consenting", "percent"))
    return {"width": width - 120, "height": {"step": 26}, **squares}


def _overlap(shown: Shown, width: int) -> Spec | None:
    """Squares of lists by lists, for each sender code: their lists share nobody."""
    senders = list(dict.fromkeys(row["sender_code_id"] for row in shown.rows))
    pictures = []
    for sender in senders[:SQUARES]:
        rows = [row for row in shown.rows if row["sender_code_id"] == sender and row["percent"] is not None]
        if not rows:
            continue
        names = list(dict.fromkeys(row["list"] for row in rows))
        x = _named("other", names, domain=False, orient="top", labelAngle=-45, labelLimit=110)
        squares = _squares(rows, x, _named("list", names, domain=False), ("list", "other", "people", "percent"))
        title = {"title": f"sender code {rows[0]['code']}"}
        pictures.append(
            {"width": width - 170, "height": {"step": 28}, **(title if len(senders) > 1 else {}), **squares}
        )
    return {"vconcat": pictures} if pictures else None


def _fields(shown: Shown, width: int) -> Spec | None:
    rows = [row for row in shown.rows if row["percent"] is not None][:BARS]
    if not rows:
        return None
    y = _named("field", [row["field"] for row in rows], domain=False)
    x = {"field": "percent", "type": "quantitative", "scale": {"domain": [0, 100]}, "axis": None}
    text = {"field": "label"}
    rows = [{**row, "label": f"{row['percent']} %"} for row in rows]
    bars = _layer(rows, "bar", {"height": 16, "color": _SERIES[0]}, {"y": y, "x": x}, ("field", "filled", "percent"))
    numbers = _layer(rows, "text", {"align": "left", "dx": 5}, {"y": y, "x": x, "text": text})
    return {"width": width - 215, "height": {"step": 24}, "layer": [bars, numbers]}


def _known(shown: Shown, width: int) -> Spec:
    x, y = _named("within", [row["within"] for row in shown.rows]), _amount("stops")
    bars = _layer(
        shown.rows,
        "bar",
        {"color": _SERIES[0], **_thickness(width, len(shown.rows))},
        {"x": x, "y": y},
        ("within", "stops", "percent"),
    )
    text = {"field": "stops", "type": "quantitative", "format": ","}
    numbers = _layer(shown.rows, "text", {"dy": -8}, {"x": x, "y": y, "text": text})
    return {"width": width - 45, "height": 180, "layer": [bars, numbers]}


_CHARTS: dict[str, Callable[[Shown, int], Spec | None]] = {
    "reachable": _reachable,
    "growth": _growth,
    "reasons": _reasons,
    "audience": _audience,
    "overlap": _overlap,
    "cohorts": _cohorts,
    "fields": _fields,
    "known": _known,
}
