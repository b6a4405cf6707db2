"""The demonstration's push: loyalty tiers from a table of the warehouse onto Listrak's profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
from rich.console import Console

from listrak_source.push import load, sync_session
from listrak_source.push.store import Store
from pipelines.push_cli import show_plan

_CUSTOMERS = """
    SELECT phone_number AS phone, CASE row_number() OVER (ORDER BY phone_number) % 3
        WHEN 0 THEN 'gold' WHEN 1 THEN 'silver' ELSE 'bronze' END AS tier
    FROM contacts WHERE sender_code_id = {sender} AND removed_at IS NULL AND NOT opted_out
    ORDER BY phone_number LIMIT 2000
"""
_SYNC = """[loyalty]
table = "customers"
phone = "phone"
sender_code = {sender}
[loyalty.columns]
tier = "Tier"
[loyalty.budget]
imports = {{ rows = 2000, percent = 100 }}
"""


def push(console: Console, pipeline: dlt.Pipeline, folder: Path, options: dict[str, Any]) -> None:
    """Plan, apply, read back, and plan again."""
    file = folder / "listrak_push.toml"
    with Store.of(pipeline) as store:
        sender = int(store.one("SELECT sender_code_id FROM contacts GROUP BY 1 ORDER BY COUNT(*) DESC, 1"))
        store.make("customers", _CUSTOMERS.format(sender=sender))
    file.write_text(_SYNC.format(sender=sender))
    with sync_session(pipeline, load(file)["loyalty"], **options) as session:
        console.print(f"The sync is in {file.relative_to(folder.parent)}:\n", highlight=False)
        console.print(file.read_text(), highlight=False, markup=False)
        show_plan(session.plan())
        outcome = session.apply(lambda sentence: console.print(sentence, highlight=False, markup=False))
        counts = outcome.counts if outcome else {}
        told = ", ".join(f"{count:,} {state}" for (_, state), count in counts.items())
        console.print(f"Read back: {told}.", highlight=False)
        console.print("A second plan: " + ("nothing would change.\n" if session.plan().is_empty else "changes!\n"))
