"""The other commands, and that all of them are documented."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any, cast

import pytest
import tomlkit
import typer.main

from listrak_source.cli.errors import Exit
from listrak_source.cli.main import app
from listrak_source.sandbox import Sandbox
from listrak_source.settings import Settings
from tests.cli.conftest import Listrak

ROOT = Path(__file__).parents[2]
_GROUP = cast("Any", typer.main.get_command(app))
COMMANDS = {name: _GROUP.get_command(None, name) for name in _GROUP.list_commands(None)}


@pytest.mark.full
def test_status_tells_loads_rows_and_watermarks(listrak: Listrak, sandbox: Sandbox) -> None:
    listrak("pull")
    sandbox.world.live(2)
    listrak("pull")
    code, out, err = listrak("status")
    assert (code, err) == (0, "")
    assert re.search(r"contacts\s+\d", out)
    loads = re.findall(r"^  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+\.\d+ +\d+ \w+", out, re.MULTILINE)
    assert len(loads) == 2, "each with its time, its id and rows"
    assert re.search(r"opt-outs\s+\d+\s+2026-03-04 17:00:00\s+consent_events, opt_outs", out), (
        "read up to Listrak's own clock"
    )


def test_version_and_help(listrak: Listrak) -> None:
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert listrak("--version") == (0, f"listrak-source {version}\n", "")
    for command in ([], ["pull"], ["push"], ["push", "plan"]):
        long, short = listrak(*command, "--help"), listrak(*command, "-h")
        assert long == short
        assert "Usage: " in long[1]


def test_status_of_nothing(listrak: Listrak, sandbox: Sandbox) -> None:
    code, _, err = listrak("status")
    assert code == Exit.FAILED
    assert "holds no dataset listrak_sms; listrak pull makes it" in err
    assert not Path("listrak.duckdb").exists(), "a look makes nothing"


@pytest.mark.full
def test_demo(listrak: Listrak, monkeypatch: pytest.MonkeyPatch) -> None:
    # The demo sets these for its process: here they must not outlive the test.
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "")
    code, out, err = listrak("demo", "--contacts", "500")
    assert (code, err) == (0, "")
    picture = html.unescape((ROOT / "docs" / "demo.svg").read_text("utf-8")).replace("\xa0", " ")
    for part in (
        "First pull: everything",
        "3 days of life",
        "Second pull",
        "A complete walk",
        "A second plan: nothing would change.",
        "List growth",
        "Why people said stop",
    ):
        assert part in out
        assert part in picture, "make picture draws it anew"
    asked = [int(number.replace(",", "")) for number in re.findall(r"Loaded with ([\d,]+) requests", out)]
    assert len(asked) == 3
    assert "The data is in listrak_demo/listrak.duckdb." in out
    assert len(out.splitlines()) < 80, "it fits a screen or two"


def test_sandbox_refuses_a_taken_port(listrak: Listrak, sandbox: Sandbox) -> None:
    code, _, err = listrak("sandbox", "--contacts", "1", "--port", str(sandbox.port))
    assert code == Exit.WRONG_USE
    assert "The port is taken by another program: --port takes another" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"\n## listrak {name}\n" in reference("command")
    assert COMMANDS[name].help
    assert "Examples" in COMMANDS[name].epilog


def test_every_command_of_push_is_documented() -> None:
    commands = COMMANDS["push"].commands
    assert len(commands) == 8
    for name, command in commands.items():
        section = reference("command").partition(f"\n### listrak push {name}\n")[2].partition("\n### ")[0]
        assert "Examples" in command.epilog
        for parameter in command.params:
            assert f"`{parameter.opts[0] if parameter.opts[0][0] == '-' else parameter.opts[0].upper()}`" in section


def test_every_option_of_pull_is_documented() -> None:
    section = reference("command").partition("\n## listrak pull\n")[2].partition("\n## ")[0]
    for parameter in COMMANDS["pull"].params:
        assert f"`{parameter.opts[0]}`" in section, parameter.opts[0]


def test_every_setting_is_documented() -> None:
    for name in Settings.get_resolvable_fields():
        assert f"`{name}`" in reference("settings"), name


def test_every_exit_code_is_documented() -> None:
    for code in Exit:
        assert f"\n| {int(code)} | " in reference("exit-codes")


def reference(page: str) -> str:
    """A page of the reference."""
    return (ROOT / "docs" / "reference" / f"{page}.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("pull", "--workers", "many"),
            "Invalid value for '--workers': it should be a valid integer. See: listrak pull -h",
        ),
        (("pull", "--lookups", "some"), "'some' is not one of 'changed', 'all', 'none'. See: listrak pull -h"),
        (("sandbox", "--contacts", "0"), "it should be greater than or equal to 1. See: listrak sandbox -h"),
        (("nonsense",), "No such command 'nonsense'. See: listrak -h"),
        (("push", "nonsense"), "No such command 'nonsense'. See: listrak push -h"),
        (("models", "build", "--nonsense"), "See: listrak models build -h"),
        (("runs", "--last", "9" * 20), "it should be less than or equal to 1000000. See: listrak runs -h"),
        (("push", "apply"), "Missing argument 'name'. See: listrak push apply -h"),
        (("pull", "--dataset", ""), "The dataset's name is empty: give one, or leave the option out"),
        (("pull", "--accept-removals", "abc"), "accept_removals goes with a complete walk (--full)"),
        (("pull", "--start-date", "2199-01-01"), "sources.listrak.start_date: 2199-01-01 is still to come"),
    ],
)
def test_wrong_use_is_one_sentence(listrak: Listrak, sandbox: Sandbox, words: tuple[str, ...], said: str) -> None:
    code, out, err = listrak(*words)
    assert (code, out) == (Exit.WRONG_USE, "")
    assert err.count("\n") == 1
    assert err.startswith("listrak: ")
    assert said in err


@pytest.mark.parametrize("group", [(), ("push",), ("models",)])
def test_a_command_that_is_missing_is_said_below_the_help(listrak: Listrak, group: tuple[str, ...]) -> None:
    code, out, err = listrak(*group)
    assert (code, err) == (Exit.WRONG_USE, f"listrak: A command is missing. See: {' '.join(['listrak', *group])} -h\n")
    assert "Commands" in out


def test_what_init_writes_in_the_place_of_a_credential_is_none(
    listrak: Listrak, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent to Listrak, and doctor called it right."""
    assert listrak("init")[0] == 0
    written = tomlkit.parse(Path(".dlt/secrets.toml").read_text()).unwrap()["sources"]["listrak"]
    for name in ("client_id", "client_secret"):
        with monkeypatch.context() as patched:
            patched.setenv(f"SOURCES__LISTRAK__{name.upper()}", str(written[name]))
            for command in ("pull", "doctor"):
                code, out, err = listrak(command)
                assert code == Exit.WRONG_USE
                assert f"sources.listrak.{name} is what listrak init has written in its place" in out + err
