"""A sync's TOML: what is wrong with its form is said at once, all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from listrak_source.api import ConfigurationError
from listrak_source.push.sync.config import BUDGET, Column, Limit, load_syncs

GOOD = """
[loyalty]
table = "marts.customers"
phone = "mobile"
sender_code = 1015
[loyalty.columns]
tier = "Loyalty tier"
points = 1004
vip = { field = "VIP", default = true }
email = { contact = "email_address", null = "clear" }
stop = { contact = "opted_out" }
[loyalty.budget]
imports = { rows = 5, percent = 1.5 }
"""


def test_a_sync(tmp_path: Path) -> None:
    path = tmp_path / "push.toml"
    path.write_text(GOOD)
    sync = load_syncs(path)["loyalty"]
    assert (sync.relation, sync.phone, sync.key, sync.sender_code_id) == ("marts.customers", "mobile", "mobile", 1015)
    assert sync.columns == (
        Column("tier", "Loyalty tier"),
        Column("points", 1004),
        Column("vip", "VIP", null="default", default="true"),
        Column("email", contact="email_address", null="clear"),
        Column("stop", contact="opted_out"),
    )
    assert sync.budget == BUDGET | {"imports": Limit(5, 1.5)}
    assert sync.read_back == 1_000


def test_a_query_is_read_in_parentheses(tmp_path: Path) -> None:
    path = tmp_path / "push.toml"
    path.write_text(GOOD.replace('table = "marts.customers"', 'query = "SELECT * FROM a WHERE b ;"\nread_back = "all"'))
    sync = load_syncs(path)["loyalty"]
    assert sync.relation == "(SELECT * FROM a WHERE b \n)"
    assert sync.read_back is None


def test_everything_that_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "push.toml"
    path.write_text(
        """
        [Loyalty]
        [other]
        table = "a"
        query = "b"
        sender_code = "1015"
        read_back = 0
        colour = "red"
        [other.columns]
        a = { contact = "phone" }
        b = { field = 7, contact = "birthday" }
        c = { field = "x", null = "clear" }
        d = { contact = "opted_out", default = "1" }
        e = 9
        f = 9
        g = { field = "y", null = "never", more = 1 }
        h = { list = "sale" }
        [other.budget]
        sends = { rows = 1, percent = 1 }
        imports = 5
        """
    )
    with pytest.raises(ConfigurationError) as error:
        load_syncs(path)
    for part in (
        "[Loyalty] is no name for a sync", "[Loyalty] needs phone", "[Loyalty] needs sender_code", "needs columns",
        "[other] needs a table or a query, one of them", "has no setting colour", "read_back must be",
        "columns.a: 'phone' is no contact field", "columns.b needs a profile field, a contact field or a list",
        "columns.c: clear is for contact fields", "columns.d: there is no default", "two columns go to 9",
        "columns.g: null is one of", "columns.g has no option more", "budget has no sends",
        "budget.imports is written as",
    ):  # fmt: skip
        assert part in str(error.value), part


def test_a_path_is_one() -> None:
    with pytest.raises(ConfigurationError, match="path of a TOML file, and not NoneType"):
        load_syncs(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "what"), [(b"[a", "this is no TOML"), (b"\xff", "this is no TOML"), (None, "cannot be read")]
)
def test_what_is_no_file_of_syncs(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "push.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=what):
        load_syncs(path)
