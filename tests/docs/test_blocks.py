"""What README and the documentation show is run: each page as one story, in a folder of its own, against a sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tomlkit

from listrak_source.sandbox import Sandbox, World
from tests.docs.blocks import RUN, SHOWN, Block, blocks, is_full

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS = 300.0
"""That a block of a shell may take."""
_PARSED: dict[str, Callable[[str], Any]] = {"toml": tomlkit.parse, "json": json.loads}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with Sandbox(World(seed=7, contacts=300)) as sandbox:
        yield sandbox


@pytest.fixture
def story(server: Sandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the Python blocks of a page share. The environment leads to a sandbox as good as new."""
    server.service.reset()
    for name in ("client_id", "client_secret", "base_url", "token_url"):
        monkeypatch.setenv(f"SOURCES__LISTRAK__{name.upper()}", getattr(server, name))
    monkeypatch.setenv("LISTRAK_SANDBOX", server.control_url)
    monkeypatch.setenv("LISTRAK_SANDBOX_KEY", server.control_key)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # Set by nobody yet, and by a block maybe.
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "listrak.duckdb")
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS")
    return {"__name__": "__main__"}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(ROOT)), marks=[pytest.mark.full] if is_full(page) else [])
        for page in PAGES
    ],
)
def test_what_a_page_shows_works(page: Path, story: dict[str, Any]) -> None:
    for block in blocks(page.read_text("utf-8")):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.file:
            file = Path(block.file)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code, "utf-8")
        if block.is_run:
            _run(block, where, story)


def _run(block: Block, where: str, story: dict[str, Any]) -> None:
    if block.language == "python":
        # As many empty lines before it as the page has: a traceback names the page's own.
        exec(compile("\n" * (block.line - 1) + block.code, where.rpartition(":")[0], "exec"), story)
    elif block.language == "sql":
        with duckdb.connect("listrak.duckdb") as connection:
            connection.execute("SET search_path = 'listrak_sms,main'")
            connection.execute(block.code)
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.code]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert done.returncode == block.code_of_exit, f"{where}\n{block.code}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_is_run_or_says_why_not(page: Path) -> None:
    """Nothing is left out for its language; what is only shown is well formed."""
    for block in blocks(page.read_text("utf-8")):
        where = f"{page.relative_to(ROOT)}:{block.line}"
        assert block.language in (*RUN, *SHOWN), f"{where}: a block's language is one of {', '.join((*RUN, *SHOWN))}"
        if block.language in _PARSED and not block.why_not:
            _PARSED[block.language](block.code)


def test_comments_are_about_the_block_right_behind_them() -> None:
    page = """
<!-- not run: it needs a card -->
```sh
buy
```

<!-- exits with 2 -->

```sh
look
```
<!-- file: a/b.toml -->
Words between.
```toml
a = 1
```
- In a list:

  ```python
  if True:
      pass
  ```

<!-- run: sql
SELECT 1
-->
"""
    found = list(blocks(page))
    assert [block.language for block in found] == ["sh", "sh", "toml", "python", "sql"]
    assert [block.line for block in found] == [4, 10, 15, 20, 25]
    assert [block.is_run for block in found] == [False, True, False, True, True]
    assert found[1].code_of_exit == 2
    assert not found[2].file
    assert found[3].code == "if True:\n    pass\n"
    assert found[4].code == "SELECT 1\n"
