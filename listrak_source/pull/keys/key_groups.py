"""Groups of rows of which each is written once in a pull (see ``once``)."""

from __future__ import annotations


def contacts_of(sender_code_id: int) -> str:
    """The group of a sender code's contacts."""
    return f"contacts of {sender_code_id}"


def asked_of(sender_code_id: int) -> str:
    """The group of contacts that were looked up, or are about to be."""
    return f"asked of {sender_code_id}"


def told_of(sender_code_id: int) -> str:
    """The group of contacts of whom a lookup has told what they are to each list."""
    return f"told of {sender_code_id}"


def opt_outs_of(sender_code_id: int) -> str:
    """The group of a sender code's opt-outs."""
    return f"opt-outs of {sender_code_id}"


def stopped_contacts_of(sender_code_id: int) -> str:
    """The group of contacts that were written as opted out."""
    return f"stopped contacts of {sender_code_id}"


def stops_of(sender_code_id: int) -> str:
    """The group of phone numbers that stand among a sender code's opt-outs."""
    return f"stops of {sender_code_id}"


def written_of(sender_code_id: int) -> str:
    """The group of contacts that were written, of those of which the warehouse may hold some as they are."""
    return f"written of {sender_code_id}"


def subscriptions_of(sender_code_id: int) -> str:
    """The group of a sender code's subscriptions that lookups have told."""
    return f"subscriptions of {sender_code_id}"


def rows_of(table: str) -> str:
    """The group of the rows of a small table."""
    return f"rows of {table}"


def out_of(stream: str) -> str:
    """The group of those on a list who have said stop."""
    return f"out of {stream}"


def shown_in(place: str) -> str:
    """The group of what a window has shown to a complete walk, by hashes of records."""
    return f"shown in {place}"
