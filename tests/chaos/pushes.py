"""A push that something happens to; then all is well again, and the same push comes once more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from listrak_source.cli.errors import Exit, explain
from listrak_source.push import Sync
from listrak_source.sandbox import Sandbox
from tests.chaos import faults
from tests.chaos.case import Case, Verdict
from tests.chaos.ground import Ended, Ground, look_at
from tests.chaos.judge import some
from tests.pull.warehouse import Warehouse, truth
from tests.push.pushing import Pushing

PART = "A push"
READ = ("list_sender_codes", "list_phone_lists", "list_profile_fields", "get_contact", "list_contact_subscriptions",
        "get_contact_import", "token")  # fmt: skip
WRITTEN = ("update_contact", "create_contact", "subscribe_contact", "unsubscribe_contact", "start_contact_import")
MOMENTS: dict[str, dict[str, int | None]] = {
    "the first": {"times": 1, "after": 0},
    "the second": {"times": 1, "after": 1},
    "a few": {"times": 5, "after": 0},
    "all": {"times": None, "after": 0},
}
NEW = "13125550101"


def cases(rounds: range) -> Iterator[Case]:
    """Each fault at each operation that a push asks, at each moment; of writes, also after they took effect."""
    for number in rounds:
        for operation in (*READ, *WRITTEN):
            reads = operation in READ and operation != "token"
            for kind in faults.kinds(reads=reads):
                how = faults.KINDS[kind]["kind"]
                if how == "revoked_token" and operation == "token":
                    continue
                if how in faults.OF_PAGES and not operation.startswith("list_"):
                    continue
                for moment in MOMENTS:
                    if how in faults.SLOW and moment != "the first":
                        continue
                    for acts in (False, True) if operation in WRITTEN and _may_act(how) else (False,):
                        acted = ", after it took effect" if acts else ""
                        name = f"{moment} of {operation}{acted}, {number}"
                        yield Case(PART, kind, name, partial(_push, kind, operation, moment, acts, number))


def _may_act(how: str) -> bool:
    return how in ("status", "drop", "not_json")


def _push(kind: str, operation: str, moment: str, acts: bool, number: int, ground: Ground, verdict: Verdict) -> None:
    wish = wishing(ground)
    sandbox = wish.pushing.sandbox
    sandbox.faults.add(faults.fault(kind, operation, acts=acts, **MOMENTS[moment]))
    apply(wish, verdict)
    sandbox.faults.clear()
    for _ in range(2):
        # Who was refused is tried again on request, as our message says.
        apply(wish, verdict, again=True)
    fulfilled(wish, verdict)


@dataclass(frozen=True)
class Wish:
    """A table of customers who want something of everything that a push can do, and the sync that sends it."""

    pushing: Pushing
    sync: Sync
    phones: list[str]
    """The customers whom Listrak knows."""


def wishing(ground: Ground) -> Wish:
    """The table beside a pulled warehouse."""
    sandbox = ground.sandbox(60, 1, 2)
    warehouse = Warehouse(sandbox, ground.folder)
    warehouse.begin()
    pushing = Pushing(warehouse)
    sandbox.world.add_list(pushing.sender_code_id, "Sale")
    text = pushing.field("Text")
    first, second, third, fourth, fifth = phones = pushing.phones(5)
    rows = [
        (1, first, "gold", "Zoë", False, None), (2, second, "silver", None, False, None),
        (3, third, "x", None, True, None), (4, fourth, None, "Ann", False, True),
        (5, fifth, "bronze", None, None, True), (6, NEW, "new", None, None, True),
    ]  # fmt: skip
    pushing.customers(["id", "phone", "tier", "first", "stop", "sale"], rows)
    columns = {
        "tier": text.field_id, "first": {"contact": "first_name"}, "stop": {"contact": "opted_out"},
        "sale": {"list": _sale(sandbox)},
    }  # fmt: skip
    return Wish(pushing, pushing.sync(columns, modes=["create", "subscribe"]), phones)


def _sale(sandbox: Sandbox) -> int:
    sender = next(iter(sandbox.world.sender_codes.values()))
    return next(one.list_id for one in sender.lists.values() if one.name == "Sale")


def apply(wish: Wish, verdict: Verdict, *, again: bool = False) -> None:
    """Push, as ``listrak push apply`` does, or as ``listrak push retry``."""
    began, said, code, pushing = time.monotonic(), list[str](), Exit.DONE, wish.pushing
    try:
        with pushing.session(wish.sync) as session:
            (session.retry if again else session.apply)(said.append)
    except Exception as error:  # noqa: BLE001 - whatever it is, the command would say it in a sentence
        sentence, code = explain(error, "push apply")
        said.append(f"listrak: {sentence}")
    look_at(verdict, Ended(code, "\n".join(said), time.monotonic() - began), pushing.sandbox)


def fulfilled(wish: Wish, verdict: Verdict) -> None:
    """What the table wants is at Listrak, nothing was written twice that somebody notices, and a stop is a stop.

    A file whose answer is lost, or whose values read back as not there, is sent again, and the ledger says so. It says
    the same.
    """
    pushing = wish.pushing
    sandbox = pushing.sandbox
    text = pushing.field("Text").field_id
    first, second, third, fourth, fifth = wish.phones
    told = {phone: pushing.contact(phone) for phone in (first, second, third, fourth, fifth, NEW)}
    found = [told[phone]["values"].get(text) for phone in (first, second, third, fifth, NEW)]
    if found != ["gold", "silver", "x", "bronze", "new"]:
        verdict.find("lost", f"values are {found}")
    if (told[first]["first_name"], told[fourth]["first_name"]) != ("Zoë", "Ann"):
        verdict.find("lost", "first names are not as they are wanted")
    if [phone for phone, row in told.items() if row["opted_out"]] != [third]:
        verdict.find("reached", f"stopped are {[phone[-4:] for phone, row in told.items() if row['opted_out']]}")
    sale = _sale(sandbox)
    members = {phone for _, one, phone in truth(sandbox)["list_memberships"] if one == sale}
    if members != {fourth, fifth, NEW}:
        verdict.find("lost", f"on the list are {sorted(phone[-4:] for phone in members)}")
    happened = Counter(
        (event.kind, event.phone_list_id, event.phone_number)
        for event in sandbox.world.journal
        if event.kind != "edited"
    )
    more = [key for key, count in happened.items() if count > 1]
    verdict.find("writes", f"happened twice: {some(more)}", len(more))
