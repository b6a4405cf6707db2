"""A sync's TOML: every setting, every option of a column, and the budget."""

from __future__ import annotations

from listrak_source.push.sync.config import BUDGET, OPTIONS, SETTINGS
from tools.reference.markdown import code, prose, table


def settings() -> str:
    """The settings of a sync."""
    return table(["setting", "meaning"], [(code(name), prose(meaning)) for name, meaning in SETTINGS.items()])


def options() -> str:
    """The options of a column."""
    return table(["option", "meaning"], [(code(name), prose(meaning)) for name, meaning in OPTIONS.items()])


def budget() -> str:
    """How much an apply may change without being asked, unless a sync says otherwise."""
    rows = [(code(name), f"{limit.rows:,}", f"{limit.percent:g}") for name, limit in BUDGET.items()]
    return table(["of what", "contacts", "per cent of the sender code's contacts"], rows)
