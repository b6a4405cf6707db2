"""The programs to copy, each run as it stands, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from listrak_source.sandbox import Sandbox

PROGRAMS = Path(__file__).parents[2] / "pipelines"
SYNC = """[loyalty]
table = "customers"
phone = "mobile"
sender_code = {sender}
[loyalty.columns]
tier = "Tier"
[loyalty.budget]
imports = {{ rows = 50, percent = 100 }}
"""


def run(program: str, *arguments: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / program), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tiers(sandbox: Sandbox, phones: list[str]) -> set[str | None]:
    """What Listrak holds of some people in the field Tier."""
    truth = sandbox.world.truth()
    (field,) = {key[1] for key, row in truth["profile_fields"].items() if row["segmentation_field_name"] == "Tier"}
    values = {(key[1], key[2]): value for key, value in truth["contact_profile_values"].items()}
    return {values.get((phone, field)) for phone in phones}


@pytest.mark.full
def test_pull_and_push(sandbox: Sandbox) -> None:
    run("pull.py")
    with duckdb.connect("listrak.duckdb") as connection:
        connection.execute("USE listrak_sms")
        found = connection.execute("SELECT count(*) FROM contacts").fetchone()
        assert found == (len(sandbox.world.truth()["contacts"]),)
        ((sender,),) = connection.execute("SELECT min(sender_code_id) FROM contacts WHERE NOT opted_out").fetchall()
        connection.execute(
            "CREATE TABLE customers AS SELECT phone_number AS mobile, 'platinum' AS tier FROM contacts "
            f"WHERE sender_code_id = {sender} AND NOT opted_out ORDER BY 1 LIMIT 5"
        )
        phones = [phone for (phone,) in connection.execute("SELECT mobile FROM customers").fetchall()]
    Path("listrak_push.toml").write_text(SYNC.format(sender=sender))
    said = run("push.py")
    assert "'imports': 5" in said
    assert tiers(sandbox, phones) == {"platinum"}
    assert "Nothing to send." in run("push.py")


@pytest.mark.full
def test_contact_import(sandbox: Sandbox) -> None:
    keys = sorted(key for key, row in sandbox.world.truth()["contacts"].items() if not row["opted_out"])
    sender = keys[0][0]
    phones = [phone for code, phone in keys if code == sender][:3]
    Path("customers.csv").write_text("mobile,tier\n" + "".join(f"{phone},gold\n" for phone in phones))
    run("contact_import.py", str(sender))
    assert tiers(sandbox, phones) == {"gold"}


def test_the_shortest_is_short() -> None:
    """To copy, a program must be read at one glance."""
    programs = sorted(PROGRAMS.glob("*.py"))
    assert [program.name for program in programs] == ["contact_import.py", "pull.py", "push.py"]
    assert all(len(program.read_text("utf-8").splitlines()) <= 32 for program in programs)
