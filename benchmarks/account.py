"""What happens to a sandbox's contacts between one pull and the next, by the API, as a user of Listrak would do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from benchmarks.processes import control
from listrak_source import ListrakClient
from listrak_source.api import each_record

CHANGES = 1000
"""Of a day: half of them new contacts, half of them stops."""


def change(settings: Mapping[str, str], turn: int) -> None:
    """Let a day's changes happen, three days later: so the overlap brings nobody of the turn before."""
    control(settings, "POST", "clock", days=3)
    with _opened(settings) as (listrak, sender, lists):
        for number in range(CHANGES // 2):
            phone = f"1{900 + turn}556{number:04d}"
            listrak.create_contact(sender, lists[number % len(lists)], {"phoneNumber": phone})
        found = each_record(listrak.list_contacts(sender, lists[turn % len(lists)], count=CHANGES // 2))
        for contact in list(islice(found, CHANGES // 2)):
            # The year-one sentinel is read, and not taken back.
            listrak.update_contact(sender, {**contact, "birthday": None, "optedOut": True})


def edit(settings: Mapping[str, str], contacts: int, turn: int) -> None:
    """Give so many contacts another name."""
    with _opened(settings) as (listrak, sender, lists):
        found = each_record(listrak.list_contacts(sender, lists[0], count=5000))
        for contact in list(islice(found, contacts)):
            listrak.update_contact(sender, {**contact, "birthday": None, "firstName": f"Turn {turn}"})


@contextmanager
def _opened(settings: Mapping[str, str]) -> Iterator[tuple[ListrakClient, int, list[int]]]:
    """A client, the sender code, and its lists."""
    given = [settings[f"SOURCES__LISTRAK__{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET")]
    urls = {name: settings[f"SOURCES__LISTRAK__{name.upper()}"] for name in ("base_url", "token_url")}
    with ListrakClient(*given, **urls) as listrak:
        sender = next(each_record(listrak.list_sender_codes()))["shortCodeId"]
        yield listrak, sender, [one["phoneListId"] for one in each_record(listrak.list_phone_lists(sender))]
