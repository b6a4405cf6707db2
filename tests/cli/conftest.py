"""The command as a user runs it: in a folder of its own, with settings from the environment."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import duckdb
import pytest

from listrak_source.cli.main import main
from listrak_source.sandbox import Sandbox, World

Listrak = Callable[..., tuple[int, str, str]]
"""Runs the command; returns its exit code, standard output and standard error."""


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(World(seed=3, contacts=300)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox as good as new, and the settings that reach it in the environment."""
    server.service.reset()
    settings = {
        "CLIENT_ID": server.client_id,
        "CLIENT_SECRET": server.client_secret,
        "BASE_URL": server.base_url,
        "TOKEN_URL": server.token_url,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SOURCES__LISTRAK__{name}", value)
    return server


@pytest.fixture
def interruptible() -> Iterator[None]:
    """This process and those that it starts heed an interrupt, which what a shell runs in the background ignores, and
    a terminal that closes, which ``nohup`` has it ignore.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGHUP, before[1])


def kept_open(database: Path) -> AbstractContextManager[object]:
    """A DuckDB file that is open already: two fifths of what a command takes are to open it anew for each question."""
    try:
        return duckdb.connect(str(database)) if database.is_file() else nullcontext()
    except duckdb.Error:  # no database, or another process has it: the command is to say so
        return nullcontext()


@pytest.fixture
def listrak(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Listrak:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["listrak", *arguments])
        monkeypatch.setenv("COLUMNS", "120")
        # dlt sets it when a process begins, and this one began long ago.
        logging.getLogger("dlt").setLevel(os.environ.get("RUNTIME__LOG_LEVEL", "CRITICAL"))
        # What these open is open to reading alone, and DuckDB has one database either so or so.
        reads_only = {"report", "dashboard"} & set(arguments)
        with nullcontext() if reads_only else kept_open(Path("listrak.duckdb")), pytest.raises(SystemExit) as end:
            main()
        written = capsys.readouterr()
        code = end.value.code
        return code if isinstance(code, int) else 0, written.out, written.err

    return run
