"""The page: every view as a chart and a table, in one file that asks nobody for anything and runs no program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from listrak_source.api.version import version
from listrak_source.dashboard.charts import NARROW, WIDE, draw
from listrak_source.dashboard.choice import Chosen, options_of
from listrak_source.dashboard.snapshot import Snapshot
from listrak_source.dashboard.views import VIEWS, Shown, View

BEGINS = "<!doctype html>\n<!-- listrak report -->"
"""How each page begins: one that does may be written over."""
_TEMPLATE = Path(__file__).with_name("page.html")
_FOLDED_FROM = 20
_MOST_ROWS = 200
"""Of a table on the page. What has more is cut, and the page says so."""


@dataclass(frozen=True)
class Part:
    """A view as it stands on the page."""

    view: View
    shown: Shown
    charts: tuple[str, str]
    """For a wide and for a narrow window."""

    @property
    def rows(self) -> list[list[tuple[str, str]]]:
        """The cells of its table, each with its kind."""
        return [
            [(_cell(row[name], name), _kind(row[name])) for name in self.view.columns]
            for row in self.shown.rows[:_MOST_ROWS]
        ]

    @property
    def columns(self) -> dict[str, str]:
        """The columns of its table, with their headings."""
        return {**self.view.columns, **self.shown.headings}

    @property
    def is_folded(self) -> bool:
        """Whether its table is shown only to whom opens it."""
        return bool(self.charts[0]) or len(self.shown.rows) > _FOLDED_FROM

    @property
    def cut(self) -> int:
        """Rows that its table lacks."""
        return max(0, len(self.shown.rows) - _MOST_ROWS)


def parts(snapshot: Snapshot, chosen: Chosen) -> Iterator[Part]:
    """Every view of what is chosen."""
    for view in VIEWS:
        shown = view.of(snapshot, chosen)
        yield Part(view, shown, (draw(view.name, shown, WIDE), draw(view.name, shown, NARROW)))


def page(snapshot: Snapshot, chosen: Chosen, *, has_form: bool = False) -> str:
    """The page as HTML; with a form to choose by where a server answers it."""
    text: str = _template().render(
        begins=BEGINS,
        snapshot=snapshot,
        chosen=chosen,
        parts=list(parts(snapshot, chosen)),
        options=options_of(snapshot) if has_form else None,
        made_at=_cell(snapshot.at),
        version=version(),
    )
    return text


def page_of_error(sentence: str) -> str:
    """A page with what is wrong."""
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Listrak SMS</title><p>{escape(sentence)}</p>'


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _kind(value: Any) -> str:
    if isinstance(value, date):
        return "when"
    return "number" if isinstance(value, int | float) else ""


def _cell(value: Any, name: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if name.endswith("_id") else f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value.isoformat() if isinstance(value, date) else str(value)
