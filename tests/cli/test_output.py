"""Output never fails for a letter that the terminal does not have, in any command (13.C18)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Sandbox

_PLAIN = {"PYTHONIOENCODING": "ascii"}
_C = {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def run(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "listrak_source", *arguments]
    done = subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)
    return done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii")


COMMANDS = {
    "help of pull": (["pull", "--help"], Exit.DONE, "snowflake ..."),
    "pull": (["pull"], Exit.DONE, "list_memberships"),
    "a failure": (["pull", "-d", "nowhere"], Exit.WRONG_USE, ""),
    "help": (["--help"], Exit.DONE, "Exit codes"),
    "status": (["status"], Exit.DONE, "watermark"),
    "push status": (["push", "status"], Exit.DONE, "Latest runs"),
    "wrong use": (["pull", "--no-such-option"], Exit.WRONG_USE, ""),
}


@pytest.mark.full
@pytest.mark.cases(0, 1)
@pytest.mark.parametrize(
    ("environment", "most"), [(_PLAIN, 3), pytest.param(_C, len(COMMANDS), marks=pytest.mark.full)], ids=["ascii", "C"]
)
def test_where_the_terminal_is_ascii(sandbox: Sandbox, environment: dict[str, str], most: int) -> None:
    for name in list(COMMANDS)[:most]:
        arguments, expected, part = COMMANDS[name]
        code, out, err = run(environment, *arguments)
        assert code == expected, (name, err)
        assert part in out, name
        assert bool(err) is (expected != Exit.DONE), name
    assert Path("listrak.duckdb").exists()


@pytest.mark.long
def test_the_demo_where_the_terminal_is_ascii() -> None:
    code, out, err = run(_PLAIN, "demo", "--contacts", "200")
    assert (code, err) == (0, "")
    assert "VIP & fruher Zugang" in out
    assert "###" in out
