"""The floor: no framework. Fetch, decode to Arrow, insert into DuckDB, and nothing else: what a pull cannot go below.

Eight lists are read side by side, pages are decoded on the threads that fetch them, and Arrow tables of about 100,000
rows are inserted as they are. No row is compared with another, no state is kept, nothing can be gone on with.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import requests

TEXT = pa.string()
VALUE = pa.struct([("segmentationFieldId", pa.int64()), ("value", TEXT)])
CONTACT = pa.struct(
    [(name, TEXT) for name in ("phoneNumber", "emailAddress", "firstName", "lastName", "birthday", "postalCode")]
    + [("optedOut", pa.bool_()), ("segmentationFieldValues", pa.list_(VALUE))]
)
OPT_OUT = pa.struct([(name, TEXT) for name in ("phoneNumber", "optOutDate", "optOutReason")])
ROWS = 100_000
"""Rows that are inserted at once."""
Tables = dict[str, pa.Table]


class Api:
    """Just enough of a client."""

    def __init__(self) -> None:
        given = {name: os.environ[f"SOURCES__LISTRAK__{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET")}
        form = {"grant_type": "client_credentials"} | {name.lower(): value for name, value in given.items()}
        self.base_url = os.environ["SOURCES__LISTRAK__BASE_URL"]
        self.session = requests.Session()
        self.session.trust_env = False
        answer = self.session.post(os.environ["SOURCES__LISTRAK__TOKEN_URL"], data=form, timeout=60).json()
        self.session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def get(self, path: str, **query: Any) -> bytes:
        answer = self.session.get(f"{self.base_url}/{path}", params=query, timeout=120)
        answer.raise_for_status()
        return answer.content

    def pages(self, path: str, record: pa.StructType, **query: Any) -> Iterator[pa.Table]:
        """The records of every page, as Arrow tables."""
        schema = pa.schema([("status", pa.int64()), ("nextPageCursor", TEXT), ("data", pa.list_(record))])
        cursor = None
        while True:
            body = self.get(path, count=5000, **query, **({"cursor": cursor} if cursor else {}))
            page = pj.read_json(
                pa.BufferReader(body),
                read_options=pj.ReadOptions(use_threads=False, block_size=len(body) + 1),
                parse_options=pj.ParseOptions(explicit_schema=schema, newlines_in_values=True),
            )
            yield pa.Table.from_struct_array(page["data"].combine_chunks().values)
            cursor = page["nextPageCursor"][0].as_py()
            if not cursor:
                return


def readers(api: Api) -> Iterator[Callable[[], Iterator[Tables]]]:
    """One reader for each list and opt-out state, and one for the opt-outs of each sender code."""

    def opt_outs(sender: int) -> Iterator[Tables]:
        for rows in api.pages(f"ShortCode/{sender}/OptOut", OPT_OUT):
            yield {"opt_outs": rows}

    def contacts(sender: int, phone_list: int, opted_out: str) -> Iterator[Tables]:
        path = f"ShortCode/{sender}/PhoneList/{phone_list}/Contact"
        for rows in api.pages(path, CONTACT, optedOut=opted_out):
            lists = rows["segmentationFieldValues"].combine_chunks()
            owners = pc.take(rows["phoneNumber"], pc.list_parent_indices(lists))
            values = pa.Table.from_struct_array(pc.list_flatten(lists)).append_column("phoneNumber", owners)
            members = rows.drop_columns("segmentationFieldValues")
            members = members.append_column("phoneListId", pa.repeat(phone_list, rows.num_rows))
            yield {"contacts": members, "profile_values": values}

    def reader(read: Callable[..., Iterator[Tables]], *about: Any) -> Callable[[], Iterator[Tables]]:
        return lambda: read(*about)

    for sender in _data(api.get("ShortCode")):
        code = sender["shortCodeId"]
        yield reader(opt_outs, code)
        for phone_list in _data(api.get(f"ShortCode/{code}/PhoneList", count=5000)):
            for opted_out in ("false", "true"):
                yield reader(contacts, code, phone_list["phoneListId"], opted_out)


def _data(body: bytes) -> list[dict[str, Any]]:
    return list(json.loads(body)["data"])


def fetched(workers: int) -> Iterator[Tables]:
    """What the readers yield, ``workers`` of them at a time."""
    results: Queue[Tables | BaseException | None] = Queue(maxsize=2 * workers)

    def work(reader: Callable[[], Iterator[Tables]]) -> None:
        try:
            for tables in reader():
                results.put(tables)
            results.put(None)
        except BaseException as error:  # noqa: BLE001 - handed over to the main thread
            results.put(error)

    with ThreadPoolExecutor(workers) as pool:
        running = len([pool.submit(work, reader) for reader in readers(Api())])
        while running:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                running -= 1
            else:
                yield result


def gathered(batches: Iterator[Tables]) -> Iterator[tuple[str, pa.Table]]:
    """The same rows in tables of about :data:`ROWS`."""
    waiting: dict[str, list[pa.Table]] = {}
    for batch in batches:
        for name, rows in batch.items():
            waiting.setdefault(name, []).append(rows)
            if sum(some.num_rows for some in waiting[name]) >= ROWS:
                yield name, pa.concat_tables(waiting.pop(name))
    for name, some in waiting.items():
        yield name, pa.concat_tables(some)


def into_duckdb(database: str, workers: int) -> None:
    """Insert everything into a new file."""
    known: set[str] = set()
    with duckdb.connect(database) as connection:
        for name, rows in gathered(fetched(workers)):
            connection.register("given", rows)
            how = f"INSERT INTO {name}" if name in known else f"CREATE TABLE {name} AS"
            connection.execute(f"{how} SELECT * FROM given")
            known.add(name)


if __name__ == "__main__":
    into_duckdb(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8)
