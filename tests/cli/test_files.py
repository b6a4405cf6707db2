"""The command with files as its warehouse: Parquet that it compacts, and Delta."""

from __future__ import annotations

from pathlib import Path

import dlt
import pytest

from listrak_source.pull.schema import TABLES
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak
from tests.destinations import servers


@pytest.mark.full
@pytest.mark.parametrize("table_format", ["", "delta"])
def test_pull_again_and_status(
    listrak: Listrak, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table_format: str
) -> None:
    monkeypatch.setenv("HOME", servers.home())
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "files"))
    monkeypatch.setenv("SOURCES__LISTRAK__TABLE_FORMAT", table_format)
    assert listrak("pull", "-d", "filesystem")[::2] == (0, "")
    assert "Nothing new" in listrak("pull", "-d", "filesystem")[1]
    sandbox.world.live(2)
    assert listrak("pull", "-d", "filesystem")[::2] == (0, "")
    assert listrak("pull", "-d", "filesystem", "--full")[::2] == (0, "")
    code, out, err = listrak("status", "-d", "filesystem")
    assert (code, err) == (0, "")
    assert "list_memberships" in out
    held = dlt.dataset(dlt.destinations.filesystem(str(tmp_path / "files")), "listrak_sms")
    for name in ("contacts", "list_memberships", "contact_profile_values"):
        keys = held[name].select(*TABLES[name].key).fetchall()
        assert len(keys) == len(set(keys)), f"each key of {name} once"
        assert sandbox.world.truth()[name].keys() <= set(keys), name
    files = list((tmp_path / "files" / "listrak_sms" / "contacts").glob("*.parquet"))
    assert table_format or len(files) == 1
