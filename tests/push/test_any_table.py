"""Any table, any state of Listrak, killed at any point: what holds afterwards, whatever happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from listrak_source import lease
from listrak_source.push.sync.config import Sync
from listrak_source.sandbox import Quirks
from listrak_source.sandbox.errors import Refused
from tests.pull.warehouse import truth
from tests.push import wishes
from tests.push.killing import Killed, count_down
from tests.push.pushing import Pushing
from tests.push.wishes import COLUMNS, Row
from tests.tiers import sizes

NEW = ["13125550101", "13125550102", "13125550103"]
SPOILT = "no address"
"""What a contact holds, and no request may write."""
EVENTS = st.sampled_from(["opt_out", "vanish", "leave", "come", "come and stop", "edit", "leave sale", "spoil"])
STATES = st.sampled_from(["Unsubscribed", "Not Subscribed", "Suspended", ""])
"""How Listrak calls what somebody is to a list who has left it (14.A2)."""
Life = list[tuple[str, int]]


def live(pushing: Pushing, events: Life, people: list[str], left: set[str], *, edits: bool) -> None:
    """What people do. Edits are left out after the last pull: no plan can know of them. Who leaves the list that the
    sync is about is added to ``left``.
    """
    world, sender = pushing.world, pushing.sender_code_id
    phone_list = pushing.lists()[0]
    text = pushing.field("Text").field_id
    for what, number in events:
        phone = people[number % len(people)]
        try:
            if what == "opt_out":
                world.opt_out(sender, phone)
            elif what == "vanish":
                world.vanish(phone)
                left.discard(phone)
            elif what == "leave sale":
                world.subscribe(sender, pushing.lists()[-1], phone)
                world.leave_list(sender, pushing.lists()[-1], phone)
                left.add(phone)
            elif what == "leave":
                world.leave_list(sender, phone_list, phone)
            elif what == "edit" and edits:
                pushing.edit(phone, {text: "gold"}, firstName="Ann")
            elif what == "spoil" and phone in world.people:
                world.hold(phone, {"emailAddress": SPOILT})
            elif what.startswith("come"):
                world.subscribe(sender, phone_list, phone)
                if what == "come and stop":
                    world.opt_out(sender, phone)
        except Refused:
            continue


def sync_of(pushing: Pushing, table: list[Row], new_list: int) -> Sync:
    kinds = {"tier": "Text", "points": "Number", "vip": "Checkbox"}
    columns: dict[str, Any] = {column: pushing.field(kind).field_id for column, kind in kinds.items()}
    columns |= {"born": {"contact": "birthday"}, "first": {"contact": "first_name"}}
    columns |= {"said": {"contact": "opted_out"}, "sale": {"list": new_list}}
    pushing.customers(
        ["id", "phone", *("said" if column == "stop" else column for column in COLUMNS)],  # a text, not a boolean
        [row.cells() for row in table],
    )
    return pushing.sync(columns, modes=["create", "subscribe", "unsubscribe"], read_back="all")


def held(pushing: Pushing, phone: str, phone_list: int) -> dict[str, Any] | None:
    """What Listrak holds of somebody, by column; None where it knows nobody."""
    told, key = truth(pushing.sandbox), (pushing.sender_code_id, phone)
    row = told["contacts"].get(key) or told["unlisted_contacts"].get(key)
    if row is None:
        return None
    values = pushing.contact(phone)["values"]
    number = values.get(pushing.field("Number").field_id)
    return {
        "tier": values.get(pushing.field("Text").field_id), "points": wishes.rounded(number) if number else None,
        "vip": values.get(pushing.field("Checkbox").field_id), "first": row["first_name"] or None,
        "born": row["birthday"] and str(row["birthday"]), "stop": "1" if row["opted_out"] else "0",
        "sale": "1" if (key[0], phone_list, phone) in told["list_memberships"] else "0",
        "spoilt": row["email_address"] == SPOILT,
    }  # fmt: skip


def promises(
    pushing: Pushing,
    table: list[Row],
    pulled: set[str],
    phone_list: int,
    before: dict[str, dict[str, Any] | None],
    left: set[str],
    told: dict[str, dict[str, Any] | None],
) -> None:
    """What holds after an apply. ``pulled`` is whom the last pull brought, ``told`` what it brought of them,
    ``before`` what Listrak held, ``left`` who has left the list.
    """
    on_record = {phone for (phone,) in pushing.rows("SELECT DISTINCT phone_number FROM opt_outs")}
    known = {phone for (phone,) in pushing.rows("SELECT phone_number FROM contacts WHERE opted_out")}
    after = {phone: held(pushing, phone, phone_list) for phone in before}
    twins, stopped = wishes.twins(table), wishes.stopped(table)
    rejected = {int(key) for (key,) in pushing.rows("SELECT DISTINCT row_key FROM push_rejected_loyalty")}
    meant = {row.phone for row in table}
    for row in table:
        phone = row.phone
        good = phone is not None and phone not in twins and not row.is_bad
        joins = row.says("sale") == "1" and phone not in stopped
        created = good and joins and phone not in pulled and phone not in on_record and before[str(phone)] is None
        if not good or (phone not in pulled and row.says("stop") != "1" and not (joins and phone not in on_record)):
            assert row.key in rejected, ("every bad row is named", row)
            continue
        assert phone
        was, now = before[phone], after[phone]
        if created:
            assert now, row
        elif was is None or phone not in pulled:
            continue  # gone, or come, since the last pull: found out by reading
        assert now
        for column in COLUMNS:
            wanted = row.says(column)
            if column == "sale" and pushing.world.phone_list(pushing.sender_code_id, phone_list).double_opt_in:
                assert now["sale"] == (was or now)["sale"] or wanted == "0", "who is asked first waits"
            elif column == "sale" and (now["stop"] == "1" or phone in stopped or phone in left):
                assert now["sale"] == (was or now)["sale"] or wanted == "0", ("who said stop joins nothing", row)
            elif column == "stop" or (was and was["spoilt"] and column in ("first", "born")):
                continue
            elif was and (brought := told.get(phone)) and brought[column] == wanted != was[column]:
                continue  # lost since the last pull, by who has gone and come back: no plan can know of it
            elif wanted is not None:
                assert now[column] == wanted, (column, row, was)
    for phone, was in before.items():
        now = after[phone]
        if was and now:
            # Of who has come back since the last pull no plan can know: the next one has their stop again.
            stops = was["stop"] == "1" or (phone in stopped and phone not in known)
            assert (now["stop"] == "1") == stops, ("stops only, and all of them", phone)
            if was["stop"] == "1" or phone in left:
                assert now["sale"] <= was["sale"], ("who said stop joins nothing", phone)
        if phone not in meant:
            assert now == was, "nobody else is touched"


@pytest.mark.sized
def test_any_table_any_state_any_kill(in_duckdb: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    any_table(in_duckdb, tmp_path, monkeypatch)


@pytest.mark.full
def test_any_table_in_postgresql(in_postgres: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    any_table(in_postgres, tmp_path, monkeypatch)


def any_table(pushing: Pushing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Try as many tables as the profile says."""
    monkeypatch.setattr(lease, "is_running", lambda _: False)
    people = pushing.phones(8)
    copy, folder, start = pushing.warehouse.place.copy, pushing.warehouse.folder, tmp_path / "start"
    assert copy
    start.mkdir()
    copy(folder, start)

    # An example takes a second: it is not made smaller, for that takes minutes.
    phases = [Phase.generate] if sizes().tables == 1 else [Phase.explicit, Phase.generate]

    # The first that Hypothesis tries is the simplest, without life or kills.
    @settings(max_examples=sizes().tables + 1, database=None, phases=phases, suppress_health_check=list(HealthCheck))
    @given(
        table=wishes.rows([*people, *NEW]),
        earlier=st.lists(st.tuples(EVENTS, st.integers(0, 10)), max_size=5),
        later=st.lists(st.tuples(EVENTS, st.integers(0, 10)), max_size=4),
        kills=st.lists(st.integers(1, 160), max_size=2),
        state=STATES,
        asks=st.booleans(),
    )
    @example(
        table=[wishes.Row(0, people[2], people[2], dict.fromkeys(COLUMNS) | {"vip": "TRUE", "first": "Ann"})],
        earlier=[],
        later=[("vanish", 2), ("come", 2)],
        kills=[],
        state="",
        asks=False,
    )
    @example(
        table=[wishes.Row(0, people[2], people[2], dict.fromkeys(COLUMNS) | {"stop": "STOP"})],
        earlier=[],
        later=[("vanish", 2)],
        kills=[],
        state="",
        asks=False,
    )
    def play(table: list[Row], earlier: Life, later: Life, kills: list[int], state: Any, asks: bool) -> None:
        pushing.sandbox.service.reset()
        pushing.sandbox.service.quirks = replace(Quirks(), left_state=state)
        left: set[str] = set()
        copy(start, folder)
        new_list = pushing.world.add_list(pushing.sender_code_id, "Sale", double_opt_in=asks)
        live(pushing, earlier, [*people, *NEW], left, edits=True)
        if earlier:
            pushing.warehouse.pull(full=True)
        pulled = {phone for (phone,) in pushing.rows("SELECT phone_number FROM contacts WHERE removed_at IS NULL")}
        brought = {phone: held(pushing, phone, new_list) for phone in pulled}
        live(pushing, later, [*people, *NEW], left, edits=False)
        sync = sync_of(pushing, table, new_list)
        told = truth(pushing.sandbox)
        everybody = [phone for _, phone in (*told["contacts"], *told["unlisted_contacts"])]
        before = {phone: held(pushing, phone, new_list) for phone in (*everybody, *people, *NEW)}
        lived = len(pushing.world.journal)
        for at in kills:
            with monkeypatch.context() as patched:
                count_down(patched, at)
                try:
                    pushing.apply(sync)
                except Killed:
                    continue
        pushing.apply(sync)
        promises(pushing, table, pulled, new_list, before, left, brought)
        invited = [one.phone_number for one in pushing.world.journal[lived:] if one.kind == "pending"]
        assert len(invited) == len(set(invited)), "an invitation goes once"
        # Whom a pull has brought, and Listrak does not find, is a stop that is not carried out: each run asks again.
        stopped = {one for (one,) in pushing.rows("SELECT phone_number FROM contacts WHERE opted_out")}
        gone = {one for one in wishes.stopped(table) & pulled - stopped if held(pushing, one, new_list) is None}
        plan = pushing.plan(sync)
        assert plan.counts.pop("opt_outs") == len(gone), (gone, plan.sample)
        assert not any(plan.counts.values()), (plan.counts, plan.sample)

    play()
