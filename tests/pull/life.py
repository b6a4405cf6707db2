"""Life in a sandbox, in moves that always find somebody whom they can happen to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from listrak_source.sandbox import Sandbox
from listrak_source.sandbox.errors import Refused

PEOPLE = 8
"""How many of the world's first people a history is about; as many strangers may come."""

COUNTS: Counter[str] = Counter()
"""What happened in all histories of this process."""


class Life:
    """A small world at its first moment. Places and people are numbers, which count on from the start at the end."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.service.reset()
        self.world = sandbox.world
        self.world.add_list(next(iter(self.world.sender_codes)), "Confirmed only", double_opt_in=True)
        self.phones = [*list(self.world.people)[:PEOPLE], *(f"1555000{number:04d}" for number in range(PEOPLE))]
        self.account_changes = 0

    @property
    def places(self) -> list[tuple[int, int]]:
        """Every list with its sender code."""
        return [(sender.sender_code_id, item) for sender in self.world.sender_codes.values() for item in sender.lists]

    def lists_of(self, who: int) -> list[tuple[int, int]]:
        """The lists that somebody is on."""
        person = self.world.people[self.phones[who]]
        return [place for place in self.places if self.world.phone_list(*place).since[person]]

    def wait(self, **by: float) -> None:
        """Let time go by: the arguments of ``timedelta``."""
        self.world.clock.advance(timedelta(**by))

    def happen(self, kind: str, who: int = 0, where: int = 0) -> None:
        """One thing happens at a place, to a person or to the first one after them that it can happen to."""
        sender, phone_list = self.places[where % len(self.places)]
        before = len(self.world.journal), self.account_changes
        for turn in range(len(self.phones)):
            try:
                getattr(self, f"_{kind}")(self.phones[(who + turn) % len(self.phones)], sender, phone_list)
            except Refused:
                continue
            if (len(self.world.journal), self.account_changes) != before:
                COUNTS["events"] += 1
                return

    def _subscribe(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.subscribe(sender, phone_list, phone)

    def _subscribe_named(self, phone: str, sender: int, phone_list: int) -> None:
        profile = {"firstName": "Zoë", "segmentationFieldValues": self._values(f"{phone_list}")}
        self.world.subscribe(sender, phone_list, phone, profile)

    def _confirm(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.confirm(sender, phone_list, phone)

    def _edit_name(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.edit(phone, {"firstName": f"Name {len(self.world.journal)}"})

    def _edit_value(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.edit(phone, {"segmentationFieldValues": self._values(f"{len(self.world.journal)}")})

    def _lose_values(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.put(sender, {"phoneNumber": phone})

    def _opt_out(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.opt_out(sender, phone, "Workflow" if phone_list % 2 else "Campaign")

    def _come_back(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.resubscribe(sender, phone)

    def _leave(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.leave_list(sender, phone_list, phone)

    def _vanish(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.vanish(phone)

    def _import(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.import_undated(sender, phone_list, phone)

    def _import_today(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.import_dated(sender, phone_list, phone)

    def _new_list(self, phone: str, sender: int, phone_list: int) -> None:
        if len(self.places) < 7:
            self._account()
            self.world.add_list(sender, f"New {len(self.places)}")

    def _new_sender_code(self, phone: str, sender: int, phone_list: int) -> None:
        if len(self.world.sender_codes) < 2:
            self._account()
            sender = self.world.add_sender_code("Newer")
            self.world.add_transactional_message(sender, self.world.add_list(sender, "First"), "Hello")

    def _new_field(self, phone: str, sender: int, phone_list: int) -> None:
        if len(self.world.fields) < 20:
            self._account()
            self.world.add_profile_field(f"Field {len(self.world.fields)}")

    def _end_list(self, phone: str, sender: int, phone_list: int) -> None:
        self._account()
        self.world.deactivate_list(sender, phone_list)

    def _revive_lists(self, phone: str, sender: int, phone_list: int) -> None:
        self._account()
        for place in self.places:
            self.world.deactivate_list(*place, active=True)

    def _disable_sender_code(self, phone: str, sender: int, phone_list: int) -> None:
        self._account()
        self.world.disable_sender_code(sender)

    def _enable_sender_codes(self, phone: str, sender: int, phone_list: int) -> None:
        self._account()
        for one in self.world.sender_codes:
            self.world.disable_sender_code(one, enabled=True)

    def _live(self, phone: str, sender: int, phone_list: int) -> None:
        self.world.live(1)

    def _account(self) -> None:
        self.account_changes += 1

    def _values(self, text: str) -> list[dict[str, Any]]:
        field_id = next(item.field_id for item in self.world.fields.values() if item.data_type == "Text")
        return [{"segmentationFieldId": field_id, "value": text}]

    def set_quirks(self, **quirks: Any) -> None:
        self.sandbox.service.quirks = replace(self.sandbox.service.quirks, **quirks)
