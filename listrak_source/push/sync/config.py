"""A sync: which columns of which table go to which fields of Listrak's contacts. Read from TOML, checked for its form.

What Listrak and the warehouse say of it is another matter: see ``field_mapping`` and ``validate``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlglot
import tomlkit
from sqlglot.errors import TokenError
from tomlkit.exceptions import TOMLKitError

from listrak_source.api import ConfigurationError

CONTACT_FIELDS = ("email_address", "first_name", "last_name", "birthday", "postal_code")
"""What a contact holds besides profile values. They go by single updates: an import file has no column for them."""
OPTED_OUT = "opted_out"
"""The target of a column that tells who said stop."""
SKIP, CLEAR, DEFAULT = "skip", "clear", "default"
CREATE, SUBSCRIBE, UNSUBSCRIBE = "create", "subscribe", "unsubscribe"
MODES = (CREATE, SUBSCRIBE, UNSUBSCRIBE)
"""What a sync does about lists only where it names it."""

SETTINGS = {
    "table": "The table, or the view, whose rows are compared.",
    "query": "A query in its place, in the database's own SQL. A sync has one of the two.",
    "phone": "The column of phone numbers.",
    "sender_code": "The sender code, by id.",
    "key": "The column that names a row where rows are talked about; the phone column unless given.",
    "columns": "By column: the profile field that it goes to, by name or id, or a table of options.",
    "modes": f"What may be done about lists: {', '.join(f'``{mode}``' for mode in MODES)}. Nothing unless named.",
    "budget": "How much one apply may change without being asked, by operation: ``{ rows = 1000, percent = 5 }``.",
    "read_back": 'Contacts of each import file that are read back first, 1,000 unless given; or ``"all"``.',
}
"""What a sync may say."""
OPTIONS = {
    "field": "A profile field, by name or id.",
    "contact": f"A contact's own field: {', '.join(f'``{one}``' for one in (*CONTACT_FIELDS, OPTED_OUT))}.",
    "list": "A list, by id: true wants the contact on it, false wants it off.",
    "null": "What a null means: ``skip`` changes nothing, ``clear`` empties a contact's own field, ``default`` writes"
    " the default. It is ``skip``, unless there is a default.",
    "default": "What a null means, as a value.",
}
"""What a column of a sync may say. It has one of the first three."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Column:
    """One column of the table, and where its values go."""

    name: str
    field: str | int | None = None
    """A profile field, by name or id."""
    contact: str | None = None
    """One of :data:`CONTACT_FIELDS`, or :data:`OPTED_OUT`."""
    phone_list: int | None = None
    """A list, by id: true wants the contact on it, false wants it off."""
    null: str = SKIP
    """What a null means: ``skip`` changes nothing, ``clear`` empties the field, ``default`` writes ``default``."""
    default: str = ""


@dataclass(frozen=True)
class Limit:
    """How much one apply may change without being asked: a number, and per cent of the sender code's contacts."""

    rows: int
    percent: float


BUDGET = {
    "opt_outs": Limit(1_000, 1.0),
    "unsubscribes": Limit(1_000, 1.0),
    "creates": Limit(1_000, 5.0),
    "subscribes": Limit(1_000, 5.0),
    "updates": Limit(10_000, 10.0),
    "imports": Limit(1_000_000, 50.0),
}
"""The budget where a sync names none: strictest for what cannot be taken back."""


@dataclass(frozen=True)
class Sync:
    """What a sync's TOML says."""

    name: str
    relation: str
    """The table's name, or a query in parentheses."""
    phone: str
    """The column of phone numbers."""
    sender_code_id: int
    columns: tuple[Column, ...]
    key: str
    """The column that names a row where rows are talked about; the phone column unless it says so."""
    is_verbatim: bool = False
    """Whether the query is the user's, in SQL of the warehouse."""
    modes: frozenset[str] = frozenset()
    """Which of :data:`MODES` are on."""
    budget: Mapping[str, Limit] = field(default_factory=lambda: BUDGET)
    read_back: int | None = 1_000
    """Contacts of each file that are read back first; None for all of them."""


def load_syncs(path: Path | str) -> dict[str, Sync]:
    """The syncs of a TOML file, by name. Raises :class:`ConfigurationError` with everything that is wrong in it."""
    if not isinstance(path, str | Path):
        raise ConfigurationError(f"load_syncs() takes the path of a TOML file, and not {type(path).__name__}")
    try:
        found = tomlkit.parse(Path(path).read_text(encoding="utf-8")).unwrap()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror})") from error
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: this is no TOML: {error}") from error
    problems: list[str] = []
    syncs = {name: parsed(name, given, problems) for name, given in found.items()}
    if problems:
        raise ConfigurationError(f"{path}: " + "; ".join(problems))
    return {name: sync for name, sync in syncs.items() if sync}


def parsed(name: str, given: Any, problems: list[str]) -> Sync | None:
    """The sync of a TOML table; what is wrong with it is added to ``problems``."""

    def wrong(what: str) -> None:
        problems.append(f"[{name}] {what}")

    before = len(problems)
    if not _NAME.fullmatch(name):
        wrong("is no name for a sync: small letters, digits and underscores, 40 at the most")
    if not isinstance(given, dict):
        wrong("is no table of settings")
        return None
    _check_rows(given, wrong)
    sender = given.get("sender_code")
    if not isinstance(sender, int) or isinstance(sender, bool):
        wrong("needs sender_code, the id of a sender code")
    columns = _columns(given.get("columns"), wrong)
    modes = _modes(given.get("modes", []), columns, wrong)
    budget = _budget(given.get("budget", {}), wrong)
    read_back: Any = given.get("read_back", 1_000)
    if read_back != "all" and not (_whole(read_back) and read_back > 0):
        wrong('read_back must be a number of contacts, or "all"')
    if len(problems) > before or not isinstance(sender, int):
        return None
    query = given.get("query")
    return Sync(
        name=name,
        relation=f"({_unended(query)}\n)" if query else given["table"],
        is_verbatim=bool(query),
        phone=given["phone"],
        sender_code_id=sender,
        columns=columns,
        key=given.get("key") or given["phone"],
        modes=modes,
        budget=budget,
        read_back=None if read_back == "all" else read_back,
    )


def _check_rows(given: dict[str, Any], wrong: Any) -> None:
    """Say what is wrong with the settings that tell which rows are meant, and whose they are."""
    for unknown in given.keys() - set(SETTINGS):
        wrong(f"has no setting {unknown}; there are {', '.join(SETTINGS)}")
    if bool(given.get("table")) == bool(given.get("query")):
        wrong("needs a table or a query, one of them")
    texts = {setting: given.get(setting) for setting in ("table", "query", "phone", "key")}
    for setting, value in texts.items():
        if value is not None and not (isinstance(value, str) and value.strip()):
            wrong(f"{setting} must be a text")
    if not given.get("phone"):
        wrong("needs phone, the column of phone numbers")


def _unended(query: str) -> str:
    """A query without the semicolon at its end, and the comments after that: it goes into another one."""
    with suppress(TokenError):  # the database will say what it cannot read
        for token in reversed(sqlglot.tokenize(query)):
            if token.token_type is not sqlglot.TokenType.SEMICOLON:
                break
            query = query[: token.start]
    return query


def _columns(given: Any, wrong: Any) -> tuple[Column, ...]:
    if not isinstance(given, dict) or not given:
        wrong("needs columns: which column goes to which field")
        return ()
    found = tuple(_column(name, what, wrong) for name, what in given.items())
    targets = [column.contact or str(column.field or f"the list {column.phone_list}") for column in found]
    for target in sorted({target for target in targets if targets.count(target) > 1}):
        wrong(f"two columns go to {target}")
    return found


def _column(name: str, what: Any, wrong: Any) -> Column:
    options = what if isinstance(what, dict) else {"field": what}
    for unknown in options.keys() - set(OPTIONS):
        wrong(f"columns.{name} has no option {unknown}; there are {', '.join(OPTIONS)}")
    target, contact, phone_list = options.get("field"), options.get("contact"), options.get("list")
    null = options.get("null", DEFAULT if "default" in options else SKIP)
    if sum(one is not None for one in (target, contact, phone_list)) != 1:
        wrong(f"columns.{name} needs a profile field, a contact field or a list, one of them")
    elif target is not None and not (_whole(target) or (isinstance(target, str) and target.strip())):
        wrong(f"columns.{name}: a profile field is told by its name or its id")
    elif contact is not None and contact not in (*CONTACT_FIELDS, OPTED_OUT):
        wrong(f"columns.{name}: {contact!r} is no contact field; there are {', '.join(CONTACT_FIELDS)}, {OPTED_OUT}")
    elif phone_list is not None and not _whole(phone_list):
        wrong(f"columns.{name}: a list is told by its id")
    if null not in (SKIP, CLEAR, DEFAULT):
        wrong(f"columns.{name}: null is one of skip, clear, default")
    elif null == CLEAR and (contact is None or contact == OPTED_OUT):
        wrong(f"columns.{name}: clear is for contact fields; nothing empties a profile field, a list or a stop")
    elif null == DEFAULT and (contact == OPTED_OUT or not str(options.get("default", "")).strip()):
        wrong(f"columns.{name}: there is no default to write; a stop can have none")
    default = options.get("default", "")
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return Column(name, target, contact, phone_list, str(null), text)


def _modes(given: Any, columns: tuple[Column, ...], wrong: Any) -> frozenset[str]:
    modes = given if isinstance(given, list) else [given]
    if unknown := [mode for mode in modes if mode not in MODES]:
        wrong(f"modes has no {unknown[0]}; there are {', '.join(MODES)}")
        return frozenset()
    lists = [column.name for column in columns if column.phone_list is not None]
    if modes and not lists:
        wrong(f"modes names {', '.join(modes)}, and no column goes to a list: {{ list = 1012 }}")
    if lists and not modes:
        wrong(f"columns.{lists[0]} goes to a list; modes must say what may be done about it: {', '.join(MODES)}")
    return frozenset(modes)


def _budget(given: Any, wrong: Any) -> dict[str, Limit]:
    budget = dict(BUDGET)
    for name, limit in given.items() if isinstance(given, dict) else [("budget", given)]:
        rows: Any = limit.get("rows") if isinstance(limit, dict) else None
        percent: Any = limit.get("percent") if isinstance(limit, dict) else None
        if name not in BUDGET:
            wrong(f"budget has no {name}; there are {', '.join(BUDGET)}")
        elif not _whole(rows) or isinstance(percent, bool) or not isinstance(percent, int | float) or rows < 0:
            wrong(f"budget.{name} is written as {{ rows = 1000, percent = 5 }}")
        else:
            budget[name] = Limit(rows, float(percent))
    return budget


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
