"""One run of a pipeline into ``contact_import`` in a process of its own: to be killed, or for its memory.

Arguments: the pipelines' folder, the rows as JSON or as a Parquet file, and the destination's arguments. Prints the
highest memory of the process, in MB.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from listrak_source.cli.process.memory import keep_flat


def run(folder: str, rows: Any, how: dict[str, Any]) -> None:
    import dlt

    from listrak_source import contact_import

    pipeline = dlt.pipeline("killed", destination=contact_import(**how), pipelines_dir=folder)
    pipeline.run(rows, table_name="customers")


def batches(path: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(20_000):
        yield pa.Table.from_batches([batch])


if __name__ == "__main__":
    keep_flat()
    folder, rows, how = sys.argv[1:]
    run(folder, batches(rows) if rows.endswith(".parquet") else json.loads(rows), json.loads(how))
    from tests.push.send_file import peak

    print(peak())
