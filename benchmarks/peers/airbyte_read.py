"""The manifest of ``airbyte.yaml``, read by PyAirbyte into its DuckDB cache, the way its documentation says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import airbyte
from airbyte.caches import DuckDBCache

if __name__ == "__main__":
    names = ("base_url", "token_url", "client_id", "client_secret")
    source = airbyte.get_source(
        "source-listrak",
        config={name: os.environ[f"SOURCES__LISTRAK__{name.upper()}"] for name in names},
        source_manifest=Path(__file__).with_name("airbyte.yaml"),
    )
    source.select_all_streams()
    source.read(cache=DuckDBCache(db_path=sys.argv[1], schema_name="peer"))
