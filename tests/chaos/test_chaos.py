"""A few cases of each kind that ``make chaos`` has; and that its judges see harm where there is some."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from listrak_source.sandbox import Sandbox
from tests.chaos import calls, kills, page, parts, pulls, pushes, together, warehouses, workers
from tests.chaos.case import HARM, Case, Verdict
from tests.chaos.ground import Ended, Ground, look_at
from tests.chaos.journal import Journal
from tests.chaos.judge import everything_is_there, held, nothing_is_worse, told_once
from tests.chaos.runner import one

FEW = {"calls": 60, "pulls": 3, "pushes": 5, "kills": 4, "warehouses": 3, "together": 1}
"""How many cases of a part, spread evenly over all of them."""


@pytest.fixture(scope="module")
def all_grounds() -> Iterator[Ground]:
    ground = Ground()
    yield ground
    ground.close()


@pytest.fixture
def ground(all_grounds: Ground) -> Iterator[Ground]:
    with all_grounds.case():
        yield all_grounds


def few(name: str) -> list[Case]:
    cases = [case for case in parts.PARTS[name](range(1)) if case.weight < 15]
    return cases[len(cases) // FEW[name] // 2 :: len(cases) // FEW[name]][: FEW[name]]


@pytest.mark.full
@pytest.mark.parametrize("name", FEW)
def test_a_few_of_each_part(all_grounds: Ground, name: str) -> None:
    harmed = {}
    for case in few(name):
        verdict = Verdict()
        with all_grounds.case():
            one(case, all_grounds, verdict)
        if verdict.harm:
            harmed[case.id] = verdict.notes
    assert not harmed


def test_each_case_has_a_name_of_its_own() -> None:
    names = [case.id for case in parts.cases(rounds=range(2))]
    assert len(names) == len(set(names)) > 20_000
    assert parts.by_id()(names[-1]).id == names[-1]
    for part in (
        calls.PART,
        pulls.PART,
        pushes.PART,
        kills.PULL,
        kills.PUSH,
        together.PART,
        workers.PART,
        warehouses.TOUCHED,
    ):
        assert any(name.startswith(f"{part} /") for name in names)


def test_its_judges_see_harm(ground: Ground) -> None:
    """A warehouse that is not as it should be, in each way that is counted."""
    sandbox = ground.sandbox()
    ground.pulled(sandbox)
    before = held()
    assert harm_of(before, sandbox) == {}
    for statement, harm in (
        ("DELETE FROM consent_events WHERE event = 'opted_out'", "lost"),
        ("DELETE FROM list_memberships", "lost"),
        ("UPDATE contacts SET removed_at = now()", "lost"),
        ("INSERT INTO contacts SELECT * FROM contacts LIMIT 1", "doubled"),
        ("UPDATE contacts SET opted_out = false", "reached"),
        (
            "INSERT INTO consent_events SELECT * REPLACE (event_at + INTERVAL 1 hour AS event_at) FROM consent_events "
            "WHERE effective_at IS NOT NULL LIMIT 1",
            "doubled",
        ),
    ):
        ground.pulled(sandbox)
        with duckdb.connect("listrak.duckdb") as connection:
            connection.execute("SET schema = 'listrak_sms'")
            connection.execute(statement)
        assert harm in harm_of(before, sandbox), statement
    phone = next(iter(sandbox.world.people))
    for ended, harm in (
        (Ended(0, f"Hello {phone}", 1), "leaked"),
        (Ended(0, sandbox.client_secret, 1), "leaked"),
        (Ended(1, "Traceback (most recent call last)", 1), "tracebacks"),
        (Ended(1, "listrak: KeyError: 'x'", 1), "tracebacks"),
        (Ended(77, "listrak: Bad.", 1), "tracebacks"),
        (Ended(1, "", 1), "tracebacks"),
        (Ended(0, "", 1000), "hung"),
    ):
        verdict = Verdict()
        look_at(verdict, ended, sandbox)
        assert set(verdict.harm) == {harm}


def harm_of(before: object, sandbox: Sandbox) -> dict[str, int]:
    verdict = Verdict()
    after = held()
    nothing_is_worse(verdict, before, after, sandbox)  # type: ignore[arg-type]
    everything_is_there(verdict, after, sandbox)
    told_once(verdict, after, before)  # type: ignore[arg-type]
    return dict(verdict.harm)


def test_a_run_goes_on_where_it_was(tmp_path: Path) -> None:
    case, verdict = next(iter(parts.cases())), Verdict()
    verdict.find("leaked", "a token", 2)
    Journal(tmp_path / "chaos.jsonl").add(case, verdict, 0.5)
    with (tmp_path / "chaos.jsonl").open("a") as file:
        file.write('{"id": "cut of')
    journal = Journal(tmp_path / "chaos.jsonl")
    assert list(journal.lines) == [case.id]
    (tmp_path / "page.md").write_text(f"Before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    page.write(tmp_path / "page.md", journal)
    text = (tmp_path / "page.md").read_text()
    assert text.startswith("Before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert f"| {case.row} | 1 | 0 | 0 | 0 | 0 | 2 | 0 | 0 |" in text
    assert page.HEADS.keys() == HARM.keys()
