"""The reference says what the code says."""

from __future__ import annotations

from typing import Any

import dlt
import pytest

from listrak_source import pull
from listrak_source.sandbox import Sandbox, World
from tools.reference import PARTS, ROOT, made, state, used


def test_the_reference_is_what_the_code_says() -> None:
    stale = [
        str(file.relative_to(ROOT)) for file, text in made() if not file.exists() or file.read_text("utf-8") != text
    ]
    assert not stale, f"`make reference` writes {', '.join(stale)} anew: the code says something else by now"


def test_every_part_stands_on_a_page() -> None:
    assert used() == set(PARTS)


@pytest.mark.full
def test_the_state_holds_what_the_reference_names() -> None:
    with Sandbox(World(seed=3, contacts=100)) as sandbox:
        options: dict[str, Any] = {
            name: getattr(sandbox, name) for name in ("client_id", "client_secret", "base_url", "token_url")
        }
        pipeline = dlt.pipeline("listrak", destination="duckdb", dataset_name="listrak_sms")
        names: set[str] = set()
        of_tables: set[str] = set()
        for full in (False, False, True):
            for _ in pull(pipeline, full=full, chunk_rows=60, **options):
                kept = pipeline.state["sources"]["listrak_sms"]
                names |= kept.keys()
                of_tables |= {name for of_table in kept["resources"].values() for name in of_table}
            sandbox.world.live(2)
    # Not each pull leaves all of it: fields beyond the contract, columns that are masked, values without contacts.
    assert names <= set(state.SOURCE)
    assert set(state.SOURCE) - names <= {"fields", "masks"}
    assert of_tables <= set(state.TABLE)
    assert set(state.TABLE) - of_tables <= {"apart"}
