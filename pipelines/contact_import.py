"""Rows of any source onto Listrak's profiles, with no warehouse to compare with: ``contact_import.py SENDER_CODE_ID``.

Put a source of your own in the place of ``customers``. Rows that do not fit are set aside in a Parquet file, and said.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt

from listrak_source import contact_import


@dlt.resource
def customers() -> Iterator[dict[str, Any]]:
    """Who is to get which tier: a file ``customers.csv`` with the columns ``mobile`` and ``tier``."""
    with Path("customers.csv").open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdecimal():
        sys.exit("usage: contact_import.py SENDER_CODE_ID")
    listrak = contact_import(int(sys.argv[1]), phone="mobile", columns={"tier": "Tier"})
    print(dlt.pipeline("tiers", destination=listrak).run(customers()))
