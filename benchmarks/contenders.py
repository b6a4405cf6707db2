"""Who is timed: how each is run, and where it keeps what it has loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import duckdb

from benchmarks.environments import PEERS, environment
from benchmarks.processes import LISTRAK


class Held(NamedTuple):
    """How many rows a contender has loaded."""

    contacts: int
    memberships: int
    values: int
    opt_outs: int


@dataclass(frozen=True)
class Contender:
    """One way to do the job."""

    name: str
    command: Callable[[], list[str]]
    """What to run in an empty folder; it makes the peer's environment where that is not there yet."""
    database: str
    """The DuckDB file that it writes."""
    counts: tuple[str, str, str, str]
    """Queries that count contacts, memberships, profile values and opt-outs, each once."""
    again: Callable[[], list[str]] | None = None
    """What to run in the same folder to read everything once more, onto what is there; None where it cannot."""
    settings: dict[str, str] = field(default_factory=dict)
    most: int | None = None
    """Contacts beyond which nobody has the time, or the memory."""

    def held(self, folder: Path) -> Held:
        """What it holds, counted in its own file."""
        with duckdb.connect(str(folder / self.database), read_only=True) as connection:
            return Held(*((connection.execute(query).fetchone() or (0,))[0] for query in self.counts))


def _peer(script: str, *arguments: str, within: str | None = None) -> Callable[[], list[str]]:
    def command() -> list[str]:
        python = str(environment(within) / "python") if within else sys.executable
        return [python, str(PEERS / script), *arguments]

    return command


def _singer() -> list[str]:
    tap, target = environment("singer_tap") / "python", environment("singer_target") / "target-duckdb"
    return [sys.executable, str(PEERS / "singer.py"), "warehouse.duckdb", str(tap), str(target)]


def _both(columns: str) -> str:
    """Contacts in both opt-out states, for those who keep them in two tables."""
    return " UNION ALL ".join(f"SELECT {columns} FROM peer.{table}" for table in ("contacts", "contacts_opted_out"))


def _with_json(phone: str, phone_list: str, values: str) -> tuple[str, str, str, str]:
    """The counts for those who keep profile values as JSON."""
    return (
        f"SELECT count(DISTINCT {phone}) FROM ({_both(phone)})",
        f"SELECT count(*) FROM (SELECT DISTINCT * FROM ({_both(f'{phone_list}, {phone}')}))",
        f"SELECT sum(json_array_length({values})) FROM (SELECT {phone}, any_value({values}) AS {values}"
        f" FROM ({_both(f'{phone}, {values}')}) GROUP BY ALL)",
        "SELECT count(*) FROM peer.opt_outs",
    )


_FLATTENED = " UNION ALL ".join(
    f"SELECT p.phone_number, v.segmentation_field_id FROM peer.{table}__segmentation_field_values v"
    f" JOIN peer.{table} p ON p._dlt_id = v._dlt_parent_id"
    for table in ("contacts", "contacts_opted_out")
)
_REST_API = (
    f"SELECT count(DISTINCT phone_number) FROM ({_both('phone_number')})",
    f"SELECT count(*) FROM ({_both('phone_number')})",
    f"SELECT count(*) FROM (SELECT DISTINCT * FROM ({_FLATTENED}))",
    "SELECT count(*) FROM peer.opt_outs",
)

OURS = Contender(
    "listrak pull",
    lambda: [*LISTRAK, "pull"],
    "listrak.duckdb",
    tuple(  # type: ignore[arg-type]
        f"SELECT count(*) FROM listrak_sms.{table}"
        for table in ("contacts", "list_memberships", "contact_profile_values", "opt_outs")
    ),
    again=lambda: [*LISTRAK, "pull", "--full"],
)
FLOOR = Contender(
    "no framework",
    _peer("floor.py", "floor.duckdb"),
    "floor.duckdb",
    (
        "SELECT count(DISTINCT phoneNumber) FROM contacts",
        "SELECT count(*) FROM contacts",
        "SELECT count(*) FROM (SELECT DISTINCT phoneNumber, segmentationFieldId FROM profile_values)",
        "SELECT count(*) FROM opt_outs",
    ),
)
REST_API = Contender(
    "dlt rest_api, Parquet",
    _peer("rest_api.py", "warehouse.duckdb", "append", "parquet", within="rest_api"),
    "warehouse.duckdb",
    _REST_API,
)
REST_API_MERGE = Contender(
    "dlt rest_api, Parquet, merge",
    _peer("rest_api.py", "warehouse.duckdb", "merge", "parquet", within="rest_api"),
    "warehouse.duckdb",
    _REST_API,
    again=_peer("rest_api.py", "warehouse.duckdb", "merge", "parquet", within="rest_api"),
)
REST_API_DEFAULT = Contender(
    "dlt rest_api, default loader",
    _peer("rest_api.py", "warehouse.duckdb", "append", within="rest_api"),
    "warehouse.duckdb",
    _REST_API,
    most=200_000,
)
SINGER = Contender(
    "Singer SDK, target-duckdb",
    _singer,
    "warehouse.duckdb",
    _with_json("phonenumber", "phonelistid", "segmentationfieldvalues"),
)
AIRBYTE = Contender(
    "PyAirbyte, manifest",
    _peer("airbyte_read.py", "warehouse.duckdb", within="airbyte"),
    "warehouse.duckdb",
    _with_json("phonenumber", "phonelistid", "segmentationfieldvalues"),
    # It asks Airbyte's registry for its version otherwise, and tells of its use.
    settings={"AIRBYTE_OFFLINE_MODE": "1"},
)
ALL = (OURS, FLOOR, REST_API, REST_API_MERGE, SINGER, AIRBYTE, REST_API_DEFAULT)
"""In the order in which they take turns."""
