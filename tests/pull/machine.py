"""Histories that Hypothesis makes up: life, pulls of all kinds, and what goes wrong with them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from listrak_source.sandbox import Fault, Sandbox
from tests.pull.history import SHRINKING, History, Pull
from tests.pull.life import COUNTS
from tests.tiers import sizes

MOVES = (
    "subscribe", "subscribe", "subscribe", "subscribe_named", "confirm", "confirm", "edit_name", "edit_value",
    "lose_values", "opt_out", "opt_out", "opt_out", "come_back", "come_back", "leave", "leave", "vanish", "import",
    "import_today",
    "new_list", "new_sender_code", "new_field", "end_list", "revive_lists", "disable_sender_code",
    "enable_sender_codes", "enable_sender_codes", "live",
)  # fmt: skip
WAITS: tuple[dict[str, float], ...] = (
    {}, {"seconds": 1}, {"seconds": 90}, {"hours": 1}, {"hours": 9}, {"days": 1}, {"days": 3}, {"days": 16},
    {"days": 50},
)  # fmt: skip
QUIRKS: dict[str, tuple[str, ...]] = {
    "cursor_style": ("token", "relative", "absolute", "elsewhere"),
    "cursors": ("places", "offsets"),
    "last_page": ("null", "empty", "absent"),
    "bounds": ("inclusive", "exclusive"),
    "opt_out_reason": ("name", "number"),
    "disabled_reads": ("answered", "refused"),
    "opt_out_paging": ("paged", "unpaged"),
    "charset": ("utf-8", "iso-8859-1", "utf-16", "utf-8-sig"),
    "error_style": ("http", "body"),
    "no_rows": ("list", "null", "absent"),
    "opt_out_phones": ("eleven", "ten", "plus"),
    "contact_phones": ("eleven", "ten", "plus"),
    "phones_taken": ("digits", "any", "listed"),
    "no_contact": ("refused", "null", "empty", "nested"),
}
FAULTS: tuple[tuple[Any, dict[str, Any]], ...] = (
    ("status", {"status": 500}), ("status", {"status": 503}), ("status", {"status": 429}), ("drop", {}),
    ("drop_mid_body", {}), ("cut_body", {}), ("not_json", {}), ("repeated_page", {}), ("full_page_no_cursor", {}),
    ("empty_page", {}), ("revoked_token", {}), ("doubled_field", {}), ("no_rows", {"times": 3}),
    ("some_rows", {"times": 3}),
)  # fmt: skip
PAGE_SIZES = (5000, 5000, 100, 7, 3, 2)

events = st.tuples(
    st.sampled_from(MOVES), st.integers(0, 15), st.integers(0, 6), st.sampled_from(WAITS[:5])
)  # fmt: skip


class Machine(RuleBasedStateMachine):
    """One history, drawn step by step."""

    sandbox: Sandbox
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.history = History(self.sandbox, Path(tempfile.mkdtemp(dir=self.folder)))
        COUNTS["histories"] += 1

    @rule(some=st.lists(events, min_size=1, max_size=6))
    def life(self, some: list[tuple[str, int, int, dict[str, float]]]) -> None:
        COUNTS["steps"] += 1
        for kind, who, where, wait in some:
            self.history.happen(kind, who, where)
            self.history.wait(**wait)

    @rule(some=st.lists(events, min_size=1, max_size=6), by=st.sampled_from(WAITS))
    def more_life(self, some: list[tuple[str, int, int, dict[str, float]]], by: dict[str, float]) -> None:
        self.life(some)
        self.history.wait(**by)

    @rule(quirk=st.sampled_from(sorted(QUIRKS)), choice=st.integers(0, 3))
    def quirk(self, quirk: str, choice: int) -> None:
        COUNTS["steps"] += 1
        choices = QUIRKS[quirk]
        self.history.set_quirks(**{quirk: choices[choice % len(choices)]})

    @rule(
        full=st.sampled_from((False, False, True)),
        lookups=st.sampled_from(("changed", "changed", "changed", "none", "all")),
        page_size=st.sampled_from(PAGE_SIZES),
        chunk_rows=st.sampled_from((None, None, 5, 40)),
        wiped=st.booleans(),
        twice=st.sampled_from((False, False, False, True)),
    )
    def pull(self, **options: Any) -> None:
        COUNTS["steps"] += 1
        self.history.pull(Pull(**options))

    @rule(
        full=st.booleans(),
        lookups=st.sampled_from(("changed", "changed", "none", "all")),
        page_size=st.sampled_from(PAGE_SIZES),
        chunk_rows=st.sampled_from((None, 5, 40)),
        fault=st.sampled_from(FAULTS),
        after=st.integers(0, 45),
        wiped=st.booleans(),
    )
    def pull_with_a_fault(self, fault: tuple[Any, dict[str, Any]], after: int, **options: Any) -> None:
        COUNTS["steps"] += 1
        kind, how = fault
        if kind in SHRINKING and not self.history.bears_doubt:
            kind, how = "empty_page", {}
        self.history.pull(Pull(fault=Fault(kind, after=after, **how), **options))

    @rule(
        full=st.booleans(),
        page_size=st.sampled_from((2, 3, 7)),
        move=st.sampled_from(("opt_out", "come_back", "leave", "leave", "vanish", "subscribe")),
        who=st.integers(0, 15),
        where=st.integers(0, 6),
        at=st.integers(1, 60),
    )
    def pull_while_life_goes_on(self, move: str, who: int, where: int, **options: Any) -> None:
        COUNTS["steps"] += 1
        self.history.pull(Pull(meanwhile=(move, who, where) if self.history.bears_doubt else None, **options))

    @rule(
        full=st.booleans(),
        lookups=st.sampled_from(("changed", "changed", "none", "all")),
        chunk_rows=st.sampled_from((5, 20)),
        loads=st.integers(1, 4),
        unloaded=st.booleans(),
    )
    def pull_that_is_killed(self, **options: Any) -> None:
        COUNTS["steps"] += 1
        self.history.pull(Pull(**options))

    def teardown(self) -> None:
        if hasattr(self, "history"):
            self.history.close()


def run(sandbox: Sandbox, folder: Path, seed: int, record: Callable[[str, object], None]) -> None:
    """Play as many histories of as many steps as the profile says, the same ones for each seed.

    Raises what a history finds, shortened. ``record`` gets the counts of what they held.
    """
    COUNTS.clear()
    steps = sizes().steps
    machine = hypothesis.seed(seed)(type("Machine", (Machine,), {"sandbox": sandbox, "folder": folder}))
    # The beginning is a step of its own.
    run_state_machine_as_test(
        machine,
        settings=settings(
            # The first that Hypothesis tries is the simplest: in it hardly anything happens, and nobody pulls.
            max_examples=sizes().histories + 1,
            stateful_step_count=steps + 1,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
            # To tell which lines a failure runs, it would trace every one.
            phases=(Phase.generate, Phase.shrink),
        ),
        _min_steps=steps + 1,
    )
    assert COUNTS["pulls"] >= sizes().histories, "something was pulled"
    for name, count in COUNTS.items():
        record(name, count)
