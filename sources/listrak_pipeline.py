"""Listrak SMS into a warehouse. Run it on a schedule; ``.dlt/secrets.toml`` holds the credentials."""

from __future__ import annotations

import dlt
from listrak import listrak_sms, pull


def pull_everything() -> None:
    """Read everything that is new, in as many loads as it takes. With ``full=True``, weekly say: what is gone, too."""
    pipeline = dlt.pipeline(pipeline_name="listrak", destination="duckdb", dataset_name="listrak_sms")
    for info in pull(pipeline):
        print(info)


def pull_opt_outs() -> None:
    """Read one table, in one load."""
    pipeline = dlt.pipeline(pipeline_name="listrak", destination="duckdb", dataset_name="listrak_sms")
    print(pipeline.run(listrak_sms().with_resources("opt_outs")))


if __name__ == "__main__":
    pull_everything()
