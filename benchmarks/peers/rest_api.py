"""The same job by dlt's own ``rest_api`` source, written the way its documentation says: what a user would use instead.

It reads lists, contacts in both opt-out states with their profile values, and opt-outs, into DuckDB.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source


def peer(base_url: str, token_url: str, client_id: str, client_secret: str, disposition: str) -> Any:
    """The source; ``disposition`` is append (no key, duplicates stay) or merge (by key)."""

    def contacts(name: str, opted_out: str) -> dict[str, Any]:
        path = "ShortCode/{resources.lists._sender_codes_shortCodeId}/PhoneList/{resources.lists.phoneListId}/Contact"
        return {
            "name": name,
            "primary_key": ["_lists_phoneListId", "phoneNumber"],
            "include_from_parent": ["phoneListId"],
            "endpoint": {"path": path, "params": {"count": 5000, "optedOut": opted_out}},
        }

    config: RESTAPIConfig = {
        "client": {
            "base_url": base_url + "/",
            "auth": {
                "type": "oauth2_client_credentials",
                "access_token_url": token_url,
                "client_id": client_id,
                "client_secret": client_secret,
            },
            "paginator": {"type": "cursor", "cursor_path": "nextPageCursor", "cursor_param": "cursor"},
        },
        "resource_defaults": {"write_disposition": disposition, "endpoint": {"data_selector": "data"}},
        "resources": [
            {"name": "sender_codes", "primary_key": "shortCodeId", "endpoint": {"path": "ShortCode"}},
            {
                "name": "lists",
                "primary_key": "phoneListId",
                "include_from_parent": ["shortCodeId"],
                "endpoint": {"path": "ShortCode/{resources.sender_codes.shortCodeId}/PhoneList"},
            },
            contacts("contacts", "false"),
            contacts("contacts_opted_out", "true"),
            {
                "name": "opt_outs",
                "primary_key": ["_sender_codes_shortCodeId", "phoneNumber", "optOutDate"],
                "include_from_parent": ["shortCodeId"],
                "endpoint": {
                    "path": "ShortCode/{resources.sender_codes.shortCodeId}/OptOut",
                    "params": {"count": 5000},
                },
            },
        ],
    }  # type: ignore[typeddict-item]
    return rest_api_source(config)


if __name__ == "__main__":
    database, disposition, *file_format = sys.argv[1:]
    names = ("BASE_URL", "TOKEN_URL", "CLIENT_ID", "CLIENT_SECRET")
    source = peer(*(os.environ[f"SOURCES__LISTRAK__{name}"] for name in names), disposition=disposition)
    pipeline = dlt.pipeline("peer", destination=dlt.destinations.duckdb(database), dataset_name="peer")
    # Without a file format dlt takes its default for DuckDB: files of INSERT statements.
    pipeline.run(source, loader_file_format=file_format[0] if file_format else None)
