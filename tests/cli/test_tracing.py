"""Spans of OpenTelemetry: a run, its loads and each operation, one in the other, and no person in any."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Fault, Sandbox
from tests.cli.conftest import Listrak
from tests.cli.test_push import write_sync


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def taken(spans: InMemorySpanExporter) -> tuple[dict[int, ReadableSpan], Counter[str]]:
    found = {one.context.span_id: one for one in spans.get_finished_spans() if one.context}
    spans.clear()
    return found, Counter(one.name for one in found.values())


def roots(found: dict[int, ReadableSpan]) -> set[str]:
    """What all of them are in."""

    def root(one: ReadableSpan) -> ReadableSpan:
        return root(found[one.parent.span_id]) if one.parent else one

    return {root(one).name for one in found.values()}


def told(found: dict[int, ReadableSpan], name: str) -> dict[str, Any]:
    (one,) = (one for one in found.values() if one.name == name)
    return {key.removeprefix("listrak."): value for key, value in (one.attributes or {}).items()}


def nobody_is_in(found: dict[int, ReadableSpan], sandbox: Sandbox) -> None:
    text = "".join(one.to_json() for one in found.values())
    assert not [phone for phone in sandbox.world.people if str(phone)[-10:] in text]
    assert sandbox.client_secret not in text


@pytest.mark.full
def test_what_pull_and_push_tell(listrak: Listrak, sandbox: Sandbox, spans: InMemorySpanExporter) -> None:
    sandbox.faults.add(Fault("status", "list_contacts", status=503))
    assert listrak("pull")[0] == Exit.DONE
    found, names = taken(spans)
    assert roots(found) == {"listrak pull"}
    counts = sandbox.traffic.counts
    assert {name.removeprefix("listrak "): count for name, count in names.items()} == {
        "pull": 1,
        "load": names["listrak load"],
        **{name: count - (name == "list_contacts") for name, count in counts.items() if name != "token"},
    }
    with duckdb.connect("listrak.duckdb") as connection:
        row = connection.table("listrak_sms.pull_runs").to_arrow_table().to_pylist()[-1]
    pulled = told(found, "listrak pull")
    assert {name: row[name] for name in pulled} == pulled
    assert pulled["outcome"] == "done"
    assert json.loads(pulled["rows_loaded"])["contacts"] > 100
    tries = Counter((one.attributes or {})["listrak.requests"] for one in found.values() if "list_contacts" in one.name)
    assert tries[2] == 1, "one was sent twice"
    nobody_is_in(found, sandbox)

    sender = min(sandbox.world.sender_codes)
    write_sync(sandbox, sender)
    contacts = sandbox.world.truth()["contacts"]
    phone = min(phone for (code, phone), row in contacts.items() if code == sender and not row["opted_out"])
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute(f"CREATE TABLE main.customers AS SELECT '{phone}' AS phone, 'gold' AS tier, false AS stop")
    assert listrak("push", "apply", "loyalty")[0] == Exit.DONE
    found, names = taken(spans)
    assert {"listrak push apply", "listrak get_contact"} <= names.keys()
    pushed = told(found, "listrak push apply")
    assert (pushed["outcome"], pushed["sync_name"], pushed["exit_code"]) == ("done", "loyalty", 0)
    assert pushed["requests"] == sum(names.values()) - 1
    nobody_is_in(found, sandbox)


@pytest.mark.full
def test_an_error_is_told_by_its_kind(listrak: Listrak, sandbox: Sandbox, spans: InMemorySpanExporter) -> None:
    sandbox.faults.add(Fault("status", "list_sender_codes", status=500, times=None))
    assert listrak("pull")[0] != Exit.DONE
    found, _ = taken(spans)
    (one,) = (one for one in found.values() if one.name == "listrak list_sender_codes")
    assert one.status.status_code is trace.StatusCode.ERROR
    assert one.attributes is not None
    assert one.attributes["error.type"] == "ServerError"
    assert not one.events
    assert told(found, "listrak pull")["outcome"] == "failed"


@pytest.mark.full
def test_the_command_sends_what_waits_before_it_ends(sandbox: Sandbox, tmp_path: Path) -> None:
    """As ``opentelemetry-instrument`` runs it: spans wait in a batch, and the command ends at once."""
    program = tmp_path / "instrumented.py"
    program.write_text(
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter\n"
        "trace.set_tracer_provider(TracerProvider())\n"
        "trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))\n"
        "from listrak_source.cli.entrypoint import main\n"
        "main()\n"
    )
    command = [sys.executable, str(program), "pull", "--table", "lists"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert '"name": "listrak pull"' in ended.stdout
