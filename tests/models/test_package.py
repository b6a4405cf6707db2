"""The project as a package of somebody else's dbt project, and every query that its page shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.models.conftest import Built
from tests.models.test_project import MARTS, PROJECT

pytestmark = pytest.mark.full

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "models.md"
_SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)
OTHERS = {
    "dbt_project.yml": """
name: theirs
version: "1.0"
profile: theirs
models:
  theirs:
    +materialized: table
vars:
  listrak_schema: sms
  listrak_database: raw
  listrak_timezone: Europe/Berlin
""",
    "packages.yml": f"packages:\n  - local: {json.dumps(str(PROJECT))}\n",
    "models/reach.sql": "select phone_list_name, reachable from {{ ref('listrak', 'listrak__list_health') }}\n",
}


def test_in_a_project_of_somebody_elses(built: Built, tmp_path: Path) -> None:
    """Their own database, the data in another one, and a dataset of another name."""
    built.pull("--dataset", "sms")
    Path("listrak.duckdb").rename(tmp_path / "raw.duckdb")
    for name, text in OTHERS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    target = {
        "type": "duckdb",
        "path": str(tmp_path / "theirs.duckdb"),
        "schema": "analytics",
        "attach": [{"path": str(tmp_path / "raw.duckdb"), "read_only": True}],
    }
    profile = {"theirs": {"target": "dev", "outputs": {"dev": target}}}
    (tmp_path / "profiles.yml").write_text(json.dumps(profile))
    environment = os.environ | {"DBT_PROFILES_DIR": str(tmp_path), "DO_NOT_TRACK": "1"}
    for command in (["deps"], ["build"], ["source", "freshness"]):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("dbt")), "--no-version-check", *command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
    with duckdb.connect(str(tmp_path / "theirs.duckdb")) as connection:
        found = {row[0] for row in connection.sql("SELECT table_name FROM information_schema.tables").fetchall()}
        assert found >= {*MARTS, "reach"}
        reached = connection.sql("SELECT sum(reachable) FROM analytics.reach").fetchall()
    assert reached[0][0] > 0
    with duckdb.connect(str(tmp_path / "raw.duckdb")) as connection:
        schemas = {row[0] for row in connection.sql("SELECT schema_name FROM information_schema.schemata").fetchall()}
    assert not any("analytics" in one or "models" in one for one in schemas), "nothing is written there"


def test_each_query_of_the_page(built: Built, tmp_path: Path) -> None:
    built.pull()
    code, _, err = built.listrak("models", "test")
    assert (code, err) == (1, "listrak: no models are built in listrak_sms_models; listrak models build makes them.\n")
    built.build()
    before = set(Path().iterdir())
    queries = _SQL.findall(PAGE.read_text("utf-8"))
    assert len(queries) >= 2
    for query in queries:
        assert built.query(query), query
    code, out, err = built.listrak("models", "docs", "--out", "models.html")
    assert (code, err) == (0, "")
    assert out == "Wrote models.html.\n"
    page = Path("models.html").read_text("utf-8")
    assert all(name in page for name in MARTS)
    assert set(Path().iterdir()) == before | {Path("models.html")}
    assert {Path("listrak.duckdb"), Path("dlt")} >= before, "nothing is left beside the warehouse"
