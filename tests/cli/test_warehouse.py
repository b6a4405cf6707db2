"""Where data cannot go: an address that is none, a folder that is not there, a file that may only be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import duckdb
import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak


@pytest.mark.parametrize(
    ("destination", "address", "said"),
    [
        ("duckdb", "", "DESTINATION__DUCKDB__CREDENTIALS is no address of a duckdb database"),
        ("duckdb", ":memory:", "DESTINATION__DUCKDB__CREDENTIALS is no address of a duckdb database"),
        ("duckdb", "postgresql://u:geheim@h/d", "is an address of postgresql, and not of duckdb"),
        ("duckdb", "md:sms", "is an address of motherduck, and not of duckdb"),
        ("duckdb", "host=h user=u password=geheim", "is no path of a DuckDB file"),
        ("duckdb", "jdbc:postgresql://h/db?password=geheim", "is no path of a DuckDB file"),
        ("duckdb", "u:geheim@host:5432/db", "is no path of a DuckDB file"),
        ("duckdb", '{"password":"geheim"}', "is no path of a DuckDB file"),
        ("duckdb", "duckdb://u:geheim@h/x", "is no path of a DuckDB file"),
        ("duckdb", " ", "is no path of a DuckDB file"),
        ("duckdb", "/dev/null", "/dev/null is no file"),
        ("postgres", "mysql://u:geheim@localhost/db", "is an address of mysql, and not of postgres"),
        ("postgres", "postgresql://u:geheim@127.0.0.1:1/db?nosuch=1", "has an option that its driver does not know"),
        ("duckdb", "/nowhere/at/all.duckdb", "cannot be made: there is no folder /nowhere/at"),
        ("postgres", "postgresql//u:geheim@h/d", "DESTINATION__POSTGRES__CREDENTIALS is no address of a postgres"),
    ],
)
def test_an_address_that_is_none(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, destination: str, address: str, said: str
) -> None:
    """Seen: DuckDB took any address for the name of a file, and what could not be read was shown with its password."""
    monkeypatch.setenv(f"DESTINATION__{destination.upper()}__CREDENTIALS", address)
    code, _, err = listrak("pull", "-d", destination)
    assert (code, said in err, "geheim" in err) == (Exit.WRONG_USE, True, False), err


@pytest.mark.usefixtures("sandbox")
def test_a_file_that_is_there_may_have_any_name(listrak: Listrak, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb.connect("me@10:00.duckdb").close()
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(Path("me@10:00.duckdb").absolute()))
    assert listrak("pull", "-t", "lists")[0] == Exit.DONE


def test_a_folder_of_scratch_that_cannot_be_made(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Path("taken").absolute()
    taken.touch()
    monkeypatch.setenv("DLT_DATA_DIR", str(taken))
    for words in (("pull",), ("doctor",)):
        code, _, err = listrak(*words)
        assert (code, f"dlt cannot keep its working files in {taken}" in err) == (Exit.WRONG_USE, True), err
        assert err.strip().endswith("set DLT_DATA_DIR to a folder that may be written to")


@pytest.fixture
def may_only_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Have this user only read a file: the one of tests is often one who may write everything."""

    def only(path: Path) -> None:
        path.chmod(0o400)
        before = os.access
        monkeypatch.setattr(os, "access", lambda file, how: before(file, how) and not (file == path and how & os.W_OK))

    return only


@pytest.mark.usefixtures("sandbox")
def test_a_file_that_may_only_be_read_is_read(
    listrak: Listrak, may_only_read: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listrak("pull", "-t", "opt_outs")[0] == Exit.DONE
    may_only_read(Path("listrak.duckdb").absolute())
    # The file of a test is open already, and DuckDB has it open one way alone.
    monkeypatch.setattr("tests.cli.conftest.kept_open", lambda _: nullcontext())
    for words in (("status",), ("runs",), ("suppressions", "--out", "stops.csv")):
        code, out, err = listrak(*words)
        assert (code, err) in [(Exit.DONE, ""), (Exit.NOT_ALL, err)], (words, err)
        assert out
    assert "and no push has made its ledger there yet" in listrak("push", "status")[2]
    Path("listrak_push.toml").write_text(
        "[a]\ntable = 'contacts'\nphone = 'phone_number'\nsender_code = 1015\ncolumns = { city = 'City' }\n"
    )
    changing: list[tuple[str, ...]] = [
        ("pull",), ("doctor",), ("timezone", "UTC"), ("suppressions", "--table", "x"), ("push", "apply", "a"),
        ("forget", "5551234567", "--apply", "0" * 16),
    ]  # fmt: skip
    for command in changing:
        code, _, err = listrak(*command)
        assert (code, "may only be read by this user, so nothing can be written into it" in err) == (2, True), err
