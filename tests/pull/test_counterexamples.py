"""What histories have found (see machine.py), each as short as it gets. Everything is checked after each pull."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listrak_source.sandbox import Sandbox, World
from tests.pull.history import History


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    with Sandbox(World(seed=5, contacts=30, sender_codes=1, lists=3)) as sandbox:
        yield sandbox


@pytest.fixture
def history(small: Sandbox, tmp_path: Path) -> Iterator[History]:
    history = History(small, tmp_path)
    yield history
    history.close()


SOMEBODY, STRANGER = 1, 9
FIRST, SECOND, NEW = 0, 1, 4


@pytest.mark.full
def test_package_of_a_killed_process_does_not_stand_in_for_the_next_pull(history: History) -> None:
    """dlt loads what is left over, and does not extract what it was asked for."""
    history.pull()
    history.happen("subscribe", STRANGER, FIRST)
    history.pull(unloaded=True)
    history.happen("opt_out", SOMEBODY)
    assert history.pull()


def test_package_of_a_killed_first_pull(history: History) -> None:
    """dlt drops it, since there is no dataset that it could belong to."""
    history.pull(unloaded=True)
    assert history.pull()


@pytest.mark.full
def test_packages_of_two_killed_processes(history: History) -> None:
    """The second loads what the first has left, before it reads anything: only one ever waits."""
    history.pull()
    history.happen("subscribe", STRANGER, FIRST)
    history.pull(unloaded=True)
    history.happen("leave", STRANGER, FIRST)
    history.pull(unloaded=True, full=True, chunk_rows=5)
    history.pull(loads=1, full=True, chunk_rows=5, lookups="all")
    assert history.pull(full=True)


@pytest.mark.full
def test_first_pull_that_is_begun_anew_with_other_options(history: History) -> None:
    """It looks nobody up: neither who subscribed since the first try, nor does the next one."""
    assert not history.pull(loads=1, chunk_rows=5, lookups="all")
    history.happen("subscribe", STRANGER, FIRST)
    history.happen("import", STRANGER, SECOND)
    history.wait(days=3)
    assert history.pull()
    history.wait(days=6)
    assert history.pull(full=True)


@pytest.mark.full
def test_number_that_comes_back_has_nothing_of_who_had_it(history: History) -> None:
    history.pull()
    history.happen("subscribe", STRANGER, FIRST)
    history.pull()
    history.happen("vanish", STRANGER)
    history.pull(full=True)
    history.happen("import", STRANGER, FIRST)
    history.pull(full=True)


@pytest.mark.full
def test_back_on_one_list_is_back_on_the_others(history: History) -> None:
    """Listrak tells no date of that: the other lists have their old ones."""
    history.pull()
    history.happen("subscribe", STRANGER, FIRST)
    history.happen("subscribe", STRANGER, SECOND)
    history.pull()
    history.wait(days=3)
    history.happen("opt_out", STRANGER)
    history.pull()
    history.wait(days=1)
    history.happen("subscribe", STRANGER, FIRST)
    history.pull(twice=True)
    history.pull(full=True, twice=True)


@pytest.mark.full
def test_rejoined_on_the_day_of_leaving_without_lookups(history: History) -> None:
    """The day's window has an event of that person already, and a complete walk has told the end since."""
    history.pull(lookups="none")
    history.happen("subscribe", STRANGER, FIRST)
    history.pull(lookups="none")
    history.happen("leave", STRANGER, FIRST)
    history.pull(lookups="none", full=True)
    history.happen("subscribe", STRANGER, FIRST)
    history.pull(lookups="none", full=True, twice=True)


@pytest.mark.full
def test_who_is_on_no_list_has_still_said_stop(history: History) -> None:
    """A complete walk marks the contact as removed, which takes no stop back."""
    history.pull()
    for phone_list in (0, 1, 2):
        if history.places[phone_list] in history.lists_of(SOMEBODY):
            history.happen("leave", SOMEBODY, phone_list)
    history.happen("opt_out", SOMEBODY)
    history.pull()
    history.pull(full=True, twice=True)


@pytest.mark.full
def test_back_on_a_list_that_is_read_for_the_first_time(history: History) -> None:
    """Such a list shows no dates, and those of before the stop are not theirs any more."""
    history.pull()
    history.happen("opt_out", SOMEBODY)
    history.pull()
    history.happen("new_list")
    history.wait(hours=9)
    history.happen("subscribe", SOMEBODY, NEW)
    history.pull()


@pytest.mark.full
def test_undated_subscription_that_a_lookup_tells_of(history: History) -> None:
    history.pull()
    history.happen("import", STRANGER, FIRST)
    history.happen("subscribe", STRANGER, SECOND)
    history.pull(twice=True)


@pytest.mark.full
@pytest.mark.parametrize("full", [False, True])
def test_list_and_lookup_tell_of_one_undated_subscription(history: History, full: bool) -> None:
    """Each alone would tell it. An event that comes twice in one load would be there twice."""
    history.happen("import", STRANGER, FIRST)
    history.pull(full=full, lookups="all", twice=True)


@pytest.mark.full
def test_list_and_lookup_tell_of_one_return(history: History) -> None:
    history.pull()
    history.happen("subscribe", STRANGER, FIRST)
    history.pull()
    history.happen("leave", STRANGER, FIRST)
    history.happen("subscribe", STRANGER, SECOND)
    history.pull()
    history.happen("import", STRANGER, FIRST)
    history.pull(full=True, twice=True)
