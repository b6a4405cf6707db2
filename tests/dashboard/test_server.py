"""``listrak dashboard``: the page by HTTP, for whoever has its address, with what was chosen."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from listrak_source.api import ConfigurationError
from listrak_source.dashboard.server import Server
from listrak_source.dashboard.snapshot import Snapshot
from tests.cli.conftest import Listrak
from tests.dashboard.conftest import Told
from tests.dashboard.test_report import number, rows_of


class Served:
    """A server in a thread, and how often it has read the warehouse."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.reads = 0
        self.fails: Exception | None = None
        self.server = Server(self._read, str)
        self.address = ""

    def _read(self) -> Snapshot:
        self.reads += 1
        if self.fails:
            raise self.fails
        return self.snapshot

    def get(self, query: str = "") -> requests.Response:
        return requests.get(self.address + query, timeout=60)


@pytest.fixture
def served(told: Told) -> Iterator[Served]:
    found, listens = Served(told.snapshot), threading.Event()

    def announce(address: str) -> None:
        found.address = address
        listens.set()

    thread = threading.Thread(target=found.server.run, args=(0, announce), daemon=True)
    thread.start()
    assert listens.wait(30)
    yield found
    found.server.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_only_its_address_answers(served: Served) -> None:
    origin = served.address.rpartition("/")[0].rpartition("/")[0]
    assert origin.startswith("http://127.0.0.1:")
    for path in ("/", "/none/", "/favicon.ico", f"/{served.server.token[:-1]}/"):
        answer = requests.get(origin + path, timeout=60)
        assert (answer.status_code, served.reads) == (404, 0), path
    answer = served.get()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "server" not in answer.headers
    assert requests.get(served.address, headers={"Host": "somebody.example"}, timeout=60).status_code == 400


def test_what_is_chosen_is_shown(served: Served, told: Told) -> None:
    sender, phone_list, day = max(told.history.growth())
    text = served.get(f"?sender_code={sender}&list={phone_list}&since={day}&until={day}").text
    (row,) = rows_of(text, "reachable")
    assert number(row["at the end"]) == told.history.growth()[sender, phone_list, day]["closing"]
    assert f'<option value="{sender}" selected>' in text
    assert served.get("?since=&until=").status_code == 200, "a form with empty fields"


@pytest.mark.parametrize(
    "query", ["sender_code=1", "list=1", "since=31.3.2026", "sender_code=x", "until=1999-01-01&since=2000-01-01"]
)
def test_what_cannot_be_chosen_is_a_sentence(served: Served, query: str) -> None:
    answer = served.get(f"?{query}")
    assert answer.status_code == 400
    assert "Traceback" not in answer.text
    assert len(answer.text) < 400


def test_while_the_warehouse_cannot_be_read_the_page_says_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.fails = ConfigurationError("a pull has the file")
    answer = served.get()
    assert answer.status_code == 400
    assert "a pull has the file" in answer.text
    served.fails = None
    assert served.get().status_code == 200
    assert served.reads == 2, "what was read is shown for a minute"
    monkeypatch.setattr("listrak_source.dashboard.server._FRESH", timedelta(0))
    served.fails = OSError("gone")
    answer = served.get()
    assert answer.status_code == 200
    assert "gone" in answer.text, "what was read before, and why it is no newer"


def test_a_port_that_is_taken_is_a_sentence(listrak: Listrak, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(told.file))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = listrak("dashboard", "--port", str(taken.getsockname()[1]))
    assert (code, "--port takes another, and 0 a free one." in err) == (2, True)
    assert len(err.strip().splitlines()) == 1
