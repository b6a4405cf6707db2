"""``contact_import`` as a dlt destination: rows of any source arrive as profile values, and nothing else happens."""

from __future__ import annotations

import copy
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dlt.pipeline.exceptions import PipelineStepFailed

from listrak_source import contact_import
from listrak_source.api import ConfigurationError
from listrak_source.push.apply import import_jobs
from listrak_source.sandbox import Fault, Sandbox
from tests.pull.asking import on_request
from tests.push.import_once import run as run_once

Values = dict[tuple[int, str, int], str]
"""Profile values by sender code, phone number and field."""
HARD = 'a "b",\nZoë 你好'


class Importing:
    """A sandbox, and pipelines into it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.fields = {one.name: one.field_id for one in sandbox.world.fields.values()}
        self.phones = sorted(phone for _, phone in sandbox.world.truth()["contacts"])

    def how(self, columns: dict[str, Any], **also: Any) -> dict[str, Any]:
        sandbox = self.sandbox
        return {
            "sender_code": next(iter(sandbox.world.sender_codes)), "phone": "mobile", "columns": columns,
            "client_id": sandbox.client_id, "client_secret": sandbox.client_secret, "base_url": sandbox.base_url,
            "token_url": sandbox.token_url,
        } | also  # fmt: skip

    def pipeline(self, columns: dict[str, Any], **also: Any) -> dlt.Pipeline:
        destination = contact_import(**self.how(columns, **also))
        pipeline: dlt.Pipeline = dlt.pipeline("imports", destination=destination, pipelines_dir=str(self.folder))
        return pipeline

    def values(self) -> Values:
        """All profile values that Listrak holds."""
        return dict(self.sandbox.world.truth()["contact_profile_values"])

    def told(self, values: dict[str, dict[str, str]]) -> Values:
        """Values by phone number and the field's name, in the form of :meth:`values`."""
        sender_code_id = next(iter(self.sandbox.world.sender_codes))
        return {
            (sender_code_id, phone, self.fields[name]): value
            for phone, some in values.items()
            for name, value in some.items()
        }

    def rejected(self, kind: str = "rejected") -> list[dict[str, Any]]:
        paths = sorted(self.folder.glob(f"*/rejected/*.{kind}.parquet"))
        return [row for path in paths for row in pq.read_table(path).to_pylist()]

    def readable_by_others(self) -> list[Path]:
        written = [path for kind in ("", "/*") for path in self.folder.glob(f"*/rejected{kind}")]
        assert written
        return [path for path in written if path.stat().st_mode & 0o077]

    def requests(self, operation: str) -> int:
        return self.sandbox.traffic.counts[operation]

    def on(self, operation: str, happens: Callable[[], None]) -> None:
        """What happens when the first request of an operation comes in."""
        once = iter([happens])
        on_request(self.sandbox, lambda name, _: next(once, lambda: None)() if name == operation else None)


@pytest.fixture
def importing(sandbox: Sandbox, tmp_path: Path) -> Importing:
    sandbox.traffic.clear()
    return Importing(sandbox, tmp_path)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def test_values_arrive_and_nothing_else_happens(importing: Importing) -> None:
    expected = copy.deepcopy(importing.sandbox.world.truth())
    first, second, third, *_ = importing.phones
    rows = [
        {"mobile": first, "tier": "gold", "points": 10, "note": HARD},
        {"mobile": f"({second[1:4]}) {second[4:7]}-{second[7:]}", "tier": "silver", "points": None, "note": None},
        {"mobile": third, "tier": None, "points": None, "note": "  "},
    ]
    points = importing.fields["Points"]
    importing.pipeline({"tier": "Tier", "points": points, "note": "Notes"}).run(rows, table_name="customers")
    expected["contact_profile_values"] |= importing.told(
        {first: {"Tier": "gold", "Points": "10", "Notes": HARD}, second: {"Tier": "silver"}}
    )
    assert importing.sandbox.world.truth() == expected
    assert importing.rejected() == importing.rejected("unconfirmed") == []
    wrote = [method for method, path, _ in importing.sandbox.traffic.log if method != "GET" and "Token" not in path]
    assert wrote == ["POST", "POST"], "rows that change other fields go in other files"
    assert importing.requests("start_contact_import") == 2


@pytest.mark.full
def test_arrow_tables_with_columns_of_any_type(importing: Importing) -> None:
    first, second = importing.phones[:2]
    rows = pa.table(
        {
            "Mobile No": pa.array([int(first), int(second[1:])]),
            "points": pa.array([Decimal("2.50"), None], pa.decimal128(9, 2)),
            "is vip": pa.array([True, None]),
            "seen": pa.array([date(2020, 2, 9), None]),
            "other": pa.array([b"x", None]),
        }
    )
    columns = {"points": "Points", "is vip": {"field": "VIP", "default": False}, "seen": "Last purchase"}

    @dlt.resource(name="customers")
    def batches() -> Iterator[pa.Table]:
        yield rows.slice(0, 1)
        yield rows.slice(1)

    expected = importing.values()
    importing.pipeline(columns, phone="Mobile No").run(batches)
    expected |= importing.told(
        {first: {"Points": "2.5", "VIP": "1", "Last purchase": "02/09/2020"}, second: {"VIP": "0"}}
    )
    assert importing.values() == expected


def test_bad_rows_are_set_aside_whole(importing: Importing, dlt_log: pytest.LogCaptureFixture) -> None:
    first, second, third, *_ = importing.phones
    rows = [
        {"id": "a", "mobile": first, "tier": "gold", "points": "1"}, {"id": "b", "mobile": "nobody", "tier": "x"},
        {"id": "c", "mobile": second, "tier": "x"}, {"id": "d", "mobile": f"+{second}", "tier": "y"},
        {"id": "e", "mobile": third, "tier": "x" * 21, "points": "ten"}, {"id": "f", "mobile": None, "tier": "x"},
        {"id": "g", "mobile": "15550000000", "tier": "x"},
    ]  # fmt: skip
    expected = importing.values()
    importing.pipeline({"tier": "Tier", "points": "Points"}).run(rows, table_name="customers")
    assert importing.values() == expected | importing.told({first: {"Tier": "gold", "Points": "1"}})
    found = sorted((row["id"], row["reject_column"], row["reject_reason"]) for row in importing.rejected())
    assert found == [
        ("b", "mobile", "not a phone number"),
        ("c", "mobile", "the same person as row 4"),
        ("d", "mobile", "the same person as row 3"),
        ("e", "points", "does not fit: Points is a number"),
        ("e", "tier", "does not fit: Tier is a text, 20 characters at the most"),
        ("f", "mobile", "not a phone number"),
    ]
    assert {row["id"]: row["tier"] for row in importing.rejected()}["e"] == "x" * 21
    assert importing.readable_by_others() == [], "13.C19"
    (dropped,) = importing.rejected("unconfirmed")
    assert (dropped["id"], dropped["reject_reason"]) == ("g", "Listrak has no such contact: an import leaves it out")
    assert "2 rows of customers are not sent: mobile: not a phone number. They are in" in dlt_log.text
    assert "2 rows of customers are not sent: mobile: two rows for one person" in dlt_log.text
    assert "1 of the 2 contacts of customers that were looked up after the import" in dlt_log.text
    assert not any(phone in dlt_log.text for phone in importing.phones)


@pytest.mark.full
def test_one_person_in_two_files_of_a_load(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS", "2")
    monkeypatch.setenv("NORMALIZE__DATA_WRITER__BUFFER_MAX_ITEMS", "2")
    first, second, third, *_ = importing.phones
    rows = [
        {"mobile": phone, "tier": f"t{at}"} for at, phone in enumerate([first, second, third, second[1:], "nobody"])
    ]
    expected = importing.values()
    aside = importing.folder / "aside"
    importing.pipeline({"tier": "Tier"}, rejected=aside).run(rows, table_name="customers")
    assert importing.values() == expected | importing.told({first: {"Tier": "t0"}, third: {"Tier": "t2"}})
    found = [pq.read_table(path).to_pylist() for path in sorted(aside.glob("*.parquet"))]
    told = sorted((row["tier"], row["reject_reason"]) for rows in found for row in rows)
    assert len(found) == 3
    assert told == [
        ("t1", "the same person as row 2 of another file"),
        ("t3", "the same person as row 2 of another file"),
        ("t4", "not a phone number"),
    ]


@pytest.mark.parametrize(
    ("columns", "also", "complaint"),
    [({}, {}, "needs columns"), (None, {}, "as a dict"), ({"tier": "Tier"}, {"worker": 3}, "no option 'worker'"),
     ({"tier": "Tier"}, {"rejected": 5}, "rejected is to be a folder, and is int"),
     ({"tier": "Tier"}, {"timeout": "5"}, "timeout is to be a number"),
     ({"tier": {"contact": "first_name"}}, {}, "tier must go to a profile field"),
     ({"stop": {"contact": "opted_out"}}, {}, "stop must go to a profile"), ({"on": {"list": 1}}, {}, "on must"),
     ({"tier": "Tier"}, {"read_back": 0}, "read_back must be a number"), ({"tier": "Tier"}, {"phone": ""}, "phone")],
)  # fmt: skip
def test_what_is_wrong_by_itself_is_said_at_once(
    importing: Importing, columns: Any, also: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        importing.pipeline(columns, **also)


def test_what_does_not_fit_is_said_at_once_and_the_rows_wait(importing: Importing) -> None:
    first, second = importing.phones[:2]
    columns = {"tier": "Rank", "old": "Fax", "age": "Tier", "points": "Last purchase"}
    rows = [{"mobile": first, "tier": "gold", "old": "1", "points": 5}]
    with pytest.raises(PipelineStepFailed) as failed:
        importing.pipeline(columns).run(rows, table_name="customers")
    complaint = next(str(error) for error in causes(failed.value) if isinstance(error, ConfigurationError))
    for part in (
        "table customers: nothing was sent", "Listrak has no profile field 'Rank'", "'Fax' is disabled",
        "has no column age; it has mobile, tier, old, points;",
        "column points is of type bigint and does not fit Last purchase", "its next run goes on with them",
    ):  # fmt: skip
        assert part in complaint
    assert not importing.requests("start_contact_import")
    expected = importing.values()
    # As the sentence says: they go first, and the new row is not taken.
    importing.pipeline({"tier": "Tier"}).run([{"mobile": second, "tier": "new"}], table_name="customers")
    assert importing.values() == expected | importing.told({first: {"Tier": "gold"}})


@pytest.mark.full
def test_credentials_come_from_dlts_settings(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    how = importing.how({"tier": "Tier"})
    for name in ("client_id", "client_secret", "base_url", "token_url"):
        monkeypatch.setenv(f"SOURCES__LISTRAK__{name.upper()}", how.pop(name))
    rows = [{"mobile": importing.phones[0], "tier": "gold"}]
    pipeline = dlt.pipeline("imports", destination=contact_import(**how), pipelines_dir=str(importing.folder))
    pipeline.run(rows, table_name="customers")
    assert importing.values().items() >= importing.told({importing.phones[0]: {"Tier": "gold"}}).items()
    monkeypatch.delenv("SOURCES__LISTRAK__CLIENT_SECRET")
    with pytest.raises(PipelineStepFailed, match="client_secret"):
        pipeline.run(rows, table_name="customers")


def killed_while(importing: Importing, operation: str, how: dict[str, Any], rows: list[dict[str, str]]) -> None:
    """Run a pipeline in another process, and kill it while it waits for the answer to its first such request."""
    importing.sandbox.faults.add(Fault("delay", operation, seconds=20))
    command = [sys.executable, "-m", "tests.push.import_once", str(importing.folder), json.dumps(rows), json.dumps(how)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as child:
        until = time.monotonic() + 120
        while not importing.requests(operation):
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    importing.sandbox.faults.clear()


@pytest.mark.cases(1)
@pytest.mark.parametrize(("operation", "posts"), [("get_contact_import", 1), ("start_contact_import", 2)])
def test_killed_and_started_again(importing: Importing, operation: str, posts: int) -> None:
    """After the answer it goes on waiting; before it, nobody knows whether it arrived, and it is sent again."""
    first, second = importing.phones[:2]
    how = importing.how({"tier": "Tier"})
    expected = importing.values()
    killed_while(importing, operation, how, [{"mobile": first, "tier": "gold"}, {"mobile": "nobody", "tier": "x"}])
    run_once(str(importing.folder), [{"mobile": second, "tier": "new"}], how)
    assert importing.requests("start_contact_import") == posts
    assert importing.values() == expected | importing.told({first: {"Tier": "gold"}})
    assert [row["mobile"] for row in importing.rejected()] == ["nobody"]
    run_once(str(importing.folder), [{"mobile": second, "tier": "new"}], how)
    assert importing.values() == expected | importing.told({first: {"Tier": "gold"}, second: {"Tier": "new"}})


@pytest.mark.full
def test_a_dropped_answer_is_tried_again(importing: Importing) -> None:
    importing.sandbox.faults.add(Fault("drop", "start_contact_import", acts=True))
    importing.sandbox.faults.add(Fault("status", "get_contact_import", status=503))
    expected = importing.values() | importing.told({importing.phones[0]: {"Tier": "gold"}})
    importing.pipeline({"tier": "Tier"}).run([{"mobile": importing.phones[0], "tier": "gold"}], table_name="customers")
    assert importing.values() == expected
    assert importing.requests("start_contact_import") == 2


@pytest.mark.full
def test_an_import_that_takes_too_long_is_waited_for_by_the_next_run(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    importing.sandbox.service.import_seconds = 1.0
    pipeline = importing.pipeline({"tier": "Tier"})
    with monkeypatch.context() as patched:
        patched.setattr(import_jobs, "PATIENCE", 0.0)
        with pytest.raises(PipelineStepFailed, match="goes on waiting"):
            pipeline.run([{"mobile": importing.phones[0], "tier": "gold"}], table_name="customers")
    pipeline.run()
    assert importing.values().items() >= importing.told({importing.phones[0]: {"Tier": "gold"}}).items()
    assert importing.requests("start_contact_import") == 1


def test_an_import_that_never_ends_is_given_up(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    """14.B11: as a sync gives it up. It is sent once more, for nobody holds what was sent."""
    importing.sandbox.service.import_seconds = 3600.0
    monkeypatch.setattr(import_jobs, "PATIENCE", 0.05)
    pipeline = importing.pipeline({"tier": "Tier"})
    with pytest.raises(PipelineStepFailed, match="goes on waiting"):
        pipeline.run([{"mobile": importing.phones[0], "tier": "gold"}], table_name="customers")
    monkeypatch.setattr(import_jobs, "GIVE_UP", -1.0)
    with pytest.raises(PipelineStepFailed, match="sends it once more"):
        pipeline.run()
    pipeline.run()
    assert importing.requests("start_contact_import") == 2
    assert [row["reject_reason"] for row in importing.rejected("unconfirmed")] == ["not as it was sent"]
    assert not pipeline.has_pending_data


def test_an_import_that_listrak_knows_no_more_is_read_back(importing: Importing) -> None:
    """14.B11."""
    body = '{"status": 404, "error": "ERROR_UNABLE_TO_LOCATE_RESOURCE", "message": "The import does not exist."}'
    importing.sandbox.faults.add(Fault("status", "get_contact_import", times=None, status=404, body=body))
    importing.sandbox.service.import_seconds = 0.1
    expected = importing.values() | importing.told({importing.phones[0]: {"Tier": "gold"}})
    importing.on("get_contact_import", lambda: time.sleep(0.3))
    importing.pipeline({"tier": "Tier"}).run([{"mobile": importing.phones[0], "tier": "gold"}], table_name="customers")
    assert importing.values() == expected
    assert importing.requests("start_contact_import") == 1


def test_one_who_is_not_answered_for_is_named_and_holds_up_nothing(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.B."""
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    bad, good = importing.phones[:2]
    importing.sandbox.faults.add(Fault("status", "get_contact", path=bad, times=None, status=500))
    pipeline = importing.pipeline({"tier": "Tier"})
    pipeline.run([{"mobile": phone, "tier": "gold"} for phone in (bad, good)], table_name="customers")
    (unproved,) = importing.rejected("unconfirmed")
    assert (unproved["mobile"], unproved["reject_reason"]) == (bad, "Listrak does not answer for this contact")
    assert not pipeline.has_pending_data
    assert importing.requests("start_contact_import") == 1


@pytest.mark.full
def test_what_fails_for_ever_ends_a_load_after_five_tries(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """14.B: the rows are kept, and the next run goes on with the same import."""
    monkeypatch.setenv("SOURCES__LISTRAK__MAX_ATTEMPTS", "1")
    importing.sandbox.faults.add(Fault("status", "*", path="/Contact/", times=None, status=503))
    importing.sandbox.faults.add(Fault("status", "list_sender_codes", times=None, status=503))
    pipeline = importing.pipeline({"tier": "Tier"})
    with pytest.raises(PipelineStepFailed):
        pipeline.run([{"mobile": importing.phones[0], "tier": "gold"}], table_name="customers")
    assert importing.requests("get_contact") == 5
    importing.sandbox.faults.clear()
    pipeline.run()
    assert importing.requests("start_contact_import") == 1
    assert not pipeline.has_pending_data


def test_a_number_that_listrak_does_not_take_is_named_and_holds_up_nothing(importing: Importing) -> None:
    """14.B11."""
    first = importing.phones[0]
    rows = [{"mobile": first, "tier": "gold"}, {"mobile": "+447911123456", "tier": "gold"}]
    importing.pipeline({"tier": "Tier"}).run(rows, table_name="customers")
    (dropped,) = importing.rejected("unconfirmed")
    assert dropped["reject_reason"] == "Listrak has no such contact: an import leaves it out"


def test_who_holds_something_else_is_told(importing: Importing, dlt_log: pytest.LogCaptureFixture) -> None:
    first, second = importing.phones[:2]
    field = importing.fields["Tier"]
    edited = {"segmentationFieldValues": [{"segmentationFieldId": field, "value": "mine"}]}
    importing.on("get_contact", lambda: importing.sandbox.world.edit(first, edited))
    rows = [{"mobile": phone, "tier": "gold"} for phone in (first, second)]
    importing.pipeline({"tier": "Tier"}, read_back="all").run(rows, table_name="customers")
    (row,) = importing.rejected("unconfirmed")
    assert (row["mobile"], row["reject_column"], row["reject_reason"]) == (first, "tier", "not as it was sent")
    assert "1 of the 2 contacts" in dlt_log.text


@pytest.mark.full
def test_an_import_of_which_nothing_holds_fails_and_goes_once_more(importing: Importing) -> None:
    first = importing.phones[0]
    edited = {"segmentationFieldValues": [{"segmentationFieldId": importing.fields["Tier"], "value": "mine"}]}
    importing.on("get_contact", lambda: importing.sandbox.world.edit(first, edited))
    pipeline = importing.pipeline({"tier": "Tier"})
    with pytest.raises(PipelineStepFailed, match="none of the 1 contacts that were looked up holds what was sent"):
        pipeline.run([{"mobile": first, "tier": "gold"}], table_name="customers")
    assert not importing.rejected("unconfirmed")
    importing.on("get_contact", lambda: importing.sandbox.world.edit(first, edited))
    pipeline.run()
    (row,) = importing.rejected("unconfirmed")
    assert (row["mobile"], row["reject_reason"]) == (first, "not as it was sent"), "once more, and not for ever"
    assert importing.requests("start_contact_import") == 2
    assert not pipeline.has_pending_data


@pytest.mark.long
def test_memory_stays_flat(importing: Importing, record_property: Any) -> None:
    peaks = {}
    for rows in (100_000, 2_000_000):
        path = importing.folder / f"{rows}.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                f"COPY (SELECT CAST(15550000000 + i AS TEXT) AS mobile, 'tier ' || i % 7 AS tier, 'note ' || i AS note "
                f"FROM RANGE({rows}) AS t(i)) TO '{path}'"
            )
        how = importing.how({"tier": "Tier", "note": "Notes"}, read_back=10)
        arguments = [str(importing.folder / "p"), str(path), json.dumps(how)]
        command = [sys.executable, "-m", "tests.push.import_once", *arguments]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, check=True)
        peaks[rows] = float(done.stdout.split()[-1])
    record_property(
        "memory of contact_import, 100,000 and 2,000,000 rows", " and ".join(f"{one:.0f} MB" for one in peaks.values())
    )
    assert peaks[2_000_000] < peaks[100_000] + 150


def test_the_package_is_still_quick_to_import() -> None:
    code = "import sys, listrak_source; print(sorted({'dlt', 'pyarrow', 'duckdb'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout == b"[]\n"
