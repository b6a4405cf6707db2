"""Push's SQL in the dialects of other warehouses: transpiled, read again, and looked through for what they have not.

No such warehouse runs here. What sqlglot passes through as it is, and a dialect does not have, is a form of
:data:`LACKED`; the test fails where a statement takes to such a form anew, and where one is not needed any more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from listrak_source.push.warehouse import ledger
from listrak_source.push.warehouse.sql_client import Store
from tests.push.pushing import Pushing

Form = Callable[[Any], bool]


def _pattern(found: exp.RegexpLike) -> str:
    pattern = found.args["expression"]
    assert isinstance(pattern, exp.Literal), "a pattern that is no literal"
    return str(pattern.this)


FORMS: dict[str, Form] = {
    "REGEXP_REPLACE with flags": lambda one: isinstance(one, exp.RegexpReplace) and bool(one.args.get("modifiers")),
    "a pattern for a part of the text": lambda one: (
        isinstance(one, exp.RegexpLike) and not (_pattern(one).startswith("^") and _pattern(one).endswith("$"))
    ),
    "SPLIT_PART": lambda one: isinstance(one, exp.SplitPart),
    "UPDATE … FROM": lambda one: isinstance(one, exp.Update) and bool(one.args.get("from") or one.args.get("from_")),
    "DECIMAL as text": lambda one: (
        isinstance(one, exp.Cast) and one.to.is_type("text") and isinstance(one.this, exp.Cast)
    ),
    "IS DISTINCT FROM": lambda one: isinstance(one, exp.NullSafeNEQ),
}
"""Forms that are DuckDB's and PostgreSQL's, and not everybody's."""

LACKED: dict[str, set[str]] = {
    "postgres": set(),
    "snowflake": set(),
    # NUMERIC has no scale there: 10.00 becomes 10, and loses a zero then.
    "bigquery": {"DECIMAL as text"},
    "redshift": set(),
    "databricks": set(),
    "clickhouse": {"DECIMAL as text", "IS DISTINCT FROM"},
}  # fmt: skip
"""What of these forms a dialect does not have, or means otherwise: what keeps push from running there as it is."""

KNOWN = {
    "AND", "CASE", "CAST", "COALESCE", "COUNT", "EXISTS", "IF", "LENGTH", "LOWER", "MAX", "MD5", "MIN", "NULLIF", "OR",
    "PAD", "REGEXP_LIKE", "REPLACE", "ROW_NUMBER", "SUBSTRING", "TRIM",
}  # fmt: skip
"""Functions that every one of these dialects has, by sqlglot's own names for them; and those that are forms above."""


def push(pushing: Pushing) -> None:
    """A push in which everything happens: all kinds of columns, odd numbers, bad rows, stops, lists, undo, verify."""
    text, number, box, day = (pushing.field(kind) for kind in ("Text", "Number", "Checkbox", "Date"))
    phones = pushing.phones(5)
    columns = ["id", "phone", "tier", "points", "vip", "seen", "first", "email", "born", "zip", "news", "stop"]
    rows = [
        (1, phones[0], "gold", "1", "on", "2020-01-02", "Zoë", "a@b.co", "1990-01-31", "01234", True, False),
        (2, phones[1], None, "2", None, "1/2/2020", None, None, None, None, False, True),
        (3, "+44 20 7031 3000", "x", None, None, None, None, None, None, None, None, None),
        (4, "15550001111", "x", None, None, None, "New", None, None, None, True, None),
        (5, phones[2], "x", None, None, "never", None, None, None, None, None, None),
        (6, phones[3], "x", "5", "off", None, None, None, None, None, False, None),
        (7, phones[4], "x", "5", "off", None, None, None, None, None, False, None),
        (8, phones[4], "y", "5", "off", None, None, None, None, None, False, None),
    ]
    pushing.customers(columns, rows)
    sync = pushing.sync(
        {
            "tier": {"field": text.field_id, "default": "none"}, "points": number.field_id, "vip": box.field_id,
            "seen": day.field_id, "first": {"contact": "first_name", "null": "clear"},
            "email": {"contact": "email_address"}, "born": {"contact": "birthday"}, "zip": {"contact": "postal_code"},
            "news": {"list": pushing.world.add_list(pushing.sender_code_id, "News")}, "stop": {"contact": "opted_out"},
        },
        modes=["create", "subscribe", "unsubscribe"],
    )  # fmt: skip
    with pushing.session(sync) as session:
        done = session.apply(pushing.said.append)
        assert done
        session.verify(None, pushing.said.append)
        session.retry(pushing.said.append)
        run = ledger.run(session.store, done.run_id)
        assert run
        session.undo(run, pushing.said.append)


def recorded(pushing: Pushing, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that a push runs, in DuckDB's dialect as they are written; those once that differ in numbers."""
    statements: dict[str, str] = {}
    real = Store._ours

    def ours(store: Store, statement: str) -> str:
        statements[re.sub("[0-9]{6,}[0-9a-f.-]*", "…", statement)] = statement
        return real(store, statement)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "_ours", ours)
        push(pushing)
    return list(statements.values())


@pytest.mark.full
def test_every_statement_can_be_said_in_other_dialects(in_duckdb: Pushing, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = recorded(in_duckdb, monkeypatch)
    assert len(statements) > 100
    used: set[str] = set()
    functions: set[str] = set()
    found: dict[str, Any] = {dialect: set() for dialect in LACKED}
    for statement in statements:
        tree = sqlglot.parse_one(statement, read="duckdb")
        forms = {name for name, is_one in FORMS.items() for one in tree.walk() if is_one(one)}
        used |= forms
        functions |= {one.sql_name() for one in tree.find_all(exp.Func)}
        assert not list(tree.find_all(exp.Anonymous)), "a function of DuckDB's alone"
        for dialect, lacked in LACKED.items():
            found[dialect] |= forms & lacked
            level = ErrorLevel.IGNORE if forms & lacked else ErrorLevel.RAISE
            told = tree.sql(dialect, unsupported_level=level)
            again = sqlglot.parse_one(told, read=dialect)
            assert not list(again.find_all(exp.Anonymous, exp.Command)), f"{dialect} does not know a function of {told}"
    assert found == LACKED, "what is not lacked any more is taken out of the list"
    assert functions <= KNOWN, sorted(functions - KNOWN)
    assert used <= set().union(*LACKED.values()), "a form that all of them have is none"
