"""Vendors' warehouses: their adapters take the profile and make the SQL, and sqlglot reads it. None is reached."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlglot

from listrak_source.cli.dbt.profile import profile
from listrak_source.cli.dbt.runner import _write_profile
from listrak_source.cli.warehouse import Warehouse
from tests.models.test_project import MARTS, PROJECT

pytestmark = pytest.mark.full

CREDENTIALS = {
    "snowflake": {
        "DATABASE": "warehouse",
        "USERNAME": "loader",
        "PASSWORD": "hush",
        "HOST": "account",
        "WAREHOUSE": "small",
        "ROLE": "loader",
    },
    "bigquery": {"PROJECT_ID": "project", "PRIVATE_KEY": "hush", "CLIENT_EMAIL": "loader@project.example"},
    "redshift": {"DATABASE": "warehouse", "USERNAME": "loader", "PASSWORD": "hush", "HOST": "localhost"},
    "databricks": {"SERVER_HOSTNAME": "localhost", "HTTP_PATH": "/sql", "ACCESS_TOKEN": "hush", "CATALOG": "main"},
    "clickhouse": {"DATABASE": "warehouse", "USERNAME": "loader", "PASSWORD": "hush", "HOST": "localhost"},
}


def private_key() -> str:
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    forms = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made: bytes = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return made.decode()


@pytest.mark.parametrize("destination", CREDENTIALS)
def test_its_adapter_makes_sql_that_its_dialect_has(
    destination: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(f"dbt.adapters.{destination}")
    for name, value in CREDENTIALS[destination].items():
        # The adapter of BigQuery looks into the key.
        told = private_key() if name == "PRIVATE_KEY" else value
        monkeypatch.setenv(f"DESTINATION__{destination.upper()}__CREDENTIALS__{name}", told)
    warehouse = Warehouse(destination)
    _write_profile(tmp_path / "profiles.yml", profile(warehouse.kind, warehouse.configuration, "marts"))
    command = [
        str(Path(sys.executable).with_name("dbt")),
        "--no-send-anonymous-usage-stats",
        "--no-version-check",
        "compile",
    ]
    folders = ["--profiles-dir", str(tmp_path), "--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path)]
    unseen = ["--no-introspect", "--no-populate-cache", "--vars", json.dumps({"listrak_offline": True})]
    done = subprocess.run(
        [*command, "--project-dir", str(PROJECT), *folders, *unseen], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    compiled = {path.stem: path.read_text("utf-8") for path in (tmp_path / "target" / "compiled").rglob("*.sql")}
    assert compiled.keys() >= MARTS
    for name, sql in compiled.items():
        assert sqlglot.parse_one(sql, dialect=destination), name
