"""The profile by which dbt reaches the warehouse, made from the settings that dlt has found for its destination.

There is no second place for credentials. Profiles of DuckDB, PostgreSQL and DuckLake are tried against real ones; those
of vendors' warehouses are made as their adapters ask for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dlt.common.storages.configuration import FilesystemConfiguration
from dlt.destinations.impl.ducklake.sql_client import DuckLakeSqlClient

from listrak_source.api import ConfigurationError
from listrak_source.cli.process.memory import PLANNING, limited

THREADS = 4
"""Models that a database builds side by side."""
_ATTACHED = re.compile(r"ATTACH IF NOT EXISTS '(?P<path>.*?)' AS (?P<alias>\S+) \((?P<options>.*)\)", re.DOTALL)
_OPTION = re.compile(r"(?P<name>[A-Z_]+) (?P<value>'[^']*'|[^',]+)")
_TLS = ("sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout")
"""What an address of PostgreSQL may say of the connection."""


def profile(kind: str, config: Any, schema: str) -> dict[str, Any]:
    """The target that dbt writes to: the destination, and a schema in it.

    ``kind`` is dlt's name of the destination, and ``config`` what it is resolved to. Raises :class:`ConfigurationError`
    for one that dbt has no way to.
    """
    if kind not in _TARGETS:
        raise ConfigurationError(
            f"models are tables of a database, and {kind} is none that they are made for: pull into one of "
            f"{', '.join(_TARGETS)}"
        )
    found = {**_TARGETS[kind](config.credentials, config), "schema": schema}
    return {"threads": THREADS, **{name: value for name, value in found.items() if value is not None}}


def _duckdb(credentials: Any, _: Any) -> dict[str, Any]:
    limits: Mapping[str, Any] = limited(credentials, **PLANNING)["global_config"]
    path = str(Path(credentials.database).absolute())
    return {
        "type": "duckdb",
        "path": path,
        "keep_open": False,
        "threads": 1,
        "settings": {**limits, "TimeZone": "UTC"},
    }


def _ducklake(credentials: Any, config: Any) -> dict[str, Any]:
    statement = DuckLakeSqlClient.build_attach_statement(
        ducklake_name=credentials.ducklake_name,
        metadata_schema=credentials.metadata_schema,
        catalog=credentials.catalog,
        storage_url=credentials.storage_url,
        override_data_path=config.override_data_path,
    )
    attached = _ATTACHED.fullmatch(statement)
    assert attached is not None  # noqa: S101 - dlt's own words, which a test has it say
    options = {found["name"].lower(): _value(found["value"]) for found in _OPTION.finditer(attached["options"])}
    is_postgres = attached["path"].startswith("ducklake:postgres:")
    storage: FilesystemConfiguration = credentials.storage
    secrets = [] if storage.is_local_filesystem else [_secret(storage)]
    return {
        "type": "duckdb",
        "path": ":memory:",
        "database": attached["alias"],
        "attach": [{"path": attached["path"], "alias": attached["alias"], "options": options, "is_ducklake": True}],
        "extensions": ["ducklake", *(["postgres"] if is_postgres else []), *(["httpfs"] if secrets else [])],
        "secrets": secrets,
        "settings": {"TimeZone": "UTC"},
        # A lake that two connections write to at once refuses one of them.
        "threads": 1,
    }


def _value(text: str) -> Any:
    return True if text.strip() == "true" else text.strip().strip("'")


def _secret(storage: FilesystemConfiguration) -> dict[str, Any]:
    if storage.protocol != "s3":
        raise ConfigurationError(f"models reach a lake on this machine or on S3, and not one on {storage.protocol}")
    credentials: Any = storage.credentials
    endpoint = credentials.endpoint_url or ""
    found = {
        "type": "s3",
        "key_id": credentials.aws_access_key_id,
        "secret": credentials.aws_secret_access_key,
        "session_token": credentials.aws_session_token,
        "region": credentials.region_name,
        "endpoint": endpoint.partition("://")[2] or None,
        "url_style": credentials.s3_url_style or ("path" if endpoint else None),
        "use_ssl": "false" if endpoint.startswith("http://") else None,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _postgres(credentials: Any, _: Any) -> dict[str, Any]:
    # The address may name the host, a socket's folder say, behind its question mark.
    query = {name: value for name, value in (credentials.query or {}).items() if value is not None}
    return {
        "type": "postgres",
        "host": query.get("host") or credentials.host or "localhost",
        "port": int(query.get("port") or credentials.port or 5432),
        "user": credentials.username,
        "password": str(credentials.password or ""),
        "dbname": credentials.database,
        **{name: int(query[name]) if name == "connect_timeout" else query[name] for name in _TLS if name in query},
    }


def _redshift(credentials: Any, config: Any) -> dict[str, Any]:
    return {**_postgres(credentials, config), "type": "redshift"}


def _snowflake(credentials: Any, _: Any) -> dict[str, Any]:
    names = {
        "account": "host",
        "user": "username",
        "password": "password",
        "database": "database",
        "warehouse": "warehouse",
        "role": "role",
        "authenticator": "authenticator",
        "token": "token",
        "private_key": "private_key",
        "private_key_path": "private_key_path",
        "private_key_passphrase": "private_key_passphrase",
    }
    return {"type": "snowflake", **_named(credentials, names)}


def _bigquery(credentials: Any, config: Any) -> dict[str, Any]:
    found = {"type": "bigquery", "project": credentials.project_id, "location": config.location}
    if getattr(credentials, "private_key", None):
        secrets = {
            "type": "service_account",
            "project_id": credentials.project_id,
            "private_key": str(credentials.private_key),
            "client_email": credentials.client_email,
            "token_uri": credentials.token_uri,
        }
        return {**found, "method": "service-account-json", "keyfile_json": secrets}
    return {**found, "method": "oauth"}


def _databricks(credentials: Any, _: Any) -> dict[str, Any]:
    names = {
        "catalog": "catalog",
        "host": "server_hostname",
        "http_path": "http_path",
        "token": "access_token",
        "client_id": "client_id",
        "client_secret": "client_secret",
    }
    return {"type": "databricks", **_named(credentials, names)}


def _clickhouse(credentials: Any, _: Any) -> dict[str, Any]:
    names = {"host": "host", "user": "username", "password": "password"}
    secure = bool(int(getattr(credentials, "secure", 1)))
    port = int(credentials.http_port)
    return {"type": "clickhouse", **_named(credentials, names), "port": port, "secure": secure}


def _named(credentials: Any, names: Mapping[str, str]) -> dict[str, Any]:
    found = {ours: getattr(credentials, theirs, None) for ours, theirs in names.items()}
    return {name: str(value) for name, value in found.items() if value is not None}


_TARGETS: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "duckdb": _duckdb,
    "postgres": _postgres,
    "ducklake": _ducklake,
    "snowflake": _snowflake,
    "bigquery": _bigquery,
    "redshift": _redshift,
    "databricks": _databricks,
    "clickhouse": _clickhouse,
}
"""By dlt's name of a destination: what dbt's adapter of the same asks for."""
