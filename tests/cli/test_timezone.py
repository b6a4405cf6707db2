"""13.A7: the command that moves what is stored to another time zone."""

from __future__ import annotations

import pytest

from listrak_source.cli.errors import Exit
from listrak_source.sandbox import Sandbox
from tests.cli.conftest import Listrak


@pytest.mark.full
def test_from_a_wrong_zone_to_the_right_one(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sandbox.world.timezone == "America/New_York"
    monkeypatch.setenv("SOURCES__LISTRAK__TIMEZONE", "America/Chicago")
    assert listrak("pull", "-t", "opt_outs", "-t", "consent_events")[0] == Exit.DONE
    monkeypatch.setenv("SOURCES__LISTRAK__TIMEZONE", "America/New_York")
    code, _, err = listrak("pull", "-t", "opt_outs", "-t", "consent_events")
    assert code == Exit.WRONG_USE
    assert "set it to America/Chicago, or move what is stored: listrak timezone America/New_York" in err
    code, out, _ = listrak("timezone", "America/New_York")
    assert code == Exit.DONE
    assert "placed in America/New_York now" in out
    code, out, _ = listrak("pull", "-t", "opt_outs", "-t", "consent_events")
    assert code == Exit.DONE
    assert "Nothing new" in out
    code, _, err = listrak("timezone", "America/New_York")
    assert (code, "already" in err) == (Exit.WRONG_USE, True)
