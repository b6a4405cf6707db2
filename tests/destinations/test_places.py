"""The same story in every place that a warehouse may be in, with real servers: it ends with Listrak's truth in each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.destinations import servers
from tests.destinations.places import PLACES
from tests.pull.asking import somebody
from tests.pull.test_truth import SMALL, without_dates
from tests.pull.warehouse import Warehouse, truth

REMOTE = ("parquet-s3", "delta-s3", "ducklake")
"""Where each load takes many requests: make test-long kills them too."""


def places(marks: dict[str, pytest.MarkDecorator]) -> pytest.MarkDecorator:
    """All places, some of them in a later tier than the test."""
    marked = [pytest.param(name, marks=marks.get(name, ())) for name in PLACES]
    return pytest.mark.parametrize("place", marked, indirect=True)


full, long = pytest.mark.full, pytest.mark.long
OTHERS = [name for name in PLACES if name != "duckdb"]
everywhere = places({})
killed_everywhere = places(dict.fromkeys(OTHERS, full) | dict.fromkeys(REMOTE, long))
in_short = places(dict.fromkeys(("parquet-s3", "delta-s3", "delete-insert"), full))


@in_short
def test_a_stop_after_the_first_pull(warehouse: Warehouse) -> None:
    """A short story of the tables that a stop stands in."""
    sandbox, someone = warehouse.sandbox, somebody(warehouse.sandbox)
    for _ in range(2):
        warehouse.pull("contacts", "opt_outs", lookups="none")
        sandbox.world.opt_out(*someone.key)
        sandbox.world.clock.advance(days=1)
    contacts, opt_outs, told = warehouse.rows("contacts"), warehouse.rows("opt_outs"), truth(sandbox)
    assert opt_outs == told["opt_outs"]
    assert someone.key in {key[:2] for key in opt_outs}
    assert contacts.keys() == told["contacts"].keys()
    assert contacts[someone.key]["opted_out"] is False, "nobody was looked up"
    assert warehouse.records("walks") == [], "a table without rows is there"


@pytest.mark.full
@everywhere
def test_first_pull_later_pull_and_complete_walk(warehouse: Warehouse) -> None:
    sandbox, world, someone = warehouse.sandbox, warehouse.sandbox.world, somebody(warehouse.sandbox)
    sender, phone = someone.key
    warehouse.pull()
    with warehouse.reading():
        told = truth(sandbox)
        for name in (*SMALL, "opt_outs", "contact_profile_values"):
            assert warehouse.rows(name) == told[name], name
        assert warehouse.rows("contacts") == without_dates(told["contacts"])
        assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()

    # Nothing happened: nothing is loaded, also when the working directory is gone.
    shutil.rmtree(warehouse.folder / "pipelines")
    assert warehouse.pull() == {}

    # Days of life; somebody says stop, and of their values only one is left.
    field, other = list(world.fields)[:2]
    values = [{"segmentationFieldId": field, "value": "007"}, {"segmentationFieldId": other, "value": "1"}]
    world.edit(phone, {"segmentationFieldValues": values})
    world.live(2)
    world.opt_out(sender, phone)
    warehouse.pull()
    with warehouse.reading():
        assert warehouse.rows("contacts")[someone.key] == truth(sandbox)["contacts"][someone.key]
        assert {key for key in warehouse.rows("contact_profile_values") if key[:2] == someone.key} == {
            key for key in truth(sandbox)["contact_profile_values"] if key[:2] == someone.key
        }
        assert truth(sandbox)["opt_outs"].items() <= warehouse.rows("opt_outs").items()
        assert truth(sandbox)["contacts"].keys() <= warehouse.rows("contacts").keys()

    # They come back, with no value at all.
    world.put(sender, {"phoneNumber": phone})
    world.resubscribe(sender, phone, someone.phone_list_id)
    world.clock.advance(days=1)
    warehouse.pull()
    with warehouse.reading():
        told = truth(sandbox)
        assert warehouse.rows("contacts")[someone.key] == told["contacts"][someone.key]
        assert warehouse.rows("contacts")[someone.key]["opted_out"] is False
        assert not [key for key in warehouse.rows("contact_profile_values") if key[:2] == someone.key]
        assert [key for key in warehouse.rows("opt_outs") if key[:2] == someone.key], "what was known stays known"

    # Edits, leavers and deletions, which only a complete walk sees; what is gone is marked, and stays.
    world.live(1)
    gone = world.phone(next(iter(world.sender_codes.values())).opt_out_order.members[0])
    world.vanish(gone)
    world.clock.advance(seconds=2)
    warehouse.pull(full=True)
    # Whom Listrak does not know at all has taken no stop back: two walks in a row must not find it.
    warehouse.pull(full=True)
    with warehouse.reading():
        told = truth(sandbox)
        for name in (*SMALL, "opt_outs", "contact_profile_values"):
            assert warehouse.rows(name) == told[name], name
        assert without_dates(warehouse.rows("contacts")) == without_dates(told["contacts"])
        assert warehouse.rows("list_memberships").keys() == told["list_memberships"].keys()
        asked = {key[:2] for key in warehouse.rows("subscriptions")}
        assert warehouse.rows("subscriptions") == {
            key: row for key, row in told["subscriptions"].items() if key[:2] in asked
        }
        for name in ("contacts", "list_memberships", "opt_outs"):
            assert gone in {row["phone_number"] for row in warehouse.rows(name, removed=True).values()}, name

    # What was known stays known, and a pull that sees nothing new tells nothing.
    with warehouse.reading():
        events = warehouse.rows("consent_events")
        assert (gone, "opted_out") in {(row["phone_number"], row["event"]) for row in events.values()}
    warehouse.pull()
    warehouse.pull(full=True)
    assert warehouse.rows("consent_events") == events


@pytest.mark.full
@killed_everywhere
@pytest.mark.parametrize("starts_bare", [False, True])
def test_killed_while_it_loads_and_started_again(warehouse: Warehouse, starts_bare: bool) -> None:
    """With dlt's working directory, from which it goes on, and without, as in a container that starts bare."""
    command = [sys.executable, "-m", "tests.destinations.pull_once", warehouse.place.name, str(warehouse.folder)]
    environment = os.environ | servers.for_children() | {"PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen([*command, json.dumps(warehouse.options())], env=environment)
    done = "listrak/load/normalized/*/completed_jobs/*.parquet"
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        if len(list((warehouse.folder / "pipelines").glob(done))) >= 2:
            child.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    assert child.wait() == -signal.SIGKILL, "it was killed in the middle"
    if starts_bare:
        shutil.rmtree(warehouse.folder / "pipelines")
    warehouse.pull()
    warehouse.pull()
    told = truth(warehouse.sandbox)
    for name in (*SMALL, "opt_outs", "contact_profile_values", "list_memberships", "contacts"):
        assert warehouse.rows(name).keys() == told[name].keys(), name
