"""What becomes of a run whose output nobody takes: a reader that goes away, a full disk, a stream that is closed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import duckdb
import pytest

from listrak_source.cli.process.streams import Steady
from listrak_source.sandbox import Sandbox


def shell(line: str) -> tuple[int, str]:
    """Run a line of the shell in which LISTRAK is the command; returns the last exit code and what stands on errors."""
    environment = os.environ | {"LISTRAK": f"{shlex.quote(sys.executable)} -m listrak_source"}
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, env=environment)
    return done.returncode, done.stderr


def test_a_pull_goes_on_when_its_reader_goes_away(sandbox: Sandbox) -> None:
    """Seen: ``listrak pull | head -c1`` threw away what it had read, and said nothing."""
    assert shell("{ $LISTRAK pull -t opt_outs; echo code $? >&2; } | true") == (0, "code 0\n")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("USE listrak_sms")
        loaded = connection.execute("SELECT count(*) FROM opt_outs").fetchone()
        assert loaded == (len(sandbox.world.truth()["opt_outs"]),)
        assert connection.execute("SELECT outcome FROM pull_runs").fetchall() == [("done",)]


@pytest.mark.full
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is full is Linux's")
@pytest.mark.usefixtures("sandbox")
def test_what_could_not_be_printed_is_said() -> None:
    code, err = shell("$LISTRAK sender-codes > /dev/full")
    assert code == 1
    assert err.startswith("listrak: What was to be done is done, but standard output does not hold all that it tells: ")
    assert len(err.splitlines()) == 1
    assert shell("$LISTRAK -v sender-codes > /dev/null 2> /dev/full") == (0, "")


@pytest.mark.full
@pytest.mark.usefixtures("sandbox")
def test_a_stream_that_is_closed_is_like_one_that_leads_nowhere() -> None:
    assert shell("$LISTRAK pull -t lists <&- >&-") == (0, ""), "no file of a database is what is printed to"
    assert shell("$LISTRAK status --json >&-") == (0, "")
    assert shell("$LISTRAK status >&- 2>&-") == (0, "")
    code, err = shell("$LISTRAK person - <&-")
    assert code == 2
    assert err.startswith("listrak: there is no phone number")


def test_a_slow_reader_of_a_pipe_that_does_not_wait_gets_all() -> None:
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    got: list[bytes] = []

    def read() -> None:
        time.sleep(0.05)
        while part := os.read(reads, 65536):
            got.append(part)

    reader = Thread(target=read)
    reader.start()
    with Steady(writes).as_text() as text:
        text.write("x" * 300_000)
    os.close(writes)
    reader.join()
    os.close(reads)
    assert sum(map(len, got)) == 300_000
