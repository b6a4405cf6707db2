"""One group of changes to import files and into an import, in a process of its own whose memory is looked at.

Arguments: the database's address, and the options of ``main`` as JSON. Prints as JSON its highest memory in MB, and of
each file the contacts, bytes, bytes of the request, and SHA-256.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from listrak_source.cli.process.memory import keep_flat, limited

FIELDS = ("Tier", "City", "Note")


def peak() -> float:
    """The most memory that this process has had, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main(address: str, *, dataset: str, scratch: str, sender_code_id: int, fields: list[int], **settings: str) -> None:
    keep_flat()
    import dlt
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    from listrak_source.push.diff import import_files
    from listrak_source.push.diff.import_files import Group
    from listrak_source.push.sync.canonical import Kind
    from listrak_source.push.sync.config import Column, Sync
    from listrak_source.push.sync.field_mapping import Target
    from listrak_source.push.warehouse.sql_client import Store
    from listrak_source.settings import client_of, resolve

    kind, _, database = address.partition(":")
    destination: Any = (
        dlt.destinations.duckdb(limited(DuckDbCredentials(database)))
        if kind == "duckdb"
        else dlt.destinations.postgres(address)
    )
    targets = [
        Target(Column(title.lower(), field_id), Kind.TEXT, field_id, title=title)
        for title, field_id in zip(FIELDS, fields, strict=True)
    ]
    sync = Sync("large", "customers", "phone", sender_code_id, tuple(target.column for target in targets), "phone")
    pipeline = dlt.pipeline("large", destination=destination, dataset_name=dataset, pipelines_dir=scratch)
    group = Group(0, (0, 1, 2), "after_0 IS NOT NULL", 0)
    sent = []
    with pipeline.sql_client() as client, client_of(resolve(dict(settings))) as listrak, TemporaryDirectory() as folder:
        store = Store(client, {})
        for written in import_files.write(import_files.of_group(store, sync, targets, group), targets, Path(folder)):
            body = Path(folder) / "body.json"
            import_files.write_body(written.path, "large.csv", targets, body)
            with body.open("rb") as content:
                listrak.start_contact_import(sender_code_id, content)
            told = {"contacts": written.contacts, "size": written.size, "sha256": written.sha256}
            sent.append(told | {"body": body.stat().st_size})
            written.path.unlink()
    print(json.dumps({"peak": peak(), "sent": sent}))


if __name__ == "__main__":
    main(sys.argv[1], **json.loads(sys.argv[2]))
