"""What the consent events tell of a moment, by the model in cli/sql, against what was true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files

import duckdb

from tests.pull.pulled import Person, Pulled, visible

CONSENT_AT = (files("listrak_source.cli") / "sql" / "consent_at.sql").read_text()


@dataclass(frozen=True)
class Consent:
    """What the model ``consent_at`` tells of a moment."""

    on: set[tuple[int, int, str]]
    """Who was on which list: sender code, list, phone number."""
    stopped: set[Person]
    """Who had said stop."""
    learnt: set[tuple[int, int, str]]
    """Of which list (0 for all) and person it was learnt later, from a window of a whole day or month, or that it
    happened in that very second."""


def consent_at(connection: duckdb.DuckDBPyConnection, moment: datetime) -> Consent:
    """The state of consent at a moment, by the model in cli/sql."""
    connection.execute("SET schema = 'listrak_sms'")
    rows = connection.execute(CONSENT_AT.format(moment=moment.isoformat(" "))).to_arrow_table().to_pylist()
    connection.execute("SET schema = 'main'")
    on, stopped, learnt = set(), set(), set()
    for row in rows:
        key = row["sender_code_id"], row["phone_list_id"], row["phone_number"]
        if row["event"] == "subscribed":
            on.add(key)
        elif row["event"] == "opted_out":
            stopped.add((key[0], key[2]))
        if row["observed_at"] > moment and (row["seen_in"] == "contacts" or row["event_at"] == moment):
            learnt.add(key)
    return Consent(on, stopped, learnt)


@dataclass(frozen=True)
class Remembered:
    """What was true when a complete walk began, of the people that it saw."""

    moment: datetime
    people: set[Person]
    on: set[tuple[int, int, str]]
    stopped: set[Person]


def state_is_true(pulled: Pulled, connection: duckdb.DuckDBPyConnection, moment: datetime) -> None:
    """What the events tell of now. Whoever said stop has said stop; who came back, and who is on which list, is known
    after a complete walk of everybody, and before that of those who were looked up.
    """
    told, state = pulled.told, consent_at(connection, moment)
    stops = {key[:2] for key in told["opt_outs"]}
    quiet = pulled.asked(stops) - state.stopped
    assert not quiet, f"the events do not tell that {quiet} said stop"
    looked_up = visible(pulled) - stops if pulled.lookups == "changed" else set()
    people = pulled.asked(told["contacts"]) if pulled.full else looked_up
    back = state.stopped & people - stops
    assert not back, f"the events do not tell that {back} came back"
    missing = {key for key in told["list_memberships"] if (key[0], key[2]) in people} - state.on
    assert not missing, f"the events do not tell that {missing} are on these lists"
    if pulled.full and "list_memberships" not in pulled.unproved:
        people = pulled.asked({(key[0], key[2]) for key in state.on})
        gone = {key for key in state.on - told["list_memberships"].keys() if (key[0], key[2]) in people}
        assert not gone, f"the events still tell of {gone}"


def remembered(pulled: Pulled) -> Remembered:
    """What a complete walk has seen, to be asked for again later."""
    people = pulled.asked(pulled.told["contacts"])
    on = {key for key in pulled.told["list_memberships"] if (key[0], key[2]) in people}
    return Remembered(pulled.began, people, on, {key[:2] for key in pulled.told["opt_outs"]} & people)


def past_is_true(walks: list[Remembered], connection: duckdb.DuckDBPyConnection) -> None:
    """The events tell of the moment of each earlier walk what was true then, whatever was learnt since."""
    for walk in walks:
        state = consent_at(connection, walk.moment)
        late = {(key[0], key[2]) for key in state.learnt if not key[1]}
        stopped = (state.stopped & walk.people) - late | (walk.stopped & late)
        assert stopped == walk.stopped, f"{walk.moment}: {stopped ^ walk.stopped} had said stop, or not"
        on = {key for key in state.on ^ walk.on if (key[0], key[2]) in walk.people} - state.learnt
        assert not on, f"{walk.moment}: {on} were on these lists, or not"
