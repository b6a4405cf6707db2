"""What a warehouse promises after each kind of pull, checked against the sandbox's truth. What an incremental pull
cannot see is told in pulled.py.
"""

from __future__ import annotations

from typing import Any

from tests.pull.pulled import DATES, SECOND, Pulled, Tables, by_person, is_new, living, phone_of, undated, visible
from tests.pull.warehouse import Rows

SMALL = ("sender_codes", "lists", "profile_fields", "transactional_messages")


# -- what holds after any pull -----------------------------------------------------------------------------------------


def nothing_is_forgotten(before: Tables, after: Tables) -> None:
    """No event changes or goes; no row is deleted but the profile values of a contact, which are replaced."""
    events = before.get("consent_events", {})
    for key, row in events.items():
        assert after["consent_events"].get(key) == row, f"event {key} changed"
    for name, rows in before.items():
        if name != "contact_profile_values":
            gone = rows.keys() - after[name].keys()
            assert not gone, f"{name} lost {gone}"


def marks_are_true(before: Tables, after: Tables, told: Tables, touched: frozenset[str]) -> None:
    """Whatever a pull has marked as removed is gone at Listrak."""
    for name in ("contacts", "list_memberships", "opt_outs", *SMALL):
        marked = living(before)[name].keys() - living(after)[name].keys()
        there = {key for key in marked & told[name].keys() if name in SMALL or phone_of(name, key) not in touched}
        assert not there, f"{name}: {there} are there, and marked as removed"


def nothing_is_worse(before: Tables, after: Tables, told: Tables, touched: frozenset[str], *, marks: bool) -> None:
    """After a pull that failed: nothing is marked as removed, and each row is as it was or as Listrak has it.

    ``marks``: an older load package, which may mark rows, came in with it.
    """
    for name, rows in living(before).items():
        if not marks and name not in ("contact_profile_values", "consent_events", "rejected_rows", *SMALL):
            gone = {key for key in rows.keys() - living(after)[name].keys() if phone_of(name, key) not in touched}
            assert not gone, f"{name}: a pull that failed marked {gone}"
    _as_before_or_as_told(before, after, told, touched)


def _as_before_or_as_told(before: Tables, after: Tables, told: Tables, touched: Any) -> None:
    was, now = living(before), living(after)
    for name in ("contacts", "opt_outs", "subscriptions"):
        for key, row in now[name].items():
            if key[1] in touched or row == was[name].get(key) or row == told[name].get(key):
                continue
            assert name == "contacts", (name, key, row, told[name].get(key))
            # A contact that is on no list is still a contact: whoever is looked up is written.
            true = told["contacts"].get(key) or told["unlisted_contacts"].get(key)
            old = before["contacts"].get(key, {})
            assert true, (key, row)
            assert undated(row) == undated(true), (key, row, true)
            for date in DATES:
                assert row[date] in (None, old.get(date), true[date]), (key, row, true)
    for key in now["list_memberships"].keys() - was["list_memberships"].keys() - told["list_memberships"].keys():
        assert key[2] in touched, f"{key} is on no list"
    values, old_values, true_values = (by_person(some["contact_profile_values"]) for some in (now, was, told))
    for person, held in values.items():
        if person[1] not in touched and person not in told["unlisted_contacts"]:
            assert held in (old_values.get(person), true_values.get(person)), (person, held)


# -- what holds after a good pull --------------------------------------------------------------------------------------


def check(pulled: Pulled, after: Tables) -> None:
    """Everything that a pull which came to its end promises."""
    now = living(after)
    _skipped_is_left_alone(pulled, now)
    _small_tables(pulled, now)
    _opt_outs(pulled, now)
    if pulled.full:
        _walk(pulled, now)
    else:
        _as_before_or_as_told(pulled.before, after, pulled.told, pulled.touched | _on(pulled.skipped, now))
        _incremental(pulled, now)
    _events(pulled, after)


def _skipped_is_left_alone(pulled: Pulled, now: Tables) -> None:
    was = living(pulled.before)
    for name, rows in now.items():
        if name not in ("consent_events", "sender_codes", "rejected_rows"):
            ours = {key: row for key, row in rows.items() if key[0] in pulled.skipped}
            assert ours == {key: row for key, row in was[name].items() if key[0] in pulled.skipped}, name


def _small_tables(pulled: Pulled, now: Tables) -> None:
    if pulled.account_moved:
        return
    for name in SMALL:
        expected = {key: row for key, row in pulled.told[name].items() if key[0] not in pulled.skipped}
        if name == "sender_codes":
            expected = pulled.told[name]
        held = {key: row for key, row in now[name].items() if name == "sender_codes" or key[0] not in pulled.skipped}
        same(f"{name}", held, expected)


def _opt_outs(pulled: Pulled, now: Tables) -> None:
    for key, row in pulled.told["opt_outs"].items():
        if key[0] not in pulled.skipped and key[1] not in pulled.moved:
            assert now["opt_outs"].get(key) == row, f"opt-out {key} is missing"


def _walk(pulled: Pulled, now: Tables) -> None:
    people = ("contacts", "contact_profile_values", "list_memberships", "opt_outs", "subscriptions")
    told = {name: pulled.ours(name, pulled.told[name]) for name in (*people, "unlisted_contacts")}
    held = {name: pulled.ours(name, now[name]) for name in people}
    was = living(pulled.before)
    for name in ("contacts", "contact_profile_values", "list_memberships", "opt_outs"):
        missing = told[name].keys() - held[name].keys()
        assert not missing, f"{name} lacks {missing}"
        if name not in pulled.unproved:
            extra = held[name].keys() - told[name].keys()
            if name in ("contacts", "contact_profile_values"):
                # On no list, and looked up all the same by this walk, for a new opt-out: as Listrak has it.
                extra = {
                    key for key in extra if held["contacts"].get(key[:2]) != told["unlisted_contacts"].get(key[:2])
                }
            assert not extra, f"{name} still has {extra}"
    for key, value in told["contact_profile_values"].items():
        assert held["contact_profile_values"][key] == value, key
    _placed(told, held, was)
    assert held["opt_outs"].items() >= told["opt_outs"].items()
    dated = {key for key, row in was["contacts"].items() if row["subscribe_date"] or row["unsubscribe_date"]}
    asked = dated | {key[:2] for key in was["subscriptions"]} | visible(pulled)
    for key, true in told["contacts"].items():
        row = held["contacts"][key]
        assert undated(row) == undated(true), (key, row, true)
        if pulled.lookups == "all" or (pulled.lookups == "changed" and key in asked):
            assert row == true, (key, row, true)
        elif pulled.lookups == "changed":
            assert row == true or not any(row[date] for date in DATES), (key, row, true)
    if pulled.lookups == "none":
        return
    known = by_person(held["subscriptions"])
    for person, true in by_person(told["subscriptions"]).items():
        if person in told["contacts"] and (pulled.lookups == "all" or person in asked or person in known):
            same(f"subscriptions of {person}", known.get(person, {}), true)
    if "contacts" not in pulled.unproved:
        assert known.keys() <= held["contacts"].keys(), "subscriptions of people who are on no list"


def _incremental(pulled: Pulled, now: Tables) -> None:
    told, known = pulled.told, pulled.known
    contacts, values, subscriptions = (
        now["contacts"], by_person(now["contact_profile_values"]), by_person(now["subscriptions"]),
    )  # fmt: skip
    true_values, true_subscriptions = by_person(told["contact_profile_values"]), by_person(told["subscriptions"])
    everyone = pulled.asked(told["contacts"]) if pulled.lookups == "all" else set()
    for person in everyone | (visible(pulled) if pulled.lookups == "changed" else set()):
        assert contacts.get(person) == told["contacts"][person], (
            person,
            contacts.get(person),
            told["contacts"][person],
        )
        same(f"values of {person}", values.get(person, {}), true_values.get(person, {}))
        held, true = subscriptions.get(person, {}), true_subscriptions[person]
        assert true.items() <= held.items(), (person, held, true)
    fresh = {key for key in told["list_memberships"] if is_new(pulled, key, known.read) and key[2] not in pulled.moved}
    missing = fresh - now["list_memberships"].keys()
    assert not missing, f"memberships {missing} are missing"
    _placed({"list_memberships": {key: told["list_memberships"][key] for key in fresh}}, now, living(pulled.before))
    for sender, _, phone in fresh:
        row, true = contacts[sender, phone], told["contacts"][sender, phone]
        if phone not in pulled.touched:
            assert undated(row) == undated(true), (row, true)
            same(f"values of {phone}", values.get((sender, phone), {}), true_values.get((sender, phone), {}))
            if pulled.lookups != "none":
                old = pulled.before["contacts"].get((sender, phone), {})
                kept = {} if old.get("opted_out") else old
                assert all(row[date] in (None, true[date], kept.get(date)) for date in DATES), (row, true)


def _events(pulled: Pulled, after: Tables) -> None:
    events = after["consent_events"]
    for sender, phone, date in pulled.told["opt_outs"]:
        if sender not in pulled.skipped and phone not in pulled.moved:
            event = events.get((sender, 0, phone, "opted_out", date))
            assert event, f"no event tells of the opt-out of {phone} at {date}"
            true = pulled.told["opt_outs"][sender, phone, date]["opt_out_reason"]
            assert event["reason"] == true or event["seen_in"] != "opt_outs", (event, true)


def _placed(told: Tables, held: Tables, was: Tables) -> None:
    """A window that a membership was placed in holds the subscription, to the second."""
    for key, true in told["list_memberships"].items():
        row = held["list_memberships"][key]
        if true["subscribed_at"] is None:
            # Left and imported since, without a date: nothing tells that it is not the old one.
            assert row["subscribed_from"] is None or row == was["list_memberships"].get(key), f"{key} is placed"
        elif row["subscribed_from"]:
            assert row["subscribed_from"] - SECOND <= true["subscribed_at"] <= row["subscribed_before"], (row, true)


def _on(skipped: frozenset[int], now: Tables) -> set[str]:
    return {key[1] for key in now["contacts"] if key[0] in skipped}


def same(what: str, held: Rows, true: Rows) -> None:
    assert held == true, (
        f"{what}: lacks {true.keys() - held.keys()}, has too much {held.keys() - true.keys()}, and differs in "
        f"{[(held[key], true[key]) for key in held.keys() & true.keys() if held[key] != true[key]]}"
    )
